"""The hit ratio of each cache, out of the counts of its look-ups: whoever counted them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from otel_perf.core.cache_signals import CACHE_HIT_RATIO, CACHE_REQUESTS
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.meters.values import Labels, NumberReading

__all__ = ["cache_ratios"]

RESULT: Final = CACHE_REQUESTS.attributes[1].name


def cache_ratios(numbers: Mapping[MetricSpec, list[NumberReading]]) -> dict[MetricSpec, list[NumberReading]]:
    """Hits of all look-ups since recording began, by cache; none for a cache that nobody asked yet."""
    hits: defaultdict[Labels, int | float] = defaultdict(int)
    lookups: defaultdict[Labels, int | float] = defaultdict(int)
    for labels, value in numbers.get(CACHE_REQUESTS, ()):
        result = dict(labels).get(RESULT)
        cache = tuple(pair for pair in labels if pair[0] != RESULT)
        if result != "bypass":
            lookups[cache] += value
        if result == "hit":
            hits[cache] += value
    return {CACHE_HIT_RATIO: [NumberReading(cache, hits[cache] / asked) for cache, asked in lookups.items() if asked]}
