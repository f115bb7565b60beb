"""Every error Chakra raises, as one tree; imports nothing and knows nothing of the layers above.

::

    ChakraError
    ├── ConfigError                 a setting is unknown, malformed or contradictory
    ├── FieldError                  unknown field or lookup, bad use of a field; says what exists
    ├── NotLoaded                   a relation or deferred field was read before it was loaded
    │   └── NPlusOneError           a relation was awaited row by row, and the settings say that must not be
    ├── DoesNotExist                get() found no row            (Model.DoesNotExist derives from it)
    ├── MultipleObjectsReturned     get() found several rows      (Model.MultipleObjectsReturned, too)
    ├── StaleData                   somebody else wrote to a row since it was read
    ├── DataError                   a value does not fit its column; nothing was written
    │   └── CopyFormatError         a COPY stream is malformed; position, expected, found
    ├── DatabaseError               the server refused; carries sqlstate and the statement
    │   ├── IntegrityError          with table, column and constraint
    │   │   ├── UniqueViolation
    │   │   ├── ForeignKeyViolation
    │   │   ├── NotNullViolation    is a DataError as well: the value that does not fit is NULL
    │   │   ├── CheckViolation
    │   │   └── ExclusionViolation
    │   ├── TransactionError        a transaction was used wrongly or is already aborted
    │   │   └── SerializationError  serialization failure or deadlock: retry the transaction
    │   └── QueryCancelled          statement_timeout, lock_timeout or a cancel request
    ├── ConnectionLost              the server or the network went away
    │   └── CommitUnknown           a commit got no answer: it may have happened
    ├── PoolTimeout                 no connection became free in time; carries the pool's figures
    └── EmbeddedError               the private PostgreSQL could not be found, started or stopped
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ChakraError",
    "CheckViolation",
    "CommitUnknown",
    "ConfigError",
    "ConnectionLost",
    "CopyFormatError",
    "DataError",
    "DatabaseError",
    "DoesNotExist",
    "EmbeddedError",
    "ExclusionViolation",
    "FieldError",
    "ForeignKeyViolation",
    "IntegrityError",
    "MultipleObjectsReturned",
    "NPlusOneError",
    "NotLoaded",
    "NotNullViolation",
    "PoolTimeout",
    "QueryCancelled",
    "SerializationError",
    "StaleData",
    "TransactionError",
    "UniqueViolation",
]


class ChakraError(Exception):
    """Root of every error Chakra raises on purpose."""


class ConfigError(ChakraError):
    """A setting is unknown, malformed or contradictory; the message names the setting and its source."""


class FieldError(ChakraError):
    """An unknown field or lookup, or a field used in a way its type does not allow."""


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
    """

    def __init__(
        self, message: str, *, row: int | None = None, column: str | None = None, sqlstate: str = ""
    ) -> None:
        super().__init__(message)
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


class DatabaseError(ChakraError):
    """The server refused a statement.

    Attributes:
        sqlstate: the five-character SQLSTATE (PostgreSQL manual, appendix A), or ``""``.
        sql: the statement, or ``None``.
        detail, hint: what the server added, or ``None``.
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
    """The statement was cancelled: statement_timeout, a cancel request (57014) or lock_timeout (55P03)."""


class ConnectionLost(ChakraError):
    """The connection to the server broke; whether the last statement took effect may be unknown."""


class CommitUnknown(ConnectionLost):
    """A commit was sent and got no answer: the transaction may have been committed, or not.

    Chakra never repeats what ends so. To find out, look for what the transaction wrote, on a new connection.
    """


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


class EmbeddedError(ChakraError):
    """The private PostgreSQL could not be found, started or stopped; the message says why and what to do."""
