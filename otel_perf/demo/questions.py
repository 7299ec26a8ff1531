"""What the agent is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from otel_perf.demo.library import Library

__all__ = ["STANDARD_LIBRARY_QUESTIONS", "questions_about"]

STANDARD_LIBRARY_QUESTIONS: Final = (
    "How do I make a temporary directory?",
    "How do I cache the results of a function?",
    "How is an email message parsed from bytes?",
    "How do I compare two sequences of lines?",
    "How is the median calculated?",
    "How do I read a member of a zip archive?",
    "How do I format a traceback?",
    "How do I copy a whole directory tree?",
    "How do I escape HTML?",
    "How do I open a web browser?",
    "How do I wrap a paragraph of text?",
    "How do I shuffle a list in place?",
    "How do I send mail over SMTP?",
    "How do I walk over the nodes of a syntax tree?",
    "How is a decimal number rounded?",
    "How do I run work in a pool of processes?",
    "How do I measure the time of small bits of code?",
    "How do I split a shell command?",
)
"""Things that people look for in the standard library."""

OTHER_QUESTIONS: Final = 12


def questions_about(library: Library) -> tuple[str, ...]:
    """Make questions about a folder that nobody has asked about: its best documented names."""
    return tuple(f"What does {name} do?" for name in library.best_documented(OTHER_QUESTIONS))
