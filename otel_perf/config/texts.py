"""The text of an environment variable, turned into the value that it stands for."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from msgspec import inspect

from otel_perf.config.rules import TYPES, Refused, phrase

__all__ = [
    "entry_point",
    "message_content",
    "milliseconds",
    "names",
    "only",
    "pairs",
    "plain",
    "propagators",
]

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""ASCII digits only: Python's own ``int`` would take ``1_000`` and digits of other scripts."""
DECIMAL = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?")
BOOLEANS = {"true": True, "false": False}
"""The OTel specification knows only these two words, in any case."""

DEFAULT_PROPAGATORS = ("tracecontext", "baggage")
"""They come with the API itself, so that the usual value costs no search among the installed packages."""

DAY_MILLISECONDS = 86_400_000


def plain(field: str, text: str) -> object:
    """A value by the type of its field.

    Raises:
        Refused: The text is no number, no boolean, or none of the words that the field knows.
    """
    kind = TYPES[field]
    info = inspect.type_info(kind)
    base = info.types[0] if isinstance(info, inspect.UnionType) else info
    match base:
        case inspect.BoolType():
            return _found(BOOLEANS.get(text.lower()), field)
        case inspect.IntType():
            return int(text) if WHOLE.fullmatch(text) else _found(None, field)
        case inspect.FloatType():
            return float(text) if DECIMAL.fullmatch(text) else _found(None, field)
        case inspect.LiteralType(values=values):
            return _found({str(value): value for value in values}.get(text.lower()), field)
    return text


def _found(value: object, field: str) -> object:
    if value is None:
        raise Refused(f"must be {phrase(field)}")
    return value


def milliseconds(_field: str, text: str) -> float:
    """Whole milliseconds, as the OTel specification counts them, in seconds."""
    if not WHOLE.fullmatch(text) or not 1 <= int(text) <= DAY_MILLISECONDS:
        raise Refused(f"must be a whole number of milliseconds >= 1 and <= {DAY_MILLISECONDS}")
    return int(text) / 1000


def names(_field: str, text: str) -> tuple[str, ...]:
    """A list with commas, each name once, in lower case."""
    return tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))


def pairs(_field: str, text: str) -> dict[str, str]:
    """``key=value`` with commas between, values percent-encoded (W3C Baggage without properties)."""
    found = {}
    for number, part in enumerate(text.split(","), start=1):
        if not part.strip():
            continue
        key, sign, value = part.partition("=")
        if not sign or not key.strip():
            raise Refused(f"pair {number} is not key=value")
        found[_decoded(key, number)] = _decoded(value, number)
    return found


def _decoded(text: str, number: int) -> str:
    try:
        return unquote(text.strip(), errors="strict")
    except UnicodeDecodeError:
        raise Refused(f"pair {number} is not percent-encoded UTF-8") from None


attributes = pairs


def message_content(_field: str, text: str) -> str:
    """The GenAI instrumentations' switch for content, as our ``capture``; events are not among our ways out."""
    modes = {"no_content": "off", "event_only": "off", "span_only": "full", "span_and_event": "full"}
    if text.lower() not in modes:
        raise Refused("must be one of NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT")
    return modes[text.lower()]


def only(accepted: str, remedy: str) -> Callable[[str, str], str]:
    """A variable of which we can serve one value only; any other gets ``remedy`` as its rule."""

    def parse(_field: str, text: str) -> str:
        if text.lower() != accepted:
            raise Refused(remedy)
        return text

    return parse


def propagators(_field: str, text: str) -> str:
    """Names that the OTel API will find when it loads its propagators; else it raises at import."""
    for name in (part.strip() for part in text.split(",")):
        if name.lower() == "none":
            break
        if name not in DEFAULT_PROPAGATORS and not _installed("opentelemetry_propagator", name):
            raise Refused("names a propagator that is not installed")
    return text


def entry_point(group: str) -> Callable[[str, str], str]:
    """The name of something installed, which the OTel API loads at first use; else it raises there."""

    def parse(_field: str, text: str) -> str:
        if not _installed(group, text):
            raise Refused(f"nothing of that name is installed ({group})")
        return text

    return parse


def _installed(group: str, name: str) -> bool:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 30 ms that hardly any start needs

    return bool(entry_points(group=group, name=name))
