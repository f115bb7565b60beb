"""Which privilege a statement lacked: the server's "permission denied for table" with the columns it is about."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from chakra.db.statements import Own
from chakra.errors import ChakraError, DatabaseError

if TYPE_CHECKING:
    from chakra.db import Database

INSUFFICIENT_PRIVILEGE = "42501"

_NAME = r'"(?:[^"]|"")+"'
_TABLES = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|COPY) ({_NAME}(?:\.{_NAME})?)")
_NAMES = re.compile(_NAME)
_INSERTED = re.compile(
    rf"\b(?:INTO|COPY) {_NAME}(?:\.{_NAME})?(?: AS (?:chakra_)?target)? ?\(({_NAME}(?:, ?{_NAME})*)\)"
)
_ASSIGNED = re.compile(r"\bSET (.*?)(?= WHERE | FROM | RETURNING |$)", re.S)
_TARGETS = re.compile(rf"(?:^|, )({_NAME}) = ")

_LACKING = Own("""
SELECT c.oid::regclass::text AS title, given.privilege, current_user::text AS role,
    array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns, array_agg(a.attname::text) AS names
FROM unnest($1::text[], $2::text[]) AS given(name, privilege)
JOIN pg_catalog.pg_class AS c ON c.oid IN (SELECT pg_catalog.to_regclass(t) FROM unnest($3::text[]) AS t)
JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = given.name
WHERE NOT pg_catalog.has_column_privilege(c.oid, a.attnum, given.privilege)
GROUP BY c.oid, given.privilege ORDER BY 1, 2""")


def _wanted(sql: str) -> list[tuple[str, str]]:
    """Names in a statement of ours, with the privilege that their place asks for."""
    written = [(name, "INSERT") for part in _INSERTED.findall(sql) for name in _NAMES.findall(part)]
    written += [(name, "UPDATE") for part in _ASSIGNED.findall(sql) for name in _TARGETS.findall(part)]
    rest = _INSERTED.sub("", _ASSIGNED.sub(lambda found: _TARGETS.sub(" = ", found[1]), sql))
    found = [*written, *((name, "SELECT") for name in _NAMES.findall(rest))]
    return [(name[1:-1].replace('""', '"'), privilege) for name, privilege in dict.fromkeys(found)]


async def refused(database: Database, sql: str, error: DatabaseError) -> DatabaseError:
    """The error of a compiled statement; if a privilege was lacking, with the columns and what to grant.

    They are asked for on another connection, for the statement's own transaction is aborted; where none is to
    be had, the error stays as the server said it.
    """
    if error.sqlstate != INSUFFICIENT_PRIVILEGE or "privilege" in str(error):
        return error
    tables = list(dict.fromkeys(_TABLES.findall(sql)))
    wanted = _wanted(sql)
    if not tables:
        return error
    pool = database.pool
    session = pool.take()
    try:
        with suppress(ChakraError):
            if session is None and pool.size < pool.settings.max_connections:
                session = await pool.acquire()
            if session is None:
                return error
            names, privileges = [name for name, _ in wanted], [privilege for _, privilege in wanted]
            rows = await session.fetch_quietly(_LACKING, (names, privileges, tables))
            if rows:
                lacking = "; ".join(
                    f"{r['privilege']} ({', '.join(r['columns'])}) on {r['title']}" for r in rows
                )
                error.args = (
                    f"{error.args[0]}: the role {rows[0]['role']} lacks the privilege {lacking}. GRANT it, or leave "
                    "these columns out: values(…) or only(…) name those to read, the data those to write",
                    *error.args[1:],
                )
                if len(rows) == 1 and len(rows[0]["names"]) == 1:
                    error.column = rows[0]["names"][0]
    finally:
        if session is not None:
            pool.release(session)
    return error


__all__ = ["refused"]
