"""Resident memory of this process now, and the highest it ever was, each as the operating system counts it.

Linux says both in ``/proc/self/status`` (some 12 us per reading); elsewhere ``psutil`` and ``getrusage`` do. What a
system does not say is ``None``.
"""

import os
import sys
from typing import Final, NamedTuple

__all__ = ["HIGH_WATER_NAME", "Resident", "read_resident", "read_rss", "reset_high_water"]

HIGH_WATER_NAME: Final = {"linux": "VmHWM", "win32": "peak_wset", "darwin": "ru_maxrss"}.get(sys.platform, "ru_maxrss")
"""What the operating system calls the highest resident memory so far."""

ON_LINUX: Final = sys.platform.startswith("linux")
STATUS: Final = "/proc/self/status"
STATM: Final = "/proc/self/statm"
CLEAR_REFS: Final = "/proc/self/clear_refs"
RESET_PEAK: Final = b"5"
"""Linux resets ``VmHWM`` to the present resident memory; ``ru_maxrss`` follows, for the whole process (proc(5))."""
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
LONGEST_FILE: Final = 16_384
KIBIBYTE: Final = 1024


class Resident(NamedTuple):
    """One reading.

    Attributes:
        rss_bytes: Resident memory now; ``None`` where it cannot be read.
        high_water_bytes: The highest it was since the process began (or since a reset); ``None`` where unknown.
    """

    rss_bytes: int | None
    high_water_bytes: int | None


UNKNOWN: Final = Resident(None, None)


def read_resident() -> Resident:
    """Resident memory now and its high-water mark, both of one reading. Never raises."""
    if not ON_LINUX:
        return _read_elsewhere()
    try:
        text = _content(STATUS)
        return Resident(_kibibytes(text, b"\nVmRSS:"), _kibibytes(text, b"\nVmHWM:"))
    except (OSError, ValueError, IndexError):
        return UNKNOWN


def read_rss() -> int | None:
    """Resident memory now, in bytes: pages of ``/proc/self/statm`` by the page size, half the cost of ``status``."""
    if not ON_LINUX:
        return _read_elsewhere().rss_bytes
    try:
        return int(_content(STATM).split(b" ", 2)[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return None


def reset_high_water() -> bool:
    """Set the high-water mark back to the present resident memory; false where that is not allowed or not known."""
    try:
        file = os.open(CLEAR_REFS, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        os.write(file, RESET_PEAK)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _content(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, LONGEST_FILE)
    finally:
        os.close(file)


def _kibibytes(text: bytes, key: bytes) -> int | None:
    at = text.find(key)
    return None if at < 0 else int(text[at + len(key) : text.index(b"kB", at)]) * KIBIBYTE


def _read_elsewhere() -> Resident:
    """By psutil, where it is installed; macOS counts ``ru_maxrss`` in bytes, other systems in KiB."""
    try:
        import psutil  # noqa: PLC0415 - an extra, and not needed on Linux
    except ImportError:
        return UNKNOWN
    try:
        memory = psutil.Process().memory_info()
    except (psutil.Error, OSError):
        return UNKNOWN
    peak = getattr(memory, "peak_wset", None)
    return Resident(memory.rss, _maxrss() if peak is None else peak)


def _maxrss() -> int | None:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * KIBIBYTE
