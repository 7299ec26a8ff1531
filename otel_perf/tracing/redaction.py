"""Secrets removed from text and values before anything is kept of them.

Rules are data: what a secret looks like (``RULES``), and which names say that their value is one (``Redactor.denies``).
Every pattern takes linear time and every value is walked within bounds, so a hostile one costs what a long one costs.
Redaction comes before truncation, and what cannot be redacted is dropped.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from otel_perf.core.guard import guard

__all__ = ["EMAIL", "FAILED", "KEY_MARKER", "MAX_TEXT", "RULES", "Redactor", "Rule"]

FAILED: Final = "<redaction failed>"
"""Stands for a text or value whose redaction failed."""

KEY_MARKER: Final = "[REDACTED:key]"
"""Stands for a value whose name says that it is a secret."""

MAX_TEXT: Final = 256 * 1024
"""Characters of one text that are looked at and kept. Nothing that is captured may be longer."""

OVERLAP: Final = 1024
"""Characters read past a cut, so that a secret which begins before it is recognised; what is read there is dropped."""

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


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of secret looks like.

    Attributes:
        kind: Goes into the marker, ``[REDACTED:kind]``.
        pattern: The secret. A group named ``keep`` at its beginning stays in the text.
        anchors: A text with none of these holds no such secret; looking for them costs far less than the pattern.
        accept: Asked about each match; a match that it refuses stays.
        lowered: The pattern and the anchors are written in lower case and meant for every case.
    """

    kind: str
    pattern: re.Pattern[str]
    anchors: tuple[str, ...] = ()
    accept: Callable[[str], bool] | None = None
    lowered: bool = False

    @property
    def marker(self) -> str:
        """What takes the secret's place."""
        return f"[REDACTED:{self.kind}]"

    def apply(self, text: str) -> str:
        """``text`` without secrets of this kind."""
        looked_at = _lower(text) if self.lowered else text
        if self.anchors and not any(anchor in looked_at for anchor in self.anchors):
            return text
        pieces: list[str] = []
        position = 0
        keeps = "keep" in self.pattern.groupindex
        marker = self.marker
        for match in self.pattern.finditer(looked_at):
            if self.accept is not None and not self.accept(match[0]):
                continue
            start = match.end("keep") if keeps else match.start()
            pieces += (text[position:start], marker)
            position = match.end()
        if not pieces:
            return text
        pieces.append(text[position:])
        return "".join(pieces)


def _lower(text: str) -> str:
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_ASCII_LOWER)


_ASCII_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_NO_DIGIT: Final = str.maketrans("", "", " -")


def is_card_number(text: str) -> bool:
    """Whether 13 to 19 digits, spaces and dashes aside, pass the Luhn check."""
    digits = text.translate(_NO_DIGIT).encode()
    plain, doubled = digits[::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(plain) - 48 * len(plain) + sum(doubled)) % 10 == 0


_NAMED: Final = (
    r"(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key|credential"
    r"|authorization|auth|cookie|session|jwt|dsn|connection[-_ ]?string)"
)
_VALUE: Final = r"(?!\[redacted:)(?:\\{0,2}+\"[^\"\n]{0,1024}+|\\{0,2}+'[^'\n]{0,1024}+|[^\s\"'\\,;&<>]++)"
_SCHEME: Final = r"(?:(?:basic|bearer|digest|token|negotiate)\s{1,4}+)?+"

RULES: Final = (
    Rule("pem", re.compile(r"-----BEGIN [^-]{1,64}-----.*?(?:-----END [^-]{1,64}-----|\Z)", re.S), ("-----BEGIN ",)),
    Rule("aws-key", re.compile(r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}"), ("AKIA", "ASIA", "AROA", "AIDA")),
    Rule("github-token", re.compile(r"gh[oprsu]_\w{16,}+", re.A), ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    Rule("github-token", re.compile(r"github_pat_\w{16,}+", re.A), ("github_pat_",)),
    Rule("gitlab-token", re.compile(r"glpat-[\w-]{16,}+", re.A), ("glpat-",)),
    Rule("api-key", re.compile(r"(?<![A-Za-z0-9])sk-[\w-]{16,}+", re.A), ("sk-",)),
    Rule("stripe-key", re.compile(r"[rs]k_(?:live|test)_[0-9A-Za-z]{10,}+"), ("k_live_", "k_test_")),
    Rule("slack-token", re.compile(r"xox[a-z]-[\w-]{8,}+", re.A), ("xox",)),
    Rule("slack-webhook", re.compile(r"(?P<keep>hooks\.slack\.com/)[\w/-]{8,}+", re.A), ("hooks.slack.com/",)),
    Rule("google-key", re.compile(r"AIza[\w-]{35}", re.A), ("AIza",)),
    Rule("huggingface-token", re.compile(r"hf_[0-9A-Za-z]{20,}+"), ("hf_",)),
    Rule("jwt", re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+)?+", re.A), ("eyJ",)),
    Rule("url-credentials", re.compile(r"(?P<keep>://)[^\s/@:?#]*+:[^\s/@]++(?=@)"), ("://",)),
    Rule("bearer", re.compile(r"(?P<keep>bearer\s{1,4}+)[\w.~+/=-]{8,}+", re.A), ("bearer",), lowered=True),
    Rule(
        "key",
        re.compile(
            rf"(?P<keep>{_NAMED}[\w.-]{{0,32}}+(?:\\{{0,2}}+[\"'])?+\]?+\s{{0,4}}+(?:=>|:=|[:=])\s{{0,4}}+{_SCHEME}){_VALUE}",
            re.A,
        ),
        (":", "="),
        lowered=True,
    ),
    Rule(
        "key",
        re.compile(rf"(?P<keep>--(?:[a-z]{{1,20}}+-){{0,4}}?{_NAMED}(?:-[\w-]{{0,32}}+)?+\s{{1,4}}+){_VALUE}", re.A),
        ("--",),
        lowered=True,
    ),
    Rule("card", re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?+\d){9,15}+(?![\w-])", re.A), accept=is_card_number),
)
"""What is redacted by default. ``EMAIL`` may be added."""

EMAIL: Final = Rule(
    "email",
    re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}+@[a-z0-9-]{1,63}+(?:\.[a-z0-9-]{1,63}+){1,8}+", re.A | re.I),
    ("@",),
)
"""E-mail addresses: not redacted unless asked for, since tools work with them."""


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
        own = (_NO_WORD.sub("", key.lower()) for key in deny_keys)
        self._parts: tuple[str, ...] = (*SECRET_PARTS, *(part for part in own if part))
        self._rules = tuple(patterns)
        self._hook = hook
        self._known_keys: dict[str, tuple[bool, bool]] = {}

    def redact_text(self, text: str, limit: int = MAX_TEXT) -> str:
        """``text`` without secrets, of at most ``limit`` characters; ``FAILED`` when that cannot be had.

        A text that is cut loses the last ``OVERLAP`` characters that were looked at: there might be half a secret.
        """
        redacted = guard.call("redaction", self._redact_text, text, min(limit, MAX_TEXT))
        return FAILED if redacted is None else redacted

    def _redact_text(self, text: str, limit: int) -> str:
        length = str.__len__(text)
        window = str.__getitem__(text, slice(limit + OVERLAP))
        for rule in self._rules:
            window = rule.apply(window)
        if length > limit + OVERLAP:
            window = window[:-OVERLAP]
        if self._hook is not None:
            window = self._hook(window)
            if not isinstance(window, str):
                raise TypeError(f"the redaction hook returned {type(window).__name__}, not str")
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
