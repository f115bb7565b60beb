"""What a query answers to those who take it for a list, a frame or another library's query: an error that says what
to write. Nothing here runs anything."""

from __future__ import annotations

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
    if not isinstance(key, int):
        raise FieldError(
            f"a query takes positions and slices, query[3] and query[10:20], not {key!r}; rows by a condition are "
            "query.filter(…)"
        )
    if key < 0:
        raise FieldError("negative positions need the end of the result; use reverse() or last()")


__all__ = ["NotAList", "check_key"]
