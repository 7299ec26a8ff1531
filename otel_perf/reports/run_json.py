"""A run summary as JSON, for a program that reads it later."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from otel_perf.reports.run_summary import RunSummary

__all__ = ["FORMAT_VERSION", "to_form", "to_json"]

FORMAT_VERSION: Final = 1
"""Raised when a field changes its meaning or goes; a new field leaves it."""


def to_form(summary: RunSummary) -> dict[str, Any]:
    """Return a summary as plain dictionaries and lists: fields as in ``RunSummary``, ``None`` for absent."""
    form: dict[str, Any] = {"format": "otel_perf.run_summary", "version": FORMAT_VERSION, **asdict(summary)}
    form["calls"]["balanced"] = summary.calls.balanced
    for destination, balance in zip(form["destinations"], summary.destinations, strict=True):
        destination.update(lost=balance.lost, balanced=balance.balanced)
    for trace in form["slowest"]:
        for segment in trace["segments"]:
            # What identifies a span inside this process says nothing outside of it.
            del segment["key"]
    if summary.overhead is not None:
        form["overhead"]["worker_cpu_share"] = summary.overhead.worker_cpu_share
    return form


def to_json(summary: RunSummary) -> str:
    """Return ``to_form`` as text in plain ASCII, whatever the names hold."""
    return json.dumps(to_form(summary), indent=2)
