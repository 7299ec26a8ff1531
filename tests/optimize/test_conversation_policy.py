import pytest

from otel_perf.optimize.conversation import Conversation
from otel_perf.optimize.trim_policy import PRESETS, Preset, TrimPolicy
from otel_perf.testing.recording import recording


@pytest.mark.feature("S4-01", "S4-02", "S4-05")
@pytest.mark.parametrize(
    ("pairs", "safe", "trigger", "level", "emergency"),
    [(20, 45, 67.5, 24.0, 90.0), (50, 105, 157.5, 60.0, 210.0), (100, 205, 307.5, 120.0, 410.0)],
)
def test_the_four_sizes(pairs: int, safe: int, trigger: float, level: float, emergency: float) -> None:
    """Safe size, trigger, level and emergency size are exactly two per pair and five, 1.5, 1.2 and 2.0 times."""
    policy = TrimPolicy(max_history_pairs=pairs)
    assert policy.safe_size == safe
    assert policy.trigger_size == trigger
    assert policy.trim_level == pytest.approx(level)
    assert policy.emergency_size == emergency


@pytest.mark.feature("S4-02")
def test_the_level_is_told_in_messages_and_in_pairs() -> None:
    """A level of 1.2 times 100 pairs is 120 messages, which are 60 pairs: both numbers are there to read."""
    policy = TrimPolicy(max_history_pairs=100)
    assert (policy.trim_level, policy.trim_level_pairs, policy.keep) == (120.0, 60.0, 120)
    assert "120 messages, which are 60 pairs" in (TrimPolicy.__doc__ or "").replace("\n    ", " ")


@pytest.mark.feature("S4-01")
def test_trimming_begins_above_the_trigger() -> None:
    """At 307 messages nothing is due, at 308 it is, of 100 pairs; tokens alone make it due as well."""
    policy = TrimPolicy(max_history_pairs=100)
    assert not policy.should_trim(307)
    assert policy.should_trim(308)
    budget = TrimPolicy(max_tokens=1000)
    assert not budget.should_trim(2, 900)
    assert budget.should_trim(2, 901)
    assert not budget.should_trim(2)


@pytest.mark.feature("S4-05")
def test_the_kind_of_a_trim() -> None:
    """Above twice the safe size a trim is an emergency; where trimming begins only there it is the normal case."""
    policy = TrimPolicy(max_history_pairs=20)
    assert [policy.kind(messages) for messages in (68, 90, 91)] == ["normal", "normal", "emergency"]
    assert TrimPolicy.preset("development").kind(91) == "normal"
    assert [TrimPolicy(max_tokens=100).kind(2, tokens) for tokens in (100, 101)] == ["normal", "emergency"]


@pytest.mark.feature("S4-06", "S4-07", "S4-08")
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("medium", (100, 1.5, 1.2)),
        ("long", (50, 1.3, 1.1)),
        ("development", (20, 2.0, 1.5)),
        ("production", (100, 1.5, 1.2)),
        ("high_throughput", (50, 1.3, 1.1)),
        ("slow_responses", (50, 1.2, 1.2)),
    ],
)
def test_presets(name: Preset, values: tuple[int, float, float]) -> None:
    """Each preset has its three values, and each of them makes a working policy."""
    policy = TrimPolicy.preset(name)
    assert (policy.max_history_pairs, policy.trim_threshold, policy.safe_trim_level) == values
    assert policy.trim_level < policy.trigger_size
    assert set(PRESETS) == {"medium", "long", "development", "production", "high_throughput", "slow_responses"}


@pytest.mark.feature("S4-07")
@pytest.mark.parametrize("preset", ["development", "production", "high_throughput"])
def test_the_preset_of_instrument_is_that_of_conversations(preset: Preset) -> None:
    """A conversation made under a preset has that preset's policy, and the usual one again afterwards."""
    with recording(preset=preset):
        assert Conversation().policy == TrimPolicy.preset(preset)
        assert Conversation(TrimPolicy(max_history_pairs=7)).policy.max_history_pairs == 7
    assert Conversation().policy == TrimPolicy()


@pytest.mark.parametrize(
    "values",
    [
        {"max_history_pairs": 0},
        {"max_history_pairs": 2.5},
        {"trim_threshold": 0.9},
        {"trim_threshold": float("nan")},
        {"safe_trim_level": 0.0},
        {"safe_trim_level": 4.0},
        {"max_messages": 0},
        {"max_tokens": 0},
        {"keep_first": -1},
    ],
)
def test_nonsense_is_refused(values: dict[str, float]) -> None:
    """Numbers that make no policy are a mistake of the programmer, told at once."""
    with pytest.raises(ValueError, match=next(iter(values))):
        TrimPolicy(**values)  # type: ignore[arg-type]


def test_an_unknown_preset_is_refused() -> None:
    """A misspelt preset is told, with those that exist."""
    with pytest.raises(ValueError, match="no preset 'fast', only medium, long"):
        TrimPolicy.preset("fast")  # type: ignore[arg-type]


def test_an_adapted_policy_fits_the_window() -> None:
    """Pairs are as many as the window holds of messages of the mean size, never more than asked for, one at least."""
    policy = TrimPolicy(max_history_pairs=100)
    adapted = policy.adapted(100.0, context_window=10_000, reply_tokens=1_000)
    assert adapted.max_tokens == 9_000
    assert adapted.max_history_pairs == 24
    assert adapted.trigger_size * 100 <= 9_000
    assert policy.adapted(1.0, 1_000_000).max_history_pairs == 100
    assert policy.adapted(1e9, 10).max_history_pairs == 1
    assert TrimPolicy(max_tokens=50).adapted(10.0, 1000).max_tokens == 50
