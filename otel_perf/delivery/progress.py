"""How far a sender is with what it was offered: what its flush and its shutdown answer from."""

__all__ = ["Progress"]


class Progress:
    """Counts of items, used under the sender's lock. They leave in the order in which they were offered.

    Attributes:
        offered: Items offered so far.
        failed: Items that were refused, dropped or lost.
    """

    def __init__(self) -> None:
        """Nothing was offered."""
        self.offered = self.failed = 0
        self._left = 0  # memory
        self._stored = 0  # of those, on disk
        self._aim = 0
        self._told = 0

    @property
    def hurried(self) -> bool:
        """Whether somebody waits for items that are still in memory."""
        return self._aim > self._left

    @property
    def stored(self) -> int:
        """Items offered here that wait on disk."""
        return self._stored

    def aim(self) -> int:
        """All that was offered so far is wanted: the number to be ``reached``."""
        self._aim = self.offered
        return self._aim

    def reached(self, target: int) -> bool:
        """Whether the first ``target`` items have come to their end."""
        return self._left - self._stored >= target

    def leave(self, items: int, *, failed: int = 0) -> None:
        """Items have come to their end."""
        self._left += items
        self.failed += failed

    def store(self, items: int) -> None:
        """Items have gone to disk."""
        self._left += items
        self._stored += items

    def leave_disk(self, items: int, *, failed: int = 0) -> None:
        """Items that had gone to disk have come to their end."""
        self._stored -= items
        self.failed += failed

    def tell(self) -> bool:
        """Whether nothing has failed since this was last asked."""
        told, self._told = self._told, self.failed
        return told == self.failed
