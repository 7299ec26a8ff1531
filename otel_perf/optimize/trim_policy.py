"""When a conversation is trimmed, and how far: the thresholds, as numbers of messages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final, Literal, Self, TypeAlias

__all__ = ["PRESETS", "Preset", "TrimKind", "TrimPolicy", "default_policy", "use_default_policy"]

TrimKind: TypeAlias = Literal["normal", "emergency"]
Preset: TypeAlias = Literal["medium", "long", "development", "production", "high_throughput", "slow_responses"]

EMERGENCY: Final = 2.0
"""Times the safe size at which a conversation is trimmed in any case."""
TOKEN_TRIGGER: Final = 0.9
"""Share of the token budget at which trimming begins, so that the next message still fits."""
TOKEN_LEVEL: Final = 0.6
"""Share of the token budget that trimming leaves, so that it is not needed again at once."""

PRESETS: Final[Mapping[Preset, tuple[int, float, float]]] = {
    "medium": (100, 1.5, 1.2),
    "long": (50, 1.3, 1.1),
    "development": (20, 2.0, 1.5),
    "production": (100, 1.5, 1.2),
    "high_throughput": (50, 1.3, 1.1),
    "slow_responses": (50, 1.2, 1.2),
}
"""``max_history_pairs``, ``trim_threshold`` and ``safe_trim_level`` by name: for conversations of 100 to 1,000 messages
and of more, for three surroundings, and for when answers are slow or memory is short."""


@dataclass(frozen=True, slots=True)
class TrimPolicy:
    """How long a conversation may grow. All sizes are counted in messages, system messages included.

    The two sizes that are made of pairs do not mean the same: the safe size is two messages for each pair, and five
    more; the trim level is 1.2 messages for each pair. So 100 pairs are safe up to 205 messages, trimming begins above
    307.5 of them, and leaves 120 messages, which are 60 pairs. ``trim_level`` and ``trim_level_pairs`` tell both; a
    ``safe_trim_level`` of 2.0 keeps all of the pairs.

    Attributes:
        max_history_pairs: Pairs of a question and its answer to keep, as a rule.
        trim_threshold: Times the safe size above which trimming begins.
        safe_trim_level: Times ``max_history_pairs``: the messages that trimming leaves.
        max_messages: Trim above so many messages, to so many, whatever the pairs; ``None`` for by pairs.
        max_tokens: Budget of tokens beside that: trimmed above nine tenths of it, to six tenths; ``None`` for none.
        keep_first: Messages at the beginning, beside system messages, that stay: the task of an agent, say.
        start_with_user: Whether what is kept begins with a turn of the user, where there is one; some models demand it.
    """

    max_history_pairs: int = 100
    trim_threshold: float = 1.5
    safe_trim_level: float = 1.2
    max_messages: int | None = None
    max_tokens: int | None = None
    keep_first: int = 0
    start_with_user: bool = True

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: A number makes no sense.
        """
        for name, least in (("max_history_pairs", 1), ("max_messages", 1), ("max_tokens", 1), ("keep_first", 0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"{name} must be an integer from {least} on, not {value!r}")
        if not 1 <= self.trim_threshold < inf:
            raise ValueError(f"trim_threshold must be a number from 1 on, not {self.trim_threshold!r}")
        if not 0 < self.safe_trim_level * self.max_history_pairs <= self.trigger_size:
            raise ValueError("safe_trim_level must be positive, and leave fewer messages than trimming begins with")

    @classmethod
    def preset(cls, name: Preset) -> Self:
        """The policy of a preset.

        Raises:
            ValueError: There is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}, only {', '.join(PRESETS)}")
        return cls(*PRESETS[name])

    @property
    def safe_size(self) -> int:
        """Messages up to which nothing is ever done: ``max_history_pairs * 2 + 5``."""
        return self.max_history_pairs * 2 + 5

    @property
    def trigger_size(self) -> float:
        """Messages above which trimming begins: ``safe_size * trim_threshold``."""
        return self.safe_size * self.trim_threshold

    @property
    def trim_level(self) -> float:
        """Messages that trimming leaves: ``max_history_pairs * safe_trim_level``."""
        return self.max_history_pairs * self.safe_trim_level

    @property
    def trim_level_pairs(self) -> float:
        """The same in pairs: half of ``trim_level``."""
        return self.trim_level / 2

    @property
    def emergency_size(self) -> float:
        """Messages above which a conversation is trimmed in any case: ``safe_size * 2``."""
        return self.safe_size * EMERGENCY

    @property
    def limit(self) -> float:
        """Messages above which trimming begins: ``max_messages`` if given, else ``trigger_size``."""
        return self.trigger_size if self.max_messages is None else self.max_messages

    @property
    def keep(self) -> int:
        """Whole messages that trimming leaves at most."""
        return max(1, int(self.trim_level)) if self.max_messages is None else self.max_messages

    def should_trim(self, messages: int, tokens: int | None = None) -> bool:
        """Whether a conversation of so many messages, and tokens if they are known, is to be trimmed."""
        if messages > self.limit:
            return True
        return self.max_tokens is not None and tokens is not None and tokens > self.max_tokens * TOKEN_TRIGGER

    def kind(self, messages: int, tokens: int | None = None) -> TrimKind:
        """``emergency`` above the emergency size or the token budget, ``normal`` otherwise.

        Where trimming begins at the emergency size or above it (``trim_threshold`` of 2.0) that is the normal size.
        """
        if self.max_tokens is not None and tokens is not None and tokens > self.max_tokens:
            return "emergency"
        return "emergency" if messages > self.emergency_size > self.limit else "normal"

    @property
    def keep_tokens(self) -> int | None:
        """Tokens that trimming leaves at most; ``None`` without a budget."""
        return None if self.max_tokens is None else max(1, int(self.max_tokens * TOKEN_LEVEL))

    def adapted(self, tokens_per_message: float, context_window: int, reply_tokens: int = 0) -> Self:
        """This policy for messages of a given size and a model of a given window.

        The token budget becomes what the window leaves beside the reply, and the pairs so many that trimming begins
        before messages of that size use it up; there are never more pairs than before, and at least one.

        Args:
            tokens_per_message: Mean of the conversation so far.
            context_window: Tokens that the model takes, request and answer together.
            reply_tokens: Tokens to leave for the answer.
        """
        budget = max(1, context_window - reply_tokens)
        fitting = budget * TOKEN_TRIGGER / max(1.0, tokens_per_message)
        pairs = int((fitting / self.trim_threshold - 5) / 2)
        tokens = budget if self.max_tokens is None else min(budget, self.max_tokens)
        return replace(self, max_history_pairs=max(1, min(self.max_history_pairs, pairs)), max_tokens=tokens)


_default: TrimPolicy | None = None


def default_policy() -> TrimPolicy:
    """The policy of conversations that are given none: that of the preset in force, else ``TrimPolicy()``."""
    return _default or TrimPolicy()


def use_default_policy(policy: TrimPolicy | None) -> None:
    """Give conversations made from now on this policy, unless they have one; ``None`` for the usual one again."""
    global _default  # noqa: PLW0603 - one setting of the process
    _default = policy
