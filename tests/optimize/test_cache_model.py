"""The cache against a plain model of it: any sequence of operations, on a clock that the test moves."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from otel_perf.optimize.cache import ResultCache

SECOND = 1_000_000_000
OVERHEAD = 280
KEYS = st.integers(0, 7)


class CacheMachine(RuleBasedStateMachine):
    """The model: a list of (key, value, end), the least recently used first, searched from the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.now = SECOND
        self.model: list[tuple[int, int, int]] = []
        self.lost = {"lru": 0, "bytes": 0, "ttl": 0, "too_large": 0, "cleared": 0}
        self.hits = self.misses = 0

    @initialize(
        entries=st.none() | st.integers(1, 5),
        budget=st.none() | st.integers(1, 40),
        ttl=st.none() | st.integers(1, 5),
        clears=st.booleans(),
    )
    def begin(self, entries: int | None, budget: int | None, ttl: int | None, clears: bool) -> None:
        """A cache with some bounds; a value's size is the overhead and the value itself."""
        self.entries, self.ttl, self.clears = entries, ttl, clears
        self.budget = None if budget is None else budget + OVERHEAD * 3
        self.cache: ResultCache[int, int] = ResultCache(
            "model",
            max_entries=entries,
            max_bytes=self.budget,
            ttl_seconds=ttl,
            when_full="clear" if clears else "lru",
            size_of=lambda part: part if part >= 100 else 0,
            now_ns=lambda: self.now,
        )

    # -- the model -----------------------------------------------------------------------------------------------

    def _expire(self) -> None:
        living = [row for row in self.model if row[2] > self.now]
        self.lost["ttl"] += len(self.model) - len(living)
        self.model = living

    def _size(self) -> int:
        return sum(OVERHEAD + (value if value >= 100 else 0) for _, value, _ in self.model)

    def _find(self, key: int) -> int | None:
        for row in self.model:
            if row[0] == key and row[2] > self.now:
                self.model.remove(row)
                self.model.append(row)
                self.hits += 1
                return row[1]
        if any(row[0] == key for row in self.model):
            self._expire()
        self.misses += 1
        return None

    def _put(self, key: int, value: int, seconds: int | None) -> None:
        self._expire()
        self.model = [row for row in self.model if row[0] != key]
        size = OVERHEAD + (value if value >= 100 else 0)
        if self.budget is not None and size > self.budget:
            self.lost["too_large"] += 1
            return
        many = self.entries is not None and len(self.model) >= self.entries
        big = self.budget is not None and self._size() + size > self.budget
        if self.clears and (many or big):
            self.lost["cleared"] += len(self.model)
            self.model = []
        while self.entries is not None and len(self.model) >= self.entries:
            self.model.pop(0)
            self.lost["lru"] += 1
        while self.budget is not None and self._size() + size > self.budget:
            self.model.pop(0)
            self.lost["bytes"] += 1
        end = 1 << 62 if seconds is None else self.now + seconds * SECOND
        self.model.append((key, value, end))

    # -- what happens --------------------------------------------------------------------------------------------

    @rule(key=KEYS, value=st.integers(0, 99) | st.integers(100, 2000), seconds=st.none() | st.integers(1, 9))
    def put(self, key: int, value: int, seconds: int | None) -> None:
        """Set a value, perhaps with a life of its own."""
        self.cache.set(key, value, ttl_seconds=seconds)
        self._put(key, value, self.ttl if seconds is None else seconds)

    @rule(key=KEYS)
    def get(self, key: int) -> None:
        """Look it up."""
        assert self.cache.get(key) == self._find(key)

    @rule(key=KEYS, value=st.integers(0, 2000))
    def compute(self, key: int, value: int) -> None:
        """Look it up, and make it if need be."""
        expected = self._find(key)
        if expected is None:
            expected = value
            self._put(key, value, self.ttl)
        assert self.cache.get_or_compute(key, lambda: value) == expected

    @rule(key=KEYS)
    def fail(self, key: int) -> None:
        """A computation that fails leaves nothing."""
        expected = self._find(key)
        try:
            assert self.cache.get_or_compute(key, lambda: 1 // 0) == expected
        except ZeroDivisionError:
            assert expected is None

    @rule(key=KEYS)
    def invalidate(self, key: int) -> None:
        """Take it out."""
        held = any(row[0] == key for row in self.model)
        assert self.cache.invalidate(key) == held
        self.model = [row for row in self.model if row[0] != key]

    @rule()
    def clear(self) -> None:
        """Take all out."""
        assert self.cache.clear() == len(self.model)
        self.model = []

    @rule(seconds=st.sampled_from([0.5, 1, 3]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += round(seconds * SECOND)

    @rule()
    def look(self) -> None:
        """Counts and bounds are those of the model; looking takes out what has grown old."""
        self._expire()
        found = self.cache.stats()
        assert (found.hits, found.misses, found.coalesced) == (self.hits, self.misses, 0)
        assert {reason: self.lost[reason] for reason in found.evictions} == found.evictions
        assert sum(found.evictions.values()) == sum(self.lost.values())
        assert (found.entries, found.size_bytes) == (len(self.model), self._size())

    @invariant()
    def bounded(self) -> None:
        """Never more entries or bytes than allowed, and never anything that is not in the model."""
        if not hasattr(self, "cache"):
            return
        living = {row[0] for row in self.model if row[2] > self.now}
        assert {key for key in range(8) if key in self.cache} == living
        assert self.entries is None or len(living) <= self.entries
        assert self.budget is None or self._size() <= self.budget


TestCacheModel = CacheMachine.TestCase
TestCacheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
