"""Turns what asyncpg and the socket raise into ``chakra.errors``; the layers above see only those."""

from __future__ import annotations

import re
from typing import Any

import asyncpg

from chakra.db.poolers import pooler_error
from chakra.errors import (
    ChakraError,
    CheckViolation,
    CommitUnknown,
    ConfigError,
    ConnectionLost,
    DatabaseError,
    DataError,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityError,
    LockNotAvailable,
    NotNullViolation,
    QueryCancelled,
    SerializationError,
    TransactionError,
    UniqueViolation,
)
from chakra.pg.extensions import missing_extension
from chakra.pg.marks import STALE_RECORDS, STALE_TYPES
from chakra.pg.showing import showing, without_quoted

# SQLSTATEs: PostgreSQL manual, appendix A.
_BY_STATE: dict[str, type[DatabaseError]] = {
    "23505": UniqueViolation,
    "23503": ForeignKeyViolation,
    "23502": NotNullViolation,
    "23514": CheckViolation,
    "23P01": ExclusionViolation,
    "40001": SerializationError,
    "40P01": SerializationError,
    "57014": QueryCancelled,
    "55P03": LockNotAvailable,
}
_BY_CLASS: dict[str, type[DatabaseError]] = {
    "23": IntegrityError,
    "25": TransactionError,
    "40": TransactionError,
}

# The server says these and closes the connection: 25P03/25P04 idle_in_transaction_session_timeout and
# transaction_timeout, 57P05 idle_session_timeout, 57P01-57P04 shutdown, crash, starting up, dropped database.
_ENDS_CONNECTION = frozenset({"25P03", "25P04", "57P01", "57P02", "57P03", "57P04", "57P05"})

# What the server says at connect of a setting it does not know, or of a value that setting cannot have:
# undefined_object, invalid_parameter_value, cant_change_runtime_param.
_BAD_SETTING = frozenset({"42704", "22023", "55P02"})

# After these the server ends the connection whatever their SQLSTATE (src/include/utils/elog.h).
_FATAL = frozenset({"FATAL", "PANIC"})

# What the driver says when it has lost step with the server, as it does when a shutdown arrives amid a COPY.
_OUT_OF_STEP = re.compile(r"cannot switch to|not connected|protocol state|waiter is|unexpected message")

# A text that is no search query is a syntax error to the server (``tsquery.c``), but one of a value.
_QUERY_TEXT = re.compile(r"\btsquery\b")
_SAY_QUERIES = (
    '; SearchQuery(…, type="raw") takes the language of tsquery, such as \'cat & (rat | mouse:*)\'; type="websearch" '
    "takes any text"
)

# Classes of errors that no row is to blame for, though the server may have been at one: transaction state,
# concurrency, resources, limits, locks, operators, the system, bugs.
_NO_ROW = frozenset({"25", "40", "53", "54", "55", "57", "58", "XX"})

_ARGUMENT = re.compile(r"(?:invalid input for )?query argument \$(\d+)(?: in element #(\d+))?")

# What the server adds to an error inside COPY FROM, translated words and all (``copyfrom.c``,
# CopyFromErrorCallback): "COPY table, line 5, column c"; binary rows count as lines, from 1.
_COPY_LINE = re.compile(r"^COPY .*, [^\W\d]+ (\d+)(?:, [^\W\d]+ (.+))?$", re.MULTILINE)

_CALLED = re.compile(r"\b(\w+)\(")
_NEWER = {"any_value": 16, "uuidv7": 18, "array_reverse": 18, "array_sort": 18}
# Functions that queries call and older servers do not have: the version they came with.

# 0A000 feature_not_supported: a plan whose result would change; 42704 and XX000: a type or relation that was
# dropped; 26000: somebody ran DEALLOCATE ALL or DISCARD ALL, or a pooler switched the server connection.
STALE_STATES = frozenset({"0A000", "26000", "42704", "XX000"})
_STALE_MESSAGE = re.compile(
    r"cache lookup failed for (?:type|relation|function)"
    r"|type with OID \d+ does not exist|could not open relation with OID"
    r'|prepared statement "chakra_\d+" does not exist'
)


class StaleTypes(DatabaseError):
    """Types are not those a COPY was prepared for, or could not be looked at; nothing was read or written.

    Attributes:
        aborting: a surrounding transaction cannot go on.
    """

    aborting = False


# What the parser says where a described column, table, type or attribute is gone: undefined_column, undefined_table,
# undefined_object, cannot_coerce (a composite has another number of attributes), invalid_schema_name.
_GONE_STATES = frozenset({"42703", "42P01", "42704", "42846", "3F000"})


def stale_types(error: ChakraError) -> StaleTypes | None:
    """The error of a guard in front of a COPY that says its types are out of date, else ``None``."""
    state = getattr(error, "sqlstate", "")
    if isinstance(error, DataError) and STALE_TYPES in str(error):
        return StaleTypes(
            "the types of the columns were changed by another session again and again; nothing was read or written: "
            "run it again when the change is over"
        )
    return StaleTypes(str(error), sqlstate=state) if state in _GONE_STATES else None


def translate(error: BaseException, sql: str | None = None) -> BaseException:
    """Return the Chakra error that stands for ``error``; errors that are not the database's come back as is.

    Args:
        error: what asyncpg, asyncio or the socket raised.
        sql: the statement it happened in.
    """
    if isinstance(error, ChakraError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return pooler_error(error, sql) or _from_server(error, sql)
    if isinstance(error, asyncpg.InterfaceError):
        return _from_interface(error, sql)
    if isinstance(error, TimeoutError):
        return QueryCancelled(
            f"the statement took longer than command_timeout and was cancelled{_but(sql)}", sql=sql
        )
    if isinstance(error, OSError):
        return ConnectionLost(f"the connection to the server broke: {error}")
    if is_out_of_step(error):
        return ConnectionLost(f"the connection to the server broke: {error}")
    if isinstance(error, asyncpg.InternalClientError):
        return DatabaseError(f"the driver could not handle the server's answer: {error}", sql=sql)
    return error


def _but(sql: str | None) -> str:
    """What a cancel request leaves open: outside a transaction a write commits by itself, perhaps just before."""
    reads = sql is not None and sql.lstrip()[:6].upper() in ("SELECT", "SHOW")
    return "" if reads else "; outside a transaction, what it did may stand all the same"


def is_busy(error: BaseException) -> bool:
    """Whether the driver refused a call because another one is under way; nothing was sent."""
    return isinstance(error, asyncpg.InterfaceError) and "another operation" in str(error)


def is_out_of_step(error: BaseException) -> bool:
    """Whether the driver no longer knows what the server is at; the connection is of no use then."""
    return isinstance(error, asyncpg.InternalClientError) and (
        isinstance(error, asyncpg.exceptions.ProtocolError) or _OUT_OF_STEP.search(str(error)) is not None
    )


def lost(error: BaseException) -> ConnectionLost:
    """What stands for a failure of whatever kind on a connection that is gone."""
    if isinstance(error, AttributeError | RuntimeError):  # out of a driver or loop that did not expect it
        return ConnectionLost("the connection to the server broke: it was closed while it was used")
    return ConnectionLost(f"the connection to the server broke: {error or type(error).__name__}")


def was_answered(error: BaseException) -> bool:
    """Whether a Chakra error passes on the server's own answer: the statement failed, and that is certain."""
    return isinstance(error.__cause__, asyncpg.PostgresError) and not isinstance(error, ConnectionLost)


def commit_unknown(error: BaseException, what: str) -> CommitUnknown:
    """The error for a commit of which no answer came."""
    return CommitUnknown(
        f"{what} got no answer ({error}): it may have happened. Nothing was tried again; look for what it "
        "wrote before you do"
    )


def translate_connect(error: BaseException, where: str) -> BaseException:
    """Return the Chakra error for a failed connection attempt; ``where`` names the server, no secrets."""
    if isinstance(error, TimeoutError):
        return ConnectionLost(f"cannot connect to {where}: no answer within connect_timeout")
    if isinstance(error, FileNotFoundError | PermissionError):  # a socket; Python does not say which
        return ConnectionLost(f"cannot connect to {where}: {error.strerror}")
    if isinstance(error, OSError):
        return ConnectionLost(f"cannot connect to {where}: {error}")
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return ConnectionLost(f"cannot connect to {where}: it is not what target_session_attrs asks for")
    if isinstance(error, asyncpg.ClientConfigurationError | ValueError):
        return ConfigError(f"cannot connect to {where}: {error}")
    if isinstance(error, asyncpg.PostgresError) and getattr(error, "sqlstate", "") in _BAD_SETTING:
        return ConfigError(f"cannot connect to {where}: {error} (in the database URL, role or database)")
    if isinstance(error, asyncpg.PostgresError):
        of_pooler = pooler_error(error, where=where)
        if of_pooler is not None:
            return of_pooler
        found = _from_server(error, None, connecting=True)
        found.args = (f"cannot connect to {where}: {found.args[0]}",)
        return found
    return translate(error)


def tries_next_host(error: BaseException) -> bool:
    """Whether another of several hosts may take what one did not: it is not there, not ready, or not what is asked for.

    A server that answers and refuses (a password, a name) has the last word, as for libpq.
    """
    return isinstance(
        error,
        OSError
        | asyncpg.exceptions.TargetServerAttributeNotMatched
        | asyncpg.CannotConnectNowError
        | asyncpg.ConnectionDoesNotExistError,
    )


def is_stale_plan(error: BaseException) -> bool:
    """Whether the server refused because the catalog changed under a prepared statement; nothing ran."""
    if isinstance(
        error, asyncpg.InvalidCachedStatementError
    ):  # the driver's name for "cached plan must not …"
        return True
    return (
        isinstance(error, asyncpg.PostgresError)
        and getattr(error, "sqlstate", None) in STALE_STATES
        and _STALE_MESSAGE.search(str(error)) is not None
    )


# What a statement says whose parameters have the types of before a change: no such operator (42883, 42725), no such
# conversion (42804, 42846), bytes or text that the type does not read (22P02, 22P03).
_TYPE_STATES = frozenset({"42883", "42725", "42804", "42846", "22P02", "22P03"})


def is_refused(error: BaseException) -> bool:
    """Whether the driver refused a value before anything was sent; it then says so without a severity."""
    return (
        isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError)
        and getattr(error, "severity", None) is None
        and _ARGUMENT.match(str(error)) is not None
    )


def may_mean_other_types(error: BaseException) -> bool:
    """Whether parameters of other types than the server has by now would explain a failure."""
    if getattr(error, "sqlstate", None) == "22P02" and STALE_TYPES in str(error):
        return False  # the statement itself says that it is about other types
    return is_refused(error) or getattr(error, "sqlstate", None) in _TYPE_STATES


def is_stale_record(error: BaseException) -> bool:
    """Whether a statement found other attributes of a composite than the driver knows; nothing ran."""
    return getattr(error, "sqlstate", None) == "22P02" and STALE_RECORDS in str(error)


def is_unknown_label(error: BaseException) -> bool:
    """Whether a text is none of its type, such as a label of an enum. A backend reads parameters before it learns of
    changes, so a label it has not found once stays unknown to it until it parses something (``postgres.c``,
    exec_bind_message; ``enum.c``, enum_recv).
    """
    return getattr(error, "sqlstate", None) == "22P02"


def is_stale_layout(error: BaseException) -> bool:
    """Whether asyncpg's picture of a composite or enum is older than the rows it got; the statement ran."""
    return isinstance(error, asyncpg.exceptions.OutdatedSchemaCacheError)


def _from_server(error: Any, sql: str | None, *, connecting: bool = False) -> ChakraError:
    state: str = error.sqlstate or ""
    text = str(error.args[0]) if error.args else str(error)
    if is_stale_record(error):
        return DatabaseError(
            f"{STALE_RECORDS} by another session; run the transaction again", sqlstate=state, sql=sql
        )
    found = _ARGUMENT.match(text)
    if found is not None:
        return _refused(error, text, found, state)
    if _ends_connection(error, state, connecting):
        return ConnectionLost(f"the server closed the connection: {text}")
    detail, hint = getattr(error, "detail", None), getattr(error, "hint", None)
    whole = text if not detail else f"{text} ({detail.rstrip('.')})"
    of_value = state == "42601" and _is_of_a_value(error, whole)
    text = whole if showing.values else _without_values(error, text, detail, state, of_value)
    row, column = (None, None) if state[:2] in _NO_ROW else _copied(error)
    if row is not None:
        named = "" if column is None else f', column "{column}"'
        text = f"row {row}{named}: {text}"
    column = getattr(error, "column_name", None) or column
    if of_value and _QUERY_TEXT.search(text) is not None:
        text += _SAY_QUERIES
    # 08P01, a protocol violation: a value's bytes do not fit its type.
    if state[:2] == "22" or state == "08P01" or of_value:
        return DataError(text, row=row, column=column, sqlstate=state, detail=whole)
    if state == "25P02":
        text = (
            "the transaction is aborted: an earlier statement in it failed. Leave the transaction block, "
            "or put the statement that may fail into a nested db.transaction() (a savepoint)"
        )
    if state == "25006":
        text += "; it is a replica, or the transaction (or the session) was begun as read-only"
    if state == "42883" and (name := _CALLED.search(text)) is not None and name[1] in _NEWER:
        text += f"; {name[1]}() came with PostgreSQL {_NEWER[name[1]]}"
    if state == "42P01" and text.endswith("does not exist"):
        text += (
            "; await db.create_tables(Model, …) makes the tables of models, and await db.tables() lists those "
            "that are there"
        )
    if state == "23514" and getattr(error, "server_source_function", None) == "ExecFindPartition":
        text += (
            "; a partition that takes it has to be made first: await Model.create_partition(…), or one for all that no "
            "other takes, default=True"
        )
    extension = missing_extension(state, text)
    if extension is not None:
        text += (
            f": it comes with the extension {extension}, which this database does not have, or not on its search path: "
            f"CREATE EXTENSION {extension}"
        )
    elif state == "42883" and text.count("(") == 0:
        text += "; no operator takes values of these types: Cast(…, type) makes one of them the other's"
    kind = _BY_STATE.get(state) or _BY_CLASS.get(state[:2]) or DatabaseError
    return kind(
        text,
        sqlstate=state,
        sql=sql,
        detail=detail,
        hint=hint,
        table=getattr(error, "table_name", None),
        column=column,
        constraint=getattr(error, "constraint_name", None),
        row=row,
    )


# Classes of errors whose texts speak of the schema and of sessions, never of rows: features, objects, transactions,
# concurrency, privileges and names, resources, limits, state, operators, the system.
_NO_VALUES = frozenset(
    {"08", "0A", "25", "26", "28", "2B", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}
)


def _without_values(error: Any, text: str, detail: str | None, state: str, of_value: bool) -> str:
    """What the server said without the values of rows: DETAIL has whole rows in it, of others as well, and messages
    about a value quote it. The driver's error is left without them, too, for a traceback shows it.
    """
    if state[:2] in _NO_VALUES and not of_value:
        return text if not detail else f"{text} ({detail.rstrip('.')})"
    if (state[:2] == "22" or of_value) and STALE_TYPES not in text:
        text = without_quoted(text)
    error.args = (text, *error.args[1:])
    error.detail = None
    return text


def _refused(error: Any, text: str, found: re.Match[str], state: str = "") -> DataError:
    """The error about a value that the driver did not send: ``…argument $1: 'abc' ('str' object cannot be …)``."""
    whole = text
    if not showing.values:
        end = found.end()
        at = text.find(" (", end) if text.endswith(")") else -1
        text = text[:end] + (f": {without_quoted(text[at + 2 : -1])}" if at >= 0 else "")
        error.args = (text, *error.args[1:])
    row = found[2]
    row_ = None if row is None else int(row)
    return DataError(text, row=row_, column=f"${found[1]}", sqlstate=state, detail=whole)


_OWN_LANGUAGES = re.compile(r"\b(jsonpath|tsquery|tsvector|ltree|lquery|ltxtquery)\b")
"""Types whose values have a grammar of their own, and call what breaks it a syntax error, too."""


def _is_of_a_value(error: Any, text: str) -> bool:
    """Whether a syntax error is one of a value, and not of the statement, where it would have a place in its text."""
    if _OWN_LANGUAGES.search(text) is not None:
        return True
    return getattr(error, "position", None) is None and getattr(error, "internal_query", None) is None


def _ends_connection(error: Any, state: str, connecting: bool) -> bool:
    """Whether an ErrorResponse says that a connection is over; a refused attempt to connect is FATAL, too."""
    if state in _ENDS_CONNECTION or (state[:2] == "08" and state != "08P01"):
        return True
    return not connecting and error.severity_en in _FATAL


def _copied(error: Any) -> tuple[int | None, str | None]:
    """Row, from 0, and column in which a COPY FROM failed, as far as the server says."""
    context = getattr(error, "context", None)
    found = _COPY_LINE.search(context) if context else None
    if found is None or found[1] == "0":  # line 0: before the first row
        return None, None
    return int(found[1]) - 1, found[2]


def _from_interface(error: Exception, sql: str | None) -> ChakraError:
    text = str(error)
    if is_busy(error):
        return TransactionError(
            "the connection is busy with another statement: two tasks used the same transaction or pinned "
            "connection at the same time. Run them one after the other, or give each task its own "
            "transaction",
            sql=sql,
        )
    if "closed" in text or "released" in text:
        return ConnectionLost(f"the connection to the server is closed: {text}")
    found = _ARGUMENT.match(text)
    if found is not None:
        return _refused(error, text, found)
    if "argument" in text:
        return DataError(text)
    return DatabaseError(text, sql=sql)


__all__ = [
    "StaleTypes",
    "commit_unknown",
    "is_busy",
    "is_out_of_step",
    "is_refused",
    "is_stale_layout",
    "is_stale_plan",
    "lost",
    "may_mean_other_types",
    "stale_types",
    "translate",
    "translate_connect",
    "was_answered",
]
