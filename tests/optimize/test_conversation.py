import threading
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import thread_time
from typing import Any

import pytest

import otel_perf
from otel_perf.core.guard import guard
from otel_perf.core.tool_signals import TOOL_SECONDS
from otel_perf.optimize.context_input import should_inject_context
from otel_perf.optimize.conversation import Conversation, ConversationStats
from otel_perf.optimize.tokens import counter_for
from otel_perf.optimize.trim_policy import TrimPolicy
from otel_perf.testing.capture import Capture

Plain = dict[str, Any]


class CharacterCounter:
    """Counts a token per character, so that numbers in tests are plain to see."""

    name = "characters"
    estimated = False

    def count(self, text: str) -> int:
        """As many tokens as characters."""
        return len(text)


def message(number: int) -> Plain:
    """One message of a plain conversation."""
    return {"role": "user" if number % 2 == 0 else "assistant", "content": f"message {number}"}


def points(capture: Capture, name: str) -> list[tuple[dict[str, Any], Any]]:
    """Attributes and value (a sum's, a gauge's, or count and sum of a histogram) of one metric."""
    return [
        (dict(point.attributes), point.value if hasattr(point, "value") else (point.count, point.sum))
        for point in capture.metrics().get(name, [])
    ]


@pytest.mark.feature("S4-01", "S4-02", "S4-04")
def test_a_growing_conversation_is_trimmed_and_measured(otel_perf_capture: Capture) -> None:
    """The 308th message of 100 pairs trims to 120; counter, share removed, and an event with both sizes tell of it."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_history_pairs=100), name="support")
    with otel_perf.tool_call("turn"):
        results = [conversation.append(message(number)) for number in range(308)]
    assert results[:307] == [None] * 307
    trimmed = results[307]
    assert trimmed is not None
    assert (trimmed.removed, len(conversation)) == (188, 120)
    assert conversation.messages == [message(number) for number in range(188, 308)]
    labels = {"otel_perf.conversation.name": "support", "otel_perf.trim.kind": "normal"}
    assert points(otel_perf_capture, "otel_perf.memory.trim") == [(labels, 1)]
    assert points(otel_perf_capture, "otel_perf.memory.messages.removed") == [(labels, 188)]
    assert points(otel_perf_capture, "otel_perf.memory.trim.reduction") == [(labels, (1, pytest.approx(188 / 308)))]
    (event,) = otel_perf_capture.span("execute_tool turn").events
    assert event.name == "otel_perf.memory.trim"
    assert dict(event.attributes or {}) == {
        **labels,
        "otel_perf.trim.messages.before": 308,
        "otel_perf.trim.messages.after": 120,
        "otel_perf.trim.within_limits": True,
    }


@pytest.mark.feature("S4-05")
def test_an_emergency_is_trimmed_in_any_case(otel_perf_capture: Capture) -> None:
    """Without automatic trimming nothing happens up to twice the safe size; above it the trim is an emergency."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_history_pairs=20), auto_trim=False)
    assert conversation.extend(message(number) for number in range(90)) is None
    assert conversation.append(message(90)) is not None
    assert len(conversation) <= 24
    ((labels, count),) = points(otel_perf_capture, "otel_perf.memory.trim")
    assert (labels["otel_perf.trim.kind"], count) == ("emergency", 1)
    stats = conversation.stats()
    assert (stats.trims, stats.emergency_trims) == (1, 1)


@pytest.mark.feature("S4-03")
def test_trimming_a_thousand_messages_takes_less_than_ten_milliseconds(otel_perf_capture: Capture) -> None:
    """The median of 20 trims of 1,000 messages, tool calls among them, is below 10 ms, an edge of its buckets."""
    turn: list[Plain] = [
        {"role": "user", "content": "where is it?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "0", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "0", "content": "there"},
        {"role": "assistant", "content": "there"},
    ]
    took = []
    for _ in range(20):
        conversation: Conversation[Plain] = Conversation(TrimPolicy(max_history_pairs=100), messages=turn * 250)
        started = thread_time()
        conversation.trim()
        took.append(thread_time() - started)
        assert len(conversation) == 120
    assert median(took) < 0.010
    (point,) = otel_perf_capture.metrics()["otel_perf.memory.trim.duration"]
    assert point.count == 20
    assert 0.01 in point.explicit_bounds
    assert 0.01 in TOOL_SECONDS


@pytest.mark.feature("S2-58", "S2-60")
def test_a_context_that_is_too_small_is_an_overflow(otel_perf_capture: Capture) -> None:
    """Utilization goes above 1 and says so, and each time the window is outgrown counts once."""
    conversation: Conversation[Plain] = Conversation(counter=CharacterCounter(), context_window=100)
    conversation.append({"role": "user", "content": "x" * 47})
    assert (conversation.context_utilization, conversation.overflowed) == (0.5, False)
    conversation.append({"role": "user", "content": "x" * 72})
    assert (conversation.context_utilization, conversation.overflowed) == (1.25, True)
    conversation.append({"role": "user", "content": ""})
    conversation.clear()
    conversation.append({"role": "user", "content": "x" * 198})
    assert conversation.stats().overflows == 2
    labels = {"otel_perf.conversation.name": "default"}
    assert points(otel_perf_capture, "otel_perf.context.overflow") == [(labels, 2)]
    assert points(otel_perf_capture, "otel_perf.kpi.context_utilization") == [(labels, pytest.approx(2.01))]


def test_without_a_window_nothing_is_said_of_it(otel_perf_capture: Capture) -> None:
    """What is not known is None and no metric, never zero."""
    conversation: Conversation[Plain] = Conversation()
    conversation.append(message(0))
    stats = conversation.stats()
    assert (stats.tokens, stats.tokens_estimated, stats.context_utilization, stats.overflowed) == (None,) * 4
    assert "otel_perf.kpi.context_utilization" not in otel_perf_capture.metrics()


@pytest.mark.feature("S4-42")
def test_the_statistics_have_the_promised_keys() -> None:
    """Memory utilization and the time of the last operation are among the numbers, measured."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_messages=10))
    assert conversation.stats().last_operation_time is None
    conversation.extend(message(number) for number in range(5))
    found = conversation.stats().as_dict()
    assert found["memory_utilization"] == 0.5
    assert 0 < found["last_operation_time"] < 1


@pytest.mark.feature("S4-43")
def test_pressure_calls_back_once(otel_perf_capture: Capture) -> None:
    """Above 0.8 the callback runs, once until utilization falls; it may clean up, and its failure harms nothing."""
    told: list[ConversationStats] = []
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_messages=10), on_pressure=told.append)
    conversation.extend(message(number) for number in range(8))
    assert told == []
    conversation.extend([message(8), message(9)])
    conversation.append(message(10))
    assert [stats.memory_utilization for stats in told] == [1.0]
    assert points(otel_perf_capture, "otel_perf.memory.utilization")[0][1] > 0.8

    cleaned: Conversation[Plain]
    cleaned = Conversation(TrimPolicy(max_messages=10), on_pressure=lambda _: cleaned.clear())
    cleaned.extend(message(number) for number in range(9))
    assert len(cleaned) == 0

    def fails(_: ConversationStats) -> None:
        raise OSError("disk full")

    before = guard.counts["conversation"]
    failing: Conversation[Plain] = Conversation(TrimPolicy(max_messages=10), on_pressure=fails)
    failing.extend(message(number) for number in range(9))
    assert guard.counts["conversation"] == before + 1
    assert len(failing) == 9


def test_a_token_budget_trims() -> None:
    """Above nine tenths of the budget the oldest go until six tenths are left, and their tokens are not counted on."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_tokens=100), counter=CharacterCounter())
    results = [conversation.append({"role": "user", "content": "x" * 17}) for _ in range(5)]
    assert [result is None for result in results] == [True, True, True, True, False]
    assert (len(conversation), conversation.tokens) == (3, 60)


def test_adaptive_mode_follows_the_messages() -> None:
    """Long messages lower the number of pairs, and the conversation stays within the window beside the reply."""
    conversation: Conversation[Plain] = Conversation(
        counter=counter_for("gpt-4o"), context_window=4_000, reply_tokens=500, adaptive=True
    )
    for number in range(300):
        conversation.append({"role": "user" if number % 2 == 0 else "assistant", "content": "a few words " * 50})
        assert (conversation.tokens or 0) <= 3_500
    assert conversation.policy.max_history_pairs < 20
    assert conversation.stats().overflows == 0


def test_mistakes_are_told_at_once() -> None:
    """Adaptive mode without numbers to adapt to, a window of nothing, a budget nobody counts: ValueError."""
    with pytest.raises(ValueError, match="adaptive mode takes"):
        Conversation(adaptive=True)
    with pytest.raises(ValueError, match="context_window must be positive"):
        Conversation(context_window=0)
    with pytest.raises(ValueError, match="takes a counter"):
        Conversation(TrimPolicy(max_tokens=10))


def test_threads_lose_no_message() -> None:
    """Eight threads that append at the same time leave every message once, and right numbers."""
    conversation: Conversation[Plain] = Conversation(
        TrimPolicy(max_messages=10_000), counter=CharacterCounter(), context_window=10**6
    )
    barrier = threading.Barrier(8)

    def talk(thread: int) -> None:
        barrier.wait(10)
        for number in range(200):
            conversation.append({"role": "user", "content": f"{thread}-{number}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))
    texts = [entry["content"] for entry in conversation.messages]
    assert sorted(texts) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(200))
    assert conversation.tokens == sum(len(text) + 3 for text in texts)


def test_threads_that_trim_keep_the_bound() -> None:
    """While eight threads append and trim, the conversation never grows past its limit and its numbers stay right."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_messages=50), counter=CharacterCounter())

    def talk(thread: int) -> int:
        longest = 0
        for number in range(200):
            conversation.append({"role": "user", "content": f"{thread}-{number}"})
            longest = max(longest, len(conversation.messages))
        return longest

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(talk, range(8))) <= 50
    stats = conversation.stats()
    assert stats.messages + stats.messages_removed == 1600
    assert stats.tokens == sum(len(entry["content"]) + 3 for entry in conversation.messages)


@pytest.mark.feature("S4-40")
def test_short_inputs_get_no_context(otel_perf_capture: Capture) -> None:
    """Below 100 characters the answer is no and counts as skipped with its reason; from 100 on it is yes."""
    assert [should_inject_context("x" * length) for length in (0, 99, 100, 101)] == [False, False, True, True]
    assert should_inject_context("short", minimum=3)
    labels = {"otel_perf.skip.reason": "short_input"}
    assert points(otel_perf_capture, "otel_perf.context.skipped") == [(labels, 2)]


def test_a_conversation_says_what_it_is() -> None:
    """Its text names it and says how full it is, and never what was said."""
    conversation: Conversation[Plain] = Conversation(TrimPolicy(max_messages=4), name="support", messages=[message(0)])
    assert repr(conversation) == "Conversation('support', 1 messages, utilization=25%)"
