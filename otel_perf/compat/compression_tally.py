"""Sums over compressions that the application made by itself and told of."""

from dataclasses import dataclass, fields
from typing import Final

from otel_perf.compat.forks import ForkSafeLock
from otel_perf.core.compression_signals import BYTES, DURATION, RATIO, TOKENS
from otel_perf.core.recording import record
from otel_perf.core.tallies import Names
from otel_perf.probes.occurrence import label_text

__all__ = ["Compression", "CompressionSums", "CompressionTallies"]

NAME_LIMIT: Final = 50
"""Techniques with sums of their own; each has four series in the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """One compression; what is not known is ``None``.

    Attributes:
        tokens_before: Tokens of the input.
        tokens_after: Tokens of the output.
        bytes_before: UTF-8 bytes of the input.
        bytes_after: UTF-8 bytes of the output.
        seconds: How long it took.
        estimated: Whether the tokens are estimates.
    """

    tokens_before: int | None = None
    tokens_after: int | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    seconds: float | None = None
    estimated: bool = True


@dataclass(slots=True)
class CompressionSums:
    """Sums over the compressions of one technique; of tokens and bytes only where both sides are known."""

    count: int = 0
    tokens_before: int = 0
    tokens_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Bytes after by bytes before; ``None`` while no bytes are known."""
        return self.bytes_after / self.bytes_before if self.bytes_before else None

    def add(self, one: Compression) -> None:
        """Take one in."""
        self.count += 1
        self.seconds += one.seconds or 0.0
        if one.tokens_before is not None and one.tokens_after is not None:
            self.tokens_before += one.tokens_before
            self.tokens_after += one.tokens_after
        if one.bytes_before is not None and one.bytes_after is not None:
            self.bytes_before += one.bytes_before
            self.bytes_after += one.bytes_after


class CompressionTallies:
    """The sums by technique. Thread-safe."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = ForkSafeLock()
        self._names = Names(NAME_LIMIT)
        self._sums: dict[str, CompressionSums] = {}

    def add(self, technique: str, one: Compression) -> None:
        """Count one compression, and hand it to the metrics ``otel_perf.compression.*``."""
        with self._lock:
            label = self._names.label(label_text(technique))
            self._sums.setdefault(label, CompressionSums()).add(one)
        estimated = "true" if one.estimated else "false"
        if one.tokens_before is not None and one.tokens_after is not None:
            record(TOKENS, one.tokens_before, label, "before", estimated)
            record(TOKENS, one.tokens_after, label, "after", estimated)
        if one.bytes_before is not None and one.bytes_after is not None:
            record(BYTES, one.bytes_before, label, "before")
            record(BYTES, one.bytes_after, label, "after")
            if one.bytes_before:
                record(RATIO, one.bytes_after / one.bytes_before, label)
        if one.seconds is not None:
            record(DURATION, one.seconds, label)

    def read(self) -> dict[str, CompressionSums]:
        """All techniques so far, by name."""
        with self._lock:
            return {
                name: CompressionSums(*(getattr(sums, entry.name) for entry in fields(sums)))
                for name, sums in sorted(self._sums.items())
            }
