"""Taking over what processes have left that have ended: by whoever sends to the same destination."""

from collections import Counter
from typing import Final, NamedTuple

from otel_perf.core.guard import logger
from otel_perf.delivery.shelf import Contents, Shelf
from otel_perf.delivery.spool_folder import SpoolFolder

__all__ = ["Adopted", "Adoption"]

PATIENT_SCANS: Final = 3
"""So often a folder that does not fit into the bound is left for another process. Then it is taken all the same, and
the oldest of everything goes, or a crash loop in front of a dead destination would fill the disk."""


class Adopted(NamedTuple):
    """One folder.

    Attributes:
        shelf: The folder, locked by this process from now on.
        contents: What is in it.
    """

    shelf: Shelf
    contents: Contents

    @property
    def items(self) -> int:
        """Items that are whole."""
        return sum(entry.name.items for entry in self.contents.entries)

    @property
    def cost_bytes(self) -> int:
        """What they take of the disk."""
        return sum(entry.cost_bytes for entry in self.contents.entries)


class Adoption:
    """Looks for such folders of one destination."""

    def __init__(self, folder: SpoolFolder, key: str) -> None:
        """Look below ``folder`` for ``key``."""
        self._folder = folder
        self._key = key
        self._left: Counter[str] = Counter()

    def find(self, room_bytes: int) -> list[Adopted]:
        """Folders of the dead that fit into ``room_bytes``, or that nobody else has taken; oldest first."""
        found = []
        for shelf in self._folder.orphans(self._key):
            try:
                adopted = Adopted(shelf, shelf.contents())
            except OSError:
                shelf.abandon()
                continue
            name = shelf.folder.parent.name
            if adopted.cost_bytes > room_bytes and self._left[name] < PATIENT_SCANS:
                self._left[name] += 1
                shelf.abandon()
                continue
            self._left.pop(name, None)
            room_bytes -= adopted.cost_bytes
            found.append(adopted)
            self._tell(adopted)
        return found

    @staticmethod
    def _tell(adopted: Adopted) -> None:
        if adopted.contents.entries or adopted.contents.torn:
            logger.info(
                "otel_perf: %d items of an earlier process (%s) are taken over; %d were torn",
                adopted.items, adopted.shelf.folder.parent.name, adopted.contents.torn,
            )  # fmt: skip
