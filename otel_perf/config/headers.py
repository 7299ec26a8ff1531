"""Request headers, whose values are secrets: they travel, but they are never shown."""

__all__ = ["HIDDEN", "Headers"]

HIDDEN = "****"


class Headers(dict[str, str]):
    """A dictionary of header names (lower case) to values whose text form shows the names only."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The names; no value, so that a log line, a traceback or ``status()`` cannot leak one."""
        return "{" + ", ".join(f"{name!r}: {HIDDEN!r}" for name in self) + "}"

    __str__ = __repr__
