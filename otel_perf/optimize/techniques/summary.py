"""A summary by the application's own function: a model, usually."""

from collections.abc import Callable

from otel_perf.optimize.techniques.technique import Fidelity, Goal, NotApplicableError, Technique

__all__ = ["summary_by"]


def summary_by(
    summarizer: Callable[[str, int | None], str], *, name: str = "summary", methodology: str | None = None
) -> Technique:
    """A technique that calls ``summarizer(text, limit)``.

    An exception of its, a result that is no text, and one that is not smaller leave the text as it was; the record
    of the step says which.

    Args:
        summarizer: Given the text and the limit in the unit of the compressor's target, ``None`` without one.
        name: A metric label.
        methodology: How the summaries are made.
    """
    fidelity: Fidelity = "lossy"

    def shrink(text: str, goal: Goal) -> str:
        failure = None
        summary: object = None
        try:
            summary = summarizer(text, goal.limit)
        except Exception as error:  # noqa: BLE001 - the application's function; the record names the error
            failure = type(error).__qualname__
        if failure is not None:
            raise NotApplicableError(f"the summarizer raised {failure}")
        if not isinstance(summary, str):
            raise NotApplicableError(f"the summarizer returned {type(summary).__qualname__}, not text")
        if not summary.strip() and text.strip():
            raise NotApplicableError("the summarizer returned nothing")
        return summary

    note = methodology or f"A summary by the application's {getattr(summarizer, '__qualname__', 'summarizer')}."
    return Technique(name, fidelity, note, shrink)
