"""All techniques by name, and the pipelines that combine them."""

from collections.abc import Sequence
from typing import Final

from otel_perf.optimize.techniques.boilerplate import BOILERPLATE
from otel_perf.optimize.techniques.comments import COMMENTS
from otel_perf.optimize.techniques.json_drop import JSON_DROP
from otel_perf.optimize.techniques.json_minify import JSON
from otel_perf.optimize.techniques.json_table import JSON_TABLE
from otel_perf.optimize.techniques.pattern import PATTERN
from otel_perf.optimize.techniques.repeated_lines import REPEATED_LINES
from otel_perf.optimize.techniques.summarize import SUMMARIZE
from otel_perf.optimize.techniques.technique import Technique
from otel_perf.optimize.techniques.truncate import TRUNCATE
from otel_perf.optimize.techniques.whitespace import WHITESPACE

__all__ = ["COMPREHENSIVE", "EXTRACT", "LOSSLESS", "PIPELINES", "TECHNIQUES", "pipelines"]

TECHNIQUES: Final[dict[str, Technique]] = {
    technique.name: technique
    for technique in (
        WHITESPACE,
        REPEATED_LINES,
        JSON,
        JSON_TABLE,
        JSON_DROP,
        COMMENTS,
        BOILERPLATE,
        PATTERN,
        SUMMARIZE,
        TRUNCATE,
    )
}
"""Every technique by its name."""

LOSSLESS: Final = (JSON_TABLE, JSON, WHITESPACE, REPEATED_LINES, PATTERN)
"""Nothing is left out. The most specific first; references last, since they hide repetitions from the others."""

COMPREHENSIVE: Final = (JSON_DROP, COMMENTS, BOILERPLATE, *LOSSLESS)
"""All techniques that need no limit, in this order."""

EXTRACT: Final = (JSON_DROP, COMMENTS, BOILERPLATE, WHITESPACE, SUMMARIZE)
"""An extract of what is left without the dispensable. No notation before it, lest it lose a legend."""

PIPELINES: Final[dict[str, tuple[tuple[Technique, ...], ...]]] = {
    "lossless": (LOSSLESS,),
    "comprehensive": (COMPREHENSIVE,),
    "adaptive": (LOSSLESS, COMPREHENSIVE, EXTRACT),
}
"""Combinations by name. Of several, the first that reaches the limit is taken, each from the input on; else the one
that gives least. Without a limit the first."""


def pipelines(techniques: str | Sequence[str | Technique]) -> tuple[tuple[Technique, ...], ...]:
    """The pipelines that names and techniques stand for.

    Args:
        techniques: The name of a pipeline or technique, or names of techniques and techniques in order.

    Raises:
        ValueError: A name is not known (the message lists those that are), or a technique that leaves something out
            follows one whose notation it could cut apart.
    """
    if isinstance(techniques, str):
        known = PIPELINES.get(techniques)
        return ((_technique(techniques),),) if known is None else known
    chosen = tuple(_technique(entry) if isinstance(entry, str) else entry for entry in techniques)
    notation: Technique | None = None
    for technique in chosen:
        if notation is not None and not technique.lossless:
            raise ValueError(f"{technique.name} would cut what {notation.name} writes; put {notation.name} after it")
        notation = technique if technique.restore is not None else notation
    return (chosen,)


def _technique(name: str) -> Technique:
    known = TECHNIQUES.get(name)
    if known is None:
        names = ", ".join(sorted((*PIPELINES, *TECHNIQUES)))
        raise ValueError(f"unknown technique {name!r}; valid are: {names}")
    return known
