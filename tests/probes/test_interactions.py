"""Commands, contexts, interfaces, states: each a span and a metric."""

import asyncio
import re
import time
from typing import Any

import pytest

import otel_perf
from otel_perf.core.operation_signals import SLOW_OPERATION, SPANS
from otel_perf.probes.interactions import (
    command,
    context_preparation,
    interface_call,
    interface_switch,
    state_transition,
)
from otel_perf.probes.operation import measure
from otel_perf.probes.speed import SpeedThresholds
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording


def points(capture: Capture, metric: str) -> dict[tuple[str, ...], Any]:
    """The points of a metric by their label values."""
    return {tuple(point.attributes.values()): point for point in capture.metrics()[metric]}


@pytest.mark.feature("S0-25")
def test_a_hundred_commands_are_counted_and_timed() -> None:
    """Counter 100, histogram 100, sum within 5 % of the wall clock."""
    with recording(deterministic=False) as capture:
        wall = 0.0
        for _ in range(100):
            start = time.perf_counter()
            with command("build"):
                time.sleep(0.006)
            wall += time.perf_counter() - start
        (executions,) = capture.metrics()["otel_perf.command.executions"]
        (duration,) = capture.metrics()["otel_perf.command.duration"]
        assert executions.value == duration.count == 100
        assert executions.attributes == {"otel_perf.command.name": "build", "otel_perf.outcome": "ok"}
        assert duration.sum == pytest.approx(wall, rel=0.05)


@pytest.mark.feature("S1-14", "S1-27", "S4-39")
@pytest.mark.parametrize("mode", ["FANCY", "SIMPLE", "auto", "on", "off"])
def test_context_preparation_is_timed_by_mode(otel_perf_capture: Capture, mode: str) -> None:
    """The mode is the metric's label, and an attribute of the span and of what runs below it."""

    @context_preparation(mode)
    def prepare() -> str:
        with otel_perf.tool_call("read_history"):
            return "context"

    assert prepare() == "context"

    point = points(otel_perf_capture, "otel_perf.context.preparation.duration")[mode, "ok"]
    assert point.count == 1
    assert point.attributes["otel_perf.context.mode"] == mode
    for name in ("context.preparation", "execute_tool read_history"):
        assert (otel_perf_capture.span(name).attributes or {})["otel_perf.context.mode"] == mode


@pytest.mark.feature("S1-14", "S4-39")
def test_the_mode_is_handed_down(otel_perf_capture: Capture) -> None:
    """From ``measure(context_mode=)`` or the attributes of an agent; agent and conversation stay what they are."""
    with otel_perf.agent("helper", conversation_id="c", attributes={"otel_perf.context.mode": "SIMPLE"}):
        with context_preparation():
            pass
        with measure("turn", context_mode="FANCY"), context_preparation(), otel_perf.tool_call("search"):
            pass
    with context_preparation():
        pass

    by_label = points(otel_perf_capture, "otel_perf.context.preparation.duration")
    assert set(by_label) == {("SIMPLE", "ok"), ("FANCY", "ok"), ("ok",)}
    search = otel_perf_capture.span("execute_tool search").attributes or {}
    assert search["otel_perf.context.mode"] == "FANCY"
    assert (search["gen_ai.agent.name"], search["gen_ai.conversation.id"]) == ("helper", "c")


@pytest.mark.feature("S1-28")
def test_answers_are_timed_by_interface(otel_perf_capture: Capture) -> None:
    """One series per interface and outcome; the error's class beside a failure."""

    async def main() -> None:
        async with interface_call("web"):
            await asyncio.sleep(0)
        with pytest.raises(OSError, match="gone"):
            async with interface_call("web"):
                raise OSError("gone")

    with interface_call("terminal"):
        pass
    asyncio.run(main())

    by_label = points(otel_perf_capture, "otel_perf.interface.duration")
    assert {labels: point.count for labels, point in by_label.items()} == {
        ("terminal", "ok"): 1,
        ("web", "ok"): 1,
        ("web", "error", "OSError"): 1,
    }
    assert {span.name for span in otel_perf_capture.spans} == {"interface terminal", "interface web"}


@pytest.mark.feature("S1-29")
def test_each_switch_is_one_measurement_with_both_interfaces(otel_perf_capture: Capture) -> None:
    """From and to, on the metric and on the span."""
    switches = [("terminal", "web"), ("web", "terminal"), ("terminal", "web")]
    for source, target in switches:
        with interface_switch(source, target):
            pass

    by_label = points(otel_perf_capture, "otel_perf.interface.switch.duration")
    assert {labels: point.count for labels, point in by_label.items()} == {
        ("terminal", "web", "ok"): 2,
        ("web", "terminal", "ok"): 1,
    }
    seen = [span.attributes or {} for span in otel_perf_capture.spans]
    assert [(found["otel_perf.interface.from"], found["otel_perf.interface.to"]) for found in seen] == switches


@pytest.mark.feature("S1-30")
def test_each_transition_is_one_span_and_one_measurement_with_both_states(otel_perf_capture: Capture) -> None:
    """From and to, and the machine where it is named."""
    with state_transition("idle", "thinking"):
        pass
    with state_transition("thinking", "answering", machine="turn"):
        pass

    by_label = points(otel_perf_capture, "otel_perf.state.transition.duration")
    assert {labels: point.count for labels, point in by_label.items()} == {
        ("idle", "thinking", "ok"): 1,
        ("thinking", "answering", "turn", "ok"): 1,
    }
    first, second = (span.attributes or {} for span in otel_perf_capture.spans)
    assert (first["otel_perf.state.from"], first["otel_perf.state.to"]) == ("idle", "thinking")
    assert second["otel_perf.state.machine"] == "turn"


def test_an_interaction_is_a_decorator_of_coroutines_too(otel_perf_capture: Capture) -> None:
    """One object, each form."""

    @command("deploy")
    async def deploy(place: str) -> str:
        await asyncio.sleep(0)
        return place

    assert asyncio.run(deploy("here")) == "here"
    assert repr(command("deploy")) == "<command deploy ('deploy',)>"
    assert points(otel_perf_capture, "otel_perf.command.executions")["deploy", "ok"].value == 1


def test_while_recording_is_off_nothing_is_measured() -> None:
    """No span, no measurement; the application goes on."""
    with command("build") as run, context_preparation("FANCY"):
        pass
    assert not run.span.recorded
    assert run.duration_ns is not None


def fail_in_each() -> None:
    """One failed run of each kind."""
    for block in (
        command("c"),
        context_preparation("on"),
        interface_call("i"),
        interface_switch("a", "b"),
        state_transition("x", "y", machine="m"),
    ):
        with pytest.raises(OSError, match="gone"), block:
            raise OSError("gone")


def test_spans_and_events_hold_what_the_catalogue_says() -> None:
    """Every attribute of these spans, failed and slow ones included, is documented; each span has its entry."""
    thresholds = SpeedThresholds(moderate_seconds=0, slow_seconds=0, debug=True)
    with recording(deterministic=False) as capture:
        with measure("load", tracemalloc=True, context_mode="auto", thresholds=thresholds):
            time.sleep(0.03)
            fail_in_each()
        documented = {
            re.sub(r"\{.*?\}", "", spec.name): {attribute.name for attribute in spec.attributes} for spec in SPANS
        }
        found = {
            re.sub("load| [ci]$", lambda m: " " if m[0] != "load" else "", span.name): span for span in capture.spans
        }
        assert set(found) == set(documented)
        for name, span in found.items():
            assert set(span.attributes or {}) <= documented[name], name
        assert set(found[""].attributes or {}) | {"error.type", "otel_perf.outcome"} == documented[""]
        (event,) = found[""].events
        assert set(event.attributes or {}) == {attribute.name for attribute in SLOW_OPERATION}
