"""Random faults of every kind at once, from a fixed seed: at the end, and at every look in between, the ledger is true.

``CHAOS_SECONDS`` and ``CHAOS_SEED`` make the long run longer, shorter, or another one.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from subprocess import STDOUT
from typing import Any

import pytest

from tests.faults.weather import Weather, weather
from tests.life.running import Running, running

PROGRAM = str(Path(__file__).parent / "programs" / "chaos.py")
LONG_SECONDS = int(os.environ.get("CHAOS_SECONDS", "1800"))
SEED = int(os.environ.get("CHAOS_SEED", "4318"))
MIB_LIMIT = 64
SHORTEST_WITH_GROWTH = 60


class Told:
    """What the program says in the course of its life."""

    def __init__(self) -> None:
        self.pipelines: list[dict[str, Any]] = []
        self.looks: list[dict[str, Any]] = []
        self.children: Counter[int] = Counter()
        self.left: list[str] | None = None
        self.log: list[str] = []

    def listen(self, program: Running, sky: Weather) -> None:
        """Until its end; when it asks for calm it gets it."""
        assert program.process.stdout is not None
        for line in program.process.stdout:
            if not line.startswith("{"):
                self.log.append(line)
                continue
            said = json.loads(line)
            if "calm" in said:
                sky.calm()
            self.pipelines += [said["pipeline"]] if "pipeline" in said else []
            self.looks += [said["look"]] if "look" in said else []
            self.children.update([said["child"]] if "child" in said else [])
            self.left = said.get("left", self.left)

    def total(self, name: str) -> int:
        """The sum over all pipelines."""
        values = [pipeline[name] for pipeline in self.pipelines]
        return sum(sum(value.values()) if isinstance(value, dict) else value for value in values)

    def reasons(self, name: str) -> dict[str, int]:
        """The sums over all pipelines by reason."""
        return dict(sum((Counter(pipeline[name]) for pipeline in self.pipelines), Counter()))

    def growth(self, name: str) -> float:
        """From the first quarter of all looks to the last one."""
        values = [look[name] for look in self.looks]
        quarter = max(1, len(values) // 4)
        return float(median(values[-quarter:]) - median(values[:quarter]))


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(15, id="short"), pytest.param(LONG_SECONDS, id="long", marks=pytest.mark.soak)],
)
@pytest.mark.timeout(LONG_SECONDS + 300)
def test_t87_random_faults(seconds: int, tmp_path: Path, record_figure: Callable[..., None]) -> None:
    """T-87: an ever-changing backend, full disks, forks, settings, clock jumps: nothing is lost but what is counted."""
    told = Told()
    with weather(SEED) as sky, running(PROGRAM, seconds, SEED, sky.url, folder=tmp_path, stderr=STDOUT) as program:
        sky.begin()
        told.listen(program, sky)
        code = program.process.wait(60)

    arrivals = sky.arrivals
    recorded = told.total("accepted") - told.total("adopted")
    missing = recorded - len(arrivals.keys)
    lost = told.total("rejected") + told.total("dropped") + told.total("tail_sampled")
    uncertain = told.total("uncertain")
    figures = {
        "seconds": seconds,
        "seed": SEED,
        "pipelines": len(told.pipelines) - sum(told.children.values()),
        "forks": sum(told.children.values()),
        "weather_changes": sky.changes.total(),
        "snapshots": told.total("snapshots"),
        "unbalanced": told.total("unbalanced"),
        "calls": told.total("calls"),
        "recorded": recorded,
        "missing": missing,
        "rejected": told.reasons("rejected"),
        "dropped": told.reasons("dropped"),
        "tail_sampled": told.total("tail_sampled"),
        "uncertain": uncertain,
        "doubled": arrivals.doubled,
        "answered_late_or_not": arrivals.unsure,
        "growth_mib": round(told.growth("rss_mib"), 1),
        "growth_threads": told.growth("threads"),
        "growth_fds": told.growth("fds"),
    }
    record_figure("T-87", **figures)

    words = json.dumps(figures) + "\n" + "".join(told.log[-50:])
    assert code == 0, words
    assert "Traceback" not in "".join(told.log), words
    assert set(told.children) <= {0}, words
    wrong = [
        pipeline
        for pipeline in told.pipelines
        if not pipeline["exact"]
        or not pipeline["balanced"]
        or pipeline["unbalanced"]
        or pipeline["waiting"]
        or pipeline["recorded"] != pipeline["accepted"] - pipeline["adopted"]
        or pipeline["internal_errors"]
        or pipeline["worker_restarts"]
    ]
    assert not wrong, f"{wrong[:5]}\n{words}"
    assert told.left == [], words
    assert told.pipelines[-1]["spooled"] == told.pipelines[-1]["uncertain"] == 0, words
    assert told.total("spooled") <= told.total("adopted") <= told.total("spooled") + uncertain, words
    assert told.total("exported") <= arrivals.keys.total() <= told.total("exported") + arrivals.unsure, words
    assert missing <= lost + uncertain, words
    assert lost <= missing + arrivals.unsure, words
    assert arrivals.doubled <= arrivals.unsure, words
    if seconds >= SHORTEST_WITH_GROWTH:
        assert told.growth("threads") <= 0, words
        assert told.growth("fds") <= 0, words
        assert told.growth("rss_mib") <= MIB_LIMIT, words
