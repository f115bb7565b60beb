"""Which dates and moments there are among the rows of a query: ``dates`` and ``datetimes``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal

from chakra.errors import FieldError
from chakra.expressions.library.times import UNITS, Date, Trunc
from chakra.sql import Select, type_at

if TYPE_CHECKING:
    from chakra.query.base import Base

DATES = ("year", "quarter", "month", "week", "day")
"""What ``dates`` cuts to; ``datetimes`` knows parts of days as well."""

Direction = Literal["ASC", "DESC"]
_MOMENT = "_moment"  # a name no user can give


def dates_of(query: Base[Any], field: str, kind: str, order: str) -> Select:
    """The SELECT of ``dates``."""
    _check(query, "dates", kind, DATES, order)
    found = _type(query, "dates", field, ("date", "timestamp", "timestamptz"))
    cut = Trunc(field, kind)
    return _select(query, field, cut if found == "date" else Date(cut), order)


def datetimes_of(query: Base[Any], field: str, kind: str, order: str, tz: Any) -> Select:
    """The SELECT of ``datetimes``."""
    _check(query, "datetimes", kind, tuple(UNITS), order)
    found = _type(query, "datetimes", field, ("timestamp", "timestamptz"))
    zone = _zone(tz)
    if zone is not None and found == "timestamp":
        raise FieldError(f"datetimes(tz=…): {field!r} is a timestamp without a zone, and is cut as it is")
    return _select(query, field, Trunc(field, kind, tz=zone), order)


def _check(query: Base[Any], method: str, kind: Any, kinds: tuple[str, ...], order: Any) -> None:
    if not isinstance(kind, str) or kind not in kinds:
        raise FieldError(f"{method}() cuts to {', '.join(kinds)}, not {kind!r}")
    if not isinstance(order, str) or order not in ("ASC", "DESC"):
        raise FieldError(f'{method}(): order is "ASC" or "DESC", not {order!r}')
    clauses = query._select.clauses
    if clauses.groups or clauses.distinct:
        raise FieldError(
            f"{method}() is about rows of {query.table.title}, and the query makes others of them"
        )


def _type(query: Base[Any], method: str, field: Any, taken: tuple[str, ...]) -> str | None:
    """The name of the type of a field; ``None`` where it is computed, and only compiling tells."""
    if not isinstance(field, str) or not field:
        raise FieldError(f"{method}() takes the name of a field, not {field!r}")
    if field in dict(query._select.clauses.annotations):
        return None
    type_ = type_at(query.table, field)
    name = None if type_ is None else type_.base.name
    if name is not None and name not in taken:
        other = "; dates() takes those" if name == "date" else ""
        raise FieldError(f"{method}(): {field!r} is {name}, not {' or '.join(taken)}{other}")
    return name


def _zone(tz: Any) -> str | None:
    if tz is dt.UTC:
        return "UTC"
    name = getattr(tz, "key", tz)
    if name is not None and (not isinstance(name, str) or not name):
        raise FieldError(
            f'datetimes(tz=…) takes the name of a zone, "Europe/Berlin", or a ZoneInfo, not {tz!r}'
        )
    return name


def _select(query: Base[Any], field: str, moment: Any, order: str) -> Select:
    select = query._select.filtered(False, (), {f"{field}__isnull": False})
    clauses = select.clauses
    select = select.with_clauses(
        annotations=(*clauses.annotations, (_MOMENT, moment)),
        after=(*clauses.after, len(select.filters)),
        hidden=clauses.hidden | {_MOMENT},
        outputs=((field, _MOMENT),),
        related=(),
        only=None,
        deferred=frozenset(),
        distinct=(),
    )
    select.order, select.backwards, select.result = (
        (_MOMENT if order == "ASC" else f"-{_MOMENT}",),
        False,
        "flat",
    )
    return select


__all__ = ["Direction", "dates_of", "datetimes_of"]
