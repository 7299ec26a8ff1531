"""What all sources offer for each setting, before it is decided which offer holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from otel_perf.config import endpoints
from otel_perf.config.rules import Refused, check, leaf
from otel_perf.config.sources import RANKS, Source, shown

__all__ = ["Candidate", "Draft", "Finding", "suggestion"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that obeys the rules of its field, and where it stood."""

    field: str
    value: Any
    source: Source
    where: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was refused; ``outcome`` is empty while it depends on what the other sources offer."""

    field: str
    where: str
    rule: str
    source: Source
    outcome: str = ""


class Draft:
    """Collects offers and refusals. Nothing that is offered makes it raise."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._candidates: dict[str, list[Candidate]] = {}

    def offer(self, field: str, value: object, source: Source, label: str, *, text: str | None = None) -> None:
        """Check a value; keep it as a candidate, or the reason why not. ``None`` offers nothing.

        Args:
            field: The setting, ``traces.endpoint`` for that of one signal.
            value: What the source says.
            source: Where it stands.
            label: The same for people, up to the equals sign of a message.
            text: How the source spells the value, when it is not the value itself.
        """
        if value is None:
            return
        where = written(field, value if text is None else text, label)
        try:
            checked = check(field, value)
        except Refused as refused:
            self.refuse(field, where, str(refused), source)
            if leaf(field) != "endpoint":
                return
            checked = ()  # A bad address must not send the data to an address of another source.
        if leaf(field) == "endpoint":
            checked = self._usable(field, checked, source, label)
        self._candidates.setdefault(field, []).append(Candidate(field, checked, source, where))

    def refuse(self, field: str, where: str, rule: str, source: Source, outcome: str = "") -> None:
        """Remember one line."""
        if not outcome and leaf(field) == "endpoint":
            outcome = "nothing is sent there"
        self.findings.append(Finding(field, where, rule, source, outcome))

    def best(self, *fields: str) -> Candidate | None:
        """The offer that holds: by the rank of its source, then by the order of ``fields``, then by age."""
        offers = [candidate for field in fields for candidate in self._candidates.get(field, ())]
        return min(offers, key=lambda candidate: RANKS.index(candidate.source.kind), default=None)

    def all(self, field: str) -> list[Candidate]:
        """All offers for a field, strongest first."""
        return sorted(self._candidates.get(field, ()), key=lambda offer: RANKS.index(offer.source.kind))

    def _usable(self, field: str, addresses: Iterable[str], source: Source, label: str) -> tuple[str, ...]:
        """The addresses that can be sent to, each once; a line for every other."""
        usable: dict[str, None] = {}
        for address in addresses:
            try:
                usable[endpoints.check(address)] = None
            except Refused as refused:
                self.refuse(field, written(field, address, label), str(refused), source)
        return tuple(usable)


def written(field: str, value: object, label: str) -> str:
    """What stood where, as a message may repeat it: never a header, never an address with a credential in it."""
    if leaf(field) in ("headers", "prometheus_token") or (leaf(field) == "endpoint" and _secret(value)):
        return f"{label} (value hidden)"
    return f"{label}={shown(value)}"


def _secret(value: object) -> bool:
    return isinstance(value, str) and endpoints.shows_secret(value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """``is not known``, and what was probably meant."""
    import difflib  # noqa: PLC0415 - only after a slip

    close = difflib.get_close_matches(name[:80], list(known), n=1)
    return f"is not known, did you mean {close[0]}?" if close else "is not known"
