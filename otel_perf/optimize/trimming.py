"""Trimming the messages of a conversation: oldest first, instructions and pairs of tool call and result kept whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from otel_perf.optimize.message_shape import Message, answered_calls, is_system, is_user_turn, made_calls

__all__ = ["Limits", "Trimmed", "trim_messages"]

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a trimmed conversation is to keep within.

    Attributes:
        messages: Messages at most; ``None`` for no limit.
        tokens: Tokens at most; ``None`` for no limit.
        keep_first: Messages at the beginning, beside system messages, that stay.
        start_with_user: Whether what is kept begins with a turn of the user, where there is one.
    """

    messages: int | None = None
    tokens: int | None = None
    keep_first: int = 0
    start_with_user: bool = True


@dataclass(frozen=True, slots=True)
class Trimmed(Generic[M]):
    """What trimming gave.

    Attributes:
        messages: What was kept, in order.
        kept: Positions of these in what was given.
        removed: Number of messages that were not kept.
        tokens_before: Tokens of what was given; ``None`` when they are not counted.
        tokens_after: Tokens of what was kept; ``None`` when they are not counted.
        within_limits: Whether the limits are kept. They cannot be when what must stay is more than they allow: system
            messages, the first messages that were to be kept, the last message, and their tool calls and results.
    """

    messages: list[M]
    kept: list[int] = field(repr=False)
    removed: int
    tokens_before: int | None
    tokens_after: int | None
    within_limits: bool

    @property
    def reduction(self) -> float | None:
        """Share that was removed: of the tokens where they are counted, of the messages otherwise; ``None`` of none."""
        if self.tokens_before and self.tokens_after is not None:
            return 1 - self.tokens_after / self.tokens_before
        before = len(self.messages) + self.removed
        return self.removed / before if before else None


def trim_messages(messages: Sequence[M], limits: Limits, tokens: Sequence[int] | None = None) -> Trimmed[M]:
    """Drop the oldest messages until the limits are kept; linear in their number.

    A message that makes tool calls and those with the results are kept or dropped together, wherever they stand.
    System messages, the first ``keep_first`` others and the last message always stay.

    Args:
        messages: Mappings in OpenAI's or Anthropic's shape; they are neither changed nor copied.
        limits: What to keep within.
        tokens: Tokens of each message; needed for a limit of tokens.

    Raises:
        ValueError: Tokens are limited and not given, or given for another number of messages.
    """
    if tokens is not None and len(tokens) != len(messages):
        raise ValueError(f"tokens are given for {len(tokens)} messages, and there are {len(messages)}")
    if limits.tokens is not None and tokens is None:
        raise ValueError("a limit of tokens takes the tokens of each message")
    units = _units(messages)
    staying = _staying(messages, units, limits.keep_first)
    gone = _dropped(messages, units, staying, limits, tokens)
    kept = [position for position in range(len(messages)) if position not in gone]
    before = None if tokens is None else sum(tokens)
    after = None if tokens is None else sum(tokens[position] for position in kept)
    return Trimmed(
        messages=[messages[position] for position in kept],
        kept=kept,
        removed=len(gone),
        tokens_before=before,
        tokens_after=after,
        within_limits=_fits(len(kept), after, limits),
    )


def _fits(messages: int, tokens: int | None, limits: Limits) -> bool:
    too_many = limits.messages is not None and messages > limits.messages
    too_heavy = limits.tokens is not None and tokens is not None and tokens > limits.tokens
    return not (too_many or too_heavy)


def _units(messages: Sequence[Message]) -> list[list[int]]:
    """Positions of the messages that stay or go together, by the first of each.

    A result belongs to the last call of its id before it: some providers count ids anew in every turn.
    """
    home = list(range(len(messages)))
    latest: dict[str, int] = {}

    def root_of(position: int) -> int:
        while home[position] != position:
            home[position] = position = home[home[position]]
        return position

    for position, message in enumerate(messages):
        for name in answered_calls(message):
            one, other = root_of(latest.setdefault(name, position)), root_of(position)
            home[max(one, other)] = min(one, other)
        for name in made_calls(message):
            latest[name] = position
    found: dict[int, list[int]] = {}
    for position in range(len(messages)):
        found.setdefault(root_of(position), []).append(position)
    return list(found.values())


def _staying(messages: Sequence[Message], units: list[list[int]], keep_first: int) -> set[int]:
    """Positions that always stay, whole units of them."""
    pinned = {position for position, message in enumerate(messages) if is_system(message)}
    others = [position for position in range(len(messages)) if position not in pinned]
    pinned.update(others[:keep_first])
    pinned.update(others[-1:])
    return {position for unit in units if not pinned.isdisjoint(unit) for position in unit}


def _dropped(
    messages: Sequence[Message], units: list[list[int]], staying: set[int], limits: Limits, tokens: Sequence[int] | None
) -> set[int]:
    """Positions to drop: the oldest units until the limits are kept, then those before the next turn of the user."""
    count, weight = len(messages), None if tokens is None else sum(tokens)
    gone: set[int] = set()
    droppable = [unit for unit in units if unit[0] not in staying]
    number = 0
    for unit in droppable:
        if _fits(count, weight, limits):
            break
        number += 1
        gone.update(unit)
        count -= len(unit)
        if tokens is not None and weight is not None:
            weight -= sum(tokens[position] for position in unit)
    if gone and limits.start_with_user:
        for unit in _before_user(messages, droppable[number:]):
            gone.update(unit)
    return gone


def _before_user(messages: Sequence[Message], rest: list[list[int]]) -> list[list[int]]:
    """The units before the first turn of the user that is left; none when there is no such turn."""
    for number, unit in enumerate(rest):
        if is_user_turn(messages[unit[0]]):
            return rest[:number]
    return []
