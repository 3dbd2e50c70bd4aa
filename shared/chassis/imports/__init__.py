"""CSV import: what files hold is declared, and everything else follows from that."""

from shared.chassis.imports.columns import (
    Column,
    Kind,
    boolean,
    choice,
    currency,
    day,
    domain,
    email,
    instant,
    integer,
    money,
    text,
    time_zone,
)
from shared.chassis.imports.reading import UnusableError
from shared.chassis.imports.running import Ending, Report, run
from shared.chassis.imports.tables import (
    Apply,
    Batch,
    Context,
    Counts,
    Problem,
    Table,
    describe,
    template,
)

__all__ = [
    "Apply",
    "Batch",
    "Column",
    "Context",
    "Counts",
    "Ending",
    "Kind",
    "Problem",
    "Report",
    "Table",
    "UnusableError",
    "boolean",
    "choice",
    "currency",
    "day",
    "describe",
    "domain",
    "email",
    "instant",
    "integer",
    "money",
    "run",
    "template",
    "text",
    "time_zone",
]
