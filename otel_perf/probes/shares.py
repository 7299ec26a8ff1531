"""Shares of time: what part of the time between two looks went where."""

from collections.abc import Mapping
from typing import Final

__all__ = ["Shares"]

SHORTEST_NS: Final = 500_000_000
"""The kernel counts CPU time in steps of 10 ms: over less than this a share would be a guess."""


class Shares:
    """Turns sums of seconds into shares of the time since the last look.

    The first look gives nothing: there is no time before it. A look less than 0.5 s after the last one gives the
    shares of the interval before.
    """

    def __init__(self) -> None:
        """Nothing was looked at."""
        self._last: Mapping[str, float] | None = None
        self._last_ns = 0
        self._shares: Mapping[str, float] = {}

    def of_sum(self, seconds: Mapping[str, float], now_ns: int) -> Mapping[str, float]:
        """Shares of all the growth: for sums that together hold all time, as the CPU modes of a host."""
        return self._update(seconds, now_ns, None)

    def of_elapsed(self, seconds: Mapping[str, float], now_ns: int, cpus: float) -> Mapping[str, float]:
        """Shares of the time that passed on ``cpus`` CPUs."""
        return self._update(seconds, now_ns, cpus)

    def _update(self, seconds: Mapping[str, float], now_ns: int, cpus: float | None) -> Mapping[str, float]:
        last = self._last
        if last is None:
            self._last, self._last_ns = dict(seconds), now_ns
            return {}
        elapsed_ns = now_ns - self._last_ns
        if elapsed_ns < SHORTEST_NS:
            return self._shares
        grown = {name: max(0.0, value - last.get(name, value)) for name, value in seconds.items()}
        whole = sum(grown.values()) if cpus is None else elapsed_ns / 1e9 * cpus
        self._shares = {name: value / whole for name, value in grown.items()} if whole > 0 else {}
        self._last, self._last_ns = dict(seconds), now_ns
        return self._shares
