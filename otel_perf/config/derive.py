"""Settings that follow from other settings, or from two of them together."""

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from otel_perf.config.draft import Candidate, Draft
from otel_perf.config.sources import RANKS, Source

__all__ = ["IDENTITY", "Chosen", "batch", "home", "identity", "prometheus", "sampler"]

Chosen: TypeAlias = dict[str, Candidate]
"""Field to the offer that holds; every field is there."""

IDENTITY = {
    "service.name": "service_name",
    "service.version": "service_version",
    "deployment.environment.name": "environment",
    "deployment.environment": "environment",
}
"""Resource attributes that are settings of their own; the last one is the name before semantic conventions 1.27."""


def identity(draft: Draft) -> Candidate | None:
    """Merge the resource attributes of all sources, and hand those that are settings on to these.

    Within one source the setting itself is stronger than the attribute (``OTEL_SERVICE_NAME`` than ``service.name``
    in ``OTEL_RESOURCE_ATTRIBUTES``, by the OTel specification); between sources the usual order holds.
    """
    offers = draft.all("resource_attributes")
    merged: dict[str, str] = {}
    for offer in reversed(offers):
        merged |= offer.value
    for offer in offers:
        for attribute, field in IDENTITY.items():
            if offer.value.get(attribute):
                draft.offer(field, offer.value[attribute], offer.source, f"{offer.source} {attribute}")
    if not offers:
        return None
    origins = dict.fromkeys(str(offer.source) for offer in offers)
    source = Source(offers[0].source.kind, ", ".join(origins))
    return replace(offers[0], value={key: text for key, text in merged.items() if key not in IDENTITY}, source=source)


def sampler(draft: Draft, chosen: Chosen) -> None:
    """A ratio needs a sampler that uses it: one that is said more strongly than the sampler brings its own.

    ``OTEL_TRACES_SAMPLER_ARG`` does not: by the specification it has a meaning only for the sampler beside it.
    """
    ratio, kind = chosen["sampling_ratio"], chosen["sampler"]
    if ratio.value is None or kind.value.endswith("traceidratio"):
        return
    argument_of_sampler = ratio.source.detail == "OTEL_TRACES_SAMPLER_ARG"
    if not argument_of_sampler and _rank(ratio) < _rank(kind):
        chosen["sampler"] = Candidate("sampler", "parentbased_traceidratio", ratio.source, ratio.where)
        return
    chosen["sampling_ratio"] = replace(ratio, value=None, source=Source("default"))
    if not (argument_of_sampler and kind.source.detail == "OTEL_TRACES_SAMPLER"):
        rule = "has no effect without a ratio sampler, such as parentbased_traceidratio"
        draft.refuse("sampler", ratio.where, rule, ratio.source)


def _rank(candidate: Candidate) -> int:
    return RANKS.index(candidate.source.kind)


def prometheus(chosen: Chosen) -> None:
    """The page that ``OTEL_METRICS_EXPORTER=prometheus`` asks for, at the host and port of their own variables."""
    wanted = chosen["metrics_exporters"]
    if "prometheus" in wanted.value and chosen["prometheus"].value is None:
        address = (chosen["prometheus_host"].value, chosen["prometheus_port"].value)
        chosen["prometheus"] = Candidate("prometheus", address, wanted.source, wanted.where)


def batch(draft: Draft, chosen: Chosen) -> None:
    """A request cannot hold more spans than may wait for it: the batch gives way, and whoever set it is told."""
    size, room = chosen["export_batch_size"], chosen["export_queue_max"]
    if room.value is None or size.value <= room.value:
        return
    if _rank(size) < _rank(room):
        rule = f"must not be larger than export_queue_max ({room.value}, {room.source})"
        draft.refuse("export_batch_size", size.where, rule, size.source)
    else:
        rule = f"is smaller than export_batch_size ({size.value}, {size.source})"
        draft.refuse("export_queue_max", room.where, rule, room.source, f"sending batches of {room.value}")
    chosen["export_batch_size"] = replace(size, value=room.value, source=room.source)


def home(chosen: Chosen, unattended: str | None) -> None:
    """No folder in test runs unless one is set; else an absolute path, so that a later ``chdir`` does not split it."""
    folder = chosen["home"]
    if unattended and folder.source.kind == "default":
        chosen["home"] = replace(folder, value=None, source=Source("environment", unattended))
        return
    try:
        chosen["home"] = replace(folder, value=Path.absolute(folder.value))
    except OSError:
        return  # The current folder is gone; whoever opens the state folder will say so.
