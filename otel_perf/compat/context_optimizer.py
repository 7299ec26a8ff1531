"""Context windows made smaller: ``context_optimizer.optimize_context(text, "comprehensive")``."""

import threading
from typing import Any

from otel_perf.optimize.compression import Compressor
from otel_perf.optimize.compression_history import CompressionHistory
from otel_perf.optimize.compression_result import CompressionResult
from otel_perf.optimize.token_counter import TokenCounter

__all__ = ["CompressionResult", "ContextWindowOptimizer", "context_optimizer"]


class ContextWindowOptimizer:
    """Compression by the name of a technique, or down to a limit, with a history of what it saved. Thread-safe.

    Making one starts nothing; all numbers also go to the metrics when otel_perf is recording.
    """

    def __init__(self, history_size: int = 1000, counter: TokenCounter | None = None) -> None:
        """Start with an empty history.

        Args:
            history_size: Results that are kept one by one.
            counter: Counts tokens; by default an estimator, and each result says so.

        Raises:
            ValueError: ``history_size`` is negative.
        """
        self._history = CompressionHistory(history_size)
        self._counter = counter
        self._compressors: dict[str, Compressor] = {}
        self._lock = threading.Lock()

    def optimize_context(self, text: str, technique: str = "comprehensive") -> CompressionResult:
        """Compress a text.

        Args:
            text: What to compress.
            technique: ``whitespace``, ``comments``, ``json``, ``pattern``, ``summarize``, or any other of
                ``otel_perf.optimize.techniques.catalogue``; ``comprehensive`` is all that need no limit.

        Returns:
            The result; ``.text`` is the compressed text.

        Raises:
            ValueError: The technique is not known; the message lists those that are.
            TypeError: ``text`` is no ``str``.
        """
        return self._compressor(technique).compress(text)

    def adaptive_compression(self, text: str, context_limit: int = 8000) -> tuple[str, CompressionResult]:
        """Compress a text until it has no more than ``context_limit`` tokens, the harmless techniques first.

        A text that fits is returned as it is. Lossless techniques come first, then comments and the like go too, and
        an extract of its sentences is last. When not even that fits, ``result.fits`` is false.

        Args:
            text: What to compress.
            context_limit: Tokens.

        Returns:
            The compressed text, and the result.

        Raises:
            ValueError: The limit is negative.
            TypeError: ``text`` is no ``str``.
        """
        result = self._compressor("adaptive").compress(text, limit_tokens=context_limit)
        return result.text, result

    def get_compression_statistics(self) -> dict[str, Any]:
        """How many compressions there were and what they saved, in all and by technique: see ``statistics()``."""
        return self._history.statistics()

    def get_compression_history(self) -> list[CompressionResult]:
        """The last results, oldest first, without their texts."""
        return self._history.recent()

    def _compressor(self, technique: str) -> Compressor:
        with self._lock:
            known = self._compressors.get(technique)
            if known is None:
                known = Compressor(technique, counter=self._counter, history=self._history)
                self._compressors[technique] = known
            return known


context_optimizer = ContextWindowOptimizer()
"""One for the whole process."""
