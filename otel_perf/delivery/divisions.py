"""How often a refused batch is divided to find the items at fault."""

from typing import Final

__all__ = ["Divisions"]

MOST_DIVISIONS: Final = 64
"""A batch that is refused is divided at most that often: one bad item of 512 takes 9, six of them about 50."""


class Divisions:
    """Counts down while parts of one batch are sent; division that led to nothing is not tried on the next batch."""

    def __init__(self) -> None:
        """Nothing was divided."""
        self._left = 0
        self._pay = True

    def begin(self) -> None:
        """A whole batch is to be sent."""
        self._left = MOST_DIVISIONS if self._pay else 0

    def allow(self) -> bool:
        """Whether a refused batch may be divided once more."""
        self._left -= 1
        self._pay = False
        return self._left >= 0

    def succeed(self) -> None:
        """Something got through."""
        self._pay = True
