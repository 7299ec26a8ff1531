"""Tests of the duration sketch."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.statistics.log_buckets import BUCKET_COUNT, MAX_VALUE
from otel_perf.statistics.quantiles import EXACT_LIMIT, DurationSketch, quantile_rank

# Small limits make both states and the change between them common in short lists.
LIMITS = st.sampled_from([0, 3, 8, EXACT_LIMIT])
DURATIONS = st.lists(st.integers(0, MAX_VALUE) | st.integers(0, 300), max_size=40)
QS = (0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
MILLION = 1_000_000


def sketch_of(values: list[int], limit: int = EXACT_LIMIT) -> DurationSketch:
    """A sketch fed one by one."""
    sketch = DurationSketch(limit)
    for value in values:
        sketch.add(value)
    return sketch


@cache
def uniform_draws() -> list[float]:
    """A million numbers in (0, 1), the same for every distribution."""
    draw = random.Random(20260801).random
    return [1.0 - draw() for _ in range(MILLION)]


def lognormal_heavy(draws: list[float]) -> list[int]:
    """Lognormal with a median of 20 ms and a sigma of 2, so that p99 is a hundred times the median (Box-Muller)."""
    half = len(draws) // 2
    radii = [math.sqrt(-2.0 * math.log(u)) for u in draws[:half]]
    angles = [2.0 * math.pi * u for u in draws[half:]]
    normal = [r * math.cos(a) for r, a in zip(radii, angles, strict=True)]
    normal += [r * math.sin(a) for r, a in zip(radii, angles, strict=True)]
    return [int(2e7 * math.exp(2.0 * z)) for z in normal]


DISTRIBUTIONS: dict[str, Callable[[list[float]], list[int]]] = {
    "uniform": lambda draws: [int(u * 1e9) for u in draws],
    "exponential": lambda draws: [int(-5e7 * math.log(u)) for u in draws],
    "lognormal_heavy": lognormal_heavy,
    "pareto": lambda draws: [int(1e6 * u ** (-1 / 1.1)) for u in draws],
    "bimodal": lambda draws: [int(2e6 + u * 1e5) if u < 0.7 else int(2e10 + u * 1e9) for u in draws],
    "constant": lambda draws: [123_456_789] * len(draws),
    "tiny_integers": lambda draws: [int(u * 20) for u in draws],
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_of_a_million_values_are_within_one_percent(name: str) -> None:
    """Every quantile of 10**6 values is within the stated error, which is below 1 %, of the exact one."""
    values = DISTRIBUTIONS[name](uniform_draws())
    sketch = DurationSketch()
    sketch.add_many(values)
    assert (sketch.count, sketch.total_ns, sketch.exact) == (MILLION, sum(values), False)
    values.sort()
    assert (sketch.min_ns, sketch.max_ns) == (values[0], values[-1])
    for q, estimate in zip(QS, sketch.quantiles(QS), strict=True):
        exact = values[max(1, math.ceil(Fraction(str(q)) * MILLION)) - 1]
        assert estimate is not None
        assert abs(estimate - exact) <= min(0.01, sketch.relative_error) * exact, (q, estimate, exact)


@pytest.mark.parametrize(
    ("q", "count", "rank"),
    [(0.0, 10, 1), (0.1, 10, 1), (0.11, 10, 2), (0.5, 10, 5), (0.5, 11, 6), (0.07, 100, 7), (0.99, 100, 99), (1, 7, 7)],
)
def test_rank_rule(q: float, count: int, rank: int) -> None:
    """The quantile is the smallest value that at least q of all values do not exceed, q meant as written."""
    assert quantile_rank(q, count) == rank


@given(st.integers(0, 1000), st.integers(1, 10**6))
def test_rank_is_the_exact_ceiling(per_mille: int, count: int) -> None:
    """Float rounding of q never moves the rank."""
    assert quantile_rank(per_mille / 1000, count) == max(1, -(-per_mille * count // 1000))


@given(st.lists(st.integers(0, MAX_VALUE), min_size=1, max_size=60), st.sampled_from(QS))
def test_exact_while_few(values: list[int], q: float) -> None:
    """Up to the limit a quantile is the value itself at the quantile's rank."""
    sketch = sketch_of(values)
    assert sketch.exact
    assert sketch.relative_error == 0.0
    assert sketch.quantile(q) == float(sorted(values)[quantile_rank(q, len(values)) - 1])


@given(st.lists(st.integers(0, MAX_VALUE), min_size=1, max_size=60), st.sampled_from(QS))
def test_bucketed_quantile_is_within_the_error(values: list[int], q: float) -> None:
    """Over the whole range of values a bucketed quantile is within the stated error."""
    sketch = sketch_of(values, limit=0)
    exact = sorted(values)[quantile_rank(q, len(values)) - 1]
    estimate = sketch.quantile(q)
    assert estimate is not None
    assert abs(estimate - exact) <= sketch.relative_error * exact
    assert float(min(values)) <= estimate <= float(max(values))


def test_stops_being_exact_after_512_values() -> None:
    """The 513th value ends exactness; the extremes stay exact."""
    sketch = sketch_of(list(range(1000, 1512)))
    assert (sketch.exact, sketch.relative_error) == (True, 0.0)
    sketch.add(5000)
    assert not sketch.exact
    assert 0.0 < sketch.relative_error < 0.01
    assert sketch.count == 513
    assert (sketch.quantile(0), sketch.quantile(1)) == (1000.0, 5000.0)


@given(DURATIONS, DURATIONS, LIMITS)
def test_merging_equals_the_whole(one: list[int], other: list[int], limit: int) -> None:
    """Two merged sketches equal the sketch of all values, in whatever states they were, and go on as it does."""
    merged, added = sketch_of(one, limit), sketch_of(other, limit)
    before = added.copy()
    merged.merge(added)
    whole = sketch_of(one + other, limit)
    assert merged == whole
    assert merged.exact == whole.exact
    assert merged.quantiles(QS) == whole.quantiles(QS)
    assert added == before
    for sketch in (merged, whole):
        sketch.add(77)
    assert merged == whole


@given(DURATIONS, LIMITS)
def test_merging_with_itself_doubles(values: list[int], limit: int) -> None:
    """A sketch merged with itself holds every value twice."""
    sketch = sketch_of(values, limit)
    sketch.merge(sketch)
    assert sketch == sketch_of(values + values, limit)


@given(DURATIONS, LIMITS)
def test_add_many_equals_adding_one_by_one(values: list[int], limit: int) -> None:
    """Adding together and one by one gives the same sketch."""
    together = DurationSketch(limit)
    together.add_many(iter(values))
    assert together == sketch_of(values, limit)


@given(DURATIONS, LIMITS)
def test_counts_are_exact(values: list[int], limit: int) -> None:
    """Count, total, minimum, maximum and mean are those of the values."""
    sketch = sketch_of(values, limit)
    assert (sketch.count, sketch.total_ns) == (len(values), sum(values))
    assert sketch.min_ns == min(values, default=None)
    assert sketch.max_ns == max(values, default=None)
    assert sketch.mean_ns == (sum(values) / len(values) if values else None)


@given(DURATIONS, LIMITS)
def test_survives_json(values: list[int], limit: int) -> None:
    """A sketch written to JSON and read back is equal and goes on equally."""
    sketch = sketch_of(values, limit)
    back = DurationSketch.from_dict(json.loads(json.dumps(sketch.to_dict())))
    assert back == sketch
    for one in (sketch, back):
        one.add_many([0, 5, MAX_VALUE])
    assert back == sketch


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"buckets": [[BUCKET_COUNT, 1]]}, {"min_ns": -1}, {"total_ns": None}]
)
def test_foreign_content_is_refused(change: dict[str, object]) -> None:
    """What is not a sketch of this version raises ValueError instead of giving wrong numbers."""
    content = sketch_of([1, 2, 3], limit=0).to_dict()
    with pytest.raises(ValueError, match=r"sketch|bucket|bounds"):
        DurationSketch.from_dict({**content, **change})
    with pytest.raises(ValueError, match="version"):
        DurationSketch.from_dict({})


@pytest.mark.parametrize("limit", [0, EXACT_LIMIT])
def test_empty_has_no_numbers(limit: int) -> None:
    """Without values there is no quantile, mean, minimum or maximum, and the count is 0."""
    sketch = DurationSketch(limit)
    assert (sketch.quantile(0.5), sketch.mean_ns, sketch.min_ns, sketch.max_ns) == (None, None, None, None)
    assert (sketch.count, sketch.total_ns) == (0, 0)


@pytest.mark.parametrize("limit", [0, EXACT_LIMIT])
@pytest.mark.parametrize("together", [False, True])
def test_impossible_durations_are_clamped_and_counted(limit: int, *, together: bool) -> None:
    """A negative or absurdly long duration enters as the nearest bound, and says so."""
    sketch = DurationSketch(limit)
    values = [-5, 10, MAX_VALUE + 1]
    if together:
        sketch.add_many(values)
    else:
        for value in values:
            sketch.add(value)
    assert (sketch.min_ns, sketch.max_ns, sketch.total_ns) == (0, MAX_VALUE, MAX_VALUE + 10)
    assert (sketch.count, sketch.clamped) == (3, 2)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_impossible_quantiles_are_refused(q: float) -> None:
    """A quantile outside 0..1 is an error, also of an empty sketch."""
    for sketch in (DurationSketch(), sketch_of([1])):
        with pytest.raises(ValueError, match="quantile"):
            sketch.quantile(q)


@given(DURATIONS, LIMITS)
def test_a_copy_is_independent(values: list[int], limit: int) -> None:
    """Values added to a sketch after copying do not show in the copy."""
    sketch = sketch_of(values, limit)
    twin = sketch.copy()
    sketch.add_many([1, 2**40])
    assert twin == sketch_of(values, limit)


@settings(max_examples=20)
@given(st.permutations([3, 2**20, 0, MAX_VALUE, 500, 77]))
def test_order_does_not_matter(values: list[int]) -> None:
    """The same values in another order give an equal sketch, bucketed or not."""
    for limit in (2, EXACT_LIMIT):
        assert sketch_of(values, limit) == sketch_of(sorted(values), limit)


def test_counts_past_32_bits_go_on() -> None:
    """A sketch with 2**32 - 1 equal values takes one more, and merging doubles that."""
    content = sketch_of([1000], limit=0).to_dict()
    sketch = DurationSketch.from_dict({**content, "buckets": [[content["buckets"][0][0], 2**32 - 1]]})
    sketch.add(1000)
    assert sketch.count == 2**32
    sketch.merge(sketch)
    assert sketch.count == 2**33
    assert sketch.quantile(0.5) == 1000.0


def test_sketch_is_compared_with_sketches_only() -> None:
    """A sketch equals no other thing, and its text says what it holds."""
    assert DurationSketch() != 0
    assert repr(sketch_of([5])) == "DurationSketch(count=1, total_ns=5, exact=True)"


def test_memory_is_bounded() -> None:
    """A sketch over the whole range of durations stays below 16 kB."""
    sketch = DurationSketch()
    sketch.add_many(1 << (i % 64) for i in range(10_000))
    sketch.add_many(range(10_000))
    assert sketch.size_bytes < 16_000
    assert sketch_of(list(range(512))).size_bytes == 4096
