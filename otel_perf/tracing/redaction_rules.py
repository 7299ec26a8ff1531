"""What secrets look like in text: one rule for each kind.

Every pattern takes linear time: repetitions are possessive or end at a character that no other part accepts, and a
pattern is tried only where its anchor stands.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["EMAIL", "RULES", "Rule", "apply_all", "is_card_number", "lower", "named_rules"]


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

    @classmethod
    def of(
        cls,
        kind: str,
        expression: str,
        *anchors: str,
        accept: Callable[[str], bool] | None = None,
        lowered: bool = False,
    ) -> Self:
        """A rule from a regular expression, read in ASCII mode."""
        return cls(kind, re.compile(expression, re.ASCII), anchors, accept, lowered)

    def apply(self, text: str) -> str:
        """``text`` without secrets of this kind."""
        looked_at = lower(text) if self.lowered else text
        if self.anchors and not any(anchor in looked_at for anchor in self.anchors):
            return text
        return self.replace(text, looked_at)

    def replace(self, text: str, looked_at: str) -> str:
        """``text`` with every secret replaced that the pattern finds in ``looked_at``, its form that the rule reads."""
        pieces: list[str] = []
        position = 0
        keeps = "keep" in self.pattern.groupindex
        marker = f"[REDACTED:{self.kind}]"
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


def apply_all(rules: Iterable[Rule], text: str, reach: int) -> tuple[str, bool]:
    """``text`` after all rules, and whether it had to be cut to ``reach`` since markers had made it longer.

    Most texts hold no anchor of most rules, so that is what is looked at first, in as few steps as can be.
    """
    is_cut = False
    lowered: str | None = None
    for rule in rules:
        looked_at = text
        if rule.lowered:
            looked_at = lowered = lower(text) if lowered is None else lowered
        for anchor in rule.anchors:
            if anchor in looked_at:
                break
        else:
            if rule.anchors:
                continue
        replaced = rule.replace(text, looked_at)
        if replaced is not text:
            is_cut |= len(replaced) > reach
            text, lowered = replaced[:reach], None
    return text, is_cut


def lower(text: str) -> str:
    """Lower case, character for character: U+0130 is the only one whose lower case is longer than itself."""
    return text.replace("\u0130", "I").lower()


_DOUBLED: Final = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_NO_DIGIT: Final = str.maketrans("", "", " -")


def is_card_number(text: str) -> bool:
    """Whether 13 to 19 digits, spaces and dashes aside, pass the Luhn check."""
    digits = text.translate(_NO_DIGIT).encode()
    plain, doubled = digits[::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(plain) - 48 * len(plain) + sum(doubled)) % 10 == 0


_SECRET_NAMES: Final = (
    "passw(?:or)?d", "passphrase", "passcode", "pwd", "secret(?!ar)", "token(?!i[sz])", "api[-_ ]?key",
    "access[-_ ]?key", "private[-_ ]?key", "credential", "authorization", "auth(?!or)", "cookie", "session", "jwt",
    "dsn", "connection[-_ ]?string",
)  # fmt: skip
_ASSIGNED: Final = r"[\w.-]{0,32}+(?:\\{0,2}+[\"'])?+\]?+\s{0,4}+(?:=>|:=|[:=])\s{0,4}+"
_SCHEME: Final = r"(?:(?:basic|bearer|digest|token|negotiate)\s{1,4}+)?+"
_OPTION: Final = r"(?:-[\w-]{0,32}+)?+\s{1,4}+"
_QUOTE: Final = r"(?P<quote>\\{0,2}+[\"'])?+"
_VALUE: Final = r"(?!\[redacted:)(?(quote)(?:(?!(?P=quote))(?:\\.|[^\n]))++|[^\s\"'\\,;&<>]++)"
_COUNT: Final = re.compile(r"(?:token|auth|session|cookie)[\w.-]*+\W{1,8}+(?:\d{1,9}|true|false|null|none)[)}\]]{0,8}$")


def is_no_count(text: str) -> bool:
    """Whether a name with its value is more than a number or a flag (``"max_tokens": 512``)."""
    return _COUNT.match(text) is None


def named_rules(names: Iterable[str]) -> tuple[Rule, ...]:
    """Rules for a secret behind its name: ``name=secret``, ``"name": "secret"``, ``--name secret``.

    Args:
        names: Regular expressions in lower case, without groups of their own.
    """
    named = f"(?:{'|'.join(names)})"
    assigned = rf"(?P<keep>{named}{_ASSIGNED}{_SCHEME}{_QUOTE}){_VALUE}"
    option = rf"(?P<keep>--(?:[a-z]{{1,20}}+-){{0,4}}?{named}{_OPTION}{_QUOTE}){_VALUE}"
    return (
        Rule.of("key", assigned, ":", "=", accept=is_no_count, lowered=True),
        Rule.of("key", option, "--", lowered=True),
    )


RULES: Final = (
    Rule.of("pem", r"(?s)-----BEGIN [^-]{1,64}-----.*?(?:-----END [^-]{1,64}-----|\Z)", "-----BEGIN "),
    Rule.of("aws-key", r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}", "AKIA", "ASIA", "AROA", "AIDA"),
    Rule.of("github-token", r"gh[oprsu]_\w{16,}+", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    Rule.of("github-token", r"github_pat_\w{16,}+", "github_pat_"),
    Rule.of("gitlab-token", r"glpat-[\w-]{16,}+", "glpat-"),
    Rule.of("api-key", r"(?<![A-Za-z0-9])sk-[\w-]{16,}+", "sk-"),
    Rule.of("stripe-key", r"[rs]k_(?:live|test)_[0-9A-Za-z]{10,}+", "k_live_", "k_test_"),
    Rule.of("slack-token", r"xox[a-z]-[\w-]{8,}+", "xox"),
    Rule.of("slack-webhook", r"(?P<keep>hooks\.slack\.com/)[\w/-]{8,}+", "hooks.slack.com/"),
    Rule.of("google-key", r"AIza[\w-]{35}", "AIza"),
    Rule.of("huggingface-token", r"hf_[0-9A-Za-z]{20,}+", "hf_"),
    Rule.of("jwt", r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{4,}+(?:\.[\w-]*+){0,4}+", "eyJ"),
    Rule.of("bearer", r"(?P<keep>bearer\s{1,4}+)[\w.~+/=-]{8,}+", "bearer", lowered=True),
    Rule.of("card", r"(?<![\w.-])[2-6]\d{3}(?:[ -]?+\d){9,15}+(?![\w-]|\.\d)", *"23456", accept=is_card_number),
    *named_rules(_SECRET_NAMES),
    Rule.of("url", r"(?P<keep>://)[^\s/@:?#]*+:[^\s/]*(?=@)", "://"),
)
"""What is redacted by default. Rules whose marker may be longer than the secret come last."""

EMAIL: Final = Rule.of("email", r"(?<![\w.%+-])[\w.%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}+", "@")
"""E-mail addresses. Not redacted unless asked for (``patterns=(*RULES, EMAIL)``), since tools work with them."""
