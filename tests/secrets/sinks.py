"""Everything that left a process or stayed on its disk, as bytes by name, and the look for a word in it."""

import contextlib
import zlib
from collections.abc import Mapping
from pathlib import Path

from otel_perf.delivery.segments import MAGIC, unpack
from tests.sinks.received import Received

GZIP = b"\x1f\x8b"


def files_under(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, its name counted as content, what is compressed in it unpacked."""
    return {
        str(path.relative_to(folder)): str(path.relative_to(folder)).encode() + b"\n" + unpacked(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def requests_of(sink: Received) -> dict[str, bytes]:
    """The bodies that a receiver took, without their headers."""
    return {
        "traces": b"".join(message.SerializeToString() for message in sink.traces),
        "metrics": b"".join(message.SerializeToString() for message in sink.metrics),
    }


def unpacked(data: bytes) -> bytes:
    """``data``, and behind it what a segment of the spool or any gzip stream in it holds."""
    parts = [data]
    if data.startswith(MAGIC):
        parts.append(unpack(data).body)
    start = data.find(GZIP)
    while start >= 0:
        with contextlib.suppress(zlib.error):
            parts.append(zlib.decompressobj(31).decompress(data[start:]))
        start = data.find(GZIP, start + 2)
    return b"\n".join(parts)


def found_in(sinks: Mapping[str, bytes], word: str) -> list[str]:
    """The names of the sinks that hold ``word``, in any case."""
    wanted = word.lower().encode()
    return [name for name, content in sinks.items() if wanted in content.lower()]
