"""Disks and local file systems."""

import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import psutil

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.collected import Collected
from otel_perf.probes.totals import NAMES, Names, Totals

__all__ = ["DiskProbe", "FilesystemProbe"]

NO_DISK: Final = re.compile(r"(loop|ram|zram|fd|sr)\d")
"""Devices that are no disks."""
OF_DISKS: Final = re.compile(r"(dm-|md)\d")
"""Devices made of disks: their bytes are in the disks' counters too, and would count twice."""

LOCAL_TYPES: Final = frozenset(
    {
        "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "msdos", "ntfs", "ntfs3",
        "overlay", "reiserfs", "ufs", "vfat", "xfs", "zfs",
    }
)  # fmt: skip
"""Asking a file system of another machine for its size may hang for ever. What is not here is not asked."""

MILLISECONDS: Final = 1000


class DiskProbe:
    """Bytes, operations and busy time of each disk."""

    name = "disk"
    costly = False

    def __init__(self, attempts: Attempts) -> None:
        """Read through psutil."""
        self._attempts = attempts
        self._names = Names()
        self._totals = Totals()

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.disk.*``. No disk, or no counters of disks, is no value."""
        counters: Any = self._attempts.ask("disk counters", psutil.disk_io_counters, perdisk=True, nowrap=False)
        disks = _whole_disks(counters or {})
        grown: dict[tuple[str, str], float | None] = {}
        for disk in sorted(disks):
            label = self._names.admit(disk)
            for field in disks[disk]._fields:
                raw = getattr(disks[disk], field)
                total = self._totals.since_first((disk, field), raw, total=(label, field))
                grown[label, field] = total if total is not None else grown.get((label, field))
        self._totals.keep_only({(disk, field) for disk in disks for field in disks[disk]._fields})
        for (label, field), value in grown.items():
            _put(found, label, field, value)


def _put(found: Collected, disk: str, field: str, value: float | None) -> None:
    if field == "busy_time":
        found.put("system.disk.io_time", None if value is None else value / MILLISECONDS, disk)
        return
    direction, _, what = field.partition("_")
    name = {
        "bytes": "system.disk.io",
        "count": "system.disk.operations",
        "merged_count": "system.disk.merged",
        "time": "system.disk.operation_time",
    }.get(what)
    if name is not None and value is not None:
        found.put(name, value / MILLISECONDS if what == "time" else value, disk, direction)


def _whole_disks(counters: Mapping[str, Any]) -> dict[str, Any]:
    """The disks that were ever used: no partitions, no loops, what is made of other disks only if that is all."""
    used = {name: value for name, value in counters.items() if any(value)}
    real = {name: value for name, value in used.items() if not NO_DISK.match(name) and _is_whole(name)}
    plain = {name: value for name, value in real.items() if not OF_DISKS.match(name)}
    return plain or real


def _is_whole(name: str) -> bool:
    return sys.platform != "linux" or os.path.exists("/sys/block/" + name.replace("/", "!"))  # noqa: PTH110 - often


class FilesystemProbe:
    """Use and size of each local file system."""

    name = "filesystem"
    costly = False

    def __init__(self, attempts: Attempts) -> None:
        """Read through psutil."""
        self._attempts = attempts

    def read(self, found: Collected) -> None:
        """See the catalogue: ``system.filesystem.*``."""
        linux = sys.platform == "linux"
        mounts: Any = self._attempts.ask("mounts", psutil.disk_partitions, all=linux)
        for mount in _local(mounts or (), only_known=linux):
            usage: Any = self._attempts.ask(f"the size of {mount.mountpoint}", psutil.disk_usage, mount.mountpoint)
            if usage is None or not usage.total:
                continue
            where = (mount.device, "ro" if "ro" in mount.opts.split(",") else "rw", mount.mountpoint)
            found.put("system.filesystem.limit", usage.total, *where, mount.fstype)
            reserved = usage.total - usage.used - usage.free
            for state, value in (("used", usage.used), ("free", usage.free), ("reserved", reserved)):
                found.put("system.filesystem.usage", value, *where, state, mount.fstype)
                found.put("system.filesystem.utilization", value / usage.total, *where, state, mount.fstype)


def _local(mounts: Any, *, only_known: bool) -> list[Any]:
    """One mount of each device, that of the shortest path, at most 32. Files that a container mounts are left out."""
    chosen: dict[str, Any] = {}
    for mount in sorted(mounts, key=lambda mount: (len(mount.mountpoint), mount.mountpoint)):
        known = mount.fstype in LOCAL_TYPES if only_known else bool(mount.fstype)
        if known and mount.device not in chosen and os.path.isdir(mount.mountpoint):  # noqa: PTH112 - a str
            chosen[mount.device] = mount
    return list(chosen.values())[:NAMES]
