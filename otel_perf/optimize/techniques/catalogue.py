"""All techniques by name, and the pipelines that combine them."""

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

__all__ = ["ADAPTIVE", "COMPREHENSIVE", "LOSSLESS", "PIPELINES", "TECHNIQUES", "pipeline"]

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

COMPREHENSIVE: Final = (JSON_DROP, JSON_TABLE, JSON, COMMENTS, BOILERPLATE, WHITESPACE, REPEATED_LINES, PATTERN)
"""All techniques that need no limit, in this order."""

ADAPTIVE: Final = (*LOSSLESS[:-1], JSON_DROP, COMMENTS, BOILERPLATE, WHITESPACE, PATTERN, SUMMARIZE)
"""What costs least first, up to the limit: lossless, then comments and the like, references, then an extract."""

PIPELINES: Final[dict[str, tuple[Technique, ...]]] = {
    "lossless": LOSSLESS,
    "comprehensive": COMPREHENSIVE,
    "adaptive": ADAPTIVE,
}
"""Combinations by name."""


def pipeline(name: str) -> tuple[Technique, ...]:
    """The techniques that a name stands for.

    Raises:
        ValueError: There is none of this name; the message lists those there are.
    """
    if name in PIPELINES:
        return PIPELINES[name]
    if name in TECHNIQUES:
        return (TECHNIQUES[name],)
    names = ", ".join(sorted((*PIPELINES, *TECHNIQUES)))
    raise ValueError(f"unknown technique {name!r}; valid are: {names}")
