"""``collector/build`` with a Go that takes no time: what is built once, by whom, and what is said when it cannot be."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
VERSION = dict(
    line.split("=", 1)
    for line in (REPOSITORY / "collector" / "versions.env").read_text(encoding="utf-8").splitlines()
    if "=" in line and not line.startswith("#")
)["COLLECTOR_VERSION"]

# `go install .../builder` leaves a builder in $GOBIN; that one reads the manifest and leaves a collector.
FAKE_GO = """#!/bin/sh
echo "go $*" >>"$FAKE_LOG"
sleep 0.2
mkdir -p "$GOBIN"
cat >"$GOBIN/builder" <<'BUILDER'
#!/bin/sh
name=$(sed -n 's/^  name: //p' "$2")
version=$(sed -n 's/^  version: //p' "$2")
grep -q '[$][{]' "$2" && exit 1
mkdir _build
printf '#!/bin/sh\\necho "%s version %s"\\n' "$name" "${FAKE_VERSION:-$version}" >"_build/$name"
chmod +x "_build/$name"
BUILDER
chmod +x "$GOBIN/builder"
"""


class Machine:
    """A machine with its own cache and the tools of this one, with or without a Go."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.log = folder / "go.log"
        self.tools = folder / "tools"
        self.tools.mkdir()
        needed = "cat chmod cut dirname env flock git grep mkdir mktemp mv nice rm sed sh sleep"
        for name in needed.split():
            if found := shutil.which(name):
                (self.tools / name).symlink_to(found)

    def give_go(self) -> None:
        """Install the Go that takes no time."""
        go = self.tools / "go"
        go.write_text(FAKE_GO, encoding="utf-8")
        go.chmod(0o755)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Run the build script here."""
        variables = {
            "PATH": str(self.tools),
            "HOME": str(self.cache.parent),
            "XDG_CACHE_HOME": str(self.cache),
            "FAKE_LOG": str(self.log),
            **environment,
        }
        command = ["sh", str(REPOSITORY / "collector" / "build"), *arguments]
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err.strip()

    def builds(self) -> int:
        """How often Go was asked."""
        return self.log.read_text(encoding="utf-8").count("go install") if self.log.exists() else 0

    def left_behind(self) -> list[str]:
        """Unfinished builds in the cache."""
        return [path.name for path in self.cache.rglob(".build-*")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with an empty cache and no Go."""
    return Machine(tmp_path)


def test_without_go_one_line_says_so(machine: Machine) -> None:
    """Its exit code is its own, so that a caller can tell it from a failed build."""
    code, out, err = machine.run()

    assert (code, out) == (3, "")
    assert re.fullmatch(r"collector/build: no Go on this machine, so the collector [\d.]+ cannot be built; .*", err)


def test_where_never_builds(machine: Machine) -> None:
    """Asking where it is costs nothing, with Go or without."""
    machine.give_go()

    code, out, err = machine.run("--where")

    assert (code, out, err.count("\n")) == (4, "", 0)
    assert machine.builds() == 0


def test_it_is_built_once(machine: Machine) -> None:
    """The second call gives the same path without Go, under a folder named after the version."""
    machine.give_go()

    code, path, err = machine.run()
    (machine.tools / "go").unlink()

    assert code == 0, err
    assert machine.run() == (0, path, "")
    assert machine.run("--where") == (0, path, "")
    assert Path(path).parent.name.startswith(f"collector-{VERSION}-")
    assert sorted(each.name for each in Path(path).parent.iterdir()) == ["manifest.yaml", Path(path).name]
    assert machine.left_behind() == []


@pytest.mark.skipif(shutil.which("flock") is None, reason="two builds at once are kept apart by flock")
def test_two_callers_build_once(machine: Machine) -> None:
    """Who comes second waits, and finds the work done."""
    machine.give_go()

    both = [machine.start(), machine.start()]
    paths = {process.communicate(timeout=60)[0].strip() for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert len(paths) == 1
    assert machine.builds() == 1


def test_a_binary_of_another_version_is_not_taken(machine: Machine) -> None:
    """What says another version is built again, and is a failure when it still does."""
    machine.give_go()

    code, out, err = machine.run(FAKE_VERSION="0.1.0")

    assert (code, out) == (1, "")
    assert err.splitlines()[-1].endswith(f"does not say {VERSION}")
    assert machine.run()[0] == 0
    assert machine.builds() == 2


def test_a_build_that_fails_leaves_nothing(machine: Machine) -> None:
    """No half of a collector can be taken for a whole one."""
    go = machine.tools / "go"
    go.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    go.chmod(0o755)

    code, out, _ = machine.run()

    assert code != 0
    assert out == ""
    assert machine.left_behind() == []
    assert machine.run("--where")[0] == 4
