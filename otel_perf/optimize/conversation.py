"""A conversation that is trimmed in time, and says how full it is."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.optimize.conversation_meter import ConversationMeter
from otel_perf.optimize.message_shape import Message, text_of
from otel_perf.optimize.token_counter import TokenCounter
from otel_perf.optimize.trim_policy import TrimPolicy, default_policy
from otel_perf.optimize.trimming import Limits, Trimmed, trim_messages

__all__ = ["Conversation", "ConversationStats"]

M = TypeVar("M", bound=Message)

TOKENS_AROUND: Final = 3
"""Tokens that a chat model puts around each message (OpenAI's published way of counting)."""
PRESSURE: Final = 0.8


@dataclass(frozen=True, slots=True)
class ConversationStats:
    """A conversation at one moment. What is not measured is ``None``.

    Attributes:
        messages: Messages that are kept.
        tokens: Their tokens; ``None`` without a counter.
        tokens_estimated: Whether these are an estimate; ``None`` without a counter.
        memory_utilization: Messages over the number at which trimming begins.
        context_utilization: Tokens over the context window; above 1 it does not fit.
        overflowed: Whether it does not fit now; ``None`` where that is not known.
        overflows: How often it came to that.
        trims: How often it was trimmed, emergencies included.
        emergency_trims: How often that was an emergency.
        messages_removed: Messages that trimming removed so far.
        last_operation_time: Seconds that the last change took, trimming included; ``None`` before the first.
    """

    messages: int
    tokens: int | None
    tokens_estimated: bool | None
    memory_utilization: float
    context_utilization: float | None
    overflowed: bool | None
    overflows: int
    trims: int
    emergency_trims: int
    messages_removed: int
    last_operation_time: float | None

    def as_dict(self) -> dict[str, Any]:
        """The same by name, for logs and JSON."""
        return asdict(self)


class Conversation(Generic[M]):
    """Messages in order, trimmed when there are too many. Thread-safe; nothing waits, so it is at home in coroutines.

    >>> conversation = Conversation(TrimPolicy.preset("long"), name="support")
    >>> conversation.append({"role": "user", "content": "Hello"})
    >>> answer = model(conversation.messages)
    """

    def __init__(  # noqa: PLR0913 - each has a default that is right by itself
        self,
        policy: TrimPolicy | None = None,
        *,
        messages: Iterable[M] = (),
        name: str = "default",
        counter: TokenCounter | None = None,
        context_window: int | None = None,
        reply_tokens: int = 0,
        adaptive: bool = False,
        auto_trim: bool = True,
        pressure: float = PRESSURE,
        on_pressure: Callable[[ConversationStats], object] | None = None,
    ) -> None:
        """Begin with ``messages``; they are not trimmed before the first that is appended.

        Args:
            policy: When to trim, and how far; otherwise that of the preset of ``instrument()``, or ``TrimPolicy()``.
            messages: Earlier messages.
            name: Label of the metrics: a kind of conversation, never an id.
            counter: Counts tokens, as ``counter_for("gpt-4o")``; without one only messages are counted.
            context_window: Tokens that the model takes, as ``context_window_of("gpt-4o")``.
            reply_tokens: Tokens of the window to leave for the answer, in adaptive mode.
            adaptive: Derive pairs and token budget from the size of the messages and the window.
            auto_trim: Trim as soon as the policy says so; otherwise only in an emergency, and by ``trim()``.
            pressure: Memory utilization above which ``on_pressure`` is called, once until it falls again.
            on_pressure: What to do then, such as storing old messages elsewhere. Its exceptions are counted, not
                raised. It runs on the thread that appended, after the append, and may use the conversation.

        Raises:
            ValueError: The window is not positive, or adaptive mode has no counter or no window.
        """
        if context_window is not None and context_window < 1:
            raise ValueError(f"context_window must be positive, not {context_window!r}")
        if adaptive and (counter is None or context_window is None):
            raise ValueError("adaptive mode takes a counter and a context_window")
        if policy is not None and policy.max_tokens is not None and counter is None:
            raise ValueError("a policy with max_tokens takes a counter")
        self.name = name
        self.context_window = context_window
        self._policy = policy or default_policy()
        self._counter = counter
        self._reply_tokens = reply_tokens
        self._adaptive = adaptive
        self._auto_trim = auto_trim
        self._pressure = pressure
        self._on_pressure = on_pressure
        self._under_pressure = False
        self._lock = threading.RLock()
        self._meter = ConversationMeter(name)
        self._last_seconds: float | None = None
        self._messages: list[M] = list(messages)
        self._tokens = [self._count(message) for message in self._messages] if counter is not None else []
        self._total = sum(self._tokens)

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        return f"Conversation({self.name!r}, {len(self)} messages, utilization={self.memory_utilization:.0%})"

    # -- changing it -----------------------------------------------------------------------------------------------

    def append(self, message: M) -> Trimmed[M] | None:
        """Add one message; gives what trimming did, ``None`` when none was due."""
        return self.extend((message,))

    def extend(self, messages: Iterable[M]) -> Trimmed[M] | None:
        """Add messages that belong together, then trim once if it is due; gives what that did, else ``None``."""
        added = list(messages)
        weights = [self._count(message) for message in added] if self._counter is not None else []
        started_ns = clock.monotonic_ns()
        with self._lock:
            self._messages.extend(added)
            self._tokens.extend(weights)
            self._total += sum(weights)
            policy = self.policy
            kind = policy.kind(len(self._messages), self.tokens)
            due = policy.should_trim(len(self._messages), self.tokens)
            trimmed = self._trim(policy) if due and (self._auto_trim or kind == "emergency") else None
            self._settle(started_ns)
            pressed = self._newly_under_pressure()
        if pressed and self._on_pressure is not None:
            guard.call("conversation", self._on_pressure, self.stats())
        return trimmed

    def trim(self) -> Trimmed[M]:
        """Trim to the policy's level now, whether it is due or not."""
        started_ns = clock.monotonic_ns()
        with self._lock:
            trimmed = self._trim(self.policy)
            self._settle(started_ns)
            self._newly_under_pressure()
            return trimmed

    def clear(self) -> None:
        """Remove all messages."""
        with self._lock:
            self._messages.clear()
            self._tokens.clear()
            self._total = 0
            self._settle(clock.monotonic_ns())
            self._under_pressure = False

    # -- looking at it ---------------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[M]:
        """The messages, in order: a new list of the same objects."""
        with self._lock:
            return list(self._messages)

    @property
    def policy(self) -> TrimPolicy:
        """The policy in force; in adaptive mode as the messages so far make it."""
        with self._lock:
            if not self._adaptive or self.context_window is None or not self._messages:
                return self._policy
            mean = self._total / len(self._messages)
            return self._policy.adapted(mean, self.context_window, self._reply_tokens)

    @property
    def tokens(self) -> int | None:
        """Tokens of all messages; ``None`` without a counter."""
        return None if self._counter is None else self._total

    @property
    def memory_utilization(self) -> float:
        """Messages over the number at which trimming begins; above 1 where trimming waits or could not help."""
        with self._lock:
            return len(self._messages) / self.policy.limit

    @property
    def context_utilization(self) -> float | None:
        """Tokens over the context window, above 1 when it does not fit; ``None`` without a counter or a window."""
        with self._lock:
            if self._counter is None or self.context_window is None:
                return None
            return self._total / self.context_window

    @property
    def overflowed(self) -> bool | None:
        """Whether it does not fit the context window; ``None`` where that is not known."""
        used = self.context_utilization
        return None if used is None else used > 1

    def stats(self) -> ConversationStats:
        """All numbers at one moment."""
        with self._lock:
            return ConversationStats(
                messages=len(self._messages),
                tokens=self.tokens,
                tokens_estimated=None if self._counter is None else self._counter.estimated,
                memory_utilization=self.memory_utilization,
                context_utilization=self.context_utilization,
                overflowed=self.overflowed,
                overflows=self._meter.overflows,
                trims=self._meter.trims,
                emergency_trims=self._meter.emergency_trims,
                messages_removed=self._meter.messages_removed,
                last_operation_time=self._last_seconds,
            )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _count(self, message: M) -> int:
        counter = self._counter
        return 0 if counter is None else counter.count(text_of(message)) + TOKENS_AROUND

    def _trim(self, policy: TrimPolicy) -> Trimmed[M]:
        started_ns = clock.monotonic_ns()
        kind = policy.kind(len(self._messages), self.tokens)
        limits = Limits(policy.keep, policy.keep_tokens, policy.keep_first, policy.start_with_user)
        trimmed = trim_messages(self._messages, limits, None if self._counter is None else self._tokens)
        if self._counter is not None:
            self._tokens = [self._tokens[position] for position in trimmed.kept]
            self._total = sum(self._tokens)
        self._messages = list(trimmed.messages)
        self._meter.trimmed(trimmed, kind, (clock.monotonic_ns() - started_ns) / 1e9)
        return trimmed

    def _settle(self, started_ns: int) -> None:
        self._last_seconds = (clock.monotonic_ns() - started_ns) / 1e9
        self._meter.sized(self.memory_utilization, self.context_utilization)

    def _newly_under_pressure(self) -> bool:
        was, self._under_pressure = self._under_pressure, self.memory_utilization > self._pressure
        return self._under_pressure and not was
