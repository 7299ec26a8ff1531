"""The signals of caches."""

from typing import Final

from otel_perf.core.signal_spec import AttributeSpec, EventSpec, MetricSpec

__all__ = [
    "CACHE_BYTES",
    "CACHE_ENTRIES",
    "CACHE_EVICTIONS",
    "CACHE_FILE_OPERATIONS",
    "CACHE_HIT_RATIO",
    "CACHE_LOOKUPS",
    "CACHE_REQUESTS",
    "CACHE_SAVED",
    "CACHE_SAVED_EVENT",
    "EVENTS",
    "LOOKUP_SECONDS",
    "METRICS",
]

LOOKUP_SECONDS: Final = (
    0.000001, 0.000002, 0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005,
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
"""Bounds in seconds: a hit takes about one microsecond, a miss as long as what is computed. 1 ms is one of them."""

CACHE: Final = AttributeSpec("otel_perf.cache.name", "Name of the cache.", "40 result caches, 200 in all, then _OTHER")
RESULT: Final = AttributeSpec(
    "otel_perf.cache.result",
    "hit; miss; coalesced: waited for a computation under way; bypass: the arguments make no key.",
    "4 values",
)
REASON: Final = AttributeSpec(
    "otel_perf.cache.eviction.reason",
    "lru: too many entries; bytes: too many bytes; ttl: too old; too_large: never let in; cleared: emptied when full.",
    "5 values",
)
OPERATION: Final = AttributeSpec("otel_perf.cache.file.operation", "load or save.", "2 values")
OUTCOME: Final = AttributeSpec(
    "otel_perf.cache.file.outcome",
    "ok; missing: there was no file; damaged: it was set aside; error: the system refused.",
    "4 values",
)

CACHE_REQUESTS: Final = MetricSpec(
    "otel_perf.cache.requests", "counter", "{request}", "Look-ups in a cache, by what came of them.",
    (CACHE, RESULT), synchronous=True,
)  # fmt: skip
CACHE_HIT_RATIO: Final = MetricSpec(
    "otel_perf.cache.hit_ratio", "gauge", "1",
    "Hits of all look-ups since recording began, 0 to 1; absent before the first look-up.", (CACHE,),
)  # fmt: skip
CACHE_LOOKUPS: Final = MetricSpec(
    "otel_perf.cache.lookup.duration", "histogram", "s",
    "Time from the question to the answer; of a miss the computation is part of it, where the cache has it made.",
    (CACHE, RESULT), LOOKUP_SECONDS, synchronous=True,
)  # fmt: skip
CACHE_EVICTIONS: Final = MetricSpec(
    "otel_perf.cache.evictions", "counter", "{entry}", "Entries that a cache gave up by itself.",
    (CACHE, REASON), synchronous=True,
)  # fmt: skip
CACHE_ENTRIES: Final = MetricSpec(
    "otel_perf.cache.entries", "updowncounter", "{entry}", "Entries held.", (CACHE,), synchronous=True
)
CACHE_BYTES: Final = MetricSpec(
    "otel_perf.cache.size", "updowncounter", "By",
    "Estimated size of the entries held; absent where it is not estimated.",
    (CACHE,), synchronous=True,
)  # fmt: skip
CACHE_SAVED: Final = MetricSpec(
    "otel_perf.cache.saved_time", "counter", "s",
    "What the hits would have cost: for each the measured time of the very miss that made its entry.",
    (CACHE,), synchronous=True,
)  # fmt: skip
CACHE_FILE_OPERATIONS: Final = MetricSpec(
    "otel_perf.cache.file.operations", "counter", "{operation}", "Loads and saves of caches that are kept in a file.",
    (CACHE, OPERATION, OUTCOME), synchronous=True,
)  # fmt: skip

METRICS: Final[tuple[MetricSpec, ...]] = (
    CACHE_REQUESTS,
    CACHE_HIT_RATIO,
    CACHE_LOOKUPS,
    CACHE_EVICTIONS,
    CACHE_ENTRIES,
    CACHE_BYTES,
    CACHE_SAVED,
    CACHE_FILE_OPERATIONS,
)

CACHE_SAVED_EVENT: Final = EventSpec(
    "otel_perf.cache.saved",
    "A cache was written to its file.",
    (
        CACHE,
        AttributeSpec("otel_perf.cache.file.entries", "Entries in the file.", type="int"),
        AttributeSpec("otel_perf.cache.file.skipped", "Entries left out: not JSON, or not encodable.", type="int"),
        AttributeSpec("otel_perf.cache.file.size", "Bytes of the file.", type="int"),
    ),
)

EVENTS: Final[tuple[EventSpec, ...]] = (CACHE_SAVED_EVENT,)
