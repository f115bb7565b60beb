"""What is tried after a prepared statement failed: once more with a fresh one, where that is safe and can help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chakra.db import driver
from chakra.db.errors import (
    is_busy,
    is_refused,
    is_stale_layout,
    is_stale_plan,
    is_stale_record,
    is_unknown_label,
    may_mean_other_types,
)
from chakra.db.unreadable import explain, undecodable
from chakra.errors import DataError

if TYPE_CHECKING:
    from chakra.db.session import Session


async def prepared_again(
    session: Session, error: BaseException, sql: str, pure: bool, args: Sequence[Any]
) -> driver.RawStatement:
    """Prepare a statement anew if the failure was only a stale plan and a second try is safe; else raise.

    Inside a transaction there is no second try: the server has aborted it. After a stale *layout* the
    statement has run, so only a statement compiled by Chakra that just reads is run again.
    """
    if (
        undecodable(error) and session.just_parsed
    ):  # nothing ran: it is the driver's message that cannot show a value
        await session.settle(error)
        raise DataError(f"a value cannot be sent: {error}") from error
    if undecodable(error):
        raise await explain(session, sql, args, pure, error) from error
    if session.ending is not None and is_busy(error):  # found out here, to cost nothing where there is none
        await session.rest()
        try:
            return session.statements.get(sql) or await session.prepare(sql)
        except BaseException as second:
            session.fail(second, sql)
    stale = is_stale_plan(error) or is_stale_record(error)
    if stale or is_stale_layout(error):
        await session.forget_statements()
        again = stale or (pure and sql.lstrip()[:6].upper() == "SELECT")
        if again and not session.in_transaction:
            try:
                return await session.prepare(sql)
            except BaseException as second:
                await session.settle(second)
                session.fail(second, sql)
    elif may_mean_other_types(error):
        statement = await _with_other_types(session, error, sql)
        if statement is not None:
            return statement
    await session.settle(error)
    session.fail(error, sql)


async def _with_other_types(session: Session, error: BaseException, sql: str) -> driver.RawStatement | None:
    """Prepare a statement anew; return it if the server has other types for its parameters by now.

    The types of parameters are fixed when a statement is prepared, and stay when a column gets another one. Where
    the server has aborted the transaction, the statement is only forgotten: the next use prepares it.
    """
    known = None if session.just_parsed else session.statements.drop(sql)
    if known is None or (session.raw.is_in_transaction() and not is_refused(error)):
        return None
    before = driver.parameter_types(known)
    if before == []:
        return None
    try:
        statement = await session.prepare(sql)
    except BaseException as second:
        await session.settle(second)
        session.fail(second, sql)
    if driver.parameter_types(statement) == before and not is_unknown_label(error):
        return None
    return statement


__all__ = ["prepared_again"]
