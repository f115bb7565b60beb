"""Every error Chakra raises, as one tree; imports nothing and knows nothing of the layers above.

::

    ChakraError
    ├── ConfigError                 a setting is unknown, malformed or contradictory
    ├── FieldError                  unknown field or lookup, bad use of a field; says what exists
    │   └── QueryError              the API was used wrongly, in a way that is not about a name
    ├── NotLoaded                   a relation or deferred field was read before it was loaded
    │   └── NPlusOneError           a relation was awaited row by row, and the settings say that must not be
    ├── DoesNotExist                get() found no row            (Model.DoesNotExist derives from it)
    ├── MultipleObjectsReturned     get() found several rows      (Model.MultipleObjectsReturned, too)
    ├── StaleData                   somebody else wrote to a row since it was read
    ├── DataError                   a value does not fit its column; nothing was written
    │   ├── CopyFormatError         a COPY stream is malformed; position, expected, found
    │   └── ValidationError         what validate() found wrong with an instance, by field
    ├── DatabaseError               the server refused; carries sqlstate and the statement
    │   ├── IntegrityError          with table, column and constraint
    │   │   ├── UniqueViolation
    │   │   ├── ForeignKeyViolation
    │   │   ├── NotNullViolation    is a DataError as well: the value that does not fit is NULL
    │   │   ├── CheckViolation
    │   │   └── ExclusionViolation
    │   ├── TransactionError        a transaction was used wrongly or is already aborted
    │   │   └── SerializationError  serialization failure or deadlock: retry the transaction
    │   └── QueryCancelled          statement_timeout or a cancel request
    │       └── LockNotAvailable    lock_timeout, NOWAIT, or a db.lock() that somebody else holds
    ├── ConnectionLost              the server or the network went away
    │   ├── LockLost                the connection that held a db.lock() broke
    │   └── CommitUnknown           a commit got no answer: it may have happened
    ├── DeadlineExceeded            the time of db.deadline() is over; is a TimeoutError as well
    ├── PoolTimeout                 no connection became free in time; carries the pool's figures
    └── EmbeddedError               the private PostgreSQL could not be found, started or stopped
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "ChakraError",
    "CheckViolation",
    "CommitUnknown",
    "ConfigError",
    "ConnectionLost",
    "CopyFormatError",
    "DataError",
    "DeadlineExceeded",
    "DatabaseError",
    "DoesNotExist",
    "EmbeddedError",
    "ExclusionViolation",
    "FieldError",
    "ForeignKeyViolation",
    "IntegrityError",
    "Irreversible",
    "MigrationError",
    "LockLost",
    "LockNotAvailable",
    "MultipleObjectsReturned",
    "NPlusOneError",
    "NotLoaded",
    "NotNullViolation",
    "PoolTimeout",
    "QueryError",
    "QueryCancelled",
    "SerializationError",
    "StaleData",
    "TransactionError",
    "UniqueViolation",
    "ValidationError",
]


class ChakraError(Exception):
    """Root of every error Chakra raises on purpose."""


class ConfigError(ChakraError):
    """A setting is unknown, malformed or contradictory; the message names the setting and its source."""


class FieldError(ChakraError):
    """An unknown field or lookup, or a field used in a way its type does not allow."""


class QueryError(FieldError):
    """The API was used wrongly, in a way that is not about the name of a field or lookup: a slice that is filtered, an
    option that contradicts another, a value of the wrong kind for an argument.
    """


class NotLoaded(ChakraError):
    """A relation or deferred field was read before it was loaded; the message names the call to add."""


class NPlusOneError(NotLoaded):
    """A relation was awaited row by row for the rows of one result, with the setting ``n_plus_one="raise"``; the
    message names the call to add.
    """


class DoesNotExist(ChakraError):
    """``get()`` (or a relation) found no row."""


class MultipleObjectsReturned(ChakraError):
    """``get()`` found more than one row."""


class StaleData(ChakraError):
    """A row of a model with a ``Version`` was written to by somebody else since it was read; nothing was written.

    Attributes:
        model: the model.
        key: the primary key of the row; a tuple if it has several columns.
        expected: the version that was read.
        found: the version that the row has.
    """

    def __init__(
        self, message: str, *, model: Any = None, key: Any = None, expected: Any = None, found: Any = None
    ) -> None:
        super().__init__(message)
        self.model = model
        self.key = key
        self.expected = expected
        self.found = found


class DataError(ChakraError):
    """A value does not fit its column; raised before anything is visible in the table.

    Attributes:
        row: 0-based position of the value in the data handed in, or ``None``.
        column: name of the column, or ``None``.
        sqlstate: the SQLSTATE when the server refused the value, or ``""``.
        detail: what the server or the driver said, with the value in it, or ``None``; the message has no values in it
            unless the setting ``show_values`` is on.
    """

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        sqlstate: str = "",
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.row = row
        self.column = column
        self.sqlstate = sqlstate


class CopyFormatError(DataError):
    """A binary COPY stream is malformed.

    Attributes:
        position: byte offset from the start of the stream.
        expected, found: what the format asks for at that position and what is there.
    """

    def __init__(
        self,
        message: str,
        *,
        position: int,
        expected: str,
        found: str,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message, row=row, column=column)
        self.position = position
        self.expected = expected
        self.found = found


class ValidationError(DataError):
    """What ``validate()`` found wrong with an instance; validators and ``clean()`` raise it with what they find:
    ``ValidationError("ends before it begins")``, ``ValidationError({"ends": "is before the beginning"})``.

    Args:
        errors: what is wrong, as one text or several, or by field.
        model: what the message calls the instance.

    Attributes:
        errors: what is wrong, by field; with the instance as a whole under ``ValidationError.ALL``.
        rows: of a batch, the same by the position of the instance; ``errors`` are then those of the first one.
    """

    ALL = "__all__"

    def __init__(
        self, errors: str | Iterable[str] | Mapping[str, str | Iterable[str]], *, model: str = ""
    ) -> None:
        given = errors if isinstance(errors, Mapping) else {self.ALL: errors}
        found = {name: [e] if isinstance(e, str) else list(e) for name, e in given.items()}
        super().__init__(f"{model} is not valid: {_said(found)}" if model else _said(found))
        self.errors: dict[str, list[str]] = found
        self.rows: dict[int, dict[str, list[str]]] = {}
        self.column = next((name for name in found if name != self.ALL), None)

    @classmethod
    def of_rows(cls, found: Mapping[int, ValidationError], model: str) -> ValidationError:
        """What is wrong with several instances of a batch, by their positions."""
        first = min(found)
        made = cls(found[first].errors)
        shown = [f"row {row}: {found[row]}" for row in sorted(found)[:10]]
        more = f", and {len(found) - 10} more rows" if len(found) > 10 else ""
        made.args = (f"{len(found)} of the {model} rows are not valid; " + "; ".join(shown) + more,)
        made.row = first
        made.rows = {row: found[row].errors for row in sorted(found)}
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.errors,), {**self.__dict__, "args": self.args}


def _said(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(
        ", ".join(messages) if name == ValidationError.ALL else f"{name}: {', '.join(messages)}"
        for name, messages in errors.items()
    )


class DatabaseError(ChakraError):
    """The server refused a statement.

    Attributes:
        sqlstate: the five-character SQLSTATE (PostgreSQL manual, appendix A), or ``""``.
        sql: the statement, or ``None``.
        detail, hint: what the server added, or ``None``. ``detail`` may hold values of rows, which the message does not
            unless the setting ``show_values`` is on.
        table, column, constraint: the object the server named, or ``None``.
        row: 0-based position of the row in the data of a bulk write, where that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str = "",
        sql: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        table: str | None = None,
        column: str | None = None,
        constraint: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message)
        self.row = row
        self.sqlstate = sqlstate
        self.sql = sql
        self.detail = detail
        self.hint = hint
        self.table = table
        self.column = column
        self.constraint = constraint


class IntegrityError(DatabaseError):
    """A constraint was violated; ``table``, ``column`` and ``constraint`` say which."""


class UniqueViolation(IntegrityError):
    """SQLSTATE 23505."""


class ForeignKeyViolation(IntegrityError):
    """SQLSTATE 23503."""


class NotNullViolation(IntegrityError, DataError):
    """SQLSTATE 23502, from the server or, with the row, before anything is sent; ``column`` is the field where a
    model is known.
    """


class CheckViolation(IntegrityError):
    """SQLSTATE 23514."""


class ExclusionViolation(IntegrityError):
    """SQLSTATE 23P01."""


class TransactionError(DatabaseError):
    """A transaction was used wrongly, or is aborted (SQLSTATE class 25)."""


class SerializationError(TransactionError):
    """Serialization failure or deadlock (SQLSTATE 40001, 40P01): the transaction can be retried."""


class QueryCancelled(DatabaseError):
    """The statement was cancelled: statement_timeout, a cancel request (57014), or a lock was not to be had."""


class LockNotAvailable(QueryCancelled):
    """A lock was not to be had: NOWAIT or lock_timeout (SQLSTATE 55P03), or ``db.lock(wait=False)``, or its timeout."""


class ConnectionLost(ChakraError):
    """The connection to the server broke; whether the last statement took effect may be unknown."""


class LockLost(ConnectionLost):
    """The connection that held a ``db.lock()`` broke: others may have held the lock while its block ran."""


class CommitUnknown(ConnectionLost):
    """A commit was sent and got no answer: the transaction may have been committed, or not.

    Chakra never repeats what ends so. To find out, look for what the transaction wrote, on a new connection.
    """


class DeadlineExceeded(ChakraError, TimeoutError):
    """The time of ``db.deadline(seconds)``, or ``db.transaction(timeout=seconds)``, is over; what ran was stopped.

    Attributes:
        seconds: how long the block had.
    """

    def __init__(self, message: str, *, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class PoolTimeout(ChakraError):
    """No connection became free within ``acquire_timeout``.

    Attributes:
        size, max_size, idle, waiting: the pool's figures at that moment.
    """

    def __init__(
        self, message: str, *, size: int = 0, max_size: int = 0, idle: int = 0, waiting: int = 0
    ) -> None:
        super().__init__(message)
        self.size = size
        self.max_size = max_size
        self.idle = idle
        self.waiting = waiting


class MigrationError(ChakraError):
    """A migration does not fit: the database, the history or the files are not what it needs. Nothing was begun."""


class Irreversible(MigrationError):
    """A migration cannot be taken back: what it removed is not known, or it says so."""


class EmbeddedError(ChakraError):
    """The private PostgreSQL could not be found, started or stopped; the message says why and what to do."""
