"""A sender with a spool: what goes to disk when, what is sent first, and what the account says of it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_perf.core.file_system import FileSystem
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.backoff import Backoff
from otel_perf.delivery.destination import DeltaMetricDestination, MetricDestination, SpanDestination
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.sender_hooks import Hooks
from otel_perf.delivery.spool import DiskSpool, SpoolSettings
from otel_perf.delivery.spool_folder import SpoolFolder
from otel_perf.delivery.transport import open_transport
from tests.delivery.sending import balanced, metrics, quick, settled, to, within
from tests.delivery.spooling import BATCH, numbered, spooling_to
from tests.delivery.test_metric_destination import values
from tests.delivery.test_spool import BrokenFiles
from tests.delivery.test_spool_processes import numbers, segments
from tests.sinks.http_sink import http_sink
from tests.sinks.received import Behaviour


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Look again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.005)
    return True


def nothing_waits(destination: SpanDestination) -> bool:
    """There was something, and nothing of it is in memory or on disk."""
    balance = balanced(destination.account)
    return balance.accepted > 0 and balance.queued == balance.in_flight == balance.spooled == 0


def test_in_health_nothing_is_written(tmp_path: Path) -> None:
    """No folder, no file."""
    with http_sink() as sink, spooling_to(sink.url, tmp_path / "state") as destination:
        destination.offer(numbered(1, 100))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 100}
        assert not list(tmp_path.iterdir())


def test_in_an_outage_what_is_due_goes_to_disk_within_the_interval(tmp_path: Path) -> None:
    """So that a killed process loses no more than that; and everything arrives once, in order, afterwards."""
    long = Backoff(first_seconds=1.0, longest_seconds=1.0, random=lambda: 1.0)
    with http_sink() as sink, spooling_to(sink.url, tmp_path, backoff=long, interval_seconds=0.1) as destination:
        sink.behave(status=503)
        for first in range(1, 100, 3):
            destination.offer(numbered(first, 3))
        assert until(lambda: balanced(destination.account).spooled == 99, 0.9)
        sink.behave()
        assert sink.wait_until(lambda: sink.spans == 99, 10)
        assert until(lambda: nothing_waits(destination))
        assert settled(destination.account) == {"exported": 99}
        assert numbers(sink) == list(range(1, 100))
        assert not segments(tmp_path)


def test_a_queue_that_is_half_full_gives_its_oldest_to_the_disk(tmp_path: Path) -> None:
    """A slow destination and a burst: nothing is dropped, though the queue holds a tenth of it."""
    limits = QueueLimits(batch_items=BATCH, queue_items=100)
    with http_sink() as sink, spooling_to(sink.url, tmp_path, limits=limits) as destination:
        sink.behave(delay_seconds=0.01)
        for first in range(1, 1001, 20):
            assert until(lambda: balanced(destination.account).queued <= 80)
            destination.offer(numbered(first, 20))
        assert sink.wait_until(lambda: sink.spans == 1000, 30)
        assert until(lambda: nothing_waits(destination))
        assert settled(destination.account) == {"exported": 1000}
        assert numbers(sink) == list(range(1, 1001))


def test_what_is_on_disk_is_sent_before_what_waits_in_memory(tmp_path: Path) -> None:
    """The order in which it was recorded."""
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 30))
            assert until(lambda: balanced(first.account).spooled == 30)
        sink.behave()
        with spooling_to(sink.url, tmp_path) as second:
            second.offer(numbered(31, 30))
            assert second.flush(within(10))
            assert numbers(sink) == list(range(1, 61))
            assert settled(second.account) == {"exported": 60}


def test_a_bad_span_among_spooled_ones_is_found_by_division(tmp_path: Path) -> None:
    """The destination refuses a request for one span: the other nine of it arrive, in order, and the rest too."""
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 30))
            assert until(lambda: balanced(first.account).spooled == 30)
        unsure = settled(first.account).get("uncertain", 0)  # cut off at its end, on a busy machine
        sink.behave(poison_name="14")
        with spooling_to(sink.url, tmp_path) as second:
            second.start()
            assert sink.wait_until(lambda: sink.spans == 29, 20)
            assert until(lambda: nothing_waits(second))
            assert settled(second.account) == {"exported": 29, "rejected http_4xx": 1}
        assert list(dict.fromkeys(numbers(sink))) == [number for number in range(1, 31) if number != 14]
        assert sink.doubled <= unsure
        assert len(list((tmp_path / "spool" / "refused").iterdir())) == 1


def test_spooled_requests_that_are_too_large_are_divided_until_they_fit(tmp_path: Path) -> None:
    """413 for a request of ten, accepted in halves of halves."""
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 20))
            assert until(lambda: balanced(first.account).spooled == 20)
        sink.behave(largest_bytes=150)
        with spooling_to(sink.url, tmp_path) as second:
            second.start()
            assert sink.wait_until(lambda: sink.spans == 20, 20)
            assert until(lambda: nothing_waits(second))
            assert settled(second.account) == {"exported": 20}
        assert numbers(sink) == list(range(1, 21))


def test_a_destination_that_refuses_for_good_gets_no_endless_repetitions(tmp_path: Path) -> None:
    """401 for a backlog: each request once, counted as rejected, the last ones set aside."""
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 50))
            assert until(lambda: balanced(first.account).spooled == 50)
        before = len(sink.requests)
        sink.behave(status=401)
        with spooling_to(sink.url, tmp_path) as second:
            second.start()
            assert until(lambda: nothing_waits(second))
            assert settled(second.account) == {"rejected http_4xx": 50}
        assert len(sink.requests) - before == 5
        assert not segments(tmp_path / "spool")


@pytest.mark.parametrize("number", [28, 30])
def test_a_disk_that_fails_costs_nothing_while_memory_lasts(tmp_path: Path, number: int) -> None:
    """Full or read-only: what cannot be written waits in memory, and arrives."""
    with http_sink() as sink, spooling_to(sink.url, tmp_path, BrokenFiles("create", number)) as destination:
        sink.behave(status=503)
        destination.offer(numbered(1, 100))
        assert sink.wait_until(lambda: len(sink.requests) >= 3)
        assert balanced(destination.account).spooled == 0
        sink.behave()
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 100}
        assert numbers(sink) == list(range(1, 101))


def test_at_the_end_a_full_disk_is_the_reason_of_the_loss(tmp_path: Path) -> None:
    """Not the time, of which there was enough."""
    with http_sink() as sink, spooling_to(sink.url, tmp_path, BrokenFiles("write", 28)) as destination:
        sink.behave(status=503)
        destination.offer(numbered(1, 100))
        assert not destination.shutdown(within(0.5))
        assert settled(destination.account) == {"dropped disk_full": 100}


class SlowFiles(FileSystem):
    """A disk that hangs."""

    def __init__(self) -> None:
        self.hanging = threading.Event()
        self.free = threading.Event()

    def sync(self, descriptor: int) -> None:
        self.hanging.set()
        self.free.wait(20)
        super().sync(descriptor)


def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The shutdown returns soon after its deadline, and the account balances."""
    files = SlowFiles()
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path, files) as destination:
            destination.offer(numbered(1, 100))
            assert files.hanging.wait(10)
            began = time.monotonic()
            destination.shutdown(within(0.5))
            took = time.monotonic() - began
            balanced(destination.account)
            files.free.set()
        assert took <= 1.4  # 0.5, twice 0.2 for the thread, 0.2 for the disk, and a busy machine


def test_an_answer_that_is_lost_at_the_end_is_uncertain_and_on_disk(tmp_path: Path) -> None:
    """The destination stores and does not answer: at least once, so the next process sends that one batch again."""
    with http_sink() as sink:
        sink.behave(drop_answer=True)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 30))
            first.shutdown(within(0.5))
            ends = settled(first.account)
            assert ends["uncertain"] + ends["spooled"] == 30
            assert ends["uncertain"] <= BATCH
        sink.behave()
        with spooling_to(sink.url, tmp_path) as second:
            second.start()
            assert until(lambda: nothing_waits(second))
            assert settled(second.account) == {"exported": 30}
        assert sorted(set(numbers(sink))) == list(range(1, 31))


# -- metrics ----------------------------------------------------------------------


def metric_spool(home: Path, *, only_at_end: bool) -> DiskSpool:
    """The spool of a destination of metrics."""
    return DiskSpool(SpoolFolder(StateFolder(home)), "m", "metrics", SpoolSettings(only_at_end=only_at_end))


def test_changes_of_metrics_are_all_replayed_in_order(tmp_path: Path) -> None:
    """Delta metrics: five exports in an outage, a restart, two more: all seven arrive, once, oldest first."""
    with http_sink() as sink:
        url = f"{sink.url}/v1/metrics"
        sink.behave(status=503)
        for change, exports in ((0, range(1, 6)), (1, range(6, 8))):
            if change:
                sink.behave()
            spool = metric_spool(tmp_path, only_at_end=False)
            destination = DeltaMetricDestination(
                "m", open_transport(to(url, signal="metrics")), quick(), Hooks(spool=spool)
            )
            for value in exports:
                destination.offer(metrics(2, value), 2)
            if change:
                assert sink.wait_until(lambda: len(sink.metrics) == 7)
            destination.shutdown(within(0.5 if not change else 5))
        assert values(sink) == [1, 2, 3, 4, 5, 6, 7]
        assert settled(destination.account) == {"exported": 14}
        assert destination.account.balance().adopted == 10


def test_changes_of_metrics_are_bounded_in_memory() -> None:
    """Without a spool the oldest go above the bound, counted in points."""
    body = metrics(3)
    limits = QueueLimits(queue_bytes=4 * len(body))
    with http_sink() as sink:
        sink.behave(black_hole=True)
        destination = DeltaMetricDestination(
            "m", open_transport(to(f"{sink.url}/v1/metrics", signal="metrics")), quick(limits=limits)
        )
        destination.offer(body, 3)
        assert sink.wait_until(lambda: sink.arrived == 1)
        for _ in range(6):
            destination.offer(body, 3)
            balanced(destination.account)
        balance = balanced(destination.account)
        assert (balance.queued, balance.in_flight, dict(balance.dropped)) == (12, 3, {"byte_budget": 6})
        destination.shutdown(within(0))


def test_of_cumulative_metrics_the_last_snapshot_survives_the_process(tmp_path: Path) -> None:
    """Newest wins while the process lives, and its last totals are delivered by the next one, before its own."""
    with http_sink() as sink:
        url = f"{sink.url}/v1/metrics"

        def made() -> MetricDestination:
            spool = metric_spool(tmp_path, only_at_end=True)
            return MetricDestination("m", open_transport(to(url, signal="metrics")), quick(), Hooks(spool=spool))

        sink.behave(status=503)
        first = made()
        for value in (1, 2, 3):
            first.offer(metrics(2, value), 2)
            assert sink.wait_until(lambda count=value: len(sink.requests) >= count)
        assert not segments(tmp_path)
        first.shutdown(within(0.3))
        # A request that was under way at the deadline is told as uncertain; its snapshot is on disk all the same.
        assert settled(first.account) in ({"spooled": 2}, {"uncertain": 2})
        sink.behave()
        second = made()
        second.start()
        assert sink.wait_until(lambda: len(sink.metrics) == 1)
        second.offer(metrics(2, 10), 2)
        assert second.flush(within(10))
        second.shutdown(within(5))
        assert values(sink) == [3, 10]
        assert settled(second.account) == {"exported": 4}


def test_a_flush_waits_for_what_went_to_disk_on_the_way(tmp_path: Path) -> None:
    """One failed attempt sends a batch to disk and from there to the destination: delivered is delivered."""
    with http_sink() as sink, spooling_to(sink.url, tmp_path) as destination:
        for first in (1, 101, 201):
            sink.then(Behaviour(status=503))
            destination.offer(numbered(first, 100))
            assert destination.flush(within(10))
            assert sink.spans == first + 99
        assert settled(destination.account) == {"exported": 300}
        assert destination.shutdown(within(5))


def test_a_flush_says_no_when_something_was_lost_on_disk(tmp_path: Path) -> None:
    """A segment rots: the flush that waits for it says so, once."""
    with http_sink() as sink:
        slow = Backoff(first_seconds=0.3, longest_seconds=0.3, random=lambda: 1.0)
        with spooling_to(sink.url, tmp_path, backoff=slow) as destination:
            sink.behave(status=503)
            destination.offer(numbered(1, 30))
            assert until(lambda: balanced(destination.account).spooled == 30)
            sorted(segments(tmp_path))[1].write_bytes(b"rotten")
            sink.behave()
            assert not destination.flush(within(10))
            assert settled(destination.account) == {"exported": 20, "dropped spool_damaged": 10}
            destination.offer(numbered(31, 5))
            assert destination.flush(within(10))


def test_flush_is_truthful_about_what_went_to_disk(tmp_path: Path) -> None:
    """On disk is not delivered; and what an earlier process left does not count as offered by this one."""
    with http_sink() as sink:
        sink.behave(status=503)
        with spooling_to(sink.url, tmp_path) as first:
            first.offer(numbered(1, 20))
            assert not first.flush(within(1))
            assert settled(first.account) == {"spooled": 20}
        sink.behave()
        sink.then(*[Behaviour(delay_seconds=0.2)] * 2)
        with spooling_to(sink.url, tmp_path) as second:
            second.offer(numbered(21, 5))
            assert second.flush(within(10))
            assert set(range(21, 26)) <= set(numbers(sink))
