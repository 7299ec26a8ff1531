"""What a pipeline keeps in its state folder: one spool per destination, and the ledger file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from otel_perf.config.destinations import Destination
from otel_perf.config.loaded import Loaded
from otel_perf.core.ledger import DestinationBalance
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.ledger_file import AtRisk, LedgerFile
from otel_perf.delivery.spool import DiskSpool, SpoolSettings
from otel_perf.delivery.spool_folder import SpoolFolder, destination_key

__all__ = ["OnDisk"]

SMALL_SHARE: Final = 16
"""The last snapshots of cumulative metrics and the events, which are few, get one part in so many of the bound."""


class OnDisk:
    """The state folder of one pipeline; without ``home`` nothing is kept."""

    def __init__(self, loaded: Loaded) -> None:
        """Touch no file: folders are made when there is something to keep, by the threads that keep it."""
        settings = loaded.settings
        self._settings = settings
        self._home = None if settings.home is None else StateFolder(settings.home)
        self._spools = SpoolFolder(self._home) if self._home is not None and settings.spool else None
        self._ledger = None if self._home is None else LedgerFile(self._home)
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._by_account: dict[tuple[str, str], DiskSpool] = {}
        going = loaded.destinations
        small = len(going.logs) + (0 if self._deltas else len(going.metrics))
        full = len(going.traces) + (len(going.metrics) if self._deltas else 0)
        self._small_bytes = settings.spool_max_bytes // SMALL_SHARE // max(1, small)
        self._share_bytes = (settings.spool_max_bytes - small * self._small_bytes) // max(1, full)

    @property
    def _deltas(self) -> bool:
        """Whether every export of metrics counts; of cumulative ones the last says all."""
        return self._settings.metric_temporality != "cumulative"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found of processes that ended without a shutdown."""
        return () if self._ledger is None else self._ledger.notes

    def spool(self, to: Destination) -> DiskSpool | None:
        """The spool of a destination, with its share of the bound."""
        if self._spools is None:
            return None
        same = (to.signal, to.protocol, to.url)
        key = destination_key(*same, ordinal=self._seen[same])
        self._seen[same] += 1
        only_at_end = to.signal == "metrics" and not self._deltas
        size = self._small_bytes if only_at_end or to.signal == "logs" else self._share_bytes
        made = DiskSpool(self._spools, key, to.signal, SpoolSettings(max_bytes=size, only_at_end=only_at_end))
        self._by_account[to.name, to.signal] = made
        return made

    def with_size(self, balance: DestinationBalance) -> DestinationBalance:
        """The balance with what its spool takes of the disk."""
        spool = self._by_account.get((balance.destination, balance.signal))
        return balance if spool is None else replace(balance, spool_bytes=spool.size_bytes)

    def left_by_others(self, to: Destination) -> bool:
        """Whether another process, running or not, keeps something for a destination on disk. Reads folders."""
        return self._spools is not None and self._spools.holds(destination_key(to.signal, to.protocol, to.url))

    def note(self, calls: int, waiting_calls: int, balances: Iterable[DestinationBalance]) -> None:
        """Write down what would be lost if the process ended now.

        Args:
            calls: Calls so far.
            waiting_calls: Those of them that no destination has been given yet.
            balances: The destinations of spans.
        """
        if self._ledger is None:
            return
        rows = [
            AtRisk(one.destination, one.queued + one.in_flight + waiting_calls, one.spooled, one.uncertain)
            for one in balances
        ]
        if rows:
            self._ledger.update(calls, rows)

    def close(self) -> None:
        """An orderly end: nothing is left to be told by another process."""
        if self._ledger is not None:
            self._ledger.close()

    def after_fork_in_child(self) -> None:
        """The child keeps its own."""
        if self._home is not None:
            self._home.after_fork_in_child()
        if self._ledger is not None:
            self._ledger.after_fork_in_child()
