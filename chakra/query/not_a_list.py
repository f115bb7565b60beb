"""What a query answers to those who take it for a list, a frame or another library's query: an error that says what
to write. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from chakra._late import late
from chakra.errors import FieldError, QueryError
from chakra.expressions import Condition, Expression, as_condition
from chakra.query.other_names import QUERIES, near, written

if TYPE_CHECKING:
    from chakra.expressions.q import Q
    from chakra.pg.conversion import shown
    from chakra.schema import Table
else:
    late(globals(), "chakra.expressions.q", "Q")
    late(globals(), "chakra.pg.conversion", "shown")

# Methods of Django that have a twin with an "a" in front; all of ours are asynchronous.
_ASYNC = "a"


class NotAList:
    """Python's container protocol, for objects whose rows have to be awaited."""

    __slots__ = ()

    def __iter__(self) -> NoReturn:
        # Without this Python would try query[0], query[1], … and never end.
        raise TypeError("a query cannot be iterated like a list: use `async for`, or `await` it first")

    def __len__(self) -> NoReturn:
        raise TypeError("a query has no length before it ran: `await query.count()`, or len(await query)")

    def __bool__(self) -> NoReturn:
        raise TypeError("a query is neither true nor false before it ran: `if await query.exists():`")

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(
            "`in` cannot ask the server: `await query.contains(instance)`, `await query.filter(…).exists()`, "
            "or `in await query`"
        )

    def __reversed__(self) -> NoReturn:
        raise TypeError("a query is turned round with .reverse(), and iterated with `async for`")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(_no_attribute(self, name))


def _no_attribute(query: Any, name: str) -> str:
    cls = type(query)
    text = f"a query ({cls.__name__}) has no attribute {name!r}"
    if name.startswith("_") and name not in QUERIES:
        return text
    known = [n for n in dir(cls) if not n.startswith("_")]
    select = getattr(query, "_select", None)
    said = written(QUERIES, name, "Model" if select is None else select.table.title)
    if not said and name.startswith(_ASYNC) and name[1:] in known:
        said = f"; in Chakra that is await .{name[1:]}(…): every method that asks the server is asynchronous"
    return text + (said or near(name, known))


def conditions_of(given: tuple[Any, ...]) -> tuple[Condition, ...]:
    """The conditions given to ``filter()``, without those that say nothing.

    Raises:
        FieldError: one is none: mostly Python has answered before the server could.
    """
    for condition in given:
        if not isinstance(condition, Expression):
            raise _no_condition(condition)
    return tuple(as_condition(c) for c in given if not (isinstance(c, Q) and not c))


def _no_condition(given: object) -> FieldError:
    said = ""
    if isinstance(given, bool):
        said = (
            ": Python itself has answered. Conditions on fields are ==, !=, <, .in_(…), .is_null(), joined by & | ~; "
            "`is`, `in`, `not`, `and` and `or` are not asked of the server, and a primary key of several columns is "
            "filter(pk=(a, b))"
        )
    elif isinstance(given, str) and given.isidentifier():
        said = f": a field and what it has to be, filter({given}=…)"
    elif isinstance(given, dict):
        said = ": filter(**values)"
    return QueryError(f"filter() takes conditions and keywords, not {shown(given)}{said}")


def instances_of(table: Table, given: Any) -> list[Any]:
    """The instances given to ``bulk_create`` as a list.

    Raises:
        FieldError: it is a single one, or nothing that has items; or the table has no model.
    """
    if table.row_class is None:
        raise QueryError(f"{table.title} has no model to make instances of; bulk_insert() takes columns")
    if not isinstance(given, Iterable):
        raise QueryError(
            f"bulk_create() takes a list of instances, not {shown(given)}; a single one has .save()"
        )
    return list(given)


def check_field(method: str, item: Any, *, computed: bool = False) -> None:
    """Refuse what is no name of a field.

    Args:
        method: the call it was given to.
        computed: whether an expression may stand there.

    Raises:
        FieldError: it is a list of names, or no name at all.
    """
    if isinstance(item, str) or (computed and isinstance(item, Expression)):
        return
    if isinstance(item, list | tuple | set):
        raise QueryError(f"fields are named one by one: {method}(*{item!r}), not {method}({item!r})")
    also = " and expressions" if computed else ""
    raise QueryError(f"{method}() takes names of fields{also}, not {shown(item)}")


def given_items(call: str, given: Any, what: str) -> list[Any]:
    """What was given as a list, where several are needed.

    Args:
        call: the call it was given to, for the message.
        what: of what it is a list.

    Raises:
        FieldError: it has no items, or is a text, whose items are its characters.
    """
    if hasattr(type(given), "__aiter__"):
        method = call.rpartition(".")[2].partition("(")[0]
        raise QueryError(f"{call} takes a list of {what}; of a query: {method}(await query)")
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise QueryError(f"{call} takes a list of {what}, not {shown(given)}")
    return list(given)


def check_key(key: Any) -> None:
    """Refuse what is no position and no slice of rows.

    Raises:
        FieldError: a name, a mask, a number with a fraction, a negative position or a step.
    """
    if isinstance(key, slice):
        for bound in (key.start, key.stop):
            if bound is not None and (not isinstance(bound, int) or bound < 0):
                raise QueryError(f"a slice of a query has no step and no negative bounds: {key}")
        if key.step is not None:
            raise QueryError(f"a slice of a query has no step and no negative bounds: {key}")
        return
    if isinstance(key, str):
        raise QueryError(
            f"query[{key!r}] is the column of a frame; of a query its values are "
            f'`await query.values_list("{key}", flat=True)`, and as Arrow '
            f'`(await query.values("{key}").to_arrow())["{key}"]`'
        )
    if not isinstance(key, int) or isinstance(key, bool):
        raise QueryError(
            f"a query takes positions and slices, query[3] and query[10:20], not {key!r}; rows by a condition are "
            "query.filter(…)"
        )
    if key < 0:
        raise QueryError("negative positions need the end of the result; use reverse() or last()")


__all__ = ["NotAList", "check_field", "check_key", "conditions_of", "given_items", "instances_of"]
