"""Counters of the operating system made fit to export: they never fall, and their names are bounded."""

from collections.abc import Hashable, Mapping
from typing import Final

__all__ = ["OTHER", "Names", "Totals"]

OTHER: Final = "_OTHER"
"""The name of all devices beyond the bound."""

NAMES: Final = 32


class Names:
    """The first names keep theirs; all later ones share ``_OTHER``."""

    def __init__(self, limit: int = NAMES) -> None:
        """Admit ``limit`` names."""
        self._limit = limit
        self._admitted: set[str] = set()

    def admit(self, name: str) -> str:
        """The label for ``name``."""
        if name not in self._admitted and len(self._admitted) >= self._limit:
            return OTHER
        self._admitted.add(name)
        return name


class Totals:
    """Sums the growth of counters.

    A counter that fell was reset, or ran over: it is followed from its new value, and what it may have counted in
    between is not made up. So a total never falls.
    """

    def __init__(self, shown: Mapping[Hashable, float] | None = None) -> None:
        """Start with no growth.

        Args:
            shown: What counters of the process showed when an earlier pipeline of the same process ended: what they
                counted until then was told by that one. Nothing, for the first.
        """
        self._shown = dict(shown or {})
        self._last: dict[Hashable, float] = {}
        self._totals: dict[Hashable, float] = {}

    def since_first(self, key: Hashable, raw: float | None, *, total: Hashable = None) -> float | None:
        """Growth since the first look at this counter, at which it is 0; ``None`` when there is no value now.

        Args:
            key: The counter.
            raw: What it shows.
            total: The total that it belongs to, where several share one.
        """
        return None if raw is None else self._grow(key, raw, self._last.get(key, raw), total)

    def since_start(self, key: Hashable, raw: float | None) -> float | None:
        """Growth since the process began, for a counter that began with it."""
        return None if raw is None else self._grow(key, raw, self._last.get(key, self._shown.get(key, 0)), None)

    def shown(self) -> Mapping[Hashable, float]:
        """What each counter showed last."""
        return {**self._shown, **self._last}

    def keep_only(self, keys: set[Hashable]) -> None:
        """Forget the counters of devices that went away; their share in a common total stays."""
        for key in [key for key in self._last if key not in keys]:
            del self._last[key]

    def _grow(self, key: Hashable, raw: float, last: float, total: Hashable) -> float:
        self._last[key] = raw
        name = key if total is None else total
        grown = self._totals[name] = self._totals.get(name, 0) + max(0, raw - last)
        return grown
