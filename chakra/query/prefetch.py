"""Loading the rows behind relations of rows that are there already: one statement for each relation of a level.

Parents are not touched. They share a state (or have one of their own), which gets a map from keys to the rows behind
them; what reads a relation looks there. The rows that are loaded know their parent the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from chakra.errors import FieldError, NotLoaded
from chakra.expressions import F
from chakra.query import run
from chakra.query.hydrate import SLOT
from chakra.query.state import NOT_LOADED, RowState, loaded_value, own_state
from chakra.query.write import database_of
from chakra.schema import Relation, Table
from chakra.sql import Select

if TYPE_CHECKING:
    from chakra.db import Database

OWNER = "_owner"
"""Annotation of rows behind a table between: the key of the row they were loaded for."""


class Prefetch:
    """A relation to load, with a query of one's own for the rows behind it.

    Args:
        path: of the relation: ``"posts"``, ``"posts__tags"``.
        queryset: which rows, in which order, with which annotations; default: all of them. The last relation of the
            path gets it. A slice of it is taken for each row: ``Post.objects.order_by("-id")[:3]``.
        to_attr: name of the attribute that gets the list; the relation itself stays as it is then.

    Raises:
        FieldError: no path, or a queryset of values.
    """

    __slots__ = ("further", "path", "select", "to_attr")

    def __init__(self, path: str, queryset: Any = None, to_attr: str | None = None) -> None:
        if not isinstance(path, str) or not path:
            raise FieldError(f"Prefetch() takes the path of a relation, not {path!r}")
        select: Select | None = None
        if queryset is not None:
            select = getattr(queryset, "_select", None)
            if select is None or select.result != "instances":
                raise FieldError(
                    f"Prefetch({path!r}): queryset= takes a query for instances, not {queryset!r}"
                )
        if to_attr is not None and not (isinstance(to_attr, str) and to_attr.isidentifier()):
            raise FieldError(f"Prefetch({path!r}): to_attr={to_attr!r} is not a plain name")
        self.further: tuple[Prefetch, ...] = () if queryset is None else queryset._prefetches
        self.path = path
        self.select = select
        self.to_attr = to_attr

    def __repr__(self) -> str:
        return f"Prefetch({self.path!r})"


class _Level:
    """One relation to load, and what to load behind it."""

    __slots__ = ("further", "name", "of_query", "select", "to_attr")

    def __init__(self, name: str) -> None:
        self.name = name
        self.of_query: tuple[Prefetch, ...] = ()
        self.select: Select | None = None
        self.to_attr: str | None = None
        self.further: dict[tuple[str, str | None], _Level] = {}


def as_prefetch(given: Any) -> Prefetch:
    """A path, or a ``Prefetch`` as it is."""
    return given if isinstance(given, Prefetch) else Prefetch(given)


def check_paths(table: Table, prefetches: Iterable[Prefetch]) -> None:
    """Refuse paths that do not lead along relations.

    Raises:
        FieldError: names what exists.
    """
    lists: dict[tuple[str, ...], str] = {}
    for prefetch in prefetches:
        here = table
        parts = prefetch.path.split("__")
        for position, part in enumerate(parts):
            name = lists.get(tuple(parts[: position + 1]), part)
            here = _relation(here, name, prefetch.path).target
        if prefetch.to_attr is not None:
            owner = table
            for position in range(len(parts) - 1):
                owner = _relation(owner, lists.get(tuple(parts[: position + 1]), parts[position]), "").target
            _check_list(owner, prefetch)
            key = (*parts[:-1], prefetch.to_attr)
            if lists.setdefault(key, parts[-1]) != parts[-1]:
                raise FieldError(
                    f"{prefetch!r}: to_attr={prefetch.to_attr!r} is the list of another Prefetch"
                )
        select = prefetch.select
        if select is not None and select.table.row_class is not here.row_class:
            raise FieldError(
                f"{prefetch!r}: the relation leads to {here.title}, and queryset= is about {select.table.title}"
            )


def _check_list(table: Table, prefetch: Prefetch) -> None:
    """Refuse a list under a name that reads something else of an instance.

    Raises:
        FieldError: the name is one of a field, a relation or a method.
    """
    name = prefetch.to_attr or ""
    if name.startswith("_") or name in table.by_attribute or hasattr(table.row_class, name):
        raise FieldError(
            f"{prefetch!r}: to_attr={name!r} is the name of a field, a relation or a method of {table.title}, or "
            "begins with an underscore; choose another"
        )


def _relation(table: Table, name: str, path: str) -> Relation:
    found = table.relations.get(name)
    if found is None or "+" in name:
        known = ", ".join(n for n in table.relations if "+" not in n) or "none"
        what = "a field, not a relation" if name in table.by_attribute else "no relation"
        raise FieldError(
            f"prefetch_related({path!r}): {name!r} is {what} of {table.title}; its relations are {known}"
        )
    return found


async def load(database: Database, rows: Sequence[Any], prefetches: Iterable[Prefetch]) -> None:
    """Load what stands behind relations of instances of one model."""
    if not rows:
        return
    levels: dict[tuple[str, str | None], _Level] = {}
    for prefetch in prefetches:
        here = levels
        *before, last = prefetch.path.split("__")
        for name in before:
            here = _level(here, name, None).further
        level = _level(here, last, prefetch.to_attr)
        level.select = prefetch.select or level.select
        level.of_query += prefetch.further
    await _load(database, rows, levels)


def _level(levels: dict[tuple[str, str | None], _Level], name: str, to_attr: str | None) -> _Level:
    # Behind a list of its own (to_attr) a later path goes on by the name of that list.
    for level in levels.values():
        if to_attr is None and level.to_attr == name:
            return level
    found = levels.setdefault((name, to_attr), _Level(name))
    found.to_attr = to_attr
    return found


async def _load(
    database: Database, rows: Sequence[Any], levels: dict[tuple[str, str | None], _Level]
) -> None:
    table: Table = type(rows[0]).__table__
    for level in levels.values():
        relation = _relation(table, level.name, level.name)
        found = await _behind(database, rows, relation, level)
        await load(database, found, level.of_query)
        if found and level.further:
            await _load(database, found, level.further)


async def _behind(
    database: Database, rows: Sequence[Any], relation: Relation, level: _Level
) -> Sequence[Any]:
    """Load the rows behind one relation, unless they are there, and return them."""
    if level.select is None and level.to_attr is None:
        there = [loaded_value(row, relation.name) for row in rows]
        if not any(value is NOT_LOADED for value in there):
            flat = (value if isinstance(value, list) else [value] for value in there)
            return [row for values in flat for row in values if row is not None]
    first = relation.hops[0]
    if len(first.columns) != 1:
        raise FieldError(
            f"prefetch_related({relation.name!r}): a key of several columns cannot be prefetched"
        )
    own = attrgetter(SLOT + first.columns[0])
    try:
        keys = {key for row in rows if (key := own(row)) is not None}
    except AttributeError:
        title = type(rows[0]).__name__
        raise NotLoaded(
            f"prefetch_related({relation.name!r}): {title}.{first.columns[0]} was not loaded with these rows (only(), "
            "defer()), and says what is behind them"
        ) from None
    select = level.select or Select(relation.target)
    found: list[Any] = []
    owner: Callable[[Any], Any] = own
    if keys:
        select, owner = _of_owners(select, relation, list(keys))
        found = await run.rows(database, select)
    held: dict[Any, Any] = {key: [] if relation.many else None for key in keys}
    if len(relation.hops) > 1 and set(first.target.primary_key) != {
        *first.target_columns,
        *relation.hops[1].columns,
    }:
        found = _once(found, owner)
    for row in found:
        if relation.many:
            held[owner(row)].append(row)
        else:
            held[owner(row)] = row
    _note(rows, level.to_attr or relation.name, first.columns[0], held)
    if found and not relation.forward and len(relation.hops) == 1:
        _know_parents(rows, found, relation)
    return found


def _of_owners(select: Select, relation: Relation, keys: list[Any]) -> tuple[Select, Callable[[Any], Any]]:
    """The query for the rows behind a relation of certain rows, and what tells whose a row is."""
    *_, last = relation.hops
    if len(relation.hops) == 1:
        name = last.target_columns[0]
        return _each(select, name).filtered(False, (), {f"{name}__in": keys}), attrgetter(SLOT + name)
    back = next(name for name, other in last.target.relations.items() if other.leads_back(relation))
    select = _each(select, back).filtered(False, (), {f"{back}__in": keys})
    clauses = select.clauses
    select = select.with_clauses(
        annotations=(*clauses.annotations, (OWNER, F(back))), after=(*clauses.after, len(select.filters))
    )
    return select, lambda row: loaded_value(row, OWNER)


def _each(select: Select, path: str) -> Select:
    """A copy, whose slice is one for each value of a path; a field of that name is loaded in any case."""
    clauses = select.clauses
    return select.with_clauses(
        each=path if select.sliced else None,
        only=None if clauses.only is None else clauses.only | {path},
        deferred=clauses.deferred - {path},
    )


def _once(rows: Sequence[Any], owner: Callable[[Any], Any]) -> list[Any]:
    """Each partner of a row once: a table between that is a model may link the two several times."""
    return list({(owner(row), type(row).__chakra_key__(row)): row for row in reversed(rows)}.values())[::-1]


def _note(rows: Sequence[Any], name: str, key: str, held: dict[Any, Any]) -> None:
    """Let rows know what is behind a relation: once for all that share a state."""
    seen: set[int] = set()
    for row in rows:
        state: RowState = row._state
        if id(state) not in seen:
            seen.add(id(state))
            state.behind = {**state.behind, name: (SLOT + key, held)}


def _know_parents(rows: Sequence[Any], found: Sequence[Any], relation: Relation) -> None:
    """Let rows that were loaded from the other side of a foreign key know the row they belong to."""
    hop = relation.hops[0]
    table: Table = type(found[0]).__table__
    back = next((n for n, r in table.relations.items() if r.key == hop.target_columns[0]), None)
    if back is None:
        return
    own = attrgetter(SLOT + hop.columns[0])
    _note(found, back, hop.target_columns[0], {own(row): row for row in rows})


async def prefetch(rows: Any, *paths: Any, using: Database | None = None) -> None:
    """Load relations of instances that are there already: ``await chakra.prefetch(posts, "author", "tags")``.

    Args:
        rows: instances of one model, or one of them.
        paths: as for ``prefetch_related``.
        using: the database to ask; default: the rows' own.

    Raises:
        FieldError: rows of several models, or no instances; a path that is none.
    """
    several: list[Any] = [rows]
    if isinstance(rows, Iterable) and not hasattr(type(rows), "__chakra_model__"):
        several = list(rows)
    if not several:
        return
    model: Any = type(several[0])
    if not hasattr(model, "__chakra_model__") or any(type(row) is not model for row in several):
        raise FieldError(f"prefetch() takes instances of one model, not {several[0]!r} and others")
    prefetches = [as_prefetch(path) for path in paths]
    check_paths(model.__table__, prefetches)
    for row in several:
        own_state(row)
    await load(database_of(several[0], using), several, prefetches)


__all__ = ["OWNER", "Prefetch", "as_prefetch", "check_paths", "load", "prefetch"]
