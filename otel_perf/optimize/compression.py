"""Texts made smaller before they go into a context window, with every saving measured.

>>> from otel_perf.optimize.compression import compress
>>> result = compress('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', "json")
>>> result.text
'[{"id":1,"name":"a"},{"id":2,"name":"b"}]'
>>> f"{result.compression_ratio:.3f}", result.lossless
('0.854', True)
"""

from collections.abc import Iterator, Sequence
from typing import Final

from otel_perf.core import clock
from otel_perf.core.compression_signals import BYTES, DURATION, RATIO, TOKENS
from otel_perf.core.guard import guard
from otel_perf.core.recording import record
from otel_perf.optimize.compression_history import CompressionHistory
from otel_perf.optimize.compression_result import CompressionResult
from otel_perf.optimize.compression_run import CompressionRun, QualityCheck, Target
from otel_perf.optimize.compression_span import describe_on_span
from otel_perf.optimize.techniques.catalogue import COMPREHENSIVE, LOSSLESS, pipelines
from otel_perf.optimize.techniques.technique import Technique
from otel_perf.optimize.techniques.truncate import TRUNCATE
from otel_perf.optimize.token_counter import TokenCounter
from otel_perf.optimize.tokens import counter_for

__all__ = ["Compressor", "compress"]

CUSTOM: Final = "custom"
"""Name of a pipeline that the application put together and gave no name."""


class Compressor:
    """A pipeline of techniques. Thread-safe; one may serve a whole application.

    Each technique works on what the one before left. One that saves nothing, in bytes or tokens, is not applied, so
    a text never grows; with a limit the pipeline ends as soon as the limit is kept.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        techniques: str | Sequence[str | Technique] = "lossless",
        *,
        name: str | None = None,
        counter: TokenCounter | None = None,
        check: QualityCheck | None = None,
        minimum_quality: float = 0.5,
        truncate: bool = False,
        history: CompressionHistory | None = None,
    ) -> None:
        """Put the pipeline together.

        Args:
            techniques: A pipeline (``lossless``, ``comprehensive``, ``adaptive``), a technique, or several in order:
                names, or techniques of the application's own.
            name: Metric label of this pipeline; by default the name in ``techniques``, ``custom`` for several.
            counter: Counts tokens; by default an estimator (``otel_perf.optimize.tokens.counter_for``).
            check: Called with the input and the text after each step; a step that it refuses (``False``, or a score
                below ``minimum_quality``) or that makes it raise is undone.
            minimum_quality: Lowest score that lets a step stay. ``True`` counts 1, ``False`` 0.
            truncate: Leave out the middle, with a marker, when nothing else reaches the limit.
            history: Notes each result; by default one of the compressor's own, of the last 1,000.

        Raises:
            ValueError: A technique is not known, or one that leaves something out comes after one with a notation.
        """
        self._pipelines = pipelines(techniques)
        self.name = name or _name_of(techniques)
        self.history = CompressionHistory() if history is None else history
        self._counter = counter_for() if counter is None else counter
        self._check = check
        self._minimum_quality = minimum_quality
        self._truncate = truncate

    @property
    def techniques(self) -> tuple[str, ...]:
        """The names of the techniques, in order; of ``adaptive`` each that may come to be used, once."""
        names = (technique.name for techniques in self._pipelines for technique in techniques)
        return tuple(dict.fromkeys(names))

    def __repr__(self) -> str:
        return f"Compressor({self.name!r}, techniques={list(self.techniques)}, counter={self._counter.name!r})"

    def compress(
        self, text: str, *, limit_tokens: int | None = None, limit_bytes: int | None = None
    ) -> CompressionResult:
        """Make a text smaller, and record what that saved.

        It computes, for up to some seconds per megabyte with all techniques (``docs/compression.md``): in an event loop
        give a large text to ``asyncio.to_thread``.

        Args:
            text: What to compress.
            limit_tokens: Stop as soon as the text has no more tokens than this.
            limit_bytes: The same in UTF-8 bytes.

        Returns:
            The text and its numbers; its steps are those that led to this text. ``fits`` is false when the limit was
            not reached; the text is then as small as the techniques made it, and nothing was cut off.

        Raises:
            TypeError: ``text`` is no ``str``.
            ValueError: A limit is negative, or both are given.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be str, not {type(text).__qualname__}")
        if limit_tokens is not None and limit_bytes is not None:
            raise ValueError("give limit_tokens or limit_bytes, not both")
        if min(limit_tokens or 0, limit_bytes or 0) < 0:
            raise ValueError("a limit must not be negative")
        start = clock.monotonic_ns()
        run = self._run(text, Target(limit_tokens, limit_bytes))
        result = _result(self.name, run, Target(limit_tokens, limit_bytes), start)
        self.history.add(result)
        _record(result)
        return result

    def _run(self, text: str, target: Target) -> CompressionRun:
        runs: list[CompressionRun] = []
        beginning = CompressionRun(text, self._counter, self._check, self._minimum_quality)
        for techniques in self._alternatives(target):
            run = beginning.again()
            run.follow(techniques, target)
            if target.reached(run.tokens, run.size):
                return run
            runs.append(run)
        return min(runs, key=lambda run: (run.tokens, run.size))

    def _alternatives(self, target: Target) -> Iterator[tuple[Technique, ...]]:
        """Pipelines, each for the input. The first that reaches the target is used, else the one that gives least."""
        yield from self._pipelines if target.given else self._pipelines[:1]
        if self._pipelines[0] == COMPREHENSIVE:
            yield from (LOSSLESS, *((technique,) for technique in LOSSLESS))
        if self._truncate and target.given:
            plain = (technique for technique in self._pipelines[-1] if technique.restore is None)
            yield (*plain, TRUNCATE)


def compress(
    text: str,
    technique: str | Technique = "lossless",
    *,
    limit_tokens: int | None = None,
    limit_bytes: int | None = None,
    counter: TokenCounter | None = None,
) -> CompressionResult:
    """Make one text smaller: :meth:`Compressor.compress` of a compressor made for it.

    Raises:
        ValueError: The technique is not known (the message lists those that are), or a limit is not valid.
        TypeError: ``text`` is no ``str``.
    """
    techniques = technique if isinstance(technique, str) else (technique,)
    compressor = Compressor(techniques, counter=counter, history=CompressionHistory(0))
    return compressor.compress(text, limit_tokens=limit_tokens, limit_bytes=limit_bytes)


def _name_of(techniques: str | Sequence[str | Technique]) -> str:
    if isinstance(techniques, str):
        return techniques
    names = [entry if isinstance(entry, str) else entry.name for entry in techniques]
    return names[0] if len(names) == 1 else CUSTOM


def _result(name: str, run: CompressionRun, target: Target, start_ns: int) -> CompressionResult:
    notes = [technique.methodology for technique in run.applied]
    return CompressionResult(
        technique=name,
        text=run.text,
        bytes_before=run.steps[0].bytes_before if run.steps else run.size,
        bytes_after=run.size,
        tokens_before=run.steps[0].tokens_before if run.steps else run.tokens,
        tokens_after=run.tokens,
        token_method=run.counter.name,
        estimated=run.counter.estimated,
        seconds=(clock.monotonic_ns() - start_ns) / 1e9,
        lossless=all(technique.lossless for technique in run.applied),
        methodology=" ".join(notes) or "The text was left as it is: " + _why_unchanged(run),
        steps=tuple(run.steps),
        limit_tokens=target.tokens,
        limit_bytes=target.bytes,
        fits=target.reached(run.tokens, run.size),
        restorers=tuple(technique.restore for technique in reversed(run.applied) if technique.restore is not None),
    )


def _why_unchanged(run: CompressionRun) -> str:
    reasons = [f"{step.technique}: {step.reason}" for step in run.steps]
    return "; ".join(reasons) + "." if reasons else "it kept to the limit."


def _record(result: CompressionResult) -> None:
    name, estimated = result.technique, str(result.estimated).lower()
    record(TOKENS, result.tokens_before, name, "before", estimated)
    record(TOKENS, result.tokens_after, name, "after", estimated)
    record(BYTES, result.bytes_before, name, "before")
    record(BYTES, result.bytes_after, name, "after")
    record(DURATION, result.seconds, name)
    if result.compression_ratio is not None:
        record(RATIO, result.compression_ratio, name)
    guard.call("compression.span", describe_on_span, result)
