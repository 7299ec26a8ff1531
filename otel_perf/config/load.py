"""Loading: argument over environment over file over preset over default, and one line for each refused value."""

from collections.abc import Mapping
from typing import Any

from otel_perf.config import derive, destinations, endpoints, environment
from otel_perf.config.derive import Chosen
from otel_perf.config.describe import value_text
from otel_perf.config.draft import Candidate, Draft, Finding, suggestion, written
from otel_perf.config.loaded import Loaded
from otel_perf.config.presets import PRESETS
from otel_perf.config.rules import OTLP_FIELDS, SIGNALS, TYPES, Refused, leaf
from otel_perf.config.settings import OtlpSettings, Settings
from otel_perf.config.sources import Problem, Source, shown
from otel_perf.core.errors import ConfigurationError

__all__ = ["Loaded", "load"]

DEFAULT = Source("default")


def load(arguments: Mapping[str, object], *, environ: Mapping[str, str] | None = None, strict: bool = False) -> Loaded:
    """Settle every setting.

    Args:
        arguments: What the application said, by field name; ``None`` says nothing. ``traces``, ``metrics`` and
            ``logs`` may be dictionaries of OTLP settings for one signal.
        environ: The environment; None reads the process's own, now.
        strict: Raise when anything was refused. The setting of the same name does so too.

    Returns:
        The settings, their origins, and the problems. A refused value falls back to the next source that has one,
        an address to none.

    Raises:
        ConfigurationError: Something was refused, and strictness was asked for. It names all.
    """
    draft = Draft()
    _offer_arguments(draft, "", arguments)
    _offer_environment(draft, environ)
    file = draft.best("config_file")
    if file is not None:
        try:
            from otel_perf.config import config_file  # noqa: PLC0415 - it loads a YAML parser, 20 ms
        except ModuleNotFoundError as missing:
            rule = f"cannot be read without the package {missing.name}"
            draft.refuse("", file.where, rule, file.source, "the file is not used")
        else:
            config_file.offer(draft, file)
    preset = draft.best("preset")
    if preset is not None:
        for field, value in PRESETS[preset.value].items():
            draft.offer(field, value, Source("preset", preset.value), f"preset {preset.value} {field}")
    loaded = _settle(draft, environ)
    if loaded.problems and (strict or loaded.settings.strict):
        raise ConfigurationError(loaded.problems)
    return loaded


def _offer_arguments(draft: Draft, prefix: str, arguments: Mapping[Any, object]) -> None:
    """The application's arguments, or those for one signal."""
    source = Source("argument")
    known = OTLP_FIELDS if prefix else (*(name for name in TYPES if "." not in name), *SIGNALS)
    for key, value in arguments.items():
        word = key if isinstance(key, str) else type(key).__name__
        name = f"{prefix}{word}"
        if word not in known:
            draft.refuse("", f"argument {shown(name)}", suggestion(word, known), source, "ignored")
        elif word not in SIGNALS or prefix:
            draft.offer(name, value, source, f"argument {name}")
        elif isinstance(value, Mapping):
            _offer_arguments(draft, f"{word}.", value)
        elif value is not None:
            draft.refuse("", f"argument {word}", "must be a dictionary of OTLP settings", source, "ignored")


def _offer_environment(draft: Draft, environ: Mapping[str, str] | None) -> None:
    for variable, text in environment.present(environ):
        source = Source("environment", variable.name)
        try:
            value = variable.parse(variable.field, text)
        except Refused as refused:
            outcome = "" if variable.field else "ignored"
            where = written(variable.field, text, variable.name)
            draft.refuse(variable.field, where, str(refused), source, outcome)
            continue
        if variable.field:
            draft.offer(variable.field, value, source, variable.name, text=text)
    known = [variable.name for variable in environment.VARIABLES]
    for name in environment.unknown(environ):
        draft.refuse("", shown(name), suggestion(name, known), Source("environment", name), "ignored")


def _settle(draft: Draft, environ: Mapping[str, str] | None) -> Loaded:
    attributes = derive.identity(draft)
    defaults = Settings()
    chosen: Chosen = {
        field: draft.best(field) or Candidate(field, getattr(defaults, field), DEFAULT, field)
        for field in TYPES
        if "." not in field
    }
    if attributes is not None:
        chosen["resource_attributes"] = attributes
    derive.sampler(draft, chosen)
    derive.prometheus(chosen)
    derive.batch(draft, chosen)
    derive.home(chosen, environment.unattended(environ))
    values: dict[str, Any] = {field: candidate.value for field, candidate in chosen.items()}
    values |= {signal: _signal(draft, chosen, signal) for signal in SIGNALS}
    settings = Settings(**values)
    going = destinations.resolve(settings)
    for fault in going.withheld:
        candidate = chosen[fault.field]
        draft.refuse(fault.field, candidate.where, fault.rule, candidate.source, "nothing is sent")
    sources = {field: chosen[field].source for field in TYPES}
    return Loaded(settings, sources, _problems(draft.findings, chosen), going)


def _signal(draft: Draft, chosen: Chosen, signal: str) -> OtlpSettings:
    """One signal's OTLP settings: its own offer or the general one, whichever has the stronger source."""
    for name in OTLP_FIELDS:
        chosen[f"{signal}.{name}"] = draft.best(f"{signal}.{name}", name) or chosen[name]
    address = chosen[f"{signal}.endpoint"]
    path = f"v1/{signal}" if address.field == "endpoint" else None
    protocol = chosen[f"{signal}.protocol"].value
    complete = []
    for endpoint in address.value:
        try:
            complete.append(endpoints.for_signal(endpoint, protocol, path))
        except Refused as refused:
            draft.refuse(address.field, address.where, str(refused), address.source)
    values: dict[str, Any] = {name: chosen[f"{signal}.{name}"].value for name in OTLP_FIELDS}
    return OtlpSettings(**(values | {"endpoint": tuple(complete)}))


def _problems(findings: list[Finding], chosen: Chosen) -> list[Problem]:
    """One line per finding, now that it is known what holds instead; the same line of two signals once."""
    problems = {}
    for finding in findings:
        outcome = finding.outcome or _using(finding.field, chosen[finding.field])
        problem = Problem(finding.where, finding.rule, outcome, finding.source)
        problems[str(problem)] = problem
    return list(problems.values())


def _using(field: str, candidate: Candidate) -> str:
    if candidate.value is None:
        return "left unset"
    unit = next((unit for unit in ("seconds", "bytes") if field.endswith(f"_{unit}")), "")
    return f"using {value_text(leaf(field), candidate.value)} {unit}".rstrip() + f" ({candidate.source})"
