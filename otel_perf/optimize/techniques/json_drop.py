"""Members that are null and records that are there already, left out of JSON."""

from typing import Any, Final

from otel_perf.optimize.techniques.json_text import dump_json, parse_json, rewrite_json
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, NothingFoundError, Technique

__all__ = ["JSON_DROP", "drop_redundant"]


class _Reduction:
    """Strictly private: equal values get the same number, so that comparing costs the same at any depth."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}
        self.dropped = 0

    def reduce(self, value: Any) -> tuple[Any, int]:
        """The value without what is dropped, and its number."""
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return self._array(value)
        return value, self._number((type(value), repr(value)))

    def _object(self, value: dict[str, Any]) -> tuple[Any, int]:
        members = {name: self.reduce(item) for name, item in value.items() if item is not None}
        self.dropped += len(value) - len(members)
        key = sorted((name, number) for name, (_, number) in members.items())
        return {name: item for name, (item, _) in members.items()}, self._number(("object", *key))

    def _array(self, value: list[Any]) -> tuple[Any, int]:
        kept: list[Any] = []
        numbers: list[int] = []
        seen: set[int] = set()
        for element in value:
            item, number = self.reduce(element)
            if isinstance(item, dict) and number in seen:
                self.dropped += 1
                continue
            seen.add(number)
            kept.append(item)
            numbers.append(number)
        return kept, self._number(("array", *numbers))

    def _number(self, key: tuple[object, ...]) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def drop_redundant(document: str) -> str:
    """The document without members that are null, and without objects that their array holds already.

    The first of equal objects stays. Numbers, texts, arrays and null inside arrays stay, since their place counts.

    Raises:
        NotApplicableError: It is no JSON, or there is nothing to leave out.
    """
    reduction = _Reduction()
    value = parse_json(document)
    try:
        reduced, _ = reduction.reduce(value)
    except RecursionError:
        raise NotApplicableError("JSON that is nested too deeply") from None
    if not reduction.dropped:
        raise NothingFoundError("no null members and no repeated objects")
    return dump_json(reduced)


def _shrink(text: str, _goal: Goal) -> str:
    return rewrite_json(text, drop_redundant)


JSON_DROP: Final = Technique(
    "json_drop",
    "lossy",
    "Members of JSON objects that are null are left out, and objects that their array holds already.",
    _shrink,
)
