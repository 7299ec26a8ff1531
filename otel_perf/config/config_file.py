"""The YAML file of settings: read once, trusted only when nobody else can change it, offered key by key."""

import os
import stat
from pathlib import Path

from otel_perf.config import document
from otel_perf.config.draft import Candidate, Draft, suggestion
from otel_perf.config.rules import OTLP_FIELDS, SIGNALS, TYPES
from otel_perf.config.sources import Source, printable, shown

__all__ = ["offer"]

TOP_LEVEL = tuple(name for name in TYPES if "." not in name and name != "config_file")


def offer(draft: Draft, named: Candidate) -> None:
    """Offer every key of the file that an argument or a variable names; one line when there is no using it."""
    path = named.value
    try:
        found = _trusted(path)
    except document.BadDocument as bad:
        where = f"{printable(str(path))}:{bad.line}" if bad.line else named.where
        draft.refuse("", where, bad.rule, named.source, "the file is not used")
        return
    _offer_keys(draft, _File(printable(str(path)), found), "", found.values)


def _trusted(path: Path) -> document.Document:
    """The document; one with secrets only when nobody else could have written it."""
    content, exposed = _read(path)
    found = document.parse(content)
    if exposed and any(keys[-1] == "headers" for keys in found.lines):
        raise document.BadDocument(f"holds headers and {exposed}")
    return found


def _read(path: Path) -> tuple[bytes, str]:
    """The content, and how others could change it (empty when they cannot)."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            content = file.read(document.MAX_BYTES + 1) if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        raise document.BadDocument(f"cannot be read ({error.strerror})") from None
    if content is None:
        raise document.BadDocument("is no regular file")
    return content, _exposed(status)


def _without_waiting(path: str, flags: int) -> int:
    """Open a named pipe without waiting for its other end; what is no regular file is refused afterwards."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _exposed(status: os.stat_result) -> str:
    """As ssh does with keys: only the user and root may be able to write a file that decides where secrets go."""
    if not hasattr(os, "geteuid"):
        return ""
    if status.st_uid not in (os.geteuid(), 0):
        return "belongs to another user; chown it"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be changed by other users; chmod go-w it"
    return ""


class _File:
    """Says where a key stands."""

    def __init__(self, name: str, found: document.Document) -> None:
        self._name = name
        self._lines = found.lines

    def source(self, key: str) -> Source:
        return Source("file", f"{self._name}:{self._lines.get(tuple(key.split('.')), 0)}")


def _offer_keys(draft: Draft, file: _File, prefix: str, values: dict[str, object]) -> None:
    """One level of the file: the settings themselves, or those of one signal."""
    known = OTLP_FIELDS if prefix else (*TOP_LEVEL, *SIGNALS)
    for key, value in values.items():
        name = f"{prefix}{key}"
        source = file.source(name)
        label = f"{source.detail} {name}"
        if key not in known:
            draft.refuse("", f"{source.detail} {shown(name)}", suggestion(key, known), source, "ignored")
        elif key not in SIGNALS or prefix:
            draft.offer(name, value, source, label)
        elif isinstance(value, dict):
            _offer_keys(draft, file, f"{key}.", value)
        elif value is not None:
            draft.refuse("", label, "must be a mapping of OTLP settings", source, "ignored")
