"""HTTP: the application of a service, the transaction of a request, and what may be answered."""

from shared.chassis.http.app import Extra, Job, create_app, ending
from shared.chassis.http.figures import Reading
from shared.chassis.http.guards import (
    AMember,
    AnAdmin,
    AReader,
    IfMatch,
    Public,
    TheCaller,
    TheClock,
    Transaction,
    etag,
    tenant_transaction,
)
from shared.chassis.http.idempotency import Router, keep_instead
from shared.chassis.http.models import Command, Day, View
from shared.chassis.http.paging import Cursor, Page, Paging, paging
from shared.chassis.http.problems import FieldError, Invalid, Problem, Stale, problem

__all__ = [
    "AMember",
    "AReader",
    "AnAdmin",
    "Command",
    "Cursor",
    "Day",
    "Extra",
    "FieldError",
    "IfMatch",
    "Invalid",
    "Job",
    "Page",
    "Paging",
    "Problem",
    "Public",
    "Reading",
    "Router",
    "Stale",
    "TheCaller",
    "TheClock",
    "Transaction",
    "View",
    "create_app",
    "ending",
    "etag",
    "keep_instead",
    "paging",
    "problem",
    "tenant_transaction",
]
