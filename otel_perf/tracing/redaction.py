"""Secrets removed from text and values before anything is kept of them.

Rules are data: what a secret looks like (``RULES``), and which names say that their value is one (``Redactor.denies``).
Every pattern takes linear time and every value is walked within bounds, so a hostile one costs what a long one costs.
Redaction comes before truncation, and what cannot be redacted is dropped.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from otel_perf.core.guard import guard
from otel_perf.tracing.redacted_copy import RedactedCopy
from otel_perf.tracing.redaction_rules import RULES, Rule, apply_all, named_rules

__all__ = ["FAILED", "MAX_TEXT", "Redactor"]

FAILED: Final = "<redaction failed>"
"""Stands for a text or value whose redaction failed."""

MAX_TEXT: Final = 128 * 1024
"""Characters of one text that are looked at and kept. Nothing that is captured may be longer."""

OVERLAP: Final = 1024
"""Characters read past a cut, so that a secret which begins before it is recognised; what is read there is dropped."""

MAX_ITEMS: Final = 1000
MAX_KEY: Final = 128
MAX_KNOWN_KEYS: Final = 2048

SECRET_PARTS: Final = (
    "password", "passwd", "passphrase", "passcode", "secret", "apikey", "credential", "privatekey", "accesskey",
    "accesstoken", "authtoken", "refreshtoken", "idtoken", "bearertoken", "authorization", "jsessionid", "phpsessid",
    "connectionstring", "creditcard", "cardnumber", "socialsecurity",
)  # fmt: skip
"""Found anywhere in a name, once case and separators are taken away."""

SECRET_WORDS: Final = frozenset((
    "pwd", "pass", "auth", "authentication", "token", "tokens", "jwt", "cookie", "cookies", "session", "sessions",
    "sessionid", "bearer", "ssn", "cvv", "cvc", "card", "pin", "otp", "iban", "dsn", "csrf", "xsrf", "signature",
))  # fmt: skip
"""Found as a whole word of a name (``user_auth``, ``authToken``), so that ``author`` and ``discard`` are no match."""

COUNTED_WORDS: Final = frozenset((
    "auth", "authentication", "token", "tokens", "cookie", "cookies", "session", "sessions", "card", "pass", "bearer",
))  # fmt: skip
"""Words whose value is no secret when it is a number or a flag (``max_tokens=512``, ``use_auth=True``)."""

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")


class Redactor:
    """Takes secrets out of text and values.

    Args:
        deny_keys: Further names whose values are secrets; found anywhere in a name, case and separators aside.
        patterns: The rules for text, instead of ``RULES``.
        hook: Called with each text after the rules; what it returns is kept. When it fails, the text is dropped.
    """

    def __init__(
        self,
        deny_keys: Iterable[str] = (),
        patterns: Iterable[Rule] = RULES,
        hook: Callable[[str], str] | None = None,
    ) -> None:
        own = [words for key in deny_keys if (words := [word.lower() for word in _WORDS.findall(key)])]
        self._parts: tuple[str, ...] = (*SECRET_PARTS, *("".join(words) for words in own))
        self._rules = (*patterns, *(named_rules("[-_ ]?".join(words) for words in own) if own else ()))
        self._hook = hook
        self._known_keys: dict[str, tuple[bool, bool]] = {}

    def redact_text(self, text: str, limit: int = MAX_TEXT) -> str:
        """``text`` without secrets, of at most ``limit`` characters; ``FAILED`` when that cannot be had.

        A text that is cut loses the last ``OVERLAP`` characters that were looked at: there might be half a secret.
        """
        redacted = guard.call("redaction", self._redact_text, text, min(limit, MAX_TEXT))
        return FAILED if redacted is None else redacted

    def _redact_text(self, text: str, limit: int) -> str:
        reach = limit + OVERLAP
        window, is_cut = apply_all(self._rules, str.__getitem__(text, slice(reach)), reach)
        if self._hook is not None:
            window = self._hook(window)
            if not isinstance(window, str):
                raise TypeError(f"the redaction hook returned {type(window).__name__}, not str")
        if is_cut or str.__len__(text) > reach:
            window = window[:-OVERLAP]
        return window[:limit]

    def denies(self, key: str, value: object = None) -> bool:
        """Whether the name ``key`` says that ``value`` is a secret."""
        known = self._known_keys.get(key)
        if known is None:
            known = self._judge(key)
            if len(key) <= MAX_KEY and len(self._known_keys) < MAX_KNOWN_KEYS:
                self._known_keys[key] = known
        denied, counted = known
        return denied and not (counted and isinstance(value, bool | int | float))

    def _judge(self, key: str) -> tuple[bool, bool]:
        """Whether values under ``key`` are secrets, and whether numbers there are not."""
        name = key[:MAX_KEY]
        joined = _NO_WORD.sub("", name.lower())
        if any(part in joined for part in self._parts):
            return True, False
        words = {word.lower() for word in _WORDS.findall(name)} | {joined}
        found = words & SECRET_WORDS
        return bool(found), found <= COUNTED_WORDS

    def redact_value(self, value: object, characters: int = MAX_TEXT, items: int = MAX_ITEMS) -> object:
        """A bounded copy of ``value`` without secrets, made of what JSON knows; ``FAILED`` when it cannot be had.

        Text is redacted by the rules, members by their names. See ``RedactedCopy``.

        Args:
            value: Anything.
            characters: Characters of all texts that are kept.
            items: Members and elements that are kept, nested ones included.
        """
        if value is None:
            return None
        copied = guard.call("redaction", RedactedCopy(self, characters, items).copy, value)
        return FAILED if copied is None else copied
