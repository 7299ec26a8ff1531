"""Attribute values: as the SDK stores them where it can, safe where it cannot."""

import itertools
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes

from otel_perf.tracing.values import (
    CUT,
    CYCLE,
    MAX_CONTAINER_TEXT,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_KEY_LENGTH,
    TOO_DEEP,
    clean_attributes,
    clean_value,
    weight_of,
)
from tests.tracing.nasty_values import (
    NASTY,
    Hostile,
    HostileMapping,
    cyclic_list,
    cyclic_mapping,
    deep,
)

LIMIT = 20

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=LIMIT),
    st.complex_numbers(),
    st.fractions(),
    st.sampled_from([NASTY[name]() for name in ("enum", "int enum", "str enum", "bytearray", "plain object", "deque")]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=30), st.integers(), st.none(), st.floats()), inner, max_size=5),
    ),
    max_leaves=20,
)


def is_clean(value: object, length_limit: int) -> bool:
    """Whether a value is of exact builtin types, within the limit, and can be written as protobuf."""
    kind = type(value)
    if kind is str:
        return len(value) <= max(length_limit, 120) and value.encode("utf-8") is not None  # type: ignore[arg-type, attr-defined]
    if kind is int:
        return -(2**63) <= value < 2**63  # type: ignore[operator]
    if kind is bytes:
        return len(value) <= length_limit  # type: ignore[arg-type]
    if kind is tuple:
        return all(is_clean(element, length_limit) for element in value)  # type: ignore[attr-defined]
    if kind is dict:
        pairs = value.items()  # type: ignore[attr-defined]
        return all(key and is_clean(key, MAX_KEY_LENGTH) and is_clean(member, length_limit) for key, member in pairs)
    return kind in {bool, float, type(None)}


def count(value: object) -> int:
    """A value and everything in it."""
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, tuple) else 1


@given(values)
def test_values_are_stored_as_the_sdk_does(value: Any) -> None:
    """For everything that the SDK can encode, the same value of the same types."""
    stored = BoundedAttributes(attributes={"key": value}, max_value_len=LIMIT)["key"]
    cleaned = clean_value(value, LIMIT)
    if isinstance(value, complex) or "Fraction" in repr(value) or "j" in repr(value):
        # The text of an object is cut like any other text; the SDK forgets to.
        assert is_clean(cleaned, LIMIT)
    else:
        assert repr(cleaned) == repr(exact(stored))


def exact(value: Any) -> Any:
    """The SDK keeps subclasses of int and str, which its encoder then writes as what they are."""
    if isinstance(value, tuple):
        return tuple(map(exact, value))
    if isinstance(value, dict):
        return {key: exact(member) for key, member in value.items()}
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("name", NASTY)
def test_nasty_value_becomes_a_safe_one(name: str) -> None:
    """Nothing raises; what comes out has exact types, is bounded, and is text that UTF-8 can carry."""
    cleaned = clean_value(NASTY[name](), 4096)
    assert is_clean(cleaned, 4096)
    assert count(cleaned) <= MAX_ELEMENTS + MAX_DEPTH + 2
    assert weight_of(cleaned) < 40 * MAX_CONTAINER_TEXT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lone surrogate", "a\ufffdb"),
        ("surrogate pair", "\U0001f600"),
        ("int beyond 64 bits", "9223372036854775808"),
        ("negative int beyond 64 bits", "-9223372036854775809"),
        ("huge int", "<int of 1329 bits>"),
        ("int too long for str", "<int of 16610 bits>"),
        ("infinite", -math.inf),
        ("hostile", "<unprintable Hostile>"),
        ("hostile sequence", "<unprintable HostileSequence>"),
        ("hostile mapping", "<unprintable HostileMapping>"),
        ("hostile element", (1, "<unprintable Hostile>", 2)),
        ("hostile member", {"a": "<unprintable Hostile>", "b": 1}),
        ("class without a name", "<unprintable Nameless>"),
        ("lying text", "truth"),
        ("lying number", 5),
        ("str gives no text", "<unprintable NotText>"),
        ("str gives a lying text", "true text"),
        ("plain object", None),
        ("set", "{1}"),
        ("set of huge ints", "<unprintable set>"),
        ("surrogate key", {"\ufffd": "\ufffd"}),
        ("keys that are no text", {"1": "a", "(1, 2)": "d"}),
        ("user string", "text"),
        ("enum", "Colour.RED"),
        ("int enum", 3),
        ("str enum", "yes"),
        ("exception", "bad \ufffd"),
        ("none", None),
        ("complex", "1j"),
    ],
)
def test_safe_value_says_what_it_was(name: str, expected: Any) -> None:
    """What stands for a nasty value tells as much of it as can be told."""
    cleaned = clean_value(NASTY[name](), 4096)
    assert (cleaned, type(cleaned)) == (expected, type(expected))


def test_generator_is_not_consumed() -> None:
    """A generator is described, never run: it is the application's."""
    seen: list[int] = []

    def numbers() -> Iterator[int]:
        seen.append(1)
        yield 1

    generator = numbers()
    assert str(clean_value([generator], 4096)).startswith("('<generator object")
    assert not seen
    assert next(generator) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interruptions_pass(stop: type[BaseException]) -> None:
    """Only errors of a value's methods are caught; who stops the program stops it."""

    class Stopping:
        def __str__(self) -> str:
            raise stop

    with pytest.raises(stop):
        clean_value([Stopping()], 4096)
    with pytest.raises(stop):
        clean_attributes({Stopping(): 1}, 9, 4096)


def test_long_text_and_bytes_are_cut() -> None:
    """Text is cut to so many characters, bytes to so many bytes, in sequences and mappings too."""
    assert clean_value("é" * 9, 5) == "é" * 5
    assert clean_value(b"x" * 9, 5) == b"x" * 5
    assert clean_value([["y" * 9], {"z" * 9: "z" * 9}], 5) == (("yyyyy",), {"z" * 9: "zzzzz"})
    assert clean_value("x" * 9, 0) == ""


def test_long_sequences_are_cut_and_say_so() -> None:
    """The first thousand elements stay, and a mark stands where the rest was."""
    assert clean_value(range(MAX_ELEMENTS), LIMIT) == tuple(range(MAX_ELEMENTS))
    assert clean_value(range(MAX_ELEMENTS + 1), LIMIT) == (*range(MAX_ELEMENTS), CUT)
    members = clean_value({str(number): number for number in range(2000)}, LIMIT)
    assert isinstance(members, dict)
    assert (len(members), members[CUT]) == (MAX_ELEMENTS + 1, True)


def test_text_in_sequences_is_bounded_in_all() -> None:
    """Many long texts in one value stop at 32 KiB; one long text may stand alone if the limit allows it."""
    cleaned = clean_value(["x" * 4096] * 50, 4096)
    assert isinstance(cleaned, tuple)
    assert (len(cleaned), cleaned[-1]) == (MAX_CONTAINER_TEXT // 4096 + 1, CUT)
    assert clean_value(["x" * 100_000], 100_000) == ("x" * 100_000,)
    assert clean_value(["x" * 50_000, "y"], 100_000) == ("x" * 50_000, "y")
    cleaned = clean_value([b"x" * 4096] * 50, 4096)
    assert isinstance(cleaned, tuple)
    assert (len(cleaned), cleaned[-1]) == (MAX_CONTAINER_TEXT // 4096 + 1, CUT)
    cleaned = clean_value({"k" * 1000 + str(number): number for number in range(100)}, 4096)
    assert isinstance(cleaned, dict)
    assert (len(cleaned), cleaned[CUT]) == (-(-MAX_CONTAINER_TEXT // 1002) + 1, True)


def test_cycles_and_depth_end() -> None:
    """A value inside itself is marked, the same value twice side by side is kept, depth has an end."""
    assert clean_value(cyclic_list(), LIMIT) == (1, CYCLE, CYCLE)
    assert clean_value(cyclic_mapping(), LIMIT) == {"a": 1, "self": CYCLE}
    shared = [1]
    assert clean_value([shared, shared], LIMIT) == ((1,), (1,))
    broken = HostileMapping()
    assert clean_value([broken, broken], LIMIT) == ("<unprintable HostileMapping>",) * 2
    flat = repr(clean_value(deep(2000), LIMIT))
    assert TOO_DEEP in flat
    assert flat.count("(") == MAX_DEPTH


def test_deep_stack_gives_a_value() -> None:
    """A caller that is almost out of stack gets a placeholder, not a RecursionError."""
    results = []

    def descend() -> None:
        try:
            descend()
        except RecursionError:
            results.append(clean_value([[[{"a": Hostile()}]]], LIMIT) if not results else None)
            raise

    with pytest.raises(RecursionError):
        descend()
    assert is_clean(results[0], LIMIT)


def test_later_changes_do_not_show() -> None:
    """The value is a copy: what the application does with its list afterwards is its own business."""
    inner = {"a": 1}
    given_list = [inner]
    cleaned = clean_value(given_list, LIMIT)
    inner["b"] = 2
    given_list.append(inner)
    assert cleaned == ({"a": 1},)


def test_list_may_change_meanwhile() -> None:
    """Another thread that changes a mapping while it is copied does no harm."""
    shared: dict[str, int] = {}
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for number in range(300):
                shared[str(number)] = number
            shared.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        kinds = {type(clean_value(shared, LIMIT)) for _ in range(300)}
    finally:
        done.set()
        thread.join()
    assert kinds == {dict}


# -- whole mappings -------------------------------------------------------------------------------------------------


def test_mapping_is_cleaned_key_by_key() -> None:
    """Keys become text as the SDK does it; what can be no key is dropped and counted."""
    given_attributes: dict[Any, Any] = {"a": [1], 2: "two", "": 3, None: 4, object(): 5, "n": None}
    cleaned, dropped, heavy = clean_attributes(given_attributes, 128, LIMIT)
    assert cleaned == {"a": (1,), "2": "two", "n": None}
    assert dropped == 3
    assert heavy == weight_of((1,))


def test_first_keys_stay() -> None:
    """Past the limit new keys are dropped and counted, so that what was set first is not pushed out."""
    cleaned, dropped, _ = clean_attributes({str(number): number for number in range(1000)}, 3, LIMIT)
    assert (cleaned, dropped) == ({"0": 0, "1": 1, "2": 2}, 997)


def test_same_key_twice_is_one() -> None:
    """Keys that have the same text: the later value wins, also when there is no room for another key."""
    assert clean_attributes({1: "a", "1": "b"}, 1, LIMIT) == ({"1": "b"}, 1, 0)


def test_mapping_without_an_end() -> None:
    """A mapping whose pairs never end is read as far as it can be used."""

    class Endless(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            return map(str, itertools.count())

        def __len__(self) -> int:
            return 5

    assert clean_attributes(Endless(), 3, LIMIT) == ({"0": 1, "1": 1, "2": 1}, 2, 0)


@pytest.mark.parametrize("attributes", [None, {}, 0, ""])
def test_nothing_is_nothing(attributes: object) -> None:
    """No attributes: nothing kept, nothing dropped."""
    assert clean_attributes(attributes, 9, LIMIT) == ({}, 0, 0)


@pytest.mark.parametrize("make", [lambda: 5, lambda: "text", lambda: [("a", 1)], Hostile, HostileMapping, object])
def test_what_is_no_mapping_counts_once(make: Callable[[], object]) -> None:
    """Anything that gives no pairs is one dropped attribute."""
    assert clean_attributes(make(), 9, LIMIT) == ({}, 1, 0)


def test_mapping_that_breaks_off_is_counted() -> None:
    """A mapping that raises on the way gives nothing, and the loss shows."""

    class BreaksOff(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            raise RuntimeError

        def __iter__(self) -> Iterator[str]:
            return iter("ab")

        def __len__(self) -> int:
            return 2

    assert clean_attributes(BreaksOff(), 9, LIMIT) == ({}, 2, 0)


@given(st.dictionaries(st.text(max_size=3), values, max_size=6), st.integers(0, 8))
def test_kept_and_dropped_add_up(attributes: dict[str, Any], count_limit: int) -> None:
    """Every pair is either kept or counted as dropped."""
    cleaned, dropped, heavy = clean_attributes(attributes, count_limit, LIMIT)
    assert len(cleaned) + dropped == len(attributes)
    assert len(cleaned) <= count_limit
    assert heavy >= 0
    assert is_clean(cleaned, LIMIT)


# -- weight ---------------------------------------------------------------------------------------------------------


def test_weight_counts_what_a_leaf_does_not_hold() -> None:
    """Short values are a leaf's own; long ones and containers weigh what they take in memory."""
    assert [weight_of(value) for value in ("x" * 256, b"x" * 256, 5, 1.5, True, None)] == [0] * 6
    assert weight_of("x" * 4096) == sys.getsizeof("x" * 4096)
    assert weight_of(b"x" * 4096) == sys.getsizeof(b"x" * 4096)
    assert weight_of(("x" * 4096, 1)) > 4096 + sys.getsizeof((1, 2))
    assert weight_of({"key": ("x" * 4096,)}) > weight_of(("x" * 4096,))
