"""A program in odd surroundings: ``surroundings.py WHICH URL``. It makes a hundred calls and says how it went."""

import importlib.abc
import os
import sys
import threading
import time

which, url = sys.argv[1:3]


class Missing(importlib.abc.MetaPathFinder):
    """Stands for packages that are not installed."""

    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        """None of these."""
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if which.startswith("without "):
    sys.meta_path.insert(0, Missing(*which.split()[1:]))
if which == "gevent":
    from gevent import monkey

    monkey.patch_all()
if which == "eventlet":
    import eventlet

    eventlet.monkey_patch()
if which == "closed":
    # As under pythonw, or a daemon that has closed everything.
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
    os.close(1)
    os.close(2)

import otel_perf  # noqa: E402 - what comes before is the point

options = {}
if which == "without grpc":
    options["protocol"] = "grpc"
if which == "without prometheus_client":
    options["prometheus"] = "127.0.0.1:0"
if which == "without yaml":
    options["config_file"] = "settings.yaml"
handle = otel_perf.instrument(endpoint=url, **options)


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


for number in range(100):
    leaf(number)

if which == "daemon":

    def busy():
        """Goes on to the very end."""
        while True:
            leaf(0)

    for _ in range(4):
        threading.Thread(target=busy, daemon=True).start()
    time.sleep(0.05)
if which == "subinterpreter":
    import _xxsubinterpreters as interpreters

    interpreter = interpreters.create()
    threading.Thread(
        target=interpreters.run_string,
        args=(interpreter, "import time\nwhile True: time.sleep(0.001)"),
        daemon=True,
    ).start()
    time.sleep(0.05)
if which != "closed":
    import json

    print(
        json.dumps({"notes": handle.status().notes, "state": handle.status().state, "leaving_at": time.monotonic()}),
        flush=True,
    )
