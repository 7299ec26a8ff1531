"""What a real collector receives is what the application did, by both protocols and on both kinds of provider."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.backends.collector import RunningCollector
from tests.backends.exported import metrics

PROGRAM = Path(__file__).with_name("busy_program.py")
CALLS = 10_000
FOREIGN = 2_000


def run(provider: str, protocol: str, endpoint: str, folder: Path) -> dict[str, Any]:
    """Run the program to its end; its own account."""
    file = folder / "account.json"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), provider, protocol, endpoint, str(file)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    account: dict[str, Any] = json.loads(file.read_text())
    return account


def as_account(span: dict[str, Any]) -> dict[str, Any]:
    """A span that arrived, in the words of the program's account."""
    return {
        "trace": span["traceId"],
        "parent": span["parentSpanId"],
        "name": span["name"],
        "kind": span["kind"],
        "attributes": span["attributes"],
        "start": span["startTimeUnixNano"],
        "end": span["endTimeUnixNano"],
        "status": span["status"].get("code", 0),
        "events": [event["name"] for event in span["events"]],
    }


def differing(received: dict[str, Any], sent: dict[str, Any]) -> list[Any]:
    """The first few spans that are not the same on both sides (a picture of 12,000 would take minutes to draw)."""
    ids = [each for each in sent.keys() | received.keys() if sent.get(each) != received.get(each)]
    return [(sent.get(each), received.get(each)) for each in ids[:3]]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("provider", ["owned", "adopted"])
def test_the_collector_has_exactly_what_the_application_did(
    running_collector: RunningCollector, tmp_path: Path, provider: str, protocol: str
) -> None:
    """Ids, parents, names, kinds, attributes, times and counts of 10,000 calls are equal, and the ledger says so."""
    grpc = protocol == "grpc"
    endpoint = running_collector.grpc_endpoint if grpc else running_collector.http_endpoint

    account = run(provider, protocol, endpoint, tmp_path)
    arrived = running_collector.wait_for_spans(CALLS + FOREIGN)

    assert account["provider"] == provider
    assert account["delivered"] is True
    assert account["balanced"] is True
    assert account["internal_errors"] == {}
    assert account["calls"] == CALLS
    assert account["foreign"] == FOREIGN
    assert account["destinations"]["traces 0"] == [CALLS + FOREIGN, CALLS + FOREIGN, 0]
    assert len(arrived) == CALLS + FOREIGN
    received = {span["spanId"]: as_account(span) for span in arrived}
    assert differing(received, account["spans"]) == []
    calls = [span for span in arrived if span["scope"]["name"] == "otel_perf"]
    assert len(calls) == CALLS
    (service,) = {span["resource"]["service.name"] for span in calls}
    assert service.startswith("busy" if provider == "owned" else "unknown_service")
    if provider == "owned":
        points = metrics(running_collector.requests())["otel_perf.tool.calls"][-1]["points"]
        counted = {
            (point["attributes"]["gen_ai.tool.name"], point["attributes"]["otel_perf.outcome"]): int(point["asInt"])
            for point in points
        }
        assert counted == {
            ("leaf", "ok"): 4000,
            ("middle", "ok"): 2000,
            ("failing", "timeout"): 1000,
            ("waiting", "ok"): 1900,
            ("batch", "ok"): 100,
        }
