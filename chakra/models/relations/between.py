"""The table between the two sides of a many-to-many relation: declared by a model, or made for the relation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from chakra.errors import FieldError
from chakra.schema import Column, ForeignKeyConstraint, Hop, Index, Relation, Table


class Between:
    """The table between, and its attributes that hold the keys of the two sides.

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

    def keys(self) -> tuple[str, str]:
        """Its attributes with the keys of the declaring side and of the other."""
        if self._through is None:
            first, second = self._made.primary_key
            return first, second
        return self._keys_of_model

    @property
    def _label(self) -> str:
        return f"{self._source.__name__}.{self._attribute}"

    @cached_property
    def _keys_of_model(self) -> tuple[str, str]:
        assert self._through is not None
        through = self._through()
        table: Table = through.__table__
        source, target = self._source.__table__, self._target().__table__
        if self._fields is not None:
            found = []
            for name in self._fields:
                relation = table.relations.get(name)
                if relation is None or relation.key is None:
                    raise FieldError(
                        f"{self._label}: through_fields names {name!r}, no foreign key of {through.__name__}"
                    )
                found.append(relation.key)
            return found[0], found[1]
        to = {
            side: [r.key for r in table.relations.values() if r.key is not None and r.target is side]
            for side in (source, target)
        }
        if self._same:
            if len(to[source]) != 2:
                raise self._ambiguous(through, source, len(to[source]), 2)
            return to[source][0], to[source][1]
        for side, keys in to.items():
            if len(keys) != 1:
                raise self._ambiguous(through, side, len(keys), 1)
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
            if len(side.primary_key) != 1:
                raise FieldError(
                    f"{self._label}: {side.title} has {len(side.primary_key)} primary key fields; a many-to-many "
                    "relation needs one on each side, or a model of the table between (through=)"
                )
        left, right = source.title.lower(), target.title.lower()
        if self._same or left == right:  # two models may have one name
            left, right = f"from_{left}", f"to_{right}"
        columns = [
            Column(f"{name}_id", side.key_columns[0].type) for name, side in ((left, source), (right, target))
        ]
        constraints = [
            ForeignKeyConstraint(
                (column.name,), side.name, (side.key_columns[0].name,), side.schema, "cascade"
            )
            for column, side in zip(columns, (source, target), strict=True)
        ]
        sides = zip((left, right), columns, (self._source, self._target()), strict=True)
        ways = {name: _way(name, column.name, model) for name, column, model in sides}
        return Table(
            name=self._name or f"{source.name}_{self._attribute}",
            schema=source.schema,
            columns=tuple(columns),
            primary_key=tuple(column.name for column in columns),
            indexes=(Index(columns[1].name),),
            foreign_keys=tuple(constraints),
            relations=ways,
            label=f"{self._label} (links)",
        )


def _way(name: str, key: str, model: Any) -> Relation:
    """The way from the table between to one of its sides."""
    return Relation(name, (Hop((key,), model.__table__.primary_key, lambda: model.__table__),), False)


__all__ = ["Between"]
