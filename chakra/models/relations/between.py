"""The table between the two sides of a many-to-many relation: declared by a model, or made for the relation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from chakra.errors import FieldError
from chakra.schema import Column, ForeignKeyConstraint, Hop, Index, Relation, Table


class Between:
    """The table between, and the ways from it to the two sides.

    Args:
        source: the model that declares the relation.
        attribute: its name there.
        target: gives the other model.
        through: gives the model of the table, if there is one.
        fields: its foreign keys to the two sides, if they were named.
        name: of a table without a model.
        same: whether both sides are one model.
    """

    def __init__(
        self,
        source: Any,
        attribute: str,
        target: Callable[[], Any],
        through: Callable[[], Any] | None,
        fields: tuple[str, str] | None,
        name: str | None,
        same: bool,
    ) -> None:
        self._source = source
        self._attribute = attribute
        self._target = target
        self._through = through
        self._fields = fields
        self._name = name
        self._same = same

    def table(self) -> Table:
        """The table between."""
        return self._made if self._through is None else self._through().__table__

    def ways(self) -> tuple[Relation, Relation]:
        """The ways from it to the declaring side and to the other."""
        if self._through is None:
            first, second = self._made.relations.values()
            return first, second
        return self._ways_of_model

    @property
    def _label(self) -> str:
        return f"{self._source.__name__}.{self._attribute}"

    @cached_property
    def _ways_of_model(self) -> tuple[Relation, Relation]:
        assert self._through is not None
        through = self._through()
        table: Table = through.__table__
        source, target = self._source.__table__, self._target().__table__
        if self._fields is not None:
            found = []
            for name in self._fields:
                relation = table.relations.get(name)
                if relation is None or not relation.keys:
                    raise FieldError(
                        f"{self._label}: through_fields names {name!r}, no foreign key of {through.__name__}"
                    )
                found.append(relation)
            return found[0], found[1]
        to = {
            side: [r for r in table.relations.values() if r.keys and r.target is side]
            for side in (source, target)
        }
        if self._same:
            if len(to[source]) != 2:
                raise self._ambiguous(through, source, len(to[source]), 2)
            return to[source][0], to[source][1]
        for side, ways in to.items():
            if len(ways) != 1:
                raise self._ambiguous(through, side, len(ways), 1)
        return to[source][0], to[target][0]

    def _ambiguous(self, through: Any, side: Table, count: int, wanted: int) -> FieldError:
        return FieldError(
            f"{self._label}: {through.__name__} has {count or 'no'} foreign key{'s' if count != 1 else ''} to "
            f"{side.title}, and {wanted} {'are' if wanted != 1 else 'is'} needed; name the two that are meant: "
            'through_fields=("…", "…")'
        )

    @cached_property
    def _made(self) -> Table:
        """A table of nothing but the two keys; links go with the rows they link."""
        source, target = self._source.__table__, self._target().__table__
        for side in (source, target):
            if not side.primary_key:
                raise FieldError(
                    f"{self._label}: {side.title} has no primary key; a many-to-many relation needs one on each side, "
                    "or a model of the table between (through=)"
                )
            if side.view is not None:
                raise FieldError(
                    f"{self._label}: {side.title} is a view, to whose rows no table between can hold keys; declare the "
                    "relation by through=, a model of a table or view between"
                )
        left, right = source.title.lower(), target.title.lower()
        if self._same or left == right:  # two models may have one name
            left, right = f"from_{left}", f"to_{right}"
        sides = ((left, source, self._source), (right, target, self._target()))
        columns = [_columns(name, side) for name, side, _ in sides]
        constraints = [
            ForeignKeyConstraint(
                tuple(column.name for column in held),
                side.name,
                tuple(column.name for column in side.key_columns),
                side.schema,
                "cascade",
            )
            for held, (_, side, _) in zip(columns, sides, strict=True)
        ]
        ways = [_way(name, held, model) for held, (name, _, model) in zip(columns, sides, strict=True)]
        own, other = columns
        return Table(
            name=self._name or f"{source.name}_{self._attribute}",
            schema=source.schema,
            columns=(*own, *other),
            primary_key=tuple(column.name for column in (*own, *other)),
            indexes=(Index(*(column.name for column in other)),),
            foreign_keys=tuple(constraints),
            relations={way.name: way for way in ways},
            label=f"{self._label} (links)",
        )


def _columns(name: str, side: Table) -> tuple[Column, ...]:
    """The columns of the table between that hold the key of one side."""
    one = len(side.primary_key) == 1
    return tuple(
        Column(f"{name}_id" if one else f"{name}_{column.attribute}", column.type)
        for column in side.key_columns
    )


def _way(name: str, held: tuple[Column, ...], model: Any) -> Relation:
    """The way from the table between to one of its sides."""
    keys = tuple(column.name for column in held)
    return Relation(name, (Hop(keys, model.__table__.primary_key, lambda: model.__table__),), False)


__all__ = ["Between"]
