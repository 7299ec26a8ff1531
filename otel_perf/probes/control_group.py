"""The limits of the container: control groups of version 1 and 2, as Linux shows them in files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ControlGroup", "CpuUse", "MemoryLimit"]

UNLIMITED_BYTES: Final = 1 << 60
"""Version 1 writes a number near 2**63 where there is no limit."""
TICKS_PER_SECOND: Final = 100
"""USER_HZ, the unit of ``cpuacct.stat``: 100 on every architecture that Python supports."""


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The lowest memory limit between the process' group and the root, and the use of the group that has it.

    Attributes:
        limit_bytes: Above it the kernel kills.
        usage_bytes: Use of the group, page cache included; ``None`` when it cannot be read.
        cache_bytes: The part that is page cache, which the kernel takes back when memory is short.
    """

    limit_bytes: int
    usage_bytes: int | None
    cache_bytes: int | None


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU time of the group, in seconds.

    Attributes:
        modes: Seconds in ``user`` and ``system``.
        throttled_seconds: Time in which the quota held the group back.
    """

    modes: Mapping[str, float]
    throttled_seconds: float | None


class ControlGroup:
    """Reads the groups of this process. Each answer is read anew: limits change while a container runs."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Look below ``root``, where ``proc`` and ``sys/fs/cgroup`` lie."""
        self._membership = root / "proc/self/cgroup"
        self._mount = root / "sys/fs/cgroup"
        self._member_of: str | None = None
        self._found: dict[str, tuple[bool, list[Path]]] = {}

    def memory_limit(self) -> MemoryLimit | None:
        """The lowest limit on memory; ``None`` when there is none."""
        old, folders = self._folders("memory")
        limit_file, usage_file, stat_field = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache")
            if old
            else ("memory.max", "memory.current", "file")
        )
        limits = [(limit, folder) for folder in folders if (limit := _integer(folder / limit_file)) is not None]
        limit, folder = min(limits, key=lambda pair: pair[0], default=(UNLIMITED_BYTES, self._mount))
        if not 0 < limit < UNLIMITED_BYTES:
            return None
        cache = _fields(folder / "memory.stat").get(stat_field)
        return MemoryLimit(limit, _integer(folder / usage_file), cache)

    def cpu_limit(self) -> float | None:
        """How many CPUs the quota is worth: the lowest between the group and the root; ``None`` without a quota."""
        old, folders = self._folders("cpu")
        quotas = [_old_quota(folder) if old else _quota(folder) for folder in folders]
        return min((quota for quota in quotas if quota is not None), default=None)

    def cpu_use(self) -> CpuUse | None:
        """CPU time of the group with the quota or else the process' own; ``None`` when it cannot be read."""
        old, folders = self._folders("cpu")
        limited = [folder for folder in folders if (_old_quota(folder) if old else _quota(folder)) is not None]
        folder = next(iter([*limited, *folders]), None)
        if folder is None:
            return None
        stat = _fields(folder / "cpu.stat")
        if not old:
            return _use(stat, "user_usec", "system_usec", 1e6, stat.get("throttled_usec"), 1e6)
        ticks = _fields(self._beside(folder) / "cpuacct.stat")
        return _use(ticks, "user", "system", TICKS_PER_SECOND, stat.get("throttled_time"), 1e9)

    # -- where the files are -----------------------------------------------------------------------------------

    def _folders(self, controller: str) -> tuple[bool, list[Path]]:
        """Whether the controller is one of version 1, and its folders from the process' group up to the root.

        Looked for again when the process is in another group.
        """
        member_of = _text(self._membership)
        if member_of != self._member_of:
            self._member_of = member_of
            self._found = {}
        if controller not in self._found:
            self._found[controller] = self._find(controller, list(_memberships(member_of)))
        return self._found[controller]

    def _find(self, controller: str, memberships: list[tuple[str, str]]) -> tuple[bool, list[Path]]:
        for controllers, path in memberships:
            if controller in controllers.split(","):
                mount = next((self._mount / n for n in (controllers, controller) if (self._mount / n).is_dir()), None)
                return True, [] if mount is None else _upwards(mount, path)
        path = next((path for controllers, path in memberships if not controllers), "/")
        return False, _upwards(self._mount, path)

    def _beside(self, folder: Path) -> Path:
        """Where ``cpuacct`` keeps its files for a group of ``cpu``: mostly one folder for both."""
        if (folder / "cpuacct.stat").exists():
            return folder
        return self._mount / "cpuacct" / folder.relative_to(self._mount / folder.relative_to(self._mount).parts[0])


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of controllers (none in version 2) and the path of the group below their mount."""
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:  # noqa: PLR2004 - the file's three columns
            yield parts[1], parts[2]


def _upwards(mount: Path, path: str) -> list[Path]:
    """The group's folder and those above it, as far as they can be seen: a container may see its own group as root."""
    inside = [part for part in path.split("/") if part not in {"", ".", ".."}]
    folders = [mount.joinpath(*inside[:depth]) for depth in range(len(inside), -1, -1)]
    return [folder for folder in folders if folder.is_dir()]


def _use(
    times: Mapping[str, int], user: str, system: str, unit: float, throttled: int | None, throttled_unit: float
) -> CpuUse | None:
    if user not in times or system not in times:
        return None
    modes = {"user": times[user] / unit, "system": times[system] / unit}
    return CpuUse(modes, None if throttled is None else throttled / throttled_unit)


def _quota(folder: Path) -> float | None:
    """``cpu.max``: quota and period in microseconds, or ``max``."""
    words = _text(folder / "cpu.max").split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):  # noqa: PLR2004 - quota and period
        return None
    quota, period = int(words[0]), int(words[1])
    return quota / period if quota and period else None


def _old_quota(folder: Path) -> float | None:
    quota, period = _integer(folder / "cpu.cfs_quota_us"), _integer(folder / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _integer(file: Path) -> int | None:
    """A file with one number; ``None`` when it says ``max`` or cannot be read."""
    text = _text(file).strip()
    return int(text) if text.removeprefix("-").isdecimal() else None


def _fields(file: Path) -> dict[str, int]:
    """A file of lines with a name and a number."""
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004
