"""Which columns instances hold: what ``only`` and ``defer`` name of the query's own table and of those loaded along."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chakra.schema import Column, Table
from chakra.sql.select import Select

SEPARATOR = "__"


class Loaded(NamedTuple):
    """What is said of the columns of one table and of those behind its relations, as paths from there.

    Attributes:
        only: attributes to load; ``None`` = all of them.
        deferred: attributes not to load.
    """

    only: frozenset[str] | None = None
    deferred: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.only is None and not self.deferred

    def behind(self, name: str) -> Loaded:
        """The same, seen from behind a relation. Where ``only`` names none of its fields, it means all of them."""
        if self.everything:
            return self
        return Loaded(_below(self.only or frozenset(), name) or None, _below(self.deferred, name))

    def columns(self, table: Table, keys: Iterable[str]) -> tuple[Column, ...]:
        """The columns to load of a table.

        Args:
            keys: attributes that are loaded in any case, like the primary key: those by which rows are joined. So is
                the version, without which no row can be saved.
        """
        if self.everything:
            return table.columns
        kept = {*table.primary_key, table.version, *keys}
        named = None if self.only is None else _named(table, self.only)
        return tuple(
            c
            for c in table.columns
            if c.attribute in kept
            or (c.attribute not in self.deferred and (named is None or c.attribute in named))
        )

    def keeping(self, table: Table, paths: Iterable[str]) -> Loaded:
        """The same, with the keys by which what stands behind relations is found: ``prefetch_related`` needs them."""
        if self.everything:
            return self
        only, deferred = self.only, self.deferred
        for path in paths:
            here, before, level = table, "", self
            for name in path.split(SEPARATOR):
                relation = here.relations.get(name)
                if relation is None:
                    break  # the list of a Prefetch, behind which other queries go on
                keys = {f"{before}{attribute}" for attribute in relation.hops[0].columns}
                if only is not None and level.only is not None:
                    only |= keys
                deferred -= keys
                here, before, level = relation.target, f"{before}{name}{SEPARATOR}", level.behind(name)
        return Loaded(only, deferred)


EVERYTHING = Loaded()
"""What a query says that leaves nothing out."""


def loaded_of(select: Select) -> Loaded:
    """What a query says of the columns of its instances."""
    more = select.more
    return EVERYTHING if more is None else Loaded(more.only, more.deferred)


def _below(paths: frozenset[str], name: str) -> frozenset[str]:
    prefix = name + SEPARATOR
    return frozenset(path[len(prefix) :] for path in paths if path.startswith(prefix))


def _named(table: Table, paths: frozenset[str]) -> set[str]:
    """The attributes that paths begin with; of one along a relation, those of its key."""
    found: set[str] = set()
    for path in paths:
        head = path.partition(SEPARATOR)[0]
        relation = table.relations.get(head)
        found.update((head,) if relation is None or path == head else relation.hops[0].columns)
    return found


def field_paths(table: Table, name: str, method: str) -> list[str]:
    """A name given to ``only`` or ``defer`` as paths that end in attributes: of a relation's key, where it ends in one.

    Raises:
        FieldError: a part names nothing; lists what exists.
    """
    *before, last = name.split(SEPARATOR)
    here = table
    for part in before:
        here = here.relation(part, f"{method}({name!r})").target
    relation = None if last in here.by_attribute else here.relations.get(last)
    if last == "pk":
        attributes: tuple[str, ...] = here.primary_key
    elif relation is not None and relation.forward:
        attributes = relation.hops[0].columns
    else:
        attributes = (here.column(last).attribute,)
    return [SEPARATOR.join((*before, attribute)) for attribute in attributes]


__all__ = ["EVERYTHING", "Loaded", "field_paths", "loaded_of"]
