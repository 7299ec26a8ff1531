"""A program under ``otel-perf run`` behaves as under plain Python: each row is run both ways and compared."""

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.command import RUN, python

LOOK = '''\
"""Prints everything that a program can see of how it was started."""
import pickle
import sys


class Thing:
    pass


def look():
    seen = dict(globals())
    for name in sorted(seen):
        if name.startswith("__") and name not in ("__loader__", "__builtins__"):
            print(name, seen[name])
    print(sorted(seen), type(seen["__builtins__"]), type(seen["__loader__"]), vars(seen["__loader__"]))
    print(sys.argv, sys.orig_argv, sys.path, sys.flags, sys.warnoptions, sys._xoptions, sys.executable)
    print(sys.modules["__main__"].__dict__ is globals())
    print(type(pickle.loads(pickle.dumps(Thing()))), Thing.__module__)
    print(sys.stdin.read())


if __name__ == "__main__":
    look()
'''

FILES = {
    "look.py": LOOK,
    "package/__init__.py": "",
    "package/__main__.py": LOOK,
    "package/sibling.py": "NAME = 'sibling'\n",
    "package/relative.py": "from .sibling import NAME\n"
    "print(NAME, __package__, __spec__.name)\nraise ValueError(NAME)\n",
    "folder/__main__.py": LOOK,
    "cause.py": "def f():\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
    "        raise RuntimeError('é') from e\nf()\n",
    "group.py": "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])\n",
    "syntax.py": "x = = 1\n",
    "exit3.py": "import sys\nsys.exit(3)\n",
    "exit_text.py": "import sys\nsys.exit('reason é')\n",
    "exit_none.py": "raise SystemExit\n",
    "exit_now.py": "import os\nos._exit(7)\n",
    "sigint.py": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n",
    "sigterm.py": "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)\n",
    "sigterm_own.py": "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
    "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()\n",
    "sighup.py": "import os, signal, time\nos.kill(os.getpid(), signal.SIGHUP)\ntime.sleep(20)\n",
    "hook.py": "import atexit, sys\n"
    "def hook(kind, error, trace):\n    print('hook', error, trace.tb_frame.f_code.co_filename, trace.tb_next)\n"
    "sys.excepthook = hook\n"
    "atexit.register(lambda: print('exit', sys.excepthook is hook, sys.last_traceback.tb_frame.f_code.co_filename))\n"
    "raise KeyError(1)\n",
    "threads.py": "import threading, time\n"
    "def work():\n    threading.Event().wait(0.1)\n    print('worker ends', __name__)\n"
    "threading.Thread(target=work).start()\nprint('main ends')\n",
    "pool.py": "import multiprocessing, sys\n"
    "def double(number):\n    return 2 * number\n"
    "if __name__ == '__main__':\n"
    "    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:\n        print(pool.map(double, [1, 2]))\n",
    "shadow/json.py": "raise ImportError('a file of the program, not of the standard library')\n",
    "shadow/rich.py": "raise ImportError('a file of the program, not the rich that is installed')\n",
    "shadow/script.py": "print('runs')\n",
}

ROWS = [
    "look.py a --b",
    "./look.py",
    "link.py",
    "-m package a",
    "-m look",
    "package a",
    "folder",
    "-m package.relative",
    "-c import(sys);print(sys.argv,__name__,__spec__,__loader__,sorted(globals())) -c x",
    "-c 1/0",
    "-c 1/",
    "-",
    "- a",
    "",
    "cause.py",
    "group.py",
    "syntax.py",
    "missing.py",
    "-m missing",
    "-m package.missing",
    "exit3.py",
    "exit_text.py",
    "exit_none.py",
    "exit_now.py",
    "sigint.py",
    "sigterm.py",
    "sigterm_own.py",
    "sighup.py",
    "hook.py",
    "threads.py",
    "pool.py spawn",
    "pool.py fork",
    "shadow/script.py",
    "-O -W error -X dev -u look.py",
    "-P look.py",
    "-P -m package",
    "-OO -B -bb -s look.py",
    "-um look",
]

SIGNALS_ONLY_ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all the programs."""
    root = tmp_path_factory.mktemp("programs")
    for name, content in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    (root / "link.py").symlink_to("folder/__main__.py")
    return root


@SIGNALS_ONLY_ON_POSIX
@pytest.mark.parametrize("row", ROWS)
def test_runs_as_plain_python_runs_it(folder: Path, row: str) -> None:
    """Exit status, output and errors are those of plain Python, letter by letter (addresses of objects aside)."""
    words = [word.replace("import(sys)", "import sys") for word in row.split()]
    text = "import sys; print(sys.argv, __name__, sys.path[0])" if row in ("-", "- a", "") else "input é"
    plain = python(words, folder, text=text)
    ours = python([*RUN, "--no-summary", "--", sys.executable, *words], folder, text=text)
    assert ours.returncode == plain.returncode
    assert without_addresses(ours.stdout) == without_addresses(plain.stdout)
    assert without_addresses(ours.stderr) == without_addresses(plain.stderr)


@SIGNALS_ONLY_ON_POSIX
@pytest.mark.parametrize("row", ["sigint.py", "sigterm.py", "exit3.py", "cause.py"])
def test_the_summary_changes_nothing_about_the_end(folder: Path, row: str) -> None:
    """With the summary behind its own errors, the program ends with the same status."""
    plain = python([row], folder)
    ours = python([*RUN, row], folder)
    assert ours.returncode == plain.returncode
    assert ours.stderr.startswith(plain.stderr)
    assert "otel_perf: no call was recorded" in ours.stderr


def test_statuses_are_what_they_say(folder: Path) -> None:
    """The rows above compare two ways; this fixes the values themselves, so that both cannot be wrong together."""
    expected = {"exit3.py": 3, "exit_text.py": 1, "exit_now.py": 7, "sigint.py": -signal.SIGINT}
    found = {row: python([*RUN, "--no-summary", row], folder).returncode for row in expected}
    assert found == expected


def without_addresses(text: str) -> str:
    """Text in which objects have no addresses."""
    return re.sub(r"0x[0-9a-f]+", "0x", text)
