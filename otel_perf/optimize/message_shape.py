"""What a message of a conversation is: read off plain mappings in the shapes of OpenAI and of Anthropic."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

__all__ = ["Message", "answered_calls", "is_system", "is_user_turn", "made_calls", "text_of"]

Message: TypeAlias = Mapping[str, Any]
"""``{"role": …, "content": …}`` with text or a list of parts as content, or an item of OpenAI's Responses API."""

SYSTEM_ROLES: Final = frozenset(("system", "developer"))
MAX_DEPTH: Final = 16
"""Mappings and lists inside each other that are looked into for text."""
TEXTLESS: Final = frozenset(
    ("id", "type", "role", "tool_call_id", "call_id", "tool_use_id", "media_type", "data", "url")
)
"""Keys whose values are no text that a model is given; pictures and files cost tokens too, but not by their length."""

_NONE: Final[frozenset[str]] = frozenset()


def is_system(message: Message) -> bool:
    """Whether it is an instruction that stays: role ``system`` or ``developer``."""
    return message.get("role") in SYSTEM_ROLES


def is_user_turn(message: Message) -> bool:
    """Whether the user begins a turn with it; a tool's result in the user's name (Anthropic) is none."""
    return message.get("role") == "user" and not answered_calls(message)


def made_calls(message: Message) -> frozenset[str]:
    """Ids of the tool calls that a message makes, as the results will name them."""
    if isinstance(message.get("content"), str) and not message.get("tool_calls"):
        return _NONE
    found = {call.get("id") for call in _mappings(message.get("tool_calls"))}
    found.update(part.get("id") for part in _parts(message, "tool_use", "server_tool_use"))
    if message.get("type") in {"function_call", "custom_tool_call"}:
        found.add(message.get("call_id"))
    return frozenset(str(name) for name in found if name is not None)


def answered_calls(message: Message) -> frozenset[str]:
    """Ids of the tool calls whose results a message holds."""
    if isinstance(message.get("content"), str) and message.get("role") != "tool":
        return _NONE
    found = {part.get("tool_use_id") for part in _mappings(message.get("content"))}
    if message.get("role") == "tool":
        found.add(message.get("tool_call_id"))
    if message.get("type") in {"function_call_output", "custom_tool_call_output"}:
        found.add(message.get("call_id"))
    return frozenset(str(name) for name in found if name is not None)


def text_of(message: Message) -> str:
    """Everything in a message that a model reads as text, tool calls and results included, one line each."""
    return "\n".join(_texts(message, 0))


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)):
        yield str(value)
    elif depth < MAX_DEPTH:
        for inner in _inside(value):
            yield from _texts(inner, depth + 1)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return [inner for key, inner in value.items() if key not in TEXTLESS]
    return value if isinstance(value, (list, tuple)) else ()


def _mappings(value: object) -> list[Message]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, (list, tuple)) else []


def _parts(message: Message, *types: str) -> list[Message]:
    return [part for part in _mappings(message.get("content")) if part.get("type") in types]
