"""Opening an asyncpg connection the way Chakra needs it, and every asyncpg internal Chakra relies on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from inspect import isawaitable
from typing import Any, TypeAlias

import asyncpg

from chakra.config import DatabaseSettings
from chakra.db.address import Address, Attempt
from chakra.db.driver_connection import Connection, set_builtin_codecs, set_codec
from chakra.db.errors import translate_connect, tries_next_host
from chakra.errors import ConfigError, ConnectionLost
from chakra.pg.versions import OLDEST_MAJOR

RawConnection: TypeAlias = Any
"""An ``asyncpg.Connection``; asyncpg ships no types."""

RawStatement: TypeAlias = Any
"""An ``asyncpg.prepared_stmt.PreparedStatement``."""

# asyncpg's own cache serves only its type introspection query; Chakra keeps the statements itself.
_INTERNAL_CACHE = 4


async def open_connection(address: Address, settings: DatabaseSettings) -> RawConnection:
    """Open one connection to the first host that takes it, check the session and register the codecs that cost no
    round trip.

    Raises:
        ConnectionLost: nobody answers there, or nobody who is what ``target_session_attrs`` asks for.
        DatabaseError: the server refused.
        ConfigError: the server is older than PostgreSQL 14, the session cannot be used safely, or what gives the
            password failed.
    """
    password = await _password(address)
    attempts = address.attempts()
    failed: list[tuple[str, Exception]] = []
    for attempt in attempts:
        try:
            return await _open(attempt, address, settings, password)
        except Exception as error:
            found = translate_connect(error, attempt.where)
            if len(attempts) == 1 or not tries_next_host(error):
                if found is error:
                    raise
                raise found from error
            failed.append((attempt.where, error))
    said = dict.fromkeys(str(translate_connect(error, where)) for where, error in failed)
    raise ConnectionLost("; ".join(said)) from failed[-1][1]


async def _open(
    attempt: Attempt, address: Address, settings: DatabaseSettings, password: str | None
) -> RawConnection:
    prepared = settings.prepared_statements and not settings.pgbouncer
    given = attempt.arguments if password is None else {**attempt.arguments, "password": password}
    raw = await asyncpg.connect(
        **given,
        timeout=address.timeout,  # type: ignore[arg-type,unused-ignore]  # takes float, too
        command_timeout=settings.command_timeout or None,
        statement_cache_size=_INTERNAL_CACHE if prepared else 0,
        max_cached_statement_lifetime=0,
        connection_class=Connection,
    )
    try:
        address.keepalive.apply(raw._transport.get_extra_info("socket"))
        _check_session(raw, attempt.where)
        set_builtin_codecs(raw)
    except BaseException:
        raw.terminate()
        raise
    return raw


async def _password(address: Address) -> str | None:
    """Ask for the password of a new connection; ``None`` = the one of the URL, if there is one.

    Raises:
        ConfigError: what gives it failed, or gave something else. The message does not repeat what that said.
    """
    source = address.password
    if source is None:
        return None
    name = getattr(source, "__qualname__", type(source).__name__)
    try:
        async with asyncio.timeout(address.timeout):
            found: Any = source()
            if isawaitable(found):
                found = await found
    except TimeoutError as error:
        raise ConnectionLost(
            f"cannot connect to {address.where}: {name}() gave no password within connect_timeout"
        ) from error
    except Exception as error:
        raise ConfigError(
            f"cannot connect to {address.where}: {name}(), which gives the password, raised {type(error).__name__}"
        ) from error
    if not isinstance(found, str) or not found or "\0" in found:
        what = (
            "an empty or unusable text"
            if isinstance(found, str)
            else f"a value of type {type(found).__name__}"
        )
        raise ConfigError(
            f"cannot connect to {address.where}: {name}() gave {what}, expected the password as text"
        )
    return found


def has_role(raw: RawConnection, role: str) -> bool:
    """Whether the server still is what ``target_session_attrs`` asks for, by what it has last said of itself.

    It reports these settings when they change, with its next answer (manual, section 54.2.7).
    """
    session = raw.get_settings()
    standby = getattr(session, "in_hot_standby", None)
    read_only = getattr(session, "default_transaction_read_only", None)
    if standby is None:  # a pooler that does not pass it on
        return True
    if role in ("primary", "standby"):
        return (standby == "on") is (role == "standby")
    return ("on" in (standby, read_only)) is (role == "read-only")


def other_end(raw: RawConnection) -> tuple[int, str]:
    """Process number of the server and its address, as ``host:port`` or the path of a socket."""
    address = raw._addr
    return raw.get_server_pid(), address if isinstance(address, str) else ":".join(map(str, address[:2]))


def statements_run(raw: RawConnection) -> int:
    """How many statements the driver has executed; what it only prepared is not counted."""
    return -1 if raw._protocol is None else raw._protocol.queries_count


def parameter_types(statement: RawStatement) -> list[int] | None:
    """The type OIDs of a prepared statement's parameters; ``None`` if the driver has forgotten one of the types."""
    try:
        return [parameter.oid for parameter in statement.get_parameters()]
    except Exception:
        return None


def result_types(statement: RawStatement) -> list[tuple[str, int]]:
    """Name and type OID of a prepared statement's result columns, as they were when it was prepared; empty if the
    driver does not tell. ``get_attributes()`` fails once the driver has forgotten a type of them.
    """
    for held in gc.get_referents(statement._state):
        rows = held if isinstance(held, list) else []
        described = all(isinstance(e, tuple) and len(e) == 7 and isinstance(e[0], bytes) for e in rows)
        if rows and described and all(type(entry[3]) is int for entry in rows):
            return [(entry[0].decode(), entry[3]) for entry in rows]
    return []


def result_modifiers(statement: RawStatement) -> list[int] | None:
    """The type modifiers (precision, length, dimensions) of a prepared statement's result columns.

    The server sends them in its RowDescription, and asyncpg (0.32) keeps that message but shows only names and
    types of it. The garbage collector knows what an object holds; what it tells is used only if it looks exactly
    like the message: one entry of seven for each column (name, table, column number, type, size, modifier,
    format), with the types in the same order. ``None`` if it does not, and then nobody knows the modifiers.
    """
    types = [attribute.type.oid for attribute in statement.get_attributes()]
    for held in gc.get_referents(statement._state):  # its classes, codecs, settings, and the message
        if isinstance(held, list) and held and all(isinstance(e, tuple) and len(e) == 7 for e in held):
            described = [entry[3] for entry in held]
            if described == types and all(type(entry[5]) is int for entry in held):
                return [entry[5] for entry in held]
    return None


def _check_session(raw: RawConnection, where: str) -> None:
    """Refuse a session in which Chakra's quoting or decoding would not be safe.

    The server reports these settings by itself (``GUC_REPORT``), so no query is needed.
    """
    version = raw.get_server_version()
    if version.major < OLDEST_MAJOR:
        raise ConfigError(f"{where} runs PostgreSQL {version.major}; Chakra needs {OLDEST_MAJOR} or newer")
    refused = unsafe_text(raw)
    if refused is not None:
        raise ConfigError(f"{where}: {refused}. Remove the setting from the role, database or server")


_UTF8 = frozenset(
    {"UTF8", "utf8", "UNICODE", "'utf-8'"}
)  # PgBouncer repeats what asyncpg asked for, quotes and all


def unsafe_text(raw: RawConnection) -> str | None:
    """Why text that Chakra writes itself (COPY data, constants) would not mean on this session what it says; ``None``
    if it would.

    The server reports these settings whenever they change (manual, "Asynchronous Operations"), so this costs no round
    trip. It does not report ``backslash_quote``, which does harm only under other encodings than UTF-8.
    """
    if raw.is_closed():
        return None
    session = raw.get_settings()
    encoding = getattr(session, "client_encoding", "UTF8")
    if encoding not in _UTF8 and encoding.strip("'").upper().replace("-", "") not in _UTF8:
        return f"client_encoding is {encoding}; Chakra needs UTF8"
    if getattr(session, "standard_conforming_strings", "on") != "on":
        return (
            "standard_conforming_strings is off; Chakra refuses it because a backslash would then end a string "
            "constant early"
        )
    return None


def check_text(raw: RawConnection) -> None:
    """Refuse to write text by ourselves on a session that reads it otherwise.

    Raises:
        ConfigError: names the setting and what to do.
    """
    refused = unsafe_text(raw)
    if refused is not None:
        name = refused.partition(" ")[0]
        raise ConfigError(
            f"{refused}. A statement on this connection set it: RESET {name} before columns are read or written, "
            "and before settings= of a transaction"
        )


def forget_prepared(raw: RawConnection) -> None:
    """Tell asyncpg that no prepared statement is left on the server: it would close each by a round trip."""
    raw._mark_stmts_as_closed()


def prepared_by_driver(raw: RawConnection) -> list[str]:
    """Names of the statements asyncpg keeps prepared for itself."""
    return [statement.name for statement in raw._stmt_cache.iter_statements()]


async def copy_out(raw: RawConnection, text: str, output: Any) -> str:
    """Run a text that ends with ``COPY … TO STDOUT``; returns the status tag.

    The statements before it are part of the same message: asyncpg (0.32) passes over what the server says of them
    (``coreproto.pyx``, ``_process__copy_out``), as long as it is no error.
    """
    try:
        return await raw._copy_out(text, output, None)  # type: ignore[no-any-return]
    except asyncpg.InternalClientError:
        _look_at_waiter(raw)
        raise


async def copy_in(raw: RawConnection, text: str, source: Any) -> str:
    """Run a text that ends with ``COPY … FROM STDIN``; the same for ``_process__copy_in``."""
    try:
        return await raw._copy_in(text, source, None)  # type: ignore[no-any-return]
    except asyncpg.InternalClientError:
        _look_at_waiter(raw)
        raise


def _look_at_waiter(raw: RawConnection) -> None:
    """Take note of what the driver's future will end with that nobody waits for.

    A COPY that begins when the server's last word is read and the end of the connection is not: asyncpg (0.32,
    ``protocol.pyx``) makes the future, fails to send, and leaves the future behind, which the lost connection ends with
    an exception that asyncio complains of. Python has no name for it.
    """
    for held in gc.get_referents(raw._protocol):
        if isinstance(held, asyncio.Future):
            held.add_done_callback(lambda future: future.cancelled() or future.exception())


class Refusal(asyncio.Protocol):
    """Stands between a transport and asyncpg's protocol and notes whether the server has sent an error.

    Attributes:
        arrived: an ErrorResponse (manual, section 54.7) has come, or the connection has ended.
    """

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.inner = transport.get_protocol()
        self.arrived = False
        self._begun = b""  # a message header cut by the end of a read
        self._skip = 0  # bytes left of the message before

    @property
    def useless(self) -> bool:
        """Whether writing is: an error has come, or the transport could not send and only has yet to say so."""
        return self.arrived or self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        self._scan(data)
        self.inner.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.arrived = True
        self.inner.connection_lost(exc)
        # asyncpg (0.32) waits for ever to be allowed to write when the connection ends while it is
        # not, as it does when the server crashes or is killed in the middle of a COPY in.
        self.inner.resume_writing()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def _scan(self, data: bytes) -> None:
        at = min(self._skip, len(data))
        self._skip -= at
        data = self._begun + data[at:]
        at = 0
        while len(data) - at >= 5 and not self.arrived:
            self.arrived = data[at] == 69  # "E"
            at += 1 + int.from_bytes(data[at + 1 : at + 5])
        if at > len(data):
            self._skip = at - len(data)
        self._begun = data[at:]


@contextmanager
def watch_refusal(raw: RawConnection) -> Iterator[Refusal]:
    """Watch what the server sends while nothing but an error can come: during COPY in."""
    transport = raw._transport
    watch = Refusal(transport)
    transport.set_protocol(watch)
    try:
        yield watch
    finally:
        transport.set_protocol(watch.inner)


def abandon(raw: RawConnection, *, silently: bool) -> None:
    """Close a connection's socket past its event loop, which is over or was copied by a fork.

    asyncpg and asyncio would ask the loop, and asyncpg's finaliser sends Terminate, in a child process on the
    parent's connection. A transport that is not asyncio's keeps its socket until it is collected.

    Args:
        silently: do not send Terminate (manual, section 54.7), which tells the server that this is no accident.
    """
    raw._aborted = True  # nothing is done with it any more, its finaliser included
    raw._protocol = None
    transport = raw._transport
    inner = transport
    tls = getattr(transport, "_ssl_protocol", None)
    if tls is not None:
        transport._closed = True
        inner = tls._transport
    sock = getattr(inner, "_sock", None)
    if sock is None:
        _kept.append(raw)
        return
    if not silently and tls is None:
        with suppress(OSError):
            sock.send(b"X\0\0\0\4")
    sock.close()
    inner._sock = None


_kept: list[RawConnection] = []


def tell_end(raw: RawConnection, call: Any) -> None:
    """Have the driver call a function, with the connection, when the connection ends; no-op where it has."""
    if not raw.is_closed():
        raw.add_termination_listener(call)


def forget_end(raw: RawConnection, call: Any) -> None:
    """Take that back."""
    raw.remove_termination_listener(call)


async def listen(raw: RawConnection, channel: str, call: Any) -> None:
    """LISTEN, and have the driver, which quotes the name, call ``call(connection, pid, channel, payload)``."""
    await raw.add_listener(channel, call)


async def unlisten(raw: RawConnection, channel: str, call: Any) -> None:
    """UNLISTEN, and forget the function."""
    await raw.remove_listener(channel, call)


async def close_cursor(cursor: Any) -> None:
    """Close the portal of an ``asyncpg.cursor.Cursor``, which asyncpg gives no public call for."""
    await cursor._close_portal(None)


__all__ = [
    "RawConnection",
    "RawStatement",
    "Refusal",
    "abandon",
    "check_text",
    "close_cursor",
    "copy_in",
    "copy_out",
    "forget_end",
    "forget_prepared",
    "listen",
    "has_role",
    "open_connection",
    "other_end",
    "parameter_types",
    "prepared_by_driver",
    "result_types",
    "statements_run",
    "set_builtin_codecs",
    "set_codec",
    "tell_end",
    "unlisten",
    "watch_refusal",
]
