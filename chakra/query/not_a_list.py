"""What a query answers to those who take it for a list, a frame or another library's query: an error that says what
to write. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from chakra.errors import FieldError
from chakra.query.other_names import QUERIES, near, written

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


def no_condition(given: object) -> str:
    """What to say of something that is no condition: mostly Python has answered before the server could."""
    if isinstance(given, bool):
        return (
            ": Python itself has answered. Conditions on fields are ==, !=, <, .in_(…), .is_null(), joined by & | ~; "
            "`is`, `in`, `not`, `and` and `or` are not asked of the server, and a primary key of several columns is "
            "filter(pk=(a, b))"
        )
    if isinstance(given, str):
        return f": a field and what it has to be, filter({given}=…)" if given.isidentifier() else ""
    if isinstance(given, dict):
        return ": filter(**values)"
    return ""


def instances_of(given: Any) -> list[Any]:
    """The instances given to ``bulk_create`` as a list.

    Raises:
        FieldError: it is a single one, or nothing that has items.
    """
    if not isinstance(given, Iterable):
        raise FieldError(
            f"bulk_create() takes a list of instances, not {given!r:.80}; a single one has .save()"
        )
    return list(given)


def check_field(item: Any) -> None:
    """Refuse a list of names in the place of a name.

    Raises:
        FieldError: it is one.
    """
    if isinstance(item, list | tuple | set):
        raise FieldError(f"fields are named one by one: values(*{item!r}), not values({item!r})")


def check_key(key: Any) -> None:
    """Refuse what is no position and no slice of rows.

    Raises:
        FieldError: a name, a mask, a number with a fraction, a negative position or a step.
    """
    if isinstance(key, slice):
        for bound in (key.start, key.stop):
            if bound is not None and (not isinstance(bound, int) or bound < 0):
                raise FieldError(f"a slice of a query has no step and no negative bounds: {key}")
        if key.step is not None:
            raise FieldError(f"a slice of a query has no step and no negative bounds: {key}")
        return
    if isinstance(key, str):
        raise FieldError(
            f"query[{key!r}] is the column of a frame; of a query its values are "
            f'`await query.values_list("{key}", flat=True)`, and as Arrow '
            f'`(await query.values("{key}").to_arrow())["{key}"]`'
        )
    if not isinstance(key, int) or isinstance(key, bool):
        raise FieldError(
            f"a query takes positions and slices, query[3] and query[10:20], not {key!r}; rows by a condition are "
            "query.filter(…)"
        )
    if key < 0:
        raise FieldError("negative positions need the end of the result; use reverse() or last()")


__all__ = ["NotAList", "check_field", "check_key", "instances_of", "no_condition"]
