"""A YAML document as plain values and line numbers: the safe part of the language, without its traps.

There are no aliases, tags, merges or duplicate keys, and plain words are read by YAML 1.2's narrow rules:
``true``, ``false``, ``null``, decimal numbers. ``010``, ``1e3``, ``12:30``, ``on`` and ``.nan`` stay text,
which the type of a setting then accepts or refuses.
"""

import re
from dataclasses import dataclass, field

import yaml

__all__ = ["MAX_BYTES", "MAX_DEPTH", "BadDocument", "Document", "parse"]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,18})\.[0-9]{1,18}")
WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Only its parser is used, and the one in C is twenty times as fast; values are made here."""


class BadDocument(ValueError):  # noqa: N818 - it reads as what was found
    """The document is refused as a whole.

    Attributes:
        rule: What is wrong with it.
        line: Where, counted from 1; 0 for the document as a whole.
    """

    def __init__(self, rule: str, line: int = 0) -> None:
        super().__init__(rule)
        self.rule = rule
        self.line = line


@dataclass(slots=True)
class Document:
    """A mapping, and for each of its keys (by path) the line on which it stands, from 1."""

    values: dict[str, object] = field(default_factory=dict)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)


def parse(content: bytes) -> Document:
    """Read one document.

    Raises:
        BadDocument: It is too big, too deep, no YAML, no mapping, or uses what is not allowed.
    """
    if len(content) > MAX_BYTES:
        raise BadDocument(f"is larger than {MAX_BYTES // 1024} KiB")
    builder = _Builder()
    try:
        for event in yaml.parse(content.decode(), Loader=LOADER):
            builder.take(event)
    except UnicodeDecodeError:
        raise BadDocument("is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        raise BadDocument(f"is no YAML ({error.problem})", _line(error.problem_mark)) from None
    except yaml.YAMLError:
        raise BadDocument("is no YAML") from None
    if not isinstance(builder.root, dict):
        raise BadDocument("must be a mapping of settings to values", 1)
    return Document(builder.root, builder.lines)


def _line(mark: object) -> int:
    """The line of a mark of either parser, from 1; 0 without a mark."""
    return int(getattr(mark, "line", -1)) + 1


@dataclass(slots=True)
class _Open:
    """A collection that has begun: its values so far, and of a mapping the key that waits for its value."""

    values: dict[str, object] | list[object]
    path: tuple[str, ...]
    key: str | None = None


class _Builder:
    """Makes values out of parser events, with a stack of its own, so that depth costs no recursion."""

    def __init__(self) -> None:
        self.root: object = {}
        self.lines: dict[tuple[str, ...], int] = {}
        self._stack: list[_Open] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """One event of the parser, in order."""
        line = _line(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise BadDocument("holds more than one document", line)
            case yaml.AliasEvent():
                raise BadDocument("aliases are not allowed", line)
            case yaml.ScalarEvent():
                _refuse_tag(event.tag, line)
                self._scalar(event, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                _refuse_tag(event.tag, line)
                self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()

    def _begin(self, values: dict[str, object] | list[object], line: int) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise BadDocument(f"is nested deeper than {MAX_DEPTH} levels", line)
        path: tuple[str, ...] = ()
        if self._stack:
            top = self._stack[-1]
            path = top.path if top.key is None else (*top.path, top.key)
        self._put(values, line)
        self._stack.append(_Open(values, path))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.values, dict) and top.key is None:
            self._key(top, event.value, line)
        else:
            self._put(_value(event.value) if event.implicit[0] else event.value, line)

    def _key(self, top: _Open, key: str, line: int) -> None:
        if key in top.values:
            raise BadDocument(f"the key {key[:40]!r} stands here a second time", line)
        top.key = key
        self.lines[*top.path, key] = line

    def _put(self, value: object, line: int) -> None:
        if not self._stack:
            self.root = {} if value is None else value
            return
        top = self._stack[-1]
        if isinstance(top.values, list):
            top.values.append(value)
        elif top.key is None:
            raise BadDocument("a key must be a word", line)
        else:
            top.values[top.key] = value
            top.key = None


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None:
        raise BadDocument("tags are not allowed", line)


def _value(text: str) -> object:
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    return text
