"""One spooled request as a file: its name, its header, its checksum.

A name is ``<sequence>[-<part>…].<items>.segment``: twelve digits count what one process has spooled, each ``-0`` or
``-1`` is a half of a request that had to be divided, and the items stand in the name so that they can be counted when
the file cannot be read. While it is written the name ends in ``.tmp`` instead.

The header is 48 bytes, little endian: magic, format version, signal, encoding of the body, items, Unix time in ns,
bytes of the body as stored and as sent, and a BLAKE2b checksum of all of this and the stored body. No header of the
request is stored, so no credential is.
"""

import hashlib
import re
import struct
import zlib
from typing import Final, NamedTuple

from otel_perf.delivery.transport import Signal

__all__ = ["HEADER_BYTES", "MOST_BYTES", "DamagedSegmentError", "Name", "Segment", "pack", "unpack"]

MAGIC: Final = b"otelperf"
VERSION: Final = 1
HEADER: Final = struct.Struct("<8sHBBIQII16s")
HEADER_BYTES: Final = HEADER.size
CHECKED: Final = HEADER.size - 16
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")
PLAIN: Final = 0
DEFLATED: Final = 1
MOST_BYTES: Final = 256 * 1024 * 1024
"""No request is larger, so no file that claims to be is believed."""
LEVEL: Final = 1
"""512 spans (129 KB) to 27 % in 1.2 ms; level 6 would save 7 % more for half as much time again."""
WORTH_BYTES: Final = 4096
"""A body that fits into one block of the disk gains nothing."""

FORM: Final = re.compile(r"(\d{12})((?:-[01])*)\.(\d{1,10})\.(segment|tmp)")


class DamagedSegmentError(Exception):
    """A file is no segment, or not a whole one, or not what was written."""


class Name(NamedTuple):
    """What a file's name says. Names sort in the order in which their items were recorded.

    Attributes:
        sequence: Number of the request among those that its process has spooled.
        parts: Which half of which half it is; empty for a whole request.
        items: Spans or metric points in it.
    """

    sequence: int
    parts: tuple[int, ...]
    items: int

    @classmethod
    def read(cls, text: str) -> "tuple[Name, bool] | None":
        """The name in ``text``, and whether the file was finished; ``None`` for a file of somebody else."""
        found = FORM.fullmatch(text)
        if found is None:
            return None
        parts = tuple(int(part) for part in found[2].split("-") if part)
        return cls(int(found[1]), parts, int(found[3])), found[4] == "segment"

    def text(self, ending: str = "segment") -> str:
        """The file name."""
        return f"{self.sequence:012d}{''.join(f'-{part}' for part in self.parts)}.{self.items}.{ending}"


class Segment(NamedTuple):
    """What a file holds.

    Attributes:
        signal: What kind of request.
        items: Spans or metric points in it.
        created_unix_ns: When it was stored.
        body: The encoded request.
    """

    signal: Signal
    items: int
    created_unix_ns: int
    body: bytes


def pack(segment: Segment) -> bytes:
    """The bytes of a file."""
    stored, encoding = segment.body, PLAIN
    if len(stored) > WORTH_BYTES:
        deflated = zlib.compress(stored, LEVEL)
        if len(deflated) < len(stored):
            stored, encoding = deflated, DEFLATED
    signal = SIGNALS.index(segment.signal)
    facts = (segment.items, segment.created_unix_ns, len(stored), len(segment.body))
    head = HEADER.pack(MAGIC, VERSION, signal, encoding, *facts, b"")[:CHECKED]
    return head + _checksum(head, stored) + stored


def unpack(data: bytes) -> Segment:
    """The content of a file; ``DamagedSegmentError`` unless it is exactly what ``pack`` made."""
    if len(data) < HEADER.size:
        raise DamagedSegmentError("shorter than its header")
    magic, version, signal, encoding, items, created_unix_ns, stored_bytes, body_bytes, checksum = HEADER.unpack_from(
        data
    )
    stored = memoryview(data)[HEADER.size :]
    if magic != MAGIC or version != VERSION:
        raise DamagedSegmentError("no segment of this format")
    if len(stored) != stored_bytes or _checksum(data[:CHECKED], stored) != checksum:
        raise DamagedSegmentError("torn or altered")
    if signal >= len(SIGNALS) or body_bytes > MOST_BYTES:
        raise DamagedSegmentError("an impossible header")
    body = _inflated(stored, body_bytes) if encoding == DEFLATED else bytes(stored)
    if len(body) != body_bytes:
        raise DamagedSegmentError("the body has another size than its header says")
    return Segment(SIGNALS[signal], items, created_unix_ns, body)


def _inflated(stored: memoryview, body_bytes: int) -> bytes:
    """Never more than the header says, so that no small file can fill the memory."""
    try:
        return zlib.decompressobj().decompress(stored, max(1, body_bytes))
    except zlib.error as error:
        raise DamagedSegmentError("the body cannot be unpacked") from error


def _checksum(head: bytes, stored: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(head, digest_size=16)
    digest.update(stored)
    return digest.digest()
