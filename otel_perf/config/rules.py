"""What a setting may be: the types of ``Settings`` decide, this module says it in words."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from otel_perf.config.headers import Headers
from otel_perf.config.settings import OtlpSettings, Settings

__all__ = ["OTLP_FIELDS", "SIGNALS", "TYPES", "Refused", "check", "leaf", "phrase"]

SIGNALS = ("traces", "metrics", "logs")
OTLP_FIELDS = tuple(field.name for field in msgspec.structs.fields(OtlpSettings))

TYPES: dict[str, Any] = {
    field.name: field.type for field in msgspec.structs.fields(Settings) if field.name not in SIGNALS
}
"""Every name that a source may set, to its type; ``traces.endpoint`` and its like stand for one signal."""
TYPES.update((f"{signal}.{name}", TYPES[name]) for signal in SIGNALS for name in OTLP_FIELDS)

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
"""The token of RFC 9110, in the lower case that gRPC wants."""
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class Refused(ValueError):  # noqa: N818 - it reads as what happened to the value
    """A value breaks a rule; the message is the rule, and never holds the value."""


def leaf(field: str) -> str:
    """The field's own name: ``endpoint`` of ``traces.endpoint``."""
    return field.rpartition(".")[2]


def check(field: str, value: object) -> Any:
    """The value as ``Settings`` holds it.

    Raises:
        Refused: It has the wrong type, is out of range, or is text that cannot be encoded.
    """
    shape = SHAPES.get(leaf(field))
    try:
        result = msgspec.convert(shape(value) if shape else value, TYPES[field])
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate in a word of a list
        raise Refused(f"must be {phrase(field)}") from None
    if not _encodable(result):
        raise Refused("must be text that UTF-8 can hold")
    return result


def phrase(field: str) -> str:
    """What the field accepts, in words: ``a whole number >= 1 and <= 100``."""
    words = _words(inspect.type_info(TYPES[field]), _unit(field))
    return PHRASES.get(leaf(field)) or _literals(TYPES[field]) or words


def _unit(field: str) -> str:
    for suffix in ("seconds", "bytes"):
        if field.endswith(f"_{suffix}"):
            return f" of {suffix}"
    return ""


def _literals(kind: Any) -> str:
    """The words of a ``Literal``, or of one that may be absent, in the order of their declaration."""
    choices = next((part for part in (kind, *get_args(kind)) if get_origin(part) is Literal), None)
    return "one of " + ", ".join(get_args(choices)) if choices else ""


def _words(kind: inspect.Type, unit: str) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return _words(types[0], unit)
        case inspect.IntType() | inspect.FloatType():
            noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            return f"{noun}{unit}{_range(kind)}"
        case inspect.StrType(max_length=length) if length:
            return f"text of 1 to {length} characters"
    return "true or false" if isinstance(kind, inspect.BoolType) else "a path"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    bounds = ((">", kind.gt), (">=", kind.ge), ("<", kind.lt), ("<=", kind.le))
    return " and".join(f" {sign} {bound}" for sign, bound in bounds if bound is not None)


def _encodable(value: object) -> bool:
    match value:
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case tuple():
            return all(_encodable(item) for item in value)
        case dict():
            return all(_encodable(key) and _encodable(item) for key, item in value.items())
    return True


def _several(value: object) -> object:
    """One item or several: text is a list of one."""
    return (value,) if isinstance(value, str) else value


def _endpoints(value: object) -> object:
    """Addresses without the space around them; an empty one is none."""
    several = _several(value)
    if not isinstance(several, list | tuple):
        return several
    stripped = [item.strip() if isinstance(item, str) else item for item in several]
    return tuple(item for item in stripped if not isinstance(item, str) or item)


def _exporters(value: object) -> object:
    several = _several(value)
    if isinstance(several, list | tuple) and len(several) == 1 and isinstance(several[0], str):
        return () if several[0] == "none" else several
    return several


def _attributes(value: object) -> object:
    if not isinstance(value, Mapping):
        raise Refused(f"must be {PHRASES['resource_attributes']}")
    return dict(value)


def _headers(value: object) -> Headers:
    if not isinstance(value, Mapping):
        raise Refused(f"must be {PHRASES['headers']}")
    checked = Headers()
    for name, text in value.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name.strip().lower()):
            raise Refused("a header's name may only hold letters, digits and -_.")
        if not isinstance(text, str) or not HEADER_VALUE.fullmatch(text.strip()):
            raise Refused("a header's value must be printable ASCII text")
        checked[name.strip().lower()] = text.strip()
    return checked


def _page(value: object) -> object:
    """Host and port of the Prometheus page, from a port, from ``"host:port"``, or as a pair already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (SETTINGS.prometheus_host, value)
    if not isinstance(value, str):
        return value
    host, _, port = value.strip().rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or any(mark.isspace() for mark in host):
        raise Refused(f"must be {PHRASES['prometheus']}")
    return (host.removeprefix("[").removesuffix("]") or SETTINGS.prometheus_host, int(port))


def _token(value: object) -> Headers:
    """A token, held as a header is, so that nothing shows it."""
    if isinstance(value, Headers):
        return value
    text = value
    if not isinstance(text, str) or not TOKEN.fullmatch(text.strip()):
        raise Refused(f"must be {PHRASES['prometheus_token']}")
    return Headers(token=text.strip())


def _keys(value: object) -> object:
    """Names of secrets. One without a letter or digit would be found in every name, or in none."""
    listed = _listed(value)
    if not isinstance(listed, list | tuple | set | frozenset):
        return listed
    if not all(isinstance(item, str) and KEY.search(item) for item in listed):
        raise Refused(f"must be {PHRASES['redact_keys']}")
    return tuple(dict.fromkeys(item.strip() for item in listed))


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _path(value: object) -> object:
    """A path that the system can hold; anything that is no path is left for the type to refuse."""
    if isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    if isinstance(value, Path):
        return value
    return 0


TOKEN = re.compile(r"[!-~]{16,512}")
"""Long enough not to be guessed."""

KEY = re.compile(r"[A-Za-z0-9].*[A-Za-z0-9]")
"""A single letter would take a hundred ordinary names for secrets."""

SETTINGS = Settings()

SHAPES: dict[str, Callable[[object], object]] = {
    "endpoint": _endpoints,
    "headers": _headers,
    "resource_attributes": _attributes,
    "traces_exporters": _exporters,
    "metrics_exporters": _exporters,
    "logs_exporters": _exporters,
    "prometheus": _page,
    "prometheus_token": _token,
    "prometheus_allowed_hosts": _listed,
    "redact_keys": _keys,
    "certificate": _path,
    "client_key": _path,
    "client_certificate": _path,
    "config_file": _path,
    "home": _path,
}
"""Other forms of a value that people write, brought into the one that ``Settings`` holds."""


def _choices(field: str) -> str:
    item, _ = get_args(TYPES[field])
    return f"a list of {', '.join(get_args(item))}; or none alone"


PHRASES = {
    "endpoint": "an http:// or https:// address, or a list of them",
    "headers": "a mapping of header names to text",
    "resource_attributes": "a mapping of names to text",
    "prometheus": 'a port or "host:port"',
    "prometheus_token": "a text of 16 or more printable characters without spaces",
    "prometheus_allowed_hosts": "a list of host names",
    "redact_keys": "a list of names, each of two or more letters or digits (ASCII)",
    "traces_exporters": _choices("traces_exporters"),
    "metrics_exporters": _choices("metrics_exporters"),
    "logs_exporters": _choices("logs_exporters"),
}
