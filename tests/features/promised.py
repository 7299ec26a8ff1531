"""The features that are promised by now. Later ones are added as they are built."""

from collections.abc import Iterator

__all__ = ["PROMISED"]

RANGES = (
    "S0-04 S0-07 S0-09…S0-52 S0-67 S0-68 S0-74 S1-14…S1-21 S1-23…S1-34 S1-41…S1-45 S1-88 S1-89 S2-54…S2-68 S3-18…S3-21 "
    "S4-01…S4-21 S4-34 S4-37…S4-46"
)
"""First and last of a row of numbers; a feature's number is system and row of the list of promises."""


def _spelled_out(ranges: str) -> Iterator[str]:
    for part in ranges.split():
        first, _, last = part.partition("…")
        system, _, start = first.partition("-")
        end = last.partition("-")[2] or start
        yield from (f"{system}-{number:02}" for number in range(int(start), int(end) + 1))


PROMISED = tuple(_spelled_out(RANGES))
