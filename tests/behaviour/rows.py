"""All rows of the behaviour table, area by area."""

from typing import Final

from tests.behaviour import (
    rows_carriers,
    rows_failures,
    rows_generators,
    rows_notebooks,
    rows_parents,
    rows_span,
    rows_surroundings,
)
from tests.behaviour.table import Row

AREAS: Final = tuple(
    module.AREA
    for module in (
        rows_parents,
        rows_generators,
        rows_failures,
        rows_span,
        rows_surroundings,
        rows_carriers,
        rows_notebooks,
    )
)
ROWS: Final[tuple[Row, ...]] = tuple(row for area in AREAS for row in area.rows)
