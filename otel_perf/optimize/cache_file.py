"""The file in which a cache outlives its process: one line of facts, then one line of JSON per value.

Nothing in it can run code when it is read. Values are JSON, unless the application gives functions of its own.
"""

import base64
import binascii
import itertools
import json
import os
import zlib
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from otel_perf.core.file_system import FileSystem, write_all
from otel_perf.core.guard import guard

__all__ = ["CacheFile", "Contents", "DamagedFileError", "KeptValue", "read_cache", "write_cache"]

FORMAT: Final = "otel_perf.cache"
VERSION: Final = 1
_numbers: Final = itertools.count()


@dataclass(frozen=True, slots=True)
class CacheFile:
    """Where and how a cache is kept.

    The file belongs to its owner alone (0600, whatever the umask) and is replaced as a whole, so that a crash leaves
    the old one. One process at a time should use it: of two, the last to save wins. What is new since the last save is
    written by ``ResultCache.close()`` and at the end of the process; of a process that is killed it is lost.

    Attributes:
        path: The file. Its folder is made if need be.
        save_every: Save on a thread in the background whenever so many values are new.
        dumps: Makes bytes of a value. Without it values are JSON: what is not plain JSON is left out, and counted.
        loads: Makes the value again.
    """

    path: str | os.PathLike[str]
    save_every: int = 100
    dumps: Callable[[Any], bytes] | None = None
    loads: Callable[[bytes], Any] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: ``save_every`` is below 1, or only one of ``dumps`` and ``loads`` is given.
        """
        if self.save_every < 1:
            raise ValueError(f"save_every is at least 1, not {self.save_every}")
        if (self.dumps is None) != (self.loads is None):
            raise ValueError("dumps and loads belong together")


class KeptValue(NamedTuple):
    """One value in the file.

    Attributes:
        key: Its key: text, a number, a truth value, ``None``, or a tuple of these.
        value: The value.
        expires_unix_ns: Unix time in nanoseconds from which it does not count; ``None`` for ever.
        cost_ns: What making it took; 0 where nobody measured.
    """

    key: Hashable
    value: Any
    expires_unix_ns: int | None
    cost_ns: int


class Contents(NamedTuple):
    """What was written: entries, entries left out because they cannot be encoded, bytes."""

    entries: int
    skipped: int
    size_bytes: int


class DamagedFileError(ValueError):
    """The file is not one of ours, of another version, or not what was written."""


def write_cache(file: CacheFile, values: Iterable[KeptValue], files: FileSystem) -> Contents:
    """Replace the file; it is on the disk for good when this returns.

    Raises:
        OSError: The system refused.
    """
    lines = [guard.call("cache.save.encode", _encode, file, value) for value in values]
    kept = [line for line in lines if line is not None]
    body = b"".join(kept)
    facts = {"format": FORMAT, "version": VERSION, "entries": len(kept), "crc32": zlib.crc32(body)}
    data = json.dumps(facts).encode() + b"\n" + body
    path = Path(file.path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{next(_numbers)}.tmp")
    try:
        _write(files, draft, data)
        files.rename(draft, path)
    except BaseException:
        with suppress(OSError):
            files.unlink(draft)
        raise
    files.sync_folder(path.parent)
    return Contents(len(kept), len(lines) - len(kept), len(data))


def _write(files: FileSystem, path: Path, data: bytes) -> None:
    descriptor = files.create(path)
    try:
        write_all(files, descriptor, data)
        files.sync(descriptor)
    finally:
        files.close(descriptor)


def read_cache(file: CacheFile, files: FileSystem) -> list[KeptValue]:
    """The values in the file.

    Raises:
        OSError: There is no file, or the system refused.
        DamagedFileError: It is not what was written.
    """
    path = Path(file.path)
    data = files.read(path, files.look(path).size_bytes)
    head, _, body = data.partition(b"\n")
    try:
        facts = json.loads(head)
        if facts["format"] != FORMAT or facts["version"] != VERSION or facts["crc32"] != zlib.crc32(body):
            raise DamagedFileError("not a cache of this version, or not whole")
        return [_decode(file, line) for line in body.splitlines()]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise DamagedFileError(str(error)) from error


def _encode(file: CacheFile, kept: KeptValue) -> bytes | None:
    key = _key_to_json(kept.key)
    if file.dumps is not None:
        value: Any = base64.b64encode(file.dumps(kept.value)).decode()
    elif _is_plain(kept.value):
        value = kept.value
    else:
        return None
    if key is None:
        return None
    return json.dumps([key[0], kept.expires_unix_ns, kept.cost_ns, value]).encode() + b"\n"


def _decode(file: CacheFile, line: bytes) -> KeptValue:
    key, expires_unix_ns, cost_ns, value = json.loads(line)
    if file.loads is not None:
        try:
            value = file.loads(base64.b64decode(value))
        except (binascii.Error, TypeError) as error:
            raise DamagedFileError("written without dumps and loads") from error
    return KeptValue(_key_from_json(key), value, expires_unix_ns, cost_ns)


def _key_to_json(key: object) -> tuple[Any] | None:
    """The key in a tuple of one, tuples as lists; ``None`` for a key that JSON does not give back as it was."""
    if key is None or type(key) in (str, bool, int) or (type(key) is float and isfinite(key)):
        return (key,)
    if type(key) is not tuple:
        return None
    parts = [_key_to_json(part) for part in key]
    return None if None in parts else ([part[0] for part in parts if part is not None],)


def _key_from_json(key: Any) -> Hashable:
    return tuple(_key_from_json(part) for part in key) if isinstance(key, list) else key


def _is_plain(value: object) -> bool:
    """Whether JSON gives the value back as it was."""
    kind = type(value)
    if value is None or kind in (str, bool, int, float):
        return True
    if kind is list:
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    if kind is dict:
        return all(type(key) is str and _is_plain(part) for key, part in value.items())  # type: ignore[attr-defined]
    return False
