"""The result of loading: the settings, where each came from, and what was refused."""

from dataclasses import dataclass

from otel_perf.config.destinations import Destinations
from otel_perf.config.settings import Settings
from otel_perf.config.sources import Problem, Source

__all__ = ["Loaded"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with their history.

    Attributes:
        settings: The values that hold.
        sources: Field to origin; the OTLP fields of one signal as ``traces.endpoint``. Every field is there.
        problems: One entry per refused value, in the order of the sources.
        destinations: Where traces, metrics and events go.
    """

    settings: Settings
    sources: dict[str, Source]
    problems: list[Problem]
    destinations: Destinations

    @property
    def refused_variables(self) -> tuple[str, ...]:
        """Environment variables with a refused value, for ``environment.hidden`` around the OTel API and SDK."""
        names = (problem.source.detail for problem in self.problems if problem.source.kind == "environment")
        return tuple(dict.fromkeys(names))
