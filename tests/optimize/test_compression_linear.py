"""Time grows with the text, whatever it holds."""

import contextlib
import itertools
import json
from collections.abc import Callable
from time import thread_time

import pytest

from otel_perf.optimize.compression import compress
from otel_perf.optimize.techniques.catalogue import TECHNIQUES
from otel_perf.optimize.techniques.comments import strip_comments
from otel_perf.optimize.techniques.language import LEXERS
from otel_perf.optimize.techniques.technique import Goal, NotApplicableError

PYTHON, SCRIPT, C, JS = "import os\n", "#!/bin/sh\n", "#include <a.h>\n", "const a = 1;\n"

REPEATED = {
    "quotes": '"', "apostrophes": "'", "escaped quotes": "'\\", "triple quotes": '"""x', "brackets": "[",
    "parentheses": "(", "parameters": "${a", "closed parameters": "${a$",
    "objects": '{"a":', "words": "word ", "one word": "a", "sentences": ". ", "full stop and spaces": " ",
    "slashes": "/", "open comments": "/*", "html comments": "<!--", "dashes": "-", "badges": "![a](",
    "backquotes": "`", "fences": "```\n", "comment lines": "# x\n", "backslashes": "\\", "carriage returns": "\r",
    "lines of JSON": '{"a": 1}\n', "same phrase": "abcdefgh ijk lmnop ", "blank lines": " \n",
    "contractions": "it's ", "opened quotations": '"word ', "columns": "x" + " " * 50,
}  # fmt: skip
HEADED = {
    "f-strings": (PYTHON + 'x = f"', "{"), "nested f-strings": (PYTHON, 'f"{'),
    "continued lines": (PYTHON, "# x\n\\\n"),
    "templates": (JS, "`${"), "regular expressions": (JS, "= /["), "substitutions": (SCRIPT, '"$('),
    "here-documents": (SCRIPT, "cat <<A\n"), "two here-documents": (SCRIPT, "cat <<A <<B\n"),
    "single quotes": (C, "x' // y;\n"), "licence": ("# copyright\n", "#\n"), "JSON space": ("[", " "),
    "JSON escapes": ('["', "\\u00e9"), "JSON numbers": ("[1", ",1"), "rulers": ("- ", "-"), "raw": (C, 'R"a('),
}  # fmt: skip
JOBS: dict[str, Callable[[str], str]] = {
    **{
        name: lambda text, technique=technique: technique.shrink(text, Goal(len))
        for name, technique in TECHNIQUES.items()
    },
    **{language: lambda text, language=language: strip_comments(text, language) for language in LEXERS},
}


def seconds(job: Callable[[str], str], text: str) -> float:
    """Processor time of a job, refusal or not."""
    start = thread_time()
    with contextlib.suppress(NotApplicableError):
        job(text)
    return thread_time() - start


@pytest.mark.serial
@pytest.mark.parametrize("name", [*REPEATED, *HEADED])
def test_four_times_the_text_takes_about_four_times_as_long(name: str) -> None:
    """Not sixteen times, for every technique and lexer; on a busy machine the best of three counts."""
    head, unit = HEADED.get(name, ("", REPEATED.get(name, "")))
    short, long = (head + unit * (characters // len(unit)) for characters in (25_000, 100_000))
    for job, shrink in JOBS.items():
        for attempt in itertools.count(1):
            once, four_times = seconds(shrink, short), seconds(shrink, long)
            if four_times <= 9 * once + 0.02:
                break
            assert attempt < 3, f"{job}: {once:.3f} s, then {four_times:.3f} s"


def test_json_nested_a_hundred_thousand_deep_is_refused() -> None:
    """By each technique, in words, without an internal error, and the text stays."""
    for text in ("[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000):
        for technique in ("json", "json_table", "json_drop", "comprehensive"):
            result = compress(text, technique)
            reasons = {step.technique: step.reason for step in result.steps}
            assert reasons.get("json", "JSON that is nested too deeply") == "JSON that is nested too deeply"
            assert "internal error" not in reasons.values()
        assert compress(text, "json").text is text


def test_json_at_the_edge_of_the_recursion_limit() -> None:
    """Whatever the parser still reads is either worked on or refused."""
    for depth in range(300, 1000, 50):
        text = "[ " * depth + '{"a": null}' + "]" * depth
        for technique in ("json", "json_table", "json_drop"):
            result = compress(text, technique)
            assert result.steps[0].reason != "internal error"
            json.dumps(result.to_dict())


def test_a_million_blank_lines_are_one() -> None:
    """They disappear, and the words stay."""
    assert compress("a" + "\n" * 1_000_000 + "b", "whitespace").text == "a\n\nb"
    assert compress("a" + "\n" * 1_000_000 + "b", "repeated_lines").restore() == "a" + "\n" * 1_000_000 + "b"
