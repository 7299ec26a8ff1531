"""What compressions did so far: the last ones one by one, all of them in sums."""

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from otel_perf.optimize.compression_result import CompressionResult

__all__ = ["CompressionHistory"]

DEFAULT_SIZE: Final = 1000


@dataclass(slots=True)
class _Totals:
    """Strictly private: sums over compressions."""

    count: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    tokens_before: int = 0
    tokens_after: int = 0
    estimated: int = 0
    lossless: int = 0
    not_fitting: int = 0
    seconds: float = field(default=0.0)

    def add(self, result: CompressionResult) -> None:
        """Take one compression in."""
        self.count += 1
        self.bytes_before += result.bytes_before
        self.bytes_after += result.bytes_after
        self.tokens_before += result.tokens_before
        self.tokens_after += result.tokens_after
        self.estimated += result.estimated
        self.lossless += result.lossless
        self.not_fitting += result.fits is False
        self.seconds += result.seconds

    def to_dict(self) -> dict[str, Any]:
        """The sums, and what follows from them."""
        return {
            "count": self.count,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "tokens_saved": self.tokens_before - self.tokens_after,
            "compression_ratio": self.bytes_after / self.bytes_before if self.bytes_before else None,
            "token_ratio": self.tokens_after / self.tokens_before if self.tokens_before else None,
            "estimated_count": self.estimated,
            "lossless_count": self.lossless,
            "not_fitting_count": self.not_fitting,
            "seconds": self.seconds,
        }


class CompressionHistory:
    """Results without their texts, in a ring; sums over all of them, also those that left the ring. Thread-safe."""

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        """Start empty.

        Args:
            size: Results that are kept one by one; 0 keeps the sums alone.

        Raises:
            ValueError: ``size`` is negative.
        """
        if size < 0:
            raise ValueError(f"size must not be negative, not {size}")
        self._lock = threading.Lock()
        self._ring: deque[CompressionResult] = deque(maxlen=size)
        self._totals = _Totals()
        self._by_technique: dict[str, _Totals] = {}

    def add(self, result: CompressionResult) -> None:
        """Note one compression. Its text is not kept."""
        entry = replace(result, text="", restorers=())
        with self._lock:
            self._ring.append(entry)
            self._totals.add(result)
            if result.technique in self._by_technique or len(self._by_technique) < MOST_TECHNIQUES:
                self._by_technique.setdefault(result.technique, _Totals()).add(result)
            else:
                self._by_technique.setdefault("_OTHER", _Totals()).add(result)

    def recent(self) -> list[CompressionResult]:
        """The last ones, oldest first, with empty texts."""
        with self._lock:
            return list(self._ring)

    def statistics(self) -> dict[str, Any]:
        """Sums over all compressions: in all, and by technique or pipeline.

        ``compression_ratio`` and ``token_ratio`` are sums after by sums before, ``None`` before the first text that
        is not empty. ``kept`` is how many are in the ring.
        """
        with self._lock:
            by_technique = {name: totals.to_dict() for name, totals in sorted(self._by_technique.items())}
            return {**self._totals.to_dict(), "kept": len(self._ring), "by_technique": by_technique}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._ring.clear()
            self._totals = _Totals()
            self._by_technique.clear()

    def __len__(self) -> int:
        return self._totals.count


MOST_TECHNIQUES: Final = 100
"""Names with sums of their own; further ones share ``_OTHER``."""
