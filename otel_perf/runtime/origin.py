"""What all spans of the process share: resource, scope, limits, sampling. Made from the settings, put in place once."""

from typing import Final
from uuid import uuid4

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Tracer

from otel_perf._version import __version__
from otel_perf.config.loaded import Loaded
from otel_perf.config.settings import Settings
from otel_perf.core.intake import FULLY_SAMPLED, intake
from otel_perf.tracing import threads
from otel_perf.tracing.capture import capture_setting
from otel_perf.tracing.foreign_calls import foreign_calls, nearest_foreign_call
from otel_perf.tracing.lifecycle import calls_of_others, follow_parent, no_call, sampling
from otel_perf.tracing.redaction import Redactor
from otel_perf.tracing.redaction_rules import EMAIL, RULES
from otel_perf.tracing.sampling import make_decider
from otel_perf.tracing.span import SHORT_TEXT, origin

__all__ = [
    "SCOPE",
    "apply",
    "make_limits",
    "make_redactor",
    "make_resource",
    "make_sampler",
    "renewed",
    "tracer_of",
    "withdraw",
]

SCOPE: Final = InstrumentationScope("otel_perf", __version__)
"""Scope of every span and metric of ours."""

INSTANCE_ID: Final = "service.instance.id"
COMMAND_LINE: Final = frozenset(("process.command", "process.command_line", "process.command_args"))
"""Attributes that repeat the arguments of the process."""


def make_resource(loaded: Loaded) -> Resource:
    """The resource: the SDK's own detection, and over it what was set, without the command line.

    The SDK's process detector, where the environment asks for it, adds all arguments, and with them every secret there.
    """
    settings = loaded.settings
    named = {
        "service.name": settings.service_name,
        "service.version": settings.service_version,
        "deployment.environment.name": settings.environment,
        "telemetry.distro.name": "otel_perf",
        "telemetry.distro.version": __version__,
    }
    found = Resource.create(
        {**settings.resource_attributes, **{key: value for key, value in named.items() if value is not None}}
    )
    told = {key: value for key, value in found.attributes.items() if key not in COMMAND_LINE}
    return found if len(told) == len(found.attributes) else Resource(told, found.schema_url)


def renewed(resource: Resource, before: Resource, settings: Settings) -> Resource:
    """The resource of a forked child: with an instance id of its own, which OpenTelemetry before 1.44 does not give."""
    own = resource.attributes.get(INSTANCE_ID)
    if own != before.attributes.get(INSTANCE_ID) or INSTANCE_ID in settings.resource_attributes:
        return resource
    return Resource({**resource.attributes, INSTANCE_ID: str(uuid4())}, resource.schema_url)


def make_sampler(settings: Settings) -> Sampler:
    """The SDK's sampler for the spans of other libraries on our own provider, by the same rule as for calls."""
    ratio = 1.0 if settings.sampling_ratio is None else settings.sampling_ratio
    name = settings.sampler.removeprefix("parentbased_")
    root = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(name) or TraceIdRatioBased(ratio)
    return ParentBased(root) if settings.sampler.startswith("parentbased_") else root


def make_limits(settings: Settings) -> SpanLimits:
    """The SDK's limits, given explicitly: it raises on bad environment values when it reads them itself."""
    return SpanLimits(
        max_attributes=settings.attribute_count_limit,
        max_span_attributes=settings.attribute_count_limit,
        max_events=settings.event_count_limit,
        max_links=settings.link_count_limit,
        max_event_attributes=settings.event_attribute_count_limit,
        max_link_attributes=settings.link_attribute_count_limit,
        max_attribute_length=settings.attribute_value_length_limit,
        max_span_attribute_length=settings.attribute_value_length_limit,
    )


def make_redactor(settings: Settings) -> Redactor:
    """Our rules, the names and kinds that were asked for, and the application's own hook over them."""
    rules = (*RULES, EMAIL) if settings.redact_emails else RULES
    return Redactor(settings.redact_keys, rules, capture_setting.hook)


def apply(settings: Settings, resource: Resource) -> None:
    """Put limits, capture and sampling in place for the calls to come."""
    origin.resource = resource
    origin.instrumentation_scope = SCOPE
    origin.attribute_count_limit = settings.attribute_count_limit
    origin.attribute_length_limit = settings.attribute_value_length_limit
    origin.short_text = min(SHORT_TEXT, settings.attribute_value_length_limit)
    origin.event_count_limit = settings.event_count_limit
    origin.link_count_limit = settings.link_count_limit
    capture_setting.level = settings.capture
    capture_setting.redactor = make_redactor(settings)
    ratio = 1.0 if settings.sampling_ratio is None else settings.sampling_ratio
    sampling.decide, always = make_decider(settings.sampler, ratio)
    intake.root_scope = FULLY_SAMPLED if always else None
    calls_of_others.nearest = nearest_foreign_call
    if settings.propagate_threads != "off":
        threads.install(settings.propagate_threads)


def withdraw() -> None:
    """Back to the state before ``instrument()``."""
    capture_setting.reset()
    sampling.decide = follow_parent
    intake.root_scope = FULLY_SAMPLED
    calls_of_others.nearest = no_call
    foreign_calls.clear()
    threads.uninstall()


def tracer_of(provider: SdkTracerProvider) -> Tracer:
    """Our tracer on a provider."""
    return provider.get_tracer(SCOPE.name, SCOPE.version)
