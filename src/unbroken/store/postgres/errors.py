"""The driver's errors as ours."""

import psycopg
from psycopg import errors as sql

from unbroken.errors import ArchiveUnavailable, Corrupt

OF_VALUES = (psycopg.DataError, psycopg.IntegrityError, sql.ProgramLimitExceeded)
AGAIN = (sql.SerializationFailure, sql.DeadlockDetected)
DAMAGED = (sql.DataCorrupted, sql.IndexCorrupted)
NOT_NOW = (
    psycopg.OperationalError,  # gone, full, too slow, or told to stop
    sql.ReadOnlySqlTransaction,  # it is a standby now
    sql.IdleInTransactionSessionTimeout,
    sql.UndefinedTable,  # it was dropped, and may come back
    sql.InsufficientPrivilege,
)


def is_of_values(error: Exception) -> bool:
    """It failed for what was to be stored, and will again; not for the database."""
    if not isinstance(error, psycopg.Error):
        return True
    is_unknown = isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None
    return is_unknown or isinstance(error, OF_VALUES)


def ours(error: psycopg.Error) -> Exception:
    """What is raised in its place; itself, if it is ours to mend."""
    if isinstance(error, (*DAMAGED, psycopg.IntegrityError)):
        return Corrupt(f"the database is damaged: {first_line(error)}")
    if isinstance(error, OF_VALUES):
        return error
    if isinstance(error, (*NOT_NOW, psycopg.InterfaceError)):
        return ArchiveUnavailable(f"the database did not answer: {first_line(error)}")
    return error


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
