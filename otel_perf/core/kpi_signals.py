"""The signals of key performance indicators, evaluations and service level objectives.

A value that belongs to one answer or one evaluation is a histogram, so that its mean over any window is exact (sum
over count). A value that is a state or a rate already (how full the context is, a success rate that the application
has computed) is a gauge: adding up rates would say nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from otel_perf.core.conversation_signals import CONTEXT_UTILIZATION
from otel_perf.core.signal_spec import AttributeSpec, EventSpec, Instrument, MetricSpec

__all__ = [
    "ADAPTATION_ATTEMPTS",
    "ADAPTATION_SUCCESSES",
    "EVALUATION_RESULT",
    "EVALUATION_RESULTS",
    "EVALUATION_SCORE",
    "EVENTS",
    "KPIS",
    "KPI_LABELS",
    "METRICS",
    "REJECTED",
    "SLO_ERROR_BUDGET",
    "SLO_MEASURED",
    "SLO_MET",
    "SLO_OBJECTIVE",
    "Kpi",
]

SHARE_BOUNDS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0)
"""Of 0 to 1; finer towards 1, where targets lie. 0 and 1 are buckets of their own for results that are all or none."""

RESPONSE_SECONDS: Final = (
    0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
"""Bounds in seconds around the time that a person waits for an answer (the usual target is 3 s)."""

SCORE_BOUNDS: Final = (
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 25.0, 50.0, 75.0, 100.0,
)  # fmt: skip
"""For the usual scales of evaluators: 0 to 1, 1 to 5, 0 to 10, 0 to 100."""

SERIES: Final = "200 series per metric, then _OTHER"
GENAI: Final = "OpenTelemetry GenAI conventions"

KPI_LABELS: Final[Mapping[str, AttributeSpec]] = {
    "model": AttributeSpec("gen_ai.request.model", "Name of the model.", SERIES, source=GENAI),
    "provider": AttributeSpec("gen_ai.provider.name", "Who serves the model.", SERIES, source=GENAI),
    "agent": AttributeSpec("gen_ai.agent.name", "Name of the agent.", SERIES, source=GENAI),
    "tool": AttributeSpec("gen_ai.tool.name", "Name of the tool.", SERIES, source=GENAI),
    "dataset": AttributeSpec("otel_perf.dataset", "What was evaluated against.", SERIES),
}
"""The labels that ``record_kpi`` takes, by keyword. None of them is an id."""

LABELS: Final = tuple(KPI_LABELS.values())
KPI: Final = AttributeSpec("otel_perf.kpi.name", "Name of the indicator, or evaluation for a score.", "the known ones")
REASON: Final = AttributeSpec(
    "otel_perf.reason", "Why: not_a_number, not_finite, out_of_range, unknown_label, unknown_trace.", "5 values"
)
EVALUATION_NAME: Final = AttributeSpec(
    "gen_ai.evaluation.name", "Name of the evaluation.", SERIES,
    source=GENAI,
)  # fmt: skip
SCORE_LABEL: Final = AttributeSpec(
    "gen_ai.evaluation.score.label", "The result in a word, such as pass.", SERIES,
    source=GENAI,
)  # fmt: skip
SLO: Final = AttributeSpec("otel_perf.slo.name", "Name of the target.", "the targets that the application chose")


@dataclass(frozen=True, slots=True)
class Kpi:
    """A known indicator.

    Attributes:
        metric: Where its values go.
        low: Smallest value that it can have.
        high: Largest value that it can have.
        labels: The labels that it takes, by keyword, in the order of the metric's attributes.
    """

    metric: MetricSpec
    low: float = 0.0
    high: float = 1.0
    labels: tuple[str, ...] = tuple(KPI_LABELS)


def _kpi(name: str, instrument: Instrument, meaning: str) -> Kpi:
    bounds = SHARE_BOUNDS if instrument == "histogram" else ()
    return Kpi(MetricSpec(f"otel_perf.kpi.{name}", instrument, "1", meaning, LABELS, bounds, synchronous=True))


_RESPONSE_TIME: Final = MetricSpec(
    "otel_perf.kpi.response_time", "histogram", "s", "Time from a question to its answer, as the application saw it.",
    LABELS, RESPONSE_SECONDS, synchronous=True,
)  # fmt: skip

KPIS: Final[Mapping[str, Kpi]] = {
    "f1_score": _kpi("f1_score", "histogram", "Harmonic mean of precision and recall of an evaluation, 0 to 1."),
    "precision": _kpi("precision", "histogram", "Share of what was found that is right, 0 to 1."),
    "recall": _kpi("recall", "histogram", "Share of what is right that was found, 0 to 1."),
    "accuracy": _kpi("accuracy", "histogram", "Share of results that equal their label, 0 to 1."),
    "exact_match": _kpi("exact_match", "histogram", "Whether, or how often, an answer was the expected one, 0 to 1."),
    "response_quality": _kpi("response_quality", "histogram", "Quality of an answer, as its judge sees it, 0 to 1."),
    "context_accuracy": _kpi("context_accuracy", "histogram", "Share of the context that was right, 0 to 1."),
    "token_efficiency": _kpi("token_efficiency", "histogram", "Share of the tokens that served the answer, 0 to 1."),
    "token_reduction": _kpi("token_reduction", "histogram", "Share of the tokens that was saved, 0 to 1."),
    "context_utilization": Kpi(CONTEXT_UTILIZATION, 0.0, inf, ("conversation",)),
    "cache_hit_rate": _kpi("cache_hit_rate", "gauge", "Hits of all look-ups, as the application counted, 0 to 1."),
    "adaptation_success_rate": _kpi("adaptation_success_rate", "gauge", "Successes of all adaptations, 0 to 1."),
    "success_rate": _kpi("success_rate", "gauge", "Successes of all operations, as the application counted, 0 to 1."),
    "error_rate": _kpi("error_rate", "gauge", "Failures of all operations, as the application counted, 0 to 1."),
    "response_time": Kpi(_RESPONSE_TIME, 0.0, inf),
}
"""The known indicators by the name that ``record_kpi`` takes; both limits of a range belong to it."""

REJECTED: Final = MetricSpec(
    "otel_perf.kpi.rejected", "counter", "{value}",
    "Values of indicators that were not taken, and labels that were left out.", (KPI, REASON), synchronous=True,
)  # fmt: skip
ADAPTATION_ATTEMPTS: Final = MetricSpec(
    "otel_perf.kpi.adaptation.attempts", "counter", "{adaptation}", "Adaptations of a model or prompt that were tried.",
    LABELS, synchronous=True,
)  # fmt: skip
ADAPTATION_SUCCESSES: Final = MetricSpec(
    "otel_perf.kpi.adaptation.successes", "counter", "{adaptation}", "Adaptations that did what they were to do.",
    LABELS, synchronous=True,
)  # fmt: skip
EVALUATION_SCORE: Final = MetricSpec(
    "otel_perf.evaluation.score", "histogram", "1", "Scores that were given, on the evaluator's own scale.",
    (EVALUATION_NAME,), SCORE_BOUNDS, synchronous=True,
)  # fmt: skip
EVALUATION_RESULTS: Final = MetricSpec(
    "otel_perf.evaluation.results", "counter", "{result}", "Results of evaluations, with or without a score.",
    (EVALUATION_NAME, SCORE_LABEL), synchronous=True,
)  # fmt: skip
SLO_MET: Final = MetricSpec(
    "otel_perf.slo.met", "gauge", "1", "Whether a target is met, 1, or missed, 0; absent without data.", (SLO,)
)
SLO_MEASURED: Final = MetricSpec(
    "otel_perf.slo.measured", "gauge", "1", "What is compared with the objective, in the indicator's unit.", (SLO,)
)
SLO_OBJECTIVE: Final = MetricSpec(
    "otel_perf.slo.objective", "gauge", "1", "The objective of a target that has data, in the indicator's unit.", (SLO,)
)
SLO_ERROR_BUDGET: Final = MetricSpec(
    "otel_perf.slo.error_budget", "gauge", "1",
    "Share of the allowed failures that is left; negative when overspent.", (SLO,),
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    *(kpi.metric for kpi in KPIS.values() if kpi.metric is not CONTEXT_UTILIZATION),
    REJECTED,
    ADAPTATION_ATTEMPTS,
    ADAPTATION_SUCCESSES,
    EVALUATION_SCORE,
    EVALUATION_RESULTS,
    SLO_MET,
    SLO_MEASURED,
    SLO_OBJECTIVE,
    SLO_ERROR_BUDGET,
)

EVALUATION_RESULT: Final = EventSpec(
    "gen_ai.evaluation.result",
    "The result of an evaluation, on the trace and span that were evaluated.",
    (
        EVALUATION_NAME,
        AttributeSpec("gen_ai.evaluation.score.value", "The score.", type="double"),
        SCORE_LABEL,
        AttributeSpec("gen_ai.evaluation.explanation", "Why, redacted."),
        AttributeSpec("gen_ai.response.id", "Id of the answer that was evaluated."),
    ),
    source=GENAI,
)

EVENTS: Final[tuple[EventSpec, ...]] = (EVALUATION_RESULT,)
