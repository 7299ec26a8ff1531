"""Rows: notebooks: cells are run again, interrupted, and all run inside one event loop that never ends."""

import ast
import asyncio
import contextlib
import inspect
from typing import Any

from tests.behaviour.subjects import Subject
from tests.behaviour.table import Area

AREA = Area("Notebooks")


async def run_cell(source: str, names: dict[str, Any]) -> None:
    """Run one cell as a notebook does: in a loop that is running, top-level ``await`` allowed, names kept."""
    code = compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - this is what a notebook does
    if inspect.isawaitable(result):
        await result


DEFINES = """
@subject.tool("answer")
def answer(question):
    with subject.call("look up"):
        return question.upper()
"""


@AREA.same("answer(look up), answer(look up)")
async def cell_run_again(subject: Subject) -> str:
    """A cell that defines a tool is run twice: each call is one call of the same tool, not a call inside a call."""
    names = {"subject": subject}
    for _ in range(2):
        await run_cell(DEFINES, names)
        await run_cell("answer('q')", names)
    return subject.tree()


@AREA.same("answer(answer(look up))")
async def decorated_again(subject: Subject) -> str:
    """A cell that decorates what is decorated already adds a call around it: plainly visible, and nothing breaks."""
    names = {"subject": subject}
    await run_cell(DEFINES, names)
    await run_cell("answer = subject.tool('answer')(answer)\nanswer('q')", names)
    return subject.tree()


@AREA.same("outer(inner(deep)), outer(inner(deep))")
async def running_loop(subject: Subject) -> str:
    """Plain and awaited calls inside the notebook's running loop nest, cell after cell."""
    cell = """
with subject.call("outer"):
    with subject.call("inner"):
        await one(subject, "deep")
"""
    names = {"subject": subject, "one": one}
    await run_cell(cell, names)
    await run_cell(cell, names)
    return subject.tree()


async def one(subject: Subject, name: str) -> None:
    """A call that waits."""
    with subject.call(name):
        await asyncio.sleep(0)


@AREA.same("first(background), second")
async def background_task_of_a_cell(subject: Subject) -> str:
    """A task that a cell leaves behind belongs to the call that made it; the next cell's calls are roots."""
    names = {"subject": subject, "one": one, "asyncio": asyncio}
    await run_cell("with subject.call('first'): task = asyncio.create_task(one(subject, 'background'))", names)
    await run_cell("with subject.call('second'): await asyncio.sleep(0)", names)
    await names["task"]
    return subject.tree()


@AREA.same("first, second")
async def interrupted_cell(subject: Subject) -> str:
    """After a cell was interrupted in the middle of a call, the next cell's calls are roots."""
    with contextlib.suppress(KeyboardInterrupt):
        await run_cell("with subject.call('first'): raise KeyboardInterrupt", {"subject": subject})
    await run_cell("with subject.call('second'): pass", {"subject": subject})
    return subject.tree()
