"""Plugins of other packages: found by entry point, on threads of their own, broken ones left out."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import otel_perf
from otel_perf.core.events import Event
from otel_perf.core.guard import guard
from otel_perf.core.plugin import FinishedCall, MeasuredValue, PluginHost
from otel_perf.runtime import plugins as plugins_module
from otel_perf.runtime.handle import Handle
from otel_perf.runtime.plugins import GROUP
from tests.behaviour.processes import seen_by

INSTALLED = """
import json, sys
class Plugin:
    def __init__(self, host):
        self.host, self.seen = host, []
        sys.plugin = self
    def on_calls(self, calls):
        self.seen += [[call.name, call.kind, call.caller, call.outcome, call.error_type] for call in calls]
        for call in calls:
            self.host.record_custom_metric("plugin.calls", 1, {"tool": call.name}, "counter")
    def on_measurements(self, measurements):
        self.seen += [[each.name, each.value] for each in measurements if each.name != "plugin.calls"]
    def on_events(self, events): self.seen += [[each.name] for each in events]
    def shutdown(self): self.seen.append("shutdown")
"""


def install(folder: Path, package: str, code: str, target: str) -> None:
    """A distribution as pip would leave it: a module, and metadata with an entry point of our group."""
    (folder / f"{package}.py").write_text(code)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{package} = {package}:{target}\n")


PROGRAM = """
import logging, threading
import otel_perf
class Levels(logging.Handler):
    def emit(self, record): levels.append(record.levelname)
levels = []
logging.getLogger("otel_perf").addHandler(Levels())
handle = otel_perf.instrument()
with otel_perf.agent("helper"), otel_perf.tool_call("look_up"):
    pass
try:
    with otel_perf.tool_call("fails"): raise KeyError("x")
except KeyError: pass
otel_perf.record_kpi("f1_score", 0.5)
otel_perf.record_score("relevance", 0.9)
handle.shutdown()
status = handle.status()
plugin = getattr(sys, "plugin", None)
print(json.dumps([plugin and plugin.seen, plugin and plugin.host.name, lines, levels, status.notes,
                  dict(status.internal_errors), [t.name for t in threading.enumerate()]]))
"""


@pytest.mark.feature("S2-64", "S2-68")
def test_an_installed_package_adds_a_plugin_and_a_broken_one_is_skipped(tmp_path: Path) -> None:
    """One of two packages reads all that is recorded; the other cannot be imported: one ERROR, and nothing else."""
    install(tmp_path, "good_plugin", INSTALLED, "Plugin")
    install(tmp_path, "broken_plugin", "raise ImportError('needs a thing')", "Plugin")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    seen, name, lines, levels, notes, errors, threads = seen_by(program)
    assert name == "good_plugin"
    calls = [entry for entry in seen if len(entry) == 5]
    assert ["look_up", "tool", "helper", "ok", None] in calls
    assert ["fails", "tool", None, "error", "KeyError"] in calls
    assert ["helper", "agent", None, "ok", None] in calls
    assert ["otel_perf.kpi.f1_score", 0.5] in seen
    assert ["gen_ai.evaluation.result"] in seen
    assert seen[-1] == "shutdown"
    assert levels == ["ERROR"]
    assert "broken_plugin" in lines[0]
    assert "needs a thing" in lines[0]
    assert [note for note in notes if "broken_plugin" in note]
    assert errors == {"plugin.broken_plugin": 1}
    assert threads == ["MainThread"]


def test_plugins_can_be_switched_off(tmp_path: Path) -> None:
    """``OTEL_PERF_PLUGINS=false``: nothing is looked for."""
    install(tmp_path, "good_plugin", INSTALLED, "Plugin")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    assert seen_by(program, OTEL_PERF_PLUGINS="false")[0] is None


FORKING = """
import os, time
import otel_perf
handle = otel_perf.instrument()
with otel_perf.tool_call("parent"): pass
read, write = os.pipe()
child = os.fork()
with otel_perf.tool_call("child" if child == 0 else "parent"): pass
handle.shutdown()
names = [entry[0] for entry in sys.plugin.seen if len(entry) == 5]
if child == 0:
    os.write(write, json.dumps([names, lines]).encode())
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps([names, *json.loads(os.read(read, 10000))]))
"""


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')")
def test_a_forked_child_has_a_plugin_of_its_own(tmp_path: Path) -> None:
    """Parent and child are each told of their own calls, even when the fork comes right after the start."""
    install(tmp_path, "good_plugin", INSTALLED, "Plugin")
    parent, child, lines = seen_by(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{FORKING}")
    assert (parent, child, lines) == (["parent", "parent"], ["child"], [])


def test_without_a_plugin_nothing_is_imported_for_one() -> None:
    """No half-imported module can be left to a forked child, and nothing is paid for."""
    program = """
import otel_perf
handle = otel_perf.instrument()
handle.shutdown()
print(json.dumps([name for name in ("importlib.metadata", "otel_perf.core.plugin") if name in sys.modules]))
"""
    assert seen_by(program) == []


# -- in this process, with entry points made by hand ---------------------------------------------------------------


class EntryPoint:
    """An entry point as ``importlib.metadata`` has them."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name = name
        self.load = load


class Collecting:
    """A plugin that keeps what it is told."""

    def __init__(self, host: PluginHost) -> None:
        self.host = host
        self.calls: list[FinishedCall] = []
        self.values: list[MeasuredValue] = []
        self.events: list[Event] = []
        self.threads: set[str] = set()
        self.ended = 0

    def on_calls(self, calls: Sequence[FinishedCall]) -> None:
        self.calls += calls
        self.threads.add(threading.current_thread().name)

    def on_measurements(self, measurements: Sequence[MeasuredValue]) -> None:
        self.values += measurements

    def on_events(self, events: Sequence[Event]) -> None:
        self.events += events

    def shutdown(self) -> None:
        self.ended += 1


@contextmanager
def running_with(monkeypatch: pytest.MonkeyPatch, *entry_points: EntryPoint) -> Iterator[Handle]:
    """A pipeline in which these plugins are installed."""
    monkeypatch.setattr(plugins_module, "installed_plugins", lambda: entry_points)
    with otel_perf.instrument() as handle:
        yield handle


def kept(made: list[Any]) -> Callable[[], Callable[[PluginHost], Any]]:
    """Loads ``Collecting``, and keeps what was made."""

    def make(host: PluginHost) -> Collecting:
        made.append(Collecting(host))
        return made[-1]  # type: ignore[no-any-return]

    return lambda: make


@pytest.mark.feature("S2-64")
def test_a_plugin_reads_everything_on_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, values with their labels, events; its thread ends with the pipeline, after its shutdown."""
    made: list[Collecting] = []
    with running_with(monkeypatch, EntryPoint("mine", kept(made))):
        for _ in range(100):
            with otel_perf.tool_call("one"):
                pass
        otel_perf.record_kpi("response_quality", 0.7, model="m")
        otel_perf.record_score("tone", label="kind")
    (plugin,) = made
    assert len(plugin.calls) == 100
    assert {call.name for call in plugin.calls} == {"one"}
    assert all(call.duration_seconds >= 0 for call in plugin.calls)
    quality = next(value for value in plugin.values if value.name == "otel_perf.kpi.response_quality")
    assert (quality.value, quality.kind, quality.labels) == (0.7, "histogram", {"gen_ai.request.model": "m"})
    assert [event.attributes["gen_ai.evaluation.score.label"] for event in plugin.events] == ["kind"]
    assert plugin.threads == {"otel_perf-plugin-mine"}
    assert plugin.ended == 1


@pytest.mark.feature("S2-68", "S2-65")
def test_a_plugin_that_raises_or_hangs_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each exception is counted and the plugin goes on; one that hangs blocks neither the application nor another."""
    made: list[Collecting] = []
    release = threading.Event()

    class Raising:
        def __init__(self, host: PluginHost) -> None:
            self.host = host

        def on_calls(self, calls: Sequence[FinishedCall]) -> None:
            raise SystemExit if len(calls) > 1 else ValueError("its own")

    class Hanging(Raising):
        def on_calls(self, calls: Sequence[FinishedCall]) -> None:
            release.wait(30)

    plugins = (
        EntryPoint("hanging", lambda: Hanging),
        EntryPoint("raising", lambda: Raising),
        EntryPoint("good", kept(made)),
    )
    with running_with(monkeypatch, *plugins) as handle:
        for _ in range(3):
            with otel_perf.tool_call("one"):
                pass
            assert handle.flush(5)
        try:
            seen = threading.Event()
            while not (made and len(made[0].calls) == 3 and guard.counts["plugin.raising"] >= 1):
                assert not seen.wait(0.01)
        finally:
            release.set()
    assert made[0].ended == 1
    assert handle.status().internal_errors["plugin.raising"] >= 1
    assert {record.levelno for record in caplog.records} <= {logging.ERROR}


def test_a_factory_that_raises_is_skipped_with_one_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even by ``SystemExit``; a factory that gives ``None`` wants nothing, and says nothing."""

    def refuse(host: PluginHost) -> None:
        raise SystemExit(f"{host.name} is not for this Python")

    made: list[Collecting] = []
    plugins = (
        EntryPoint("refusing", lambda: refuse),
        EntryPoint("quiet", lambda: lambda host: None),
        EntryPoint("good", kept(made)),
    )
    with running_with(monkeypatch, *plugins), otel_perf.tool_call("one"):
        pass
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "refusing is not for this Python" in caplog.text
    assert len(made[0].calls) == 1


def test_what_a_slow_plugin_does_not_take_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded: 10,000 records wait, the rest is dropped, and the status says how many."""
    release = threading.Event()

    class Slow:
        def __init__(self, host: PluginHost) -> None:
            release.wait(30)
            self.calls = 0

        def on_calls(self, calls: Sequence[FinishedCall]) -> None:
            self.calls += len(calls)

    with running_with(monkeypatch, EntryPoint("slow", lambda: Slow)) as handle:
        for _ in range(12_000):
            with otel_perf.tool_call("one"):
                pass
        handle.flush(10)
        notes = [note for note in handle.status().notes if "slow" in note]
        release.set()
    assert len(notes) == 1
    assert "records were not handed to it" in notes[0]
