"""Bad values given to ``instrument()``: it starts all the same, with one line each; ``strict`` raises one error."""

from collections.abc import Callable

import pytest

from tests.behaviour.processes import run_python, seen_by
from tests.config.test_bad_values import BAD_VARIABLES

# The values that make the OpenTelemetry SDK itself raise at its start, or at its import, or that it silently swallows.
SDK_CRASHES = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
    "OTEL_BSP_SCHEDULE_DELAY": "0",
    "OTEL_METRIC_EXPORT_INTERVAL": "-5",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x",
    "OTEL_METRICS_EXEMPLAR_FILTER": "zz",
    "OTEL_PROPAGATORS": "zz",
    "OTEL_TRACES_SAMPLER": "zz",
    "OTEL_TRACES_SAMPLER_ARG": "zz",
    "OTEL_SDK_DISABLED": "maybe",
    "OTEL_PYTHON_ID_GENERATOR": "x",
}

REPORT = """
with otel_perf.tool_call("works"):
    pass
status = handle.status()
print(json.dumps({"state": status.state, "calls": status.calls.span_recorded, "lines": lines,
                  "problems": list(status.problems), "errors": dict(status.internal_errors)}))
"""


def test_t92_everything_the_sdk_stumbles_over_at_once() -> None:
    """All of them set at the same time: the start succeeds, a call is recorded, one line for each, none unnamed."""
    seen = seen_by("import otel_perf\nhandle = otel_perf.instrument()\n" + REPORT, **SDK_CRASHES)
    assert (seen["state"], seen["calls"], seen["errors"]) == ("running", 1, {})
    assert len(seen["problems"]) == len(SDK_CRASHES)
    for name, value in SDK_CRASHES.items():
        assert sum(f'{name}="{value}"' in line for line in seen["lines"]) == 1, name


@pytest.mark.parametrize("queue", ["100", "0"])
def test_a_batch_above_the_queue(queue: str) -> None:
    """The SDK's own default batch does not fit in a queue of 100 and makes it raise; here it costs one line."""
    seen = seen_by("import otel_perf\nhandle = otel_perf.instrument()\n" + REPORT, OTEL_BSP_MAX_QUEUE_SIZE=queue)
    assert (seen["state"], seen["calls"]) == ("running", 1)
    assert len(seen["problems"]) == 1


ONE_AFTER_THE_OTHER = """
import os, otel_perf
seen = []
for name, text in VARIABLES:
    del lines[:]
    os.environ[name] = text
    with otel_perf.instrument() as handle:
        with otel_perf.tool_call("works"):
            pass
        status = handle.status()
        seen.append([name, status.state, status.calls.span_recorded, [l for l in lines if name in l],
                     list(status.problems), dict(status.internal_errors)])
    del os.environ[name]
print(json.dumps(seen))
"""


def test_t92_every_bad_variable_alone(record_figure: Callable[..., None]) -> None:
    """T-92: each of more than sixty bad variables: started, recorded, one line that names it, no error of ours."""
    variables = [(name, text) for name, text in BAD_VARIABLES if "\0" not in text]
    seen = seen_by(f"VARIABLES = {variables!r}\n" + ONE_AFTER_THE_OTHER)
    record_figure("T-92", variables=len(seen), started=sum(entry[1] == "running" for entry in seen))
    assert len(seen) == len(variables) >= 30
    for number, (name, state, recorded, lines, problems, errors) in enumerate(seen, 1):
        assert (state, errors) == ("running", {}), name
        assert recorded >= 1, name
        assert len(lines) == len(problems) == 1, (name, lines, problems, number)


BAD_ARGUMENTS = [
    ("service_name", "object()"),
    ("service_name", "''"),
    ("service_version", "5"),
    ("environment", "'e' * 300"),
    ("endpoint", "123"),
    ("endpoint", "'not_a_url'"),
    ("endpoint", "'ftp://x'"),
    ("endpoint", "[5]"),
    ("endpoint", "['http://h:99999']"),
    ("protocol", "'GRPC'"),
    ("protocol", "b'grpc'"),
    ("headers", "'a=b'"),
    ("headers", "{'a b': 'c'}"),
    ("headers", "{'a': 1}"),
    ("capture", "'everything'"),
    ("capture", "True"),
    ("sampling_ratio", "2.0"),
    ("sampling_ratio", "'x'"),
    ("sampling_ratio", "float('nan')"),
    ("preset", "'fast'"),
    ("preset", "['production']"),
    ("config_file", "'/no/such/file.yaml'"),
    ("config_file", "5"),
    ("set_global", "'yes'"),
    ("handle_sigterm", "1"),
    ("strict", "'yes'"),
    ("timeout_seconds", "float('inf')"),
    ("compression", "'zip'"),
    ("certificate", "3"),
    ("queue_max_calls", "0"),
    ("queue_max_bytes", "'64MiB'"),
    ("overflow", "'block'"),
    ("export_interval_seconds", "-1"),
    ("metric_temporality", "'zz'"),
    ("prometheus", "70000"),
    ("prometheus", "True"),
    ("tail_sampling", "'on'"),
    ("tail_ratio", "2"),
    ("shutdown_timeout_seconds", "-0.1"),
    ("propagate_threads", "'some'"),
    ("traces", "'http://h'"),
    ("servce_name", "'x'"),
]

ARGUMENTS = """
import otel_perf
seen = []
for name, value in [ARGUMENTS]:
    del lines[:]
    with otel_perf.instrument(**{name: value}) as handle:
        with otel_perf.tool_call("works"):
            pass
        status = handle.status()
        seen.append([name, status.state, status.calls.span_recorded, [l for l in lines if name in l],
                     list(status.problems), dict(status.internal_errors)])
print(json.dumps(seen))
"""


def test_t92_every_bad_argument_alone() -> None:
    """Each of more than forty bad arguments: as a bad variable, whatever its type."""
    listed = ", ".join(f"({name!r}, {value})" for name, value in BAD_ARGUMENTS)
    seen = seen_by(ARGUMENTS.replace("[ARGUMENTS]", f"[{listed}]"))
    assert [entry[0] for entry in seen] == [name for name, _ in BAD_ARGUMENTS]
    for name, state, recorded, lines, problems, errors in seen:
        assert (state, errors) == ("running", {}), name
        assert recorded >= 1, name
        assert len(lines) == len(problems) == 1, (name, lines, problems)


OBJECTS = """
import otel_perf
class Hostile:
    def __getattr__(self, name): raise RuntimeError(name)
seen = []
for name, value in [("tracer_provider", 5), ("tracer_provider", Hostile()), ("exporters", [5]),
                    ("exporters", [Hostile()]), ("exporters", 5), ("on_export_error", 5)]:
    del lines[:]
    try:
        with otel_perf.instrument(**{name: value}) as handle:
            with otel_perf.tool_call("works"):
                pass
            handle.flush(1)
            seen.append([name, handle.status().state, handle.status().balanced, None])
    except BaseException as error:
        seen.append([name, None, None, repr(error)])
print(json.dumps(seen))
"""


def test_bad_objects_never_raise() -> None:
    """A provider, an exporter or a callback that is none: the application starts, and its calls run."""
    for name, state, balanced, error in seen_by(OBJECTS):
        assert error is None, name
        assert state in {"running", "failed"}, name
        assert balanced, name


def test_t92_strict_is_one_error_that_names_all() -> None:
    """With ``strict=True`` nothing starts: one error names every bad value, wherever it comes from."""
    program = """
        import otel_perf
        from otel_perf.core.errors import ConfigurationError
        try:
            otel_perf.instrument(strict=True, sampling_ratio=2.0, service_name=5)
        except ConfigurationError as error:
            said = str(error)
        with otel_perf.tool_call("works"):
            pass
        import threading
        print(json.dumps([said, [t.name for t in threading.enumerate() if t.name.startswith("otel_perf")]]))
    """
    said, threads = seen_by(program, **SDK_CRASHES)
    assert [name for name in (*SDK_CRASHES, "sampling_ratio", "service_name") if name not in said] == []
    assert threads == []


def test_strict_from_the_environment_ends_the_start() -> None:
    """``OTEL_PERF_STRICT=true`` makes the start raise, so that a container does not run on with half its settings."""
    finished = run_python(
        "-c", "import otel_perf; otel_perf.instrument()", OTEL_PERF_STRICT="true", OTEL_TRACES_SAMPLER="zz"
    )
    assert finished.returncode == 1
    assert finished.stderr.count("OTEL_TRACES_SAMPLER") == 1
    assert "otel_perf.core.errors.ConfigurationError: " in finished.stderr


def test_precedence_through_instrument(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Argument over environment over file over preset over default, each told by ``status()``."""
    file = tmp_path_factory.mktemp("settings") / "perf.yaml"
    file.write_text("capture: shape\nservice_name: file\nservice_version: '3'\ntail_ratio: 0.5\n")
    program = f"""
        import otel_perf
        said = dict(service_name="argument", preset="high_throughput", config_file={str(file)!r})
        with otel_perf.instrument(**said) as handle:
            rows = {{row.name: [row.value_text, row.source_text] for row in handle.status().settings}}
            resource = dict(handle.engine.resource.attributes)
        print(json.dumps([rows, resource], default=str))
    """
    rows, resource = seen_by(program, OTEL_SERVICE_NAME="environment", OTEL_PERF_CAPTURE="summary")
    assert rows["service_name"][1] == "argument"
    assert "OTEL_PERF_CAPTURE" in rows["capture"][1]
    assert "perf.yaml" in rows["tail_ratio"][1]
    assert "high_throughput" in rows["tail_sampling"][1]
    assert rows["overflow"][1] == "default"
    assert (resource["service.name"], resource["service.version"]) == ("argument", "3")
