"""Amounts that the application tells, whatever it hands in."""

import math
from typing import TypeVar

__all__ = ["known"]

N = TypeVar("N", int, float)


def known(amount: N | None) -> N | None:
    """An amount that can be one: a finite number that is not negative; else ``None``."""
    usable = isinstance(amount, int | float) and math.isfinite(amount) and amount >= 0
    return amount if usable else None
