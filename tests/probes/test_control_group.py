"""The limits of containers, from files as the kernel writes them (T-67)."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_perf.probes.attempts import Attempts
from otel_perf.probes.control_group import ControlGroup, CpuUse, MemoryLimit
from otel_perf.probes.own_process import ProcessProbe
from otel_perf.probes.system_cpu import CpuProbe
from otel_perf.probes.system_memory import MemoryProbe
from tests.probes.looking import SECOND, Look, write

MIB = 1024 * 1024
STAT = "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_throttled 3\nthrottled_usec 500000\n"


def second_version(root: Path, group: str = "/") -> Path:
    """A container under version 2; the folder of its own group."""
    write(root, proc__self__cgroup=f"0::{group}\n")
    folder = root / "sys/fs/cgroup" / group.strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def limit_memory(folder: Path, limit: str, current: int, file: int) -> None:
    """Write what version 2 says of memory."""
    write(folder, memory_dot_max=f"{limit}\n", memory_dot_current=f"{current}\n")
    (folder / "memory.stat").write_text(f"anon 7\nfile {file}\n")


def limit_cpu(folder: Path, quota: str, stat: str = STAT) -> None:
    """Write what version 2 says of CPU."""
    write(folder, cpu_dot_max=f"{quota}\n", cpu_dot_stat=stat)


@pytest.mark.feature("S0-22", "S1-24", "S1-42")
def test_t67_memory_is_a_share_of_the_limit_of_the_container(tmp_path: Path) -> None:
    """Version 2: states are those of the group, they fill the limit, and the source is said."""
    limit_memory(second_version(tmp_path), str(512 * MIB), 200 * MIB, 80 * MIB)
    look = Look(MemoryProbe(Attempts(), ControlGroup(tmp_path)))
    assert look["system.memory.limit", "cgroup"] == 512 * MIB
    assert look["system.memory.usage", "used", "cgroup"] == 120 * MIB
    assert look["system.memory.usage", "cached", "cgroup"] == 80 * MIB
    assert look["system.memory.usage", "free", "cgroup"] == 312 * MIB
    assert look["system.memory.utilization", "used", "cgroup"] == pytest.approx(120 / 512)
    assert look.total("system.memory.utilization") == pytest.approx(1)
    assert not [labels for _, labels in look.values if "host" in labels]


@pytest.mark.feature("S2-57", "S4-43", "S1-17")
def test_t67_the_process_is_a_share_of_the_limit_of_the_container(tmp_path: Path) -> None:
    """Resident memory against 1 GiB of the group, labelled so: what an alert above 0.8 looks at."""
    limit_memory(second_version(tmp_path), str(1024 * MIB), 200 * MIB, 0)
    look = Look(ProcessProbe(Attempts(), ControlGroup(tmp_path)))
    assert look["process.memory.utilization", "cgroup"] == look["process.memory.usage"] / (1024 * MIB)


def test_t67_without_a_limit_the_host_is_the_measure(tmp_path: Path) -> None:
    """``max``, a limit above the host's memory, and no control groups at all: the source is the host."""
    folder = second_version(tmp_path)
    for limit in ("max", str(1 << 50), "0", "nonsense"):
        limit_memory(folder, limit, 1, 0)
        look = Look(MemoryProbe(Attempts(), ControlGroup(tmp_path)))
        assert look["system.memory.limit", "host"] == psutil.virtual_memory().total
    assert ControlGroup(tmp_path / "nothing").memory_limit() is None
    assert ControlGroup(tmp_path / "nothing").cpu_limit() is None
    assert ControlGroup(tmp_path / "nothing").cpu_use() is None


def test_t67_the_lowest_limit_on_the_way_to_the_root_holds(tmp_path: Path) -> None:
    """A pod limits its containers together; use is that of the group whose limit it is."""
    inner = second_version(tmp_path, "/pod/container")
    limit_memory(inner, "max", 10 * MIB, 1 * MIB)
    limit_memory(inner.parent, str(100 * MIB), 60 * MIB, 6 * MIB)
    limit_memory(inner.parent.parent, str(900 * MIB), 90 * MIB, 9 * MIB)
    assert ControlGroup(tmp_path).memory_limit() == MemoryLimit(100 * MIB, 60 * MIB, 6 * MIB)
    limit_cpu(inner, "300000 100000")
    limit_cpu(inner.parent, "50000 100000")
    assert ControlGroup(tmp_path).cpu_limit() == 0.5


def test_t67_a_path_that_the_container_cannot_see_falls_back_to_its_root(tmp_path: Path) -> None:
    """Without a namespace of its own ``/proc/self/cgroup`` names the host's path, which is not mounted."""
    folder = second_version(tmp_path)
    limit_memory(folder, str(64 * MIB), MIB, 0)
    write(tmp_path, proc__self__cgroup="0::/docker/0123abcd/../..\n")
    assert ControlGroup(tmp_path).memory_limit() == MemoryLimit(64 * MIB, MIB, 0)


@pytest.mark.feature("S0-21")
def test_t67_cpu_is_a_share_of_the_quota(tmp_path: Path) -> None:
    """Version 2: half a CPU, of which a quarter second each was used in one second by user and system."""
    folder = second_version(tmp_path)
    limit_cpu(folder, "50000 100000")
    probe = CpuProbe(Attempts(), ControlGroup(tmp_path))
    first = Look(probe, 10 * SECOND)
    assert first["otel_perf.container.cpu.limit"] == 0.5
    assert "system.cpu.utilization" not in first.names()
    limit_cpu(folder, "50000 100000", "user_usec 2125000\nsystem_usec 1125000\nthrottled_usec 700000\n")
    second = Look(probe, 11 * SECOND)
    assert second["system.cpu.utilization", "user", "cgroup"] == pytest.approx(0.25)
    assert second["system.cpu.utilization", "system", "cgroup"] == pytest.approx(0.25)
    assert second["system.cpu.utilization", "idle", "cgroup"] == pytest.approx(0.5)
    assert not [labels for name, labels in second.values if name == "system.cpu.utilization" and "host" in labels]
    assert second["container.cpu.time", "user"] == pytest.approx(0.125)
    assert second["otel_perf.container.cpu.throttled.time"] == pytest.approx(0.2)


def test_t67_the_process_shares_the_quota_too(tmp_path: Path) -> None:
    """CPUs that the process may use are those of the quota, when they are fewer than its affinity allows."""
    limit_cpu(second_version(tmp_path), "10000 100000")
    probe = ProcessProbe(Attempts(), ControlGroup(tmp_path))
    Look(probe, SECOND)
    look = Look(probe, 2 * SECOND)
    assert look["process.cpu.utilization", "user", "cgroup"] >= 0


def first_version(root: Path, *, joined: bool) -> Path:
    """A container under version 1; where its controllers are mounted."""
    cpu = "5:cpu,cpuacct:/docker/c1\n" if joined else "5:cpu:/docker/c1\n6:cpuacct:/docker/c1\n"
    write(root, proc__self__cgroup=f"9:name=systemd:/\n4:memory:/docker/c1\n{cpu}0::/\n")
    mounts = root / "sys/fs/cgroup"
    for controller in ("memory", "cpu,cpuacct") if joined else ("memory", "cpu", "cpuacct"):
        (mounts / controller).mkdir(parents=True)
    return mounts


@pytest.mark.parametrize("joined", [True, False], ids=["one folder", "two folders"])
@pytest.mark.parametrize("visible", [True, False], ids=["path", "root"])
def test_t67_the_first_version_says_the_same(tmp_path: Path, joined: bool, visible: bool) -> None:
    """Files, units and "no limit" of version 1, with the group's own folder visible or mounted as the root."""
    mounts = first_version(tmp_path, joined=joined)
    below = Path("docker/c1") if visible else Path()
    cpu = mounts / ("cpu,cpuacct" if joined else "cpu") / below
    write(mounts / "memory" / below, memory_dot_limit_in_bytes=str(256 * MIB), memory_dot_usage_in_bytes=str(99 * MIB),
          memory_dot_stat=f"cache 5\ntotal_cache {9 * MIB}\n")  # fmt: skip
    write(cpu, cpu_dot_cfs_quota_us="150000", cpu_dot_cfs_period_us="100000", cpu_dot_stat="throttled_time 3000000000")
    write(cpu if joined else mounts / "cpuacct" / below, cpuacct_dot_stat="user 250\nsystem 50\n")
    group = ControlGroup(tmp_path)
    assert group.memory_limit() == MemoryLimit(256 * MIB, 99 * MIB, 9 * MIB)
    assert group.cpu_limit() == 1.5
    assert group.cpu_use() == CpuUse({"user": 2.5, "system": 0.5}, 3.0)
    write(mounts / "memory" / below, memory_dot_limit_in_bytes="9223372036854771712")
    write(cpu, cpu_dot_cfs_quota_us="-1")
    assert (group.memory_limit(), group.cpu_limit()) == (None, None)


def test_the_groups_of_this_machine_can_be_read() -> None:
    """Whatever runs this: an answer or none, no exception, and a limit is a possible one."""
    group = ControlGroup()
    memory, cpus = group.memory_limit(), group.cpu_limit()
    assert memory is None or 0 < memory.limit_bytes < 1 << 60
    assert cpus is None or cpus > 0


LIMITED = """
import json, sys
from otel_perf.probes.control_group import ControlGroup

sys.stdin.readline()
limit = ControlGroup().memory_limit()
print(json.dumps([limit.limit_bytes, limit.usage_bytes]))
"""


def controlled_group() -> Path:
    """Where a group with a limit of its own can be made below this process' group."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return Path("/sys/fs/cgroup/memory") / path.strip("/")
        if not controllers and "memory" in _read(Path("/sys/fs/cgroup") / path.strip("/") / "cgroup.subtree_control"):
            return Path("/sys/fs/cgroup") / path.strip("/")
    raise PermissionError("no group with a memory controller")


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_t67_a_real_limit_is_found() -> None:
    """A process in a group of 256 MiB, made where that is allowed, finds its limit and what the group uses."""
    try:
        folder = controlled_group() / f"otel_perf_test_{os.getpid()}"
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made here: {error}")
    try:
        old = (folder / "memory.limit_in_bytes").exists()
        (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(256 * MIB))
        with subprocess.Popen(
            [sys.executable, "-c", LIMITED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            (folder / "cgroup.procs").write_text(str(child.pid))
            told, _ = child.communicate("go\n", timeout=60)
        limit, usage = json.loads(told)
    finally:
        folder.rmdir()
    assert limit == 256 * MIB
    assert 0 <= usage < 256 * MIB


TEXT = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"(0::/[a-z./]*\n|[0-9]:(memory|cpu|cpu,cpuacct):/[a-z./]*\n){0,3}", fullmatch=True),
    st.from_regex(r"(max|-?[0-9]{1,20})( [0-9]{0,7})?\n?", fullmatch=True),
    st.from_regex(r"((file|total_cache|user|system|user_usec|system_usec) -?[0-9x]{0,12}\n){0,4}", fullmatch=True),
)
FILES = (
    "memory.max", "memory.current", "memory.stat", "cpu.max", "cpu.stat", "memory/memory.limit_in_bytes",
    "memory/memory.usage_in_bytes", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpu/cpu.stat",
    "cpuacct/cpuacct.stat",
)  # fmt: skip


@given(membership=TEXT, contents=st.lists(TEXT, min_size=len(FILES), max_size=len(FILES)))
@settings(max_examples=60)
def test_t67_whatever_the_files_hold_there_is_a_limit_or_none(membership: str, contents: list[str]) -> None:
    """Nothing raises, and a limit is above zero."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in zip(("proc/self/cgroup", *(f"sys/fs/cgroup/{name}" for name in FILES)),
                              (membership, *contents), strict=True):  # fmt: skip
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8", errors="replace")
        group = ControlGroup(root)
        memory, cpus, use = group.memory_limit(), group.cpu_limit(), group.cpu_use()
    assert memory is None or 0 < memory.limit_bytes < 1 << 60
    assert cpus is None or cpus > 0
    assert use is None or min(use.modes.values()) >= 0
