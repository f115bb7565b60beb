"""Loading the rows behind relations of rows that are there already: one statement for each relation of a level.

Parents are not touched. They share a state (or have one of their own), which gets a map from keys to the rows behind
them; what reads a relation looks there. The rows that are loaded know their parent the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from chakra.errors import FieldError, NotLoaded, QueryError
from chakra.expressions import F
from chakra.pg.types import PgType
from chakra.query import run
from chakra.query.alike import Alike, by_key
from chakra.query.checks import is_attribute
from chakra.query.hydrate import SLOT
from chakra.query.state import NOT_LOADED, Behind, RowState, loaded_value, own_state
from chakra.query.write import database_of
from chakra.schema import Relation, Table
from chakra.sql import EVERYTHING, Loaded, RootKey, Select, loaded_of

if TYPE_CHECKING:
    from chakra.db import Database

OWNER = "_owner"
"""Annotation of rows behind a table between: the key of the row they were loaded for. It tells them apart and is gone
then."""

_state_of: Callable[[Any], RowState] = attrgetter("_state")


class Prefetch:
    """A relation to load, with a query of one's own for the rows behind it.

    Args:
        path: of the relation: ``"posts"``, ``"posts__tags"``.
        queryset: which rows, in which order, with which annotations, of which database; default: all of them. The last
            relation of the path gets it. A slice of it is taken for each row, ``Post.objects.order_by("-id")[:3]``,
            and so is the first row of ``distinct("kind")``. Rows of ``values()`` are for ``to_arrow(nested=True)``
            alone: instances hold instances.
        to_attr: name of the attribute that gets the list; the relation itself stays as it is then.

    Raises:
        FieldError: no path, a queryset of other rows than instances and dicts, or a slice of one that takes the first
            row for each value.
    """

    __slots__ = ("database", "further", "mode", "path", "select", "to_attr")

    def __init__(self, path: str, queryset: Any = None, to_attr: str | None = None) -> None:
        if not isinstance(path, str) or not path:
            raise QueryError(f"Prefetch() takes the path of a relation, not {path!r}")
        select: Select | None = None
        if queryset is not None:
            select = getattr(queryset, "_select", None)
            if select is None or select.result not in ("instances", "dict"):
                raise QueryError(
                    f"Prefetch({path!r}): queryset= takes a query for instances, or values() for columns, not "
                    f"{queryset!r}"
                )
            if select.sliced and select.clauses.distinct:
                names = ", ".join(repr(term) for term in select.clauses.distinct)
                raise QueryError(
                    f"Prefetch({path!r}): a slice of distinct({names}) cannot be taken for each row; leave out the one "
                    "or the other"
                )
        if to_attr is not None and not (isinstance(to_attr, str) and to_attr.isidentifier()):
            raise FieldError(f"Prefetch({path!r}): to_attr={to_attr!r} is not a plain name")
        self.further: tuple[Prefetch, ...] = () if queryset is None else queryset._prefetches
        self.database: Database | None = None if queryset is None else queryset._database
        self.mode: str | None = None if queryset is None else queryset._mode
        self.path = path
        self.select = select
        self.to_attr = to_attr

    def __repr__(self) -> str:
        return f"Prefetch({self.path!r})"


class Level:
    """One relation to load, and what to load behind it.

    Attributes:
        name: of the relation.
        select, database: the query for its rows that a ``Prefetch`` gave, and where it runs.
        of_query: what that query prefetches itself.
        to_attr: name of the list, where it is not the relation's.
        further: the levels behind it.
    """

    __slots__ = ("database", "further", "mode", "name", "of_query", "select", "to_attr")

    def __init__(self, name: str) -> None:
        self.name = name
        self.of_query: tuple[Prefetch, ...] = ()
        self.select: Select | None = None
        self.database: Database | None = None
        self.mode: str | None = None
        self.to_attr: str | None = None
        self.further: dict[tuple[str, str | None], Level] = {}

    def behind(self) -> dict[tuple[str, str | None], Level]:
        """All levels behind this one: those of its query, and those of longer paths."""
        found = levels_of(self.of_query)
        _merge(found, self.further)
        return found

    def goes_on_from(self, rows: Sequence[Any]) -> bool:
        """Whether what is behind this relation can be loaded for rows that others look at as well: their keys are
        there, and no query of one's own stands in the place of all that is behind them.
        """
        table: Table = type(rows[0]).__table__
        for level in self.further.values():
            names = [SLOT + name for name in table.relations[level.name].hops[0].columns]
            if level.own_queries() or any(not hasattr(row, name) for row in rows for name in names):
                return False
        return True

    def own_queries(self) -> bool:
        """Whether this relation, or one behind it, is loaded by a query of one's own, in the place of all its rows."""
        own = self.select is not None and self.to_attr is None
        return own or any(level.own_queries() for level in self.further.values())

    def paths(self) -> Iterator[str]:
        """The relations to load behind this one, seen from its rows."""
        for level in self.further.values():
            yield level.name
            yield from (f"{level.name}__{path}" for path in level.paths())

    def query(self, relation: Relation, said: Loaded) -> Select:
        """The query for the rows: one that was given says itself which of their columns it wants."""
        select = self.select
        if select is None:
            select = _start_of(relation)
            if not said.everything:
                select = select.with_clauses(only=said.only, deferred=said.deferred)
        return _keeping(select, (*self.paths(), *(prefetch.path for prefetch in self.of_query)))


def _start_of(relation: Relation) -> Select:
    """The query for rows behind a relation where none was given: of several, that of their model's default manager.

    What that prefetches is left out: two managers that prefetch each other's rows would never come to an end.
    """
    model = relation.target.row_class
    if model is None or not relation.many:
        return Select(relation.target)
    return model.__chakra_start__()._select  # type: ignore[no-any-return]


def _is_some(select: Select) -> bool:
    """Whether a query may leave out rows of its table."""
    clauses = select.clauses
    return bool(
        select.filters or clauses.distinct is not None or clauses.joins or clauses.sample or clauses.nothing
    )


def _merge(levels: dict[tuple[str, str | None], Level], others: dict[tuple[str, str | None], Level]) -> None:
    for key, other in others.items():
        level = levels.setdefault(key, other)
        if level is not other:
            if other.select is not None:
                level.select, level.database = other.select, other.database
            level.of_query += other.of_query
            _merge(level.further, other.further)


def as_prefetch(given: Any) -> Prefetch:
    """A path, or a ``Prefetch`` as it is."""
    return given if isinstance(given, Prefetch) else Prefetch(given)


def check_paths(table: Table, prefetches: Iterable[Prefetch]) -> None:
    """Refuse paths that do not lead along relations.

    Raises:
        FieldError: names what exists.
    """
    lists: dict[tuple[str, ...], str] = {}
    queries: dict[tuple[str, str | None], Select | None] = {}
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
        if select is not None and select.table.model is not here.model:
            raise FieldError(
                f"{prefetch!r}: the relation leads to {here.title}, and queryset= is about {select.table.title}"
            )
    for path, prefetch in _with_queries(prefetches):
        select = queries.setdefault((path, prefetch.to_attr), prefetch.select)
        if select is not prefetch.select:
            raise FieldError(
                f"{prefetch!r}: another Prefetch has a query of its own for {prefetch.to_attr or path!r}; "
                "give one of them a list of its own: to_attr="
            )


def _with_queries(prefetches: Iterable[Prefetch], before: str = "") -> Iterator[tuple[str, Prefetch]]:
    """Those that have a query of their own, and those of such queries, each with its path from the first rows."""
    for prefetch in prefetches:
        if prefetch.select is not None:
            path = f"{before}{prefetch.path}"
            yield path, prefetch
            if prefetch.further:
                list_path = f"{path.rpartition('__')[0]}__{prefetch.to_attr}".removeprefix("__")
                yield from _with_queries(prefetch.further, f"{list_path if prefetch.to_attr else path}__")


def _check_list(table: Table, prefetch: Prefetch) -> None:
    """Refuse a list under a name that reads something else of an instance.

    Raises:
        FieldError: the name is one of a field, a relation or a method.
    """
    name = prefetch.to_attr or ""
    if name.startswith("_") or name in table.by_attribute or is_attribute(table.row_class, name):
        raise FieldError(
            f"{prefetch!r}: to_attr={name!r} is the name of a field, a relation or a method of {table.title}, or "
            "begins with an underscore; choose another"
        )


def _relation(table: Table, name: str, path: str) -> Relation:
    return table.relation(name, f"prefetch_related({path!r})")


def with_keys(select: Select, prefetches: Sequence[Prefetch]) -> Select:
    """The query whose rows hold the keys by which what is prefetched is found, whatever ``only`` and ``defer`` say."""
    return _keeping(select, [prefetch.path for prefetch in prefetches]) if prefetches else select


def _keeping(select: Select, paths: Iterable[str]) -> Select:
    said = loaded_of(select)
    if said.everything:
        return select
    kept = said.keeping(select.table, paths)
    return select.with_clauses(only=kept.only, deferred=kept.deferred)


async def load(
    database: Database,
    rows: Sequence[Any],
    prefetches: Iterable[Prefetch],
    said: Loaded = EVERYTHING,
    states: Iterable[RowState] | None = None,
) -> None:
    """Load what stands behind relations of instances of one model.

    Args:
        said: which columns, as the query of the instances says for all that is loaded with it.
        states: of the rows; default: the one state they share, as the result of one query.
    """
    if rows:
        shared = {rows[0]._state} if states is None else states
        await _load(database, rows, shared, levels_of(prefetches), said)


def levels_of(prefetches: Iterable[Prefetch]) -> dict[tuple[str, str | None], Level]:
    """Prefetches as a tree of relations."""
    levels: dict[tuple[str, str | None], Level] = {}
    for prefetch in prefetches:
        here = levels
        *before, last = prefetch.path.split("__")
        for name in before:
            here = _level(here, name, None).further
        level = _level(here, last, prefetch.to_attr)
        if prefetch.select is not None:
            level.select, level.database = prefetch.select, prefetch.database
        level.mode = prefetch.mode or level.mode
        level.of_query += prefetch.further
    return levels


def _level(levels: dict[tuple[str, str | None], Level], name: str, to_attr: str | None) -> Level:
    # Behind a list of its own (to_attr) a later path goes on by the name of that list.
    for level in levels.values():
        if to_attr is None and level.to_attr == name:
            return level
    found = levels.setdefault((name, to_attr), Level(name))
    found.to_attr = to_attr
    return found


async def _load(
    database: Database,
    rows: Sequence[Any],
    states: Iterable[RowState],
    levels: dict[tuple[str, str | None], Level],
    said: Loaded,
    above: frozenset[RowState] = frozenset(),
) -> None:
    table: Table = type(rows[0]).__table__
    above = above.union(states)
    for level in levels.values():
        relation = _relation(table, level.name, level.name)
        where, behind = level.database or database, said.behind(level.name)
        found = _there(rows, states, relation) if level.select is None and level.to_attr is None else None
        if found and not above.isdisjoint(map(_state_of, found)) and not level.goes_on_from(found):
            found = None  # a way back to rows that are being loaded; they stay what they are
        if found is not None:
            of_found = set(map(_state_of, found))
        else:
            found = await _behind(where, rows, states, relation, level, behind)
            of_found = {found[0]._state} if found else set()
        if level.select is not None:
            await load(where, found, level.of_query, loaded_of(level.select), of_found)
        if found and level.further:
            await _load(where, found, of_found, level.further, behind, above)


def _there(rows: Sequence[Any], states: Iterable[RowState], relation: Relation) -> Sequence[Any] | None:
    """The rows behind one relation, each once, if all of them are there already."""
    name = relation.name
    if not all(name in state.places or name in state.behind or name in state.loaded for state in states):
        return None
    first, *others = states
    if first.shared and not others and name in first.places:
        place = first.places[name]
        there = [row._along[place] for row in rows]
    else:
        there = [loaded_value(row, name) for row in rows]
    values = {id(value): value for value in there}
    if id(NOT_LOADED) in values:
        return None
    found = chain.from_iterable(filter(None, values.values())) if relation.many else values.values()
    return [row for row in {id(row): row for row in found}.values() if row is not None]


async def _behind(
    database: Database,
    rows: Sequence[Any],
    states: Iterable[RowState],
    relation: Relation,
    level: Level,
    said: Loaded,
) -> Sequence[Any]:
    """Load the rows behind one relation and return them."""
    if level.select is not None and level.select.result != "instances":
        raise QueryError(
            f"prefetch_related({relation.name!r}): rows of values() are for columns, to_arrow(nested=True); only() "
            "chooses what instances load"
        )
    first = relation.hops[0]
    own = _getter(first.columns)
    try:
        keys = set(map(own, rows))
    except AttributeError:
        title, names = type(rows[0]).__name__, ", ".join(first.columns)
        saved = all(row._state.saved for row in rows)
        why = (
            "was not loaded with these rows (only(), defer())"
            if saved
            else "has no value in a row not saved yet"
        )
        raise NotLoaded(
            f"prefetch_related({relation.name!r}): {title}.{names} {why}, and says what is behind them"
        ) from None
    keys = {key for key in keys if None not in key} if len(first.columns) > 1 else keys - {None}
    found: list[Any] = []
    held = by_key(keys, _types(rows[0], first.columns), relation.many)
    if keys:
        select, owner = _of_owners(level.query(relation, said), relation, list(keys))
        fetch = next(iter(states)).fetch
        mode, path = (None, "") if fetch is None else (fetch.mode, fetch.path)
        if fetch is not None and fetch.origin is not None:
            mode = None  # nobody said it: the settings are asked again
        path = f"{path}{level.to_attr or relation.name}__"
        found = await run.groups(database, select, owner, relation.many, held, level.mode or mode, path)
    if len(relation.hops) > 1 and set(first.target.primary_key) != {
        *first.target_columns,
        *relation.hops[1].columns,
    }:
        _once(held, relation.target)
        found = list({id(row): row for row in chain.from_iterable(held.values())}.values())
    some = level.to_attr is None and (level.select is not None or _is_some(_start_of(relation)))
    _note(states, level.to_attr or relation.name, first.columns, held, some)
    if found and not relation.forward and len(relation.hops) == 1:
        _know_parents(rows, found, relation, isinstance(held, Alike))
    return found


def _of_owners(select: Select, relation: Relation, keys: list[Any]) -> tuple[Select, tuple[str, ...]]:
    """The query for the rows behind a relation of certain rows, and the attributes that tell whose a row is."""
    *_, last = relation.hops
    if len(relation.hops) == 1:
        names = last.target_columns
        one = len(names) == 1
        parts, words = ((), {f"{names[0]}__in": keys}) if one else ((RootKey(names).in_(keys),), {})
        return _each(select, names).filtered(False, parts, words), names
    back, way = next((n, other) for n, other in last.target.relations.items() if other.leads_back(relation))
    select = _each(select, (back,)).filtered(False, (), {f"{back}__in": keys})
    clauses = select.clauses
    fields = way.hops[-1].target_columns
    owner = tuple(f"{OWNER}{place or ''}" for place in range(len(fields)))
    computed = [F(back)] if len(fields) == 1 else [F(f"{back}__{name}") for name in fields]
    select = select.with_clauses(
        annotations=(*clauses.annotations, *zip(owner, computed, strict=True)),
        after=(*clauses.after, *(len(select.filters) for _ in fields)),
    )
    return select, owner


def _each(select: Select, names: tuple[str, ...]) -> Select:
    """A copy, whose slice is one for each value of a path, or of fields, as is the first row of DISTINCT ON; fields of
    those names are loaded in any case.
    """
    clauses = select.clauses
    each = names[0] if len(names) == 1 else names
    return select.with_clauses(
        each=each if select.sliced else None,
        distinct=(*names, *clauses.distinct) if clauses.distinct else clauses.distinct,
        only=None if clauses.only is None else clauses.only | {*names},
        deferred=clauses.deferred - {*names},
    )


def _getter(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """What reads a key of an instance: a value, or a tuple of several."""
    return attrgetter(*(SLOT + name for name in names))


def _once(held: dict[Any, list[Any]], table: Table) -> None:
    """Leave each partner of a row once: a table between that is a model may link the two several times."""
    key = _getter(table.primary_key)
    for partners in held.values():
        partners.reverse()
        partners[:] = dict(zip(map(key, partners), partners, strict=True)).values()
        partners.reverse()


def _note(
    states: Iterable[RowState], name: str, key: tuple[str, ...], held: dict[Any, Any], some: bool = False
) -> None:
    """Let rows know what is behind a relation: once for all that share a state, in the place of what they knew."""
    behind = Behind(_getter(key), held, some)
    for state in states:
        state.behind = {**state.behind, name: behind}
        if not state.shared:
            state.loaded.pop(name, None)
        elif name in state.places:
            state.places = {other: place for other, place in state.places.items() if other != name}


def _types(row: Any, names: Iterable[str]) -> list[PgType]:
    table: Table = type(row).__table__
    return [table.by_attribute[name].type for name in names]


def _know_parents(rows: Sequence[Any], found: Sequence[Any], relation: Relation, alike: bool) -> None:
    """Let rows that were loaded from the other side of a foreign key know the row they belong to.

    Args:
        alike: whether keys that are not equal in Python may be equal.
    """
    hop, back = relation.hops[0], relation.way_here(type(rows[0]).__table__)
    if back is None:
        return
    own = _getter(hop.columns)
    if back not in found[0]._state.places:  # else the query of the rows loaded it along, the way it wanted it
        parents: dict[Any, Any] = dict(zip(map(own, rows), rows, strict=True))
        if alike:
            held = by_key(
                {*parents, *map(_getter(hop.target_columns), found)}, _types(rows[0], hop.columns), False
            )
            for key, parent in parents.items():
                held[key] = parent
            parents = held
        _note((found[0]._state,), back, hop.target_columns, parents)


async def prefetch(rows: Any, *paths: Any, using: Database | None = None) -> None:
    """Load relations of instances that are there already: ``await chakra.prefetch(posts, "author", "tags")``.

    Args:
        rows: instances of one model, or one of them.
        paths: as for ``prefetch_related``.
        using: the database to ask; default: the rows' own, each for itself.

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
        raise QueryError(f"prefetch() takes instances of one model, not {several[0]!r} and others")
    prefetches = [as_prefetch(path) for path in paths]
    check_paths(model.__table__, prefetches)
    of: dict[Database, list[Any]] = {}
    for row in several:
        own_state(row)
        of.setdefault(database_of(row, using), []).append(row)
    for database, there in of.items():
        await load(database, there, prefetches, states=list(map(_state_of, there)))


__all__ = [
    "OWNER",
    "Level",
    "Prefetch",
    "as_prefetch",
    "check_paths",
    "levels_of",
    "load",
    "prefetch",
    "with_keys",
]
