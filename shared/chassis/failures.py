"""What time mends, and what it does not."""

import asyncpg

_TEMPORARY = (
    OSError,  # the network, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # shutdown, and QueryCanceledError
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock, a database that takes no connections now
    asyncpg.ReadOnlySQLTransactionError,  # the standby, in a failover
    asyncpg.IdleInTransactionSessionTimeoutError,  # the process was paused
    asyncpg.InternalClientError,  # a backend killed at an unlucky moment
)
_DEPLOY_CLASS = "42"  # SQLSTATE: no such table, column, function, or no right to it


class KafkaUnavailableError(Exception):
    """Kafka did not answer at start, or lacks what the service needs."""


class ConsumerStoppedError(Exception):
    """An inbox stopped itself, and stays stopped until the process starts again."""


class TooManyDeadLettersError(ConsumerStoppedError):
    """Not one record is bad but all are: something else is wrong."""


class DeployFaultError(ConsumerStoppedError):
    """The schema or the rights are not those that the code expects."""


def time_mends(error: BaseException, *, connection_lost: bool = False) -> bool:
    """Whether the same work would succeed later, unchanged.

    asyncpg reports a lost connection and a wrong argument by the same class,
    so the caller says whether the connection is gone.
    """
    if isinstance(error, _TEMPORARY):
        return True
    return connection_lost and isinstance(error, asyncpg.InterfaceError)


def deploy_fault(error: BaseException) -> bool:
    """Whether the record is not to blame, but the database that it meets."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(
        _DEPLOY_CLASS
    )


def already_there(error: BaseException) -> bool:
    """Whether somebody else has made what was to be made."""
    return isinstance(error, asyncpg.UniqueViolationError)
