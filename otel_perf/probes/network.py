"""Network interfaces, and connections where they are asked for."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.totals import Names, Totals

__all__ = ["ConnectionProbe", "NetworkProbe"]

COUNTERS: Final = {
    "bytes_recv": ("system.network.io", "receive"),
    "bytes_sent": ("system.network.io", "transmit"),
    "packets_recv": ("system.network.packet.count", "receive"),
    "packets_sent": ("system.network.packet.count", "transmit"),
    "dropin": ("system.network.packet.dropped", "receive"),
    "dropout": ("system.network.packet.dropped", "transmit"),
    "errin": ("system.network.errors", "receive"),
    "errout": ("system.network.errors", "transmit"),
}
"""psutil's field to metric and direction."""

TCP_TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
TCP_STATES: Final = {
    "01": "established", "02": "syn_sent", "03": "syn_received", "04": "fin_wait_1", "05": "fin_wait_2",
    "06": "time_wait", "07": "closed", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing",
    "0C": "syn_received",
}  # fmt: skip
"""What the kernel writes, in the words of the conventions."""
PSUTIL_STATES: Final = {
    "SYN_RECV": "syn_received", "FIN_WAIT1": "fin_wait_1", "FIN_WAIT2": "fin_wait_2", "CLOSE": "closed",
}  # fmt: skip
STATE_COLUMN: Final = 3


class NetworkProbe:
    """Bytes, packets, errors and drops of each interface, the loopback included."""

    name = "network"
    costly = False

    def __init__(self, attempts: Attempts) -> None:
        """Read through psutil."""
        self._attempts = attempts
        self._names = Names()
        self._totals = Totals()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.network.*``."""
        counters: Any = self._attempts.ask("network counters", psutil.net_io_counters, pernic=True, nowrap=False)
        interfaces = {name: value for name, value in (counters or {}).items() if any(value)}  # those ever used
        grown: dict[tuple[str, str], float | None] = {}
        for interface in sorted(interfaces):
            label = self._names.admit(interface)
            for field in COUNTERS:
                raw = getattr(interfaces[interface], field, None)
                total = self._totals.since_first((interface, field), raw, total=(label, field))
                grown[label, field] = total if total is not None else grown.get((label, field))
        self._totals.keep_only({(interface, field) for interface in interfaces for field in COUNTERS})
        for (label, field), value in grown.items():
            metric, direction = COUNTERS[field]
            found.put(metric, value, label, direction)


class ConnectionProbe:
    """TCP connections by state; opt-in, since the table of a busy host is long."""

    name = "connections"
    costly = True

    def __init__(self, attempts: Attempts) -> None:
        """Read the kernel's tables on Linux, and through psutil elsewhere."""
        self._attempts = attempts

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.network.connection.count``. macOS answers only to root, so it is absent there."""
        states = self._attempts.ask("connections", _linux_states if sys.platform == "linux" else _psutil_states)
        for state, count in (states or {}).items():
            found.put("system.network.connection.count", count, state, "tcp")


def _linux_states() -> Counter[str]:
    """Straight from the tables: psutil looks for the process of each connection too, which takes ten times as long."""
    tables = [table for table in TCP_TABLES if table.exists()]
    if not tables:
        raise NotImplementedError
    return Counter(state for table in tables for state in _states_in(table))


def _states_in(table: Path) -> Iterator[str]:
    with table.open(encoding="utf-8") as lines:
        next(lines, None)
        for line in lines:
            columns = line.split(maxsplit=STATE_COLUMN + 1)
            yield TCP_STATES.get(columns[STATE_COLUMN], "closed")


def _psutil_states() -> Counter[str]:
    connections: Iterable[Any] = psutil.net_connections(kind="tcp")
    return Counter(PSUTIL_STATES.get(each.status, each.status.lower()) for each in connections)
