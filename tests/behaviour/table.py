"""The behaviour table: each row is a body, and what it must show under the SDK and under otel_perf."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.behaviour.subjects import Subject

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Row:
    """One behaviour.

    Attributes:
        area: Heading that it stands under.
        name: Name of the body, for the test report.
        behaviour: What is looked at, in a sentence.
        body: Runs under a subject and gives what was seen.
        sdk: What must be seen under a plain SDK span.
        ours: What must be seen under a tool call of ours.
        adopted: What must be seen when ours goes through the application's own provider.
        why: The reason when the SDK and ours differ.
    """

    area: str
    name: str
    behaviour: str
    body: Callable[[Subject], Any]
    sdk: object
    ours: object
    adopted: object
    why: str | None = None

    def expected(self, subject: str) -> object:
        """What must be seen under the subject of that key."""
        return {"sdk": self.sdk, "otel_perf": self.ours}.get(subject, self.adopted)

    def observe(self, subject: Subject) -> object:
        """Run the body in a context of its own."""

        def run() -> object:
            seen = self.body(subject)
            return asyncio.run(seen) if inspect.iscoroutine(seen) else seen

        return contextvars.copy_context().run(run)


class Area:
    """The rows of one area; a body is added by one of two decorators, and its docstring says what it looks at."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[Row] = []

    def same(self, seen: object) -> Callable[[F], F]:
        """The SDK and otel_perf show the same."""
        return self._add(seen, seen, seen, None)

    def on_purpose(self, *, sdk: object, ours: object, why: str) -> Callable[[F], F]:
        """They differ, and are meant to, whoever's the provider is."""
        return self._add(sdk, ours, ours, why)

    def own_span_only(self, *, sdk: object, ours: object, why: str) -> Callable[[F], F]:
        """They differ, and are meant to, where the span is ours; on the application's own provider it is the SDK's."""
        return self._add(sdk, ours, sdk, why)

    def _add(self, sdk: object, ours: object, adopted: object, why: str | None) -> Callable[[F], F]:
        def add(body: F) -> F:
            sentence = " ".join(inspect.getdoc(body).split()).removesuffix(".")
            name = body.__name__.replace("_", " ")
            title = f"on purpose: {name}" if why else name
            self.rows.append(Row(self.title, title, sentence, body, sdk, ours, adopted, why))
            return body

        return add
