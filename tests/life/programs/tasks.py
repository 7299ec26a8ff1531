"""A Celery application over a folder as broker. ``LIFE_FOLDER`` is the folder, ``LIFE_URL`` the backend."""

import os
from pathlib import Path

from celery import Celery

import otel_perf

folder = Path(os.environ["LIFE_FOLDER"])
for name in ("messages", "control"):
    (folder / name).mkdir(exist_ok=True)

app = Celery(
    "tasks",
    broker="filesystem://",
    backend=f"file://{folder}",
)
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    },
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)

otel_perf.instrument(endpoint=os.environ["LIFE_URL"])


@otel_perf.tool
def leaf(number):
    """The least that a tool can do."""
    return number


@app.task
def work(calls):
    """Some calls."""
    for number in range(calls):
        leaf(number)
    return os.getpid()
