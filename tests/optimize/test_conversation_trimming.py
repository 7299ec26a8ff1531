from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.optimize.message_shape import answered_calls, is_system, is_user_turn, made_calls, text_of
from otel_perf.optimize.trimming import Limits, trim_messages

Plain = dict[str, Any]


def openai_call(*ids: str) -> Plain:
    """An answer that calls tools, in OpenAI's shape."""
    calls = [{"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def openai_result(name: str) -> Plain:
    """A tool's result, in OpenAI's shape."""
    return {"role": "tool", "tool_call_id": name, "content": "found"}


def anthropic_call(*ids: str) -> Plain:
    """An answer that calls tools, in Anthropic's shape."""
    parts = [{"type": "tool_use", "id": name, "name": "f", "input": {"q": "x"}} for name in ids]
    return {"role": "assistant", "content": [{"type": "text", "text": "let me look"}, *parts]}


def anthropic_result(*ids: str) -> Plain:
    """Results of several tools in one message, in Anthropic's shape."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": name, "content": "x"} for name in ids]}


USER: Plain = {"role": "user", "content": "a question"}
ANSWER: Plain = {"role": "assistant", "content": "an answer"}
SYSTEM: Plain = {"role": "system", "content": "be brief"}


def test_the_oldest_go_first() -> None:
    """Of ten messages limited to four the last four stay, in order."""
    messages = [{"role": "user" if n % 2 == 0 else "assistant", "content": str(n)} for n in range(10)]
    trimmed = trim_messages(messages, Limits(4))
    assert [message["content"] for message in trimmed.messages] == ["6", "7", "8", "9"]
    assert (trimmed.removed, trimmed.within_limits, trimmed.reduction) == (6, True, 0.6)
    assert trimmed.messages[0] is messages[6]


def test_system_messages_stay_wherever_they_are() -> None:
    """Instructions at the start and in the middle stay, under either name of their role."""
    late = {"role": "developer", "content": "now in French"}
    trimmed = trim_messages([SYSTEM, USER, ANSWER, late, USER, ANSWER, USER], Limits(3))
    assert trimmed.messages == [SYSTEM, late, USER]


@pytest.mark.parametrize(
    ("call", "results"),
    [
        (openai_call("a", "b"), [openai_result("a"), openai_result("b")]),
        (anthropic_call("a", "b"), [anthropic_result("a", "b")]),
        (
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            [{"type": "function_call_output", "call_id": "a", "output": "found"}],
        ),
    ],
)
def test_a_call_and_its_results_stay_together(call: Plain, results: list[Plain]) -> None:
    """Where the limit would cut between a call and its results, both go; where the last message is one, both stay."""
    before = [USER, call, *results, ANSWER, USER, ANSWER]
    assert trim_messages(before, Limits(len(results) + 3)).messages == [USER, ANSWER]
    ending = [USER, ANSWER, USER, call, *results]
    kept = trim_messages(ending, Limits(1))
    assert kept.messages == [call, *results]
    assert not kept.within_limits


def test_ids_that_are_used_again_make_new_pairs() -> None:
    """A provider that calls every call "0" does not chain the whole conversation together."""
    turns = [USER, openai_call("0"), openai_result("0"), ANSWER]
    assert trim_messages(turns * 10, Limits(8)).messages == turns * 2


def test_what_is_kept_begins_with_a_turn_of_the_user() -> None:
    """An answer whose question is gone goes as well, unless that is switched off."""
    messages = [USER, ANSWER, USER, ANSWER, USER]
    assert trim_messages(messages, Limits(4)).messages == [USER, ANSWER, USER]
    assert trim_messages(messages, Limits(4, start_with_user=False)).messages == [ANSWER, USER, ANSWER, USER]


def test_an_agents_task_can_be_kept() -> None:
    """The first message beside the instructions stays when the policy says so, however long the agent goes on."""
    turns = [part for n in range(50) for part in (openai_call(str(n)), openai_result(str(n)))]
    trimmed = trim_messages([SYSTEM, USER, *turns], Limits(10, keep_first=1))
    assert trimmed.messages == [SYSTEM, USER, *turns[-8:]]


def test_tokens_limit_as_well() -> None:
    """With a budget of tokens the oldest go until it is kept, and the share removed is that of tokens."""
    messages = [USER, ANSWER, USER, ANSWER, USER]
    trimmed = trim_messages(messages, Limits(tokens=60), [100, 10, 20, 20, 20])
    assert trimmed.kept == [2, 3, 4]
    assert (trimmed.tokens_before, trimmed.tokens_after, trimmed.within_limits) == (170, 60, True)
    assert trimmed.reduction == pytest.approx(110 / 170)


def test_what_cannot_fit_is_said() -> None:
    """When what must stay is more than the budget, all else goes and the result says that it does not fit."""
    trimmed = trim_messages([SYSTEM, USER, ANSWER, USER], Limits(tokens=10), [8, 5, 5, 5])
    assert trimmed.messages == [SYSTEM, USER]
    assert not trimmed.within_limits


def test_nothing_due_nothing_done() -> None:
    """Within the limits nothing is removed, also an answer at the beginning; of nothing there is no reduction."""
    trimmed = trim_messages([ANSWER, USER], Limits(2))
    assert (trimmed.messages, trimmed.removed, trimmed.reduction) == ([ANSWER, USER], 0, 0.0)
    assert trim_messages([], Limits(1)).reduction is None


def test_tokens_must_belong_to_the_messages() -> None:
    """A limit of tokens without their numbers, or with too few of them, is a mistake told at once."""
    with pytest.raises(ValueError, match="takes the tokens of each message"):
        trim_messages([USER], Limits(tokens=1))
    with pytest.raises(ValueError, match="1 messages, and there are 2"):
        trim_messages([USER, ANSWER], Limits(), [1])


def test_text_of_calls_and_results() -> None:
    """What the model reads of a message is all of its text, arguments and results included, and no ids."""
    assert text_of(USER) == "a question"
    assert text_of(openai_call("id-1")) == "f\n{}"
    assert text_of(anthropic_call("id-1")) == "let me look\nf\nx"
    assert text_of({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:AAAA"}}]}) == ""
    assert (
        text_of({"role": "tool", "tool_call_id": "id-1", "content": [{"type": "text", "text": "found"}, 7]})
        == "found\n7"
    )


@st.composite
def conversations(draw: st.DrawFn) -> list[Plain]:
    """Up to forty messages: turns with and without tools in both shapes, instructions anywhere, ids used again."""
    messages: list[Plain] = []
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["turn", "openai", "anthropic", "system", "parallel", "orphan"]))
        name = draw(st.sampled_from(["0", "1", "2", "3"]))
        messages += {
            "turn": [USER, ANSWER],
            "openai": [USER, openai_call(name), openai_result(name), ANSWER],
            "anthropic": [USER, anthropic_call(name), anthropic_result(name), ANSWER],
            "parallel": [USER, openai_call("x", "y"), openai_result("y"), SYSTEM, openai_result("x"), ANSWER],
            "system": [SYSTEM],
            "orphan": [openai_result("lost")],
        }[kind]
    return messages[: draw(st.integers(0, 40))]


def partners(messages: list[Plain]) -> list[tuple[int, int]]:
    """Positions of each call and of a result of it: the last call of that id before the result."""
    found: list[tuple[int, int]] = []
    latest: dict[str, int] = {}
    for position, message in enumerate(messages):
        found += [(latest[name], position) for name in answered_calls(message) if name in latest]
        latest.update(dict.fromkeys(made_calls(message), position))
    return found


@given(conversations(), st.integers(1, 12), st.integers(0, 3), st.booleans(), st.data())
def test_trimming_keeps_its_promises(
    messages: list[Plain],
    limit: int,
    keep_first: int,
    start_with_user: bool,
    data: st.DataObject,
) -> None:
    """Order, system messages, the last message and pairs are kept; it ends within the limits, or says it cannot."""
    tokens = data.draw(st.lists(st.integers(0, 50), min_size=len(messages), max_size=len(messages)))
    limits = Limits(limit, data.draw(st.integers(1, 400)), keep_first, start_with_user)
    trimmed = trim_messages(messages, limits, tokens)
    kept = trimmed.kept
    assert kept == sorted(set(kept))
    assert trimmed.messages == [messages[position] for position in kept]
    assert trimmed.removed == len(messages) - len(kept)
    assert all(position in kept for position, message in enumerate(messages) if is_system(message))
    others = [position for position, message in enumerate(messages) if not is_system(message)]
    assert set(others[:keep_first] + others[-1:]) <= set(kept)
    for call, result in partners(messages):
        assert (call in kept) == (result in kept)
    heavy = sum(tokens[position] for position in kept)
    assert (trimmed.tokens_before, trimmed.tokens_after) == (sum(tokens), heavy)
    assert trimmed.within_limits == (len(kept) <= limit and heavy <= (limits.tokens or 0))
    if not trimmed.within_limits:  # then nothing is left that could have gone
        again = trim_messages(trimmed.messages, limits, [tokens[position] for position in kept])
        assert again.removed == 0
    talk = [message for message in trimmed.messages if not is_system(message)]
    # Where the last message is a result, its call stays as well, wherever it stands.
    if trimmed.removed and start_with_user and not keep_first and not (talk and answered_calls(talk[-1])):
        turns = [is_user_turn(message) for message in talk[:-1]]
        assert turns[:1] != [False] or not any(turns)
