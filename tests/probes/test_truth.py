"""The numbers against the kernel's own, and against what was done a moment before."""

import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from otel_perf.core import clock
from otel_perf.probes.attempts import Attempts
from otel_perf.probes.control_group import ControlGroup
from otel_perf.probes.disks import DiskProbe, FilesystemProbe
from otel_perf.probes.interpreter import InterpreterProbe
from otel_perf.probes.network import ConnectionProbe, NetworkProbe
from otel_perf.probes.own_process import ProcessProbe, UniqueMemoryProbe
from otel_perf.probes.probe_set import Probe
from otel_perf.probes.system_cpu import CpuProbe, HostProbe
from otel_perf.probes.system_memory import MemoryProbe
from tests.probes.looking import SECOND, Look, no_group

MIB = 1024 * 1024
BUSY_SECONDS = 1.0

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux's /proc")


@pytest.fixture
def process(tmp_path: Path) -> ProcessProbe:
    """The probe of this process, outside of any container."""
    return ProcessProbe(Attempts(), no_group(tmp_path))


def written_to_disk(file: Path, size: int) -> None:
    """Write so many bytes that no file system can make smaller, past the page cache."""
    with file.open("wb") as target:
        for _ in range(size // MIB):
            target.write(os.urandom(MIB))
        target.flush()
        os.fsync(target.fileno())


def grown(probe: Probe, name: str, label: str, least: float) -> float:
    """How much a counter grew since the look before; kernels update some counters a moment later."""
    deadline = time.monotonic() + 10
    while (value := Look(probe).total(name, label)) < least and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    return value


@pytest.mark.feature("S0-23", "S1-25", "S1-43")
def test_50_mib_written_are_seen_on_the_disk(tmp_path: Path, process: ProcessProbe) -> None:
    """Bytes of the process and of the machine's disks rise by what was written and synchronised, or by more."""
    disks = DiskProbe(Attempts())
    first = Look(disks)
    before = Look(process)
    if "process.disk.io" in before.names():
        before_bytes = before["process.disk.io", "write"]
        written_to_disk(tmp_path / "bytes", 50 * MIB)
        assert grown(process, "process.disk.io", "write", before_bytes + 50 * MIB) >= before_bytes + 50 * MIB
    else:
        written_to_disk(tmp_path / "bytes", 50 * MIB)
    if not first.values:
        assert not psutil.disk_io_counters(perdisk=True)
        pytest.skip("psutil knows no block device here")
    assert first.total("system.disk.io", "write") == 0
    assert grown(disks, "system.disk.io", "write", 50 * MIB) >= 50 * MIB


@pytest.mark.feature("S0-24", "S1-25", "S1-44")
def test_10_mib_over_the_loopback_are_seen_on_the_network() -> None:
    """Both directions of the loopback interface rise by what was sent, or by more."""
    network = NetworkProbe(Attempts())
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"first")  # so that the loopback has counted something at the first look
            assert accepted.recv(5)
            loopback = next(name for name in psutil.net_io_counters(pernic=True) if name.startswith("lo"))
            assert Look(network)["system.network.io", loopback, "transmit"] == 0
            sender = threading.Thread(target=lambda: client.sendall(bytes(10 * MIB)))
            sender.start()
            left = 10 * MIB
            while left:
                left -= len(accepted.recv(MIB))
            sender.join()
    for direction in ("transmit", "receive"):
        assert grown(network, "system.network.io", loopback, 20 * MIB) >= 20 * MIB
        assert Look(network)["system.network.io", loopback, direction] >= 10 * MIB
        assert Look(network)["system.network.packet.count", loopback, direction] > 0


@pytest.mark.serial
@pytest.mark.feature("S0-12")
def test_a_second_of_work_is_a_second_of_cpu(tmp_path: Path) -> None:
    """A busy loop takes 90 to 110 % of a core, by counter and by share; always what the kernel really gave it."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for _ in range(5):
        given, counted, cores = busy_second(ProcessProbe(Attempts(), no_group(tmp_path)), cpus)
        assert counted == pytest.approx(given, abs=0.03)
        assert cores == pytest.approx(given, abs=0.05)
        if given >= 0.92:
            assert 0.9 <= cores <= 1.1
            return
    pytest.skip(f"the machine gave this process {given:.2f} s of CPU in a second, five times")


def busy_second(process: ProcessProbe, cpus: int) -> tuple[float, float, float]:
    """Work for a second: CPU that the clock of the process says, the counter's, and cores by the share."""
    before = Look(process)
    used_before, started = clock.process_cpu_ns(), clock.monotonic_ns()
    while clock.monotonic_ns() - started < BUSY_SECONDS * SECOND:
        pass
    after = Look(process)
    elapsed = (clock.monotonic_ns() - started) / SECOND
    given = (clock.process_cpu_ns() - used_before) / SECOND / elapsed
    counted = (after.total("process.cpu.time") - before.total("process.cpu.time")) / elapsed
    return given, counted, after.total("process.cpu.utilization") * cpus


@pytest.mark.feature("S0-21", "S1-23")
def test_the_machine_has_cpu_shares_after_two_looks() -> None:
    """Nothing at the first; then modes that together are all the time, and load averages where there are any."""
    probe = CpuProbe(Attempts(), ControlGroup(Path("/nothing")))
    assert "system.cpu.utilization" not in Look(probe, 1 * SECOND).names()
    threading.Event().wait(0.1)
    look = Look(probe, 6 * SECOND)
    assert look.total("system.cpu.utilization", "host") == pytest.approx(1)
    assert all(0 <= value <= 1 for (name, _), value in look.values.items() if name == "system.cpu.utilization")
    if hasattr(os, "getloadavg"):
        seen = [look[f"system.cpu.load_average.{minutes}m"] for minutes in (1, 5, 15)]
        assert seen == pytest.approx(os.getloadavg(), abs=1.0)


@linux_only
@pytest.mark.feature("S0-10", "S1-17", "S2-57")
def test_resident_memory_is_that_of_statm(process: ProcessProbe) -> None:
    """Bytes, within one page of what the kernel says at a moment at which it does not change."""
    page = resource.getpagesize()
    for _ in range(50):
        before, seen, after = _statm_pages(), Look(process)["process.memory.usage"], _statm_pages()
        if before == after:
            assert abs(seen - before * page) <= page
            return
    pytest.fail("resident memory never rested")


def _statm_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@linux_only
def test_memory_of_the_process_alone_is_part_of_the_resident_memory(process: ProcessProbe) -> None:
    """USS is above nothing and not above RSS."""
    unique = Look(UniqueMemoryProbe(Attempts()))["otel_perf.process.memory.unique"]
    assert 0 < unique <= Look(process)["process.memory.usage"] + MIB


@pytest.mark.feature("S0-22", "S1-24", "S1-42")
def test_memory_is_that_of_psutil(tmp_path: Path) -> None:
    """Used, limit and share agree with psutil, and with each other, within 1 %."""
    probe = MemoryProbe(Attempts(), no_group(tmp_path))
    look, truth = Look(probe), psutil.virtual_memory()
    assert look["system.memory.limit", "host"] == truth.total
    used = look["system.memory.usage", "used", "host"]
    assert used == pytest.approx(truth.used, abs=0.01 * truth.total)
    assert look["system.memory.utilization", "used", "host"] == pytest.approx(used / truth.total, rel=0.01)
    if sys.platform == "linux":
        assert look["system.memory.linux.available"] == pytest.approx(truth.available, abs=0.01 * truth.total)
        swap = psutil.swap_memory()
        assert look.total("system.paging.usage") == swap.total
        assert ("system.paging.utilization" in look.names()) is bool(swap.total)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads that wait."""
    end = threading.Event()
    waiting = [threading.Thread(target=end.wait) for _ in range(count)]
    for thread in waiting:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in waiting:
            thread.join()


def test_100_threads_are_counted(process: ProcessProbe) -> None:
    """While they run, no more and no less than what the kernel says."""
    before = Look(process)["process.thread.count"]
    with threads(100):
        assert Look(process)["process.thread.count"] == before + 100
    deadline = time.monotonic() + 10
    while Look(process)["process.thread.count"] != before and time.monotonic() < deadline:
        threading.Event().wait(0.01)  # the kernel needs a moment after the join
    assert Look(process)["process.thread.count"] == before


@pytest.mark.feature("S1-26")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts handles")
def test_50_file_descriptors_are_counted(process: ProcessProbe) -> None:
    """While they are open; beside them the limit, which is that of the kernel."""
    before = Look(process)["process.unix.file_descriptor.count"]
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(Path(os.devnull).open("rb"))
        after = Look(process)
    assert after["process.unix.file_descriptor.count"] == before + 50
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert after["otel_perf.process.unix.file_descriptor.limit"] == soft
    if sys.platform == "linux":
        with os.scandir("/proc/self/fd") as entries:
            assert sum(1 for _ in entries) - 1 == before


@linux_only
def test_switches_faults_and_age_are_those_of_the_process(process: ProcessProbe) -> None:
    """Context switches and page faults as ``getrusage`` counts them; age since the process began."""
    look, usage = Look(process), resource.getrusage(resource.RUSAGE_SELF)
    assert 0 <= usage.ru_nvcsw - look["process.context_switches", "voluntary"] < 100
    assert 0 <= usage.ru_minflt - look["process.paging.faults", "minor"] < 5000
    age = time.time() - psutil.Process().create_time()
    assert look["process.uptime"] == pytest.approx(age, abs=2)


@pytest.mark.feature("S1-41")
def test_cores_and_frequency_are_those_of_the_machine() -> None:
    """Logical and physical cores and the mean frequency as psutil knows them, absent where it does not."""
    look, frequency = Look(HostProbe(Attempts())), psutil.cpu_freq()
    assert look["system.cpu.logical.count"] == psutil.cpu_count()
    assert ("system.cpu.physical.count" in look.names()) is (psutil.cpu_count(logical=False) is not None)
    if frequency is None or not frequency.current:
        assert "system.cpu.frequency" not in look.names()
    else:
        assert look["system.cpu.frequency"] == pytest.approx(frequency.current * 1e6, rel=0.5)
    assert look["system.uptime"] == pytest.approx(time.time() - psutil.boot_time(), abs=2)


@pytest.mark.feature("S0-23")
def test_the_file_system_of_the_root_is_measured() -> None:
    """Used, free and reserved bytes are the size; only local types are asked."""
    look = Look(FilesystemProbe(Attempts()))
    if not look.values:
        pytest.skip("there is no local file system here")
    sizes = {labels: value for (name, labels), value in look.values.items() if name == "system.filesystem.limit"}
    for (device, mode, mount, kind), size in sizes.items():
        states = [look["system.filesystem.usage", device, mode, mount, state, kind]
                  for state in ("used", "free", "reserved")]  # fmt: skip
        assert sum(states) == size
        assert size == psutil.disk_usage(mount).total
        used = look["system.filesystem.utilization", device, mode, mount, "used", kind]
        assert used == pytest.approx(psutil.disk_usage(mount).used / size, abs=0.01)


def test_a_listening_socket_is_a_connection() -> None:
    """Its state is counted, with the word of the conventions."""
    with socket.create_server(("127.0.0.1", 0)):
        look = Look(ConnectionProbe(Attempts()))
    if not look.values:
        pytest.skip("this system shows connections to its administrator only")
    assert look["system.network.connection.count", "listen", "tcp"] >= 1


def test_a_collection_is_counted() -> None:
    """Per generation, as the interpreter says."""
    import gc

    probe = InterpreterProbe(Attempts())
    before = Look(probe)["cpython.gc.collections", "2"]
    gc.collect()
    assert Look(probe)["cpython.gc.collections", "2"] >= before + 1
