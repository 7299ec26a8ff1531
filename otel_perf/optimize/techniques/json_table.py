"""Lists of objects with the same keys as tables: the keys once, then rows."""

from typing import Any, Final

from otel_perf.optimize.techniques.json_text import dump_json, parse_json, rewrite_json
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError, NothingFoundError, Technique

__all__ = ["JSON_TABLE", "expand_tables", "make_tables"]

COLUMNS: Final = "_columns"
ROWS: Final = "_rows"
LINES: Final = "_lines"
"""Instead of ``_rows`` where each row was a line of its own."""

_NOTATIONS: Final = ({COLUMNS, ROWS}, {COLUMNS, LINES})


def make_tables(document: str) -> str:
    """The document with each list of at least two objects that have the same keys in the same order as a table.

    ``[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]`` becomes
    ``{"_columns":["id","name"],"_rows":[[1,"a"],[2,"b"]]}``, at any depth.

    Raises:
        NotApplicableError: It is no JSON, has no such list, or holds an object with these two keys itself.
    """
    made: list[int] = []
    value = parse_json(document)
    try:
        tables = _tables(value, made)
    except RecursionError:
        raise NotApplicableError("JSON that is nested too deeply") from None
    if not made:
        raise NothingFoundError("no list of objects with the same keys")
    return dump_json(tables)


def expand_tables(document: str) -> str:
    """The document with its tables as lists (or lines) of objects again: ``json.loads`` gives what it gave before."""
    return rewrite_json(document, _expand)


def make_line_table(text: str) -> str:
    """Lines of JSON objects that have the same keys in the same order as one table, its rows under ``_lines``.

    Raises:
        NotApplicableError: The lines are no JSON.
        NothingFoundError: They are not at least two objects with the same keys.
    """
    if text.lstrip()[:1] != "{" or "\n" not in text.strip():
        raise NothingFoundError("no lines of objects with the same keys")
    values = [parse_json(line) for line in text.split("\n") if line.strip()]
    columns = _shared_keys(values)
    if columns is None:
        raise NothingFoundError("no lines of objects with the same keys")
    try:
        rows = [[_tables(item, []) for item in value.values()] for value in values]
    except RecursionError:
        raise NotApplicableError("JSON that is nested too deeply") from None
    return dump_json({COLUMNS: columns, LINES: rows})


def _expand(document: str) -> str:
    value = parse_json(document)
    if isinstance(value, dict) and value.keys() == {COLUMNS, LINES}:
        return "\n".join(map(dump_json, _objects(value[COLUMNS], value[LINES])))
    return dump_json(_lists(value))


def _objects(columns: list[str], rows: list[Any]) -> list[Any]:
    return [dict(zip(columns, map(_lists, row), strict=True)) for row in rows]


def _tables(value: Any, made: list[int]) -> Any:
    if isinstance(value, dict):
        if value.keys() in _NOTATIONS:
            raise NotApplicableError("the JSON holds a table already")
        return {key: _tables(item, made) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [_tables(item, made) for item in value]
    columns = _shared_keys(value)
    if columns is None:
        return items
    made.append(len(items))
    return {COLUMNS: columns, ROWS: [list(item.values()) for item in items]}


def _shared_keys(items: list[Any]) -> list[str] | None:
    if len(items) < 2 or not isinstance(items[0], dict) or not items[0]:  # noqa: PLR2004 - one row is no table
        return None
    columns = list(items[0])
    same = all(isinstance(item, dict) and list(item) == columns for item in items)
    return columns if same else None


def _lists(value: Any) -> Any:
    if isinstance(value, list):
        return [_lists(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {COLUMNS, ROWS}:
        return _objects(value[COLUMNS], value[ROWS])
    return {key: _lists(item) for key, item in value.items()}


def _shrink(text: str, _goal: Goal) -> str:
    if f'"{COLUMNS}"' in text:
        raise NotApplicableError(f"the text holds {COLUMNS} already")
    try:
        return make_line_table(text)
    except NotApplicableError:
        return rewrite_json(text, make_tables)


JSON_TABLE: Final = Technique(
    "json_table",
    "equivalent",
    "JSON lists, and lines, of objects with the same keys become tables: the keys once, then a row of values each. "
    "restore() gives a document of which json.loads gives the same value.",
    _shrink,
    expand_tables,
)
