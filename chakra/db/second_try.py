"""What is tried after a prepared statement failed: once more with a fresh one, where that is safe and can help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from chakra.db.statements import Statement
from chakra.db.unreadable import explain, undecodable
from chakra.db.wire import Wire
from chakra.errors import DataError
from chakra.pg.showing import cause, reason


async def prepared_again(
    wire: Wire, error: BaseException, statement: Statement, args: Sequence[Any], comment: str = ""
) -> driver.RawStatement:
    """Prepare a statement anew, without its comment, if the failure was only a stale plan and a second try is safe.
    Else raise.

    Inside a transaction there is no second try: the server has aborted it. After a stale *layout* the
    statement has run, so only one of Chakra's that just reads is run again.
    """
    sql = statement.sql
    if (
        undecodable(error) and wire.just_parsed
    ):  # nothing ran: it is the driver's message that cannot show a value
        await wire.settle(error)
        raise DataError(f"a value cannot be sent: {reason(error)}") from cause(error)
    if undecodable(error):
        raise await explain(wire, statement, args, error) from error
    if wire.ending is not None and is_busy(error):  # found out here, to cost nothing where there is none
        await wire.rest()
        try:
            return wire.statements.get(sql) or await wire.prepare(sql)
        except BaseException as second:
            wire.fail(second, sql)
    stale = is_stale_plan(error) or is_stale_record(error)
    if stale or is_stale_layout(error):
        await wire.forget_statements()
        again = stale or (statement.reads and statement.author != "user")
        if again and not wire.in_transaction:
            wire.again += 1
            try:
                return await wire.prepare(sql)
            except BaseException as second:
                await wire.settle(second)
                wire.fail(second, sql)
    elif may_mean_other_types(error):
        prepared = await _with_other_types(wire, error, sql, sql + comment)
        if prepared is not None:
            return prepared
    await wire.settle(error)
    wire.fail(error, sql)


async def _with_other_types(
    wire: Wire, error: BaseException, sql: str, key: str
) -> driver.RawStatement | None:
    """Prepare a statement anew; return it if the server has other types for its parameters by now.

    The types of parameters are fixed when a statement is prepared, and stay when a column gets another one. Where
    the server has aborted the transaction, the statement is only forgotten: the next use prepares it.
    """
    known = None if wire.just_parsed else wire.statements.drop(key)
    if known is None or (wire.raw.is_in_transaction() and not is_refused(error)):
        return None
    before = driver.parameter_types(known)
    if before == []:
        return None
    wire.again += 1
    try:
        prepared = await wire.prepare(sql)
    except BaseException as second:
        await wire.settle(second)
        wire.fail(second, sql)
    if driver.parameter_types(prepared) == before and not is_unknown_label(error):
        return None
    return prepared


__all__ = ["prepared_again"]
