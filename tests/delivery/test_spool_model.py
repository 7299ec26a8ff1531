"""The spool against a model: processes and power end at any system call, disks fill up, files rot."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_perf.core import clock
from otel_perf.core.state_folder import StateFolder
from otel_perf.delivery.parcels import SpanParcel
from otel_perf.delivery.spool import DiskSpool, SpoolSettings
from otel_perf.delivery.spool_folder import SpoolFolder
from tests.delivery.sending import spans
from tests.delivery.simulated_disk import DeadError, Disk, SimulatedFiles

HOME = Path("/application/state")
KEY = "0123456789abcdef"
BIG = 1 << 40


class Group:
    """Spans that were stored together, or a half of those."""

    def __init__(self, ids: tuple[int, ...]) -> None:
        self.ids = ids
        self.sure = True  # otherwise a crash has left open whether it is on disk


class Process:
    """A living process: its system calls, its spool, its account, and what the model says it has stored."""

    def __init__(self, disk: Disk) -> None:
        self.files = SimulatedFiles(disk)
        folder = SpoolFolder(StateFolder(HOME, self.files))
        self.spool = DiskSpool(folder, KEY, "traces", SpoolSettings(max_bytes=BIG, max_age_seconds=1e9))
        self.spool.attach(self._adopt, self._lose)
        self.own: list[Group] = []
        self.lent: Any = None  # what was taken out last
        self.account: Counter[str] = Counter()

    def _adopt(self, items: int) -> None:
        self.account["adopted"] += items

    def _lose(self, items: int, reason: str, *, adopted: bool) -> None:
        self.account[reason] += items


def ids_of(body: bytes) -> tuple[int, ...]:
    """The spans of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return tuple(
        int.from_bytes(span.span_id, "big")
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    )


class SpoolMachine(RuleBasedStateMachine):
    """Each rule is one thing that a sender, the machine, or time does."""

    @initialize()
    def begin(self) -> None:
        self.disk = Disk()
        self.disk.folders.add(str(HOME.parent))
        self.patch = pytest.MonkeyPatch()
        self.disk.now_ns = 1_700_000_000 * 10**9
        self.patch.setattr(clock, "monotonic_ns", lambda: self.disk.now_ns)
        self.patch.setattr(clock, "wall_ns", lambda: self.disk.now_ns)
        self.origins: list[list[Group]] = []  # what each process has stored and nobody has removed, oldest first
        self.living: list[Process] = []
        self.acknowledged: set[int] = set()
        self.repeatable: set[int] = set()  # acknowledged, but a crash has perhaps left the file
        self.either: dict[tuple[int, ...], list[Group]] = {}  # a crash has left open whether it was divided
        self.damaged: set[int] = set()
        self.counted_damaged = 0
        self.start()

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            try:
                self.deliver_the_rest()
            finally:
                self.patch.undo()

    # -- processes -----------------------------------------------------------------

    @precondition(lambda self: len(self.living) < 2)
    @rule()
    def start(self) -> None:
        """A process begins; a second later than any before."""
        self.disk.now_ns += 10**9
        process = Process(self.disk)
        self.origins.append(process.own)
        self.living.append(process)

    def pick(self, number: int) -> Process:
        if not self.living:
            self.start()
        return self.living[number % len(self.living)]

    def attempt(self, process: Process, what: Callable[[], Any], unsure: Callable[[], None]) -> Any:
        """Do it; when the process dies in the middle, what it was at is unsure."""
        try:
            return what()
        except DeadError:
            unsure()
            self.bury(process)
            return None
        finally:
            process.files.calls_left = None

    def bury(self, process: Process) -> None:
        process.files.die()
        self.living.remove(process)

    @rule(who=st.integers(0, 1))
    def kill(self, who: int) -> None:
        """SIGKILL between two operations: nothing is written any more, nothing that was written is lost."""
        self.bury(self.pick(who))

    @rule(steps=st.integers(0, 6), size=st.integers(0, 200))
    def cut_the_power(self, steps: int, size: int) -> None:
        """All processes end, and what was not synced is lost, or lost in part."""
        for process in list(self.living):
            self.bury(process)
        self.disk.lose_power(steps, size)

    @rule(who=st.integers(0, 1), counts=st.lists(st.integers(1, 5), max_size=3), calls=st.none() | st.integers(0, 40))
    def leave(self, who: int, counts: list[int], calls: int | None) -> None:
        """A clean end, with so many parcels stored in haste; perhaps the power is cut in it, or the process killed."""
        process = self.pick(who)
        groups: list[Group] = []
        process.files.calls_left = calls

        def end() -> bool:
            for count in counts:
                parcel = SpanParcel(spans(count))
                group = Group(ids_of(parcel.body()))
                group.sure = False
                process.own.append(group)
                if process.spool.keep(parcel, hasty=True):
                    groups.append(group)
            process.spool.close()
            return True

        if self.attempt(process, end, lambda: None):
            for group in groups:
                group.sure = True
            self.bury(process)

    @rule(seconds=st.sampled_from([1, 31, 61]))
    def wait(self, seconds: int) -> None:
        """Time passes, so that orphans are looked for again, and a full disk is tried again."""
        self.disk.now_ns += seconds * 10**9

    # -- the sender ----------------------------------------------------------------

    @rule(who=st.integers(0, 1), count=st.integers(1, 5), calls=st.none() | st.integers(0, 30))
    def keep(self, who: int, count: int, calls: int | None) -> None:
        """A parcel is stored; perhaps the process dies in it."""
        process = self.pick(who)
        parcel = SpanParcel(spans(count))
        group = Group(ids_of(parcel.body()))
        process.files.calls_left = calls

        def unsure() -> None:
            group.sure = False
            process.own.append(group)

        if self.attempt(process, lambda: process.spool.keep(parcel), unsure):
            process.own.append(group)
            process.account["kept"] += count

    def oldest(self, process: Process, calls: int | None) -> Any:
        """The parcel to send: whole, known, and older than all else of its origin that is not damaged."""
        process.files.calls_left = calls
        before = process.account["spool_damaged"]
        parcel = self.attempt(process, process.spool.oldest, lambda: None)
        self.counted_damaged += process.account["spool_damaged"] - before
        process.lent = parcel
        if parcel is None:
            return None
        ids = ids_of(parcel.body())
        assert len(ids) == parcel.items
        self.resolve(ids)
        origin = next(groups for groups in self.origins if any(group.ids == ids for group in groups))
        older = [group for group in origin if group.ids < ids and group.sure]
        assert not [group.ids for group in older if not self.damaged.issuperset(group.ids)]
        assert not self.acknowledged.intersection(ids) or self.repeatable.issuperset(ids)
        return parcel

    @rule(who=st.integers(0, 1), find=st.none() | st.integers(0, 60), calls=st.none() | st.integers(0, 4))
    def deliver(self, who: int, find: int | None, calls: int | None) -> None:
        """The oldest is sent and acknowledged; perhaps the process dies while it is looked for, or removed."""
        process = self.pick(who)
        parcel = self.oldest(process, find)
        if parcel is None:
            return
        ids = ids_of(parcel.body())
        self.acknowledged.update(ids)
        process.files.calls_left = calls

        def unsure() -> None:
            self.repeatable.update(ids)
            self.group(ids).sure = False

        self.attempt(process, lambda: process.spool.remove(parcel), unsure)
        if process in self.living:
            process.account["delivered"] += len(ids)
            self.forget(ids)

    @rule(who=st.integers(0, 1))
    def postpone(self, who: int) -> None:
        """The destination is away: the same parcel comes again."""
        process = self.pick(who)
        parcel = self.oldest(process, None)
        if parcel is not None:
            adopted = process.account["adopted"]
            process.spool.postpone(parcel)
            again = self.oldest(process, None)
            assert again.body() == parcel.body() or process.account["adopted"] > adopted
            parcel.entry.failures = 0  # how long one waits for a hopeless segment is tested elsewhere

    @rule(who=st.integers(0, 1))
    def refuse(self, who: int) -> None:
        """The destination refuses the oldest for good: it is set aside and never sent again."""
        process = self.pick(who)
        parcel = self.oldest(process, None)
        if parcel is not None:
            process.spool.remove(parcel, refused=True)
            process.account["delivered"] += parcel.items
            self.forget(ids_of(parcel.body()))

    @rule(who=st.integers(0, 1), calls=st.none() | st.integers(0, 40))
    def divide(self, who: int, calls: int | None) -> None:
        """The oldest is divided; perhaps the process dies in it."""
        process = self.pick(who)
        parcel = self.oldest(process, None)
        if parcel is None:
            return
        group = self.group(ids_of(parcel.body()))
        middle = len(group.ids) // 2
        process.files.calls_left = calls
        parts = [Group(group.ids[:middle]), Group(group.ids[middle:])]

        def unsure() -> None:
            """Either the whole is there, or both halves are."""
            self.either[group.ids] = parts

        if self.attempt(process, lambda: process.spool.divide(parcel), unsure):
            assert middle > 0
            self.replace(group, parts)
        elif process in self.living:
            assert middle == 0 or process.files.room is not None

    # -- the machine ---------------------------------------------------------------

    @rule(who=st.integers(0, 1), room=st.none() | st.integers(0, 400))
    def fill_the_disk(self, who: int, room: int | None) -> None:
        """So many bytes are left for a process; ``None``: enough."""
        self.pick(who).files.room = room

    @rule(number=st.integers(0, 20), at=st.integers(0, 400), cut=st.booleans())
    def rot(self, number: int, at: int, cut: bool) -> None:
        """A byte of a stored segment changes, or its end is missing."""
        lent = {parcel.entry.name for process in self.living if (parcel := process.lent) is not None}
        names = [name for name in sorted(self.disk.files) if name.endswith(".segment") and "refused" not in name]
        names = [name for name in names if "damaged" not in name and not any(n.text() in name for n in lent)]
        if not names:
            return
        inode = self.disk.files[names[number % len(names)]]
        ids = self.ids_in(bytes(inode.data))
        if ids is None or any(set(ids) <= set(whole) for whole in self.either):
            return  # rotten before, or perhaps a half of something that is still there as a whole
        if cut:
            del inode.data[at % len(inode.data) :]
            inode.synced = min(inode.synced, len(inode.data))
        else:
            inode.data[at % len(inode.data)] ^= 0x40
        if any(group.ids == ids for groups in self.origins for group in groups):
            self.damaged.update(ids)

    @staticmethod
    def ids_in(data: bytes) -> tuple[int, ...] | None:
        from otel_perf.delivery.segments import DamagedSegmentError, unpack

        try:
            return ids_of(unpack(data).body)
        except DamagedSegmentError:
            return None

    # -- the model -----------------------------------------------------------------

    def resolve(self, ids: tuple[int, ...]) -> None:
        """If a crash has left open whether these spans were divided, now it is known."""
        for whole, parts in list(self.either.items()):
            if ids == whole:
                del self.either[whole]
            elif set(ids) < set(whole):
                del self.either[whole]
                self.replace(self.group(whole), parts)

    def group(self, ids: tuple[int, ...]) -> Group:
        return next(group for groups in self.origins for group in groups if group.ids == ids)

    def forget(self, ids: tuple[int, ...]) -> None:
        for groups in self.origins:
            groups[:] = [group for group in groups if group.ids != ids]

    def replace(self, group: Group, parts: list[Group]) -> None:
        for groups in self.origins:
            if group in groups:
                position = groups.index(group)
                groups[position : position + 1] = parts

    @invariant()
    def no_process_counts_wrong(self) -> None:
        """What a process has taken in is what it has let out and what it still holds."""
        for process in getattr(self, "living", ()):
            account = process.account
            held = process.spool.items
            out = account["delivered"] + account["spool_damaged"] + account["spool_evicted"]
            assert account["kept"] + account["adopted"] == out + held

    def deliver_the_rest(self) -> None:
        """In the end one process finds everything that nobody has removed."""
        for process in list(self.living):
            self.bury(process)
        self.start()
        process = self.living[0]
        delivered: list[int] = []
        while (parcel := self.oldest(process, None)) is not None:
            ids = ids_of(parcel.body())
            delivered.extend(ids)
            self.acknowledged.update(ids)
            process.spool.remove(parcel)
            process.account["delivered"] += len(ids)
            self.forget(ids)
        assert len(delivered) == len(set(delivered))
        left = [i for groups in self.origins for group in groups if group.sure for i in group.ids]
        assert self.damaged.issuperset(left), "kept, and neither delivered nor damaged"
        process.spool.close()
        rest = [name for name in self.disk.files if "refused" not in name and "damaged" not in name]
        assert rest in ([], [str(HOME / ".gitignore")]), rest
        self.bury(process)


TestSpoolModel = SpoolMachine.TestCase
TestSpoolModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
