"""Instances in queries: which of their values stand for them depends on what they are compared with.

``filter(author=ada)`` compares the author's primary key, or the field that the foreign key points at; the value is read
when the query runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chakra.errors import DataError, FieldError
from chakra.expressions import Expression, Slot
from chakra.expressions.infer import SEQUENCES
from chakra.pg.showing import shown as shown_value
from chakra.schema import Relation, Table
from chakra.sql.nodes import KeyRef
from chakra.sql.sources import ColumnRef

Named = Mapping[Any, tuple[str, ...]]
"""Model → the fields of its instances that are meant; of a model that is not there, its primary key."""


def read_by(left: Expression, slot: Slot) -> Slot:
    """A literal that holds instances, with the step that reads their values for a comparison with ``left``.

    Raises:
        FieldError: ``filter(author=post)``; names the column and the model it takes.
    """
    if isinstance(left, KeyRef):
        found = _of_key(left)
    elif isinstance(left, ColumnRef):
        found = of_columns(left.source.table, (left.column.attribute,))
        check_partner(left.source.table, (left.column.attribute,), slot.models)
    else:
        raise FieldError(f"{left!r} cannot be compared with instances of a model, only with values")
    if isinstance(left, KeyRef) and not slot.models <= found.keys():
        raise _refusal(repr(left), found, slot.models)
    return read_as(slot, found)


def read_as(slot: Slot, named: Named) -> Slot:
    """A literal that holds instances, with the step that reads these fields of them."""
    step = _reader(named)
    return Slot(slot.index, step(slot.sample), slot.type, slot.models, (step,))


def _reader(named: Named) -> Callable[[Any], Any]:
    def one(value: Any) -> Any:
        cls: Any = type(value)
        if not hasattr(cls, "__chakra_model__"):
            return value
        model = cls.__chakra_model__(value)
        values = cls.__chakra_values__(value, named.get(model) or own_key(model))
        return values[0] if len(values) == 1 else values

    def read(value: Any) -> Any:
        cls: Any = type(value)
        if cls not in SEQUENCES:
            return one(value)
        items = [one(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items

    return read


def own_key(model: Any) -> tuple[str, ...]:
    """The primary key of a model.

    Raises:
        FieldError: it has none.
    """
    names: tuple[str, ...] = model.__table__.primary_key
    if not names:
        raise FieldError(f"{model.__name__} has no primary key by which its instances stand in a query")
    return names


def _of_key(left: KeyRef) -> dict[Any, tuple[str, ...]]:
    """Those of instances as a whole, and of instances that stand in a tuple for one of its values."""
    found: dict[Any, tuple[str, ...]] = {}
    names = tuple(part.column.attribute for part in left.parts)
    for name in names:
        found |= of_columns(left.table, (name,))
    return found | of_columns(left.table, names)


def of_columns(table: Table, names: tuple[str, ...]) -> dict[Any, tuple[str, ...]]:
    """The models whose instances a table's columns hold, with what they hold of them."""
    found = {r.target.model: r.target_keys for r in _relations(table, names)}
    if names == table.primary_key and table.row_class is not None:
        found[table.model] = names
    return found


def check_partner(table: Table, names: tuple[str, ...], models: frozenset[Any]) -> None:
    """Refuse instances of other models than those whose keys columns of ``table`` hold.

    Raises:
        FieldError: names the columns and the models.
    """
    found = of_columns(table, names)
    if models - found.keys():
        raise _refusal(f"{table.title}.{', '.join(names)}", found, models)


def _refusal(what: str, found: Named, models: frozenset[Any]) -> FieldError:
    shown = " or ".join(sorted(f"an instance of {m.__name__}" for m in found if m is not None))
    wrong = ", ".join(sorted(m.__name__ for m in models - found.keys()))
    return FieldError(f"{what} takes {shown or 'plain values'}, not an instance of {wrong}")


def _relations(table: Table, names: tuple[str, ...]) -> list[Relation]:
    return [relation for relation in table.relations.values() if relation.keys == names]


def assign(table: Table, found: dict[str, Any], name: str, value: Any) -> None:
    """Add what an assignment to a field or a relation writes to what others do.

    Raises:
        FieldError, DataError: as for ``assigned_values``; or what is written is set to something else as well: by a
            relation and its key, or by ``pk`` and the key.
    """
    made = assigned_values(table, name, value)
    for attribute in found.keys() & made.keys():
        old, new = found[attribute], made[attribute]
        if old is not new and (isinstance(old, Expression) or isinstance(new, Expression) or old != new):
            raise FieldError(
                f"{table.title}.{attribute} is set twice, to two values: {name} stands for it, and so does another "
                "name; leave one out"
            )
    found |= made


def assigned_values(table: Table, name: str, value: Any) -> dict[str, Any]:
    """What an assignment to a field or a relation writes, by attributes: an instance stands for its key.

    Raises:
        FieldError: an unknown field, or an instance of another model.
        DataError: not as many values as the key has fields.
    """
    try:
        names = table.attributes(name)
    except FieldError as error:
        begin, *keys = name.split("__")
        if not keys or begin not in table.by_attribute or table.by_attribute[begin].type.name != "jsonb":
            raise
        shown = ", ".join([f'"{key}"' for key in keys])
        said = f'a part of a document is set as {begin}=JsonSet("{begin}", [{shown}], …)'
        raise FieldError(f"{error}; {said}") from error
    cls: Any = type(value)
    if value is None and name in table.relations and name not in table.by_attribute:
        return dict.fromkeys(table.cleared(name))
    if hasattr(cls, "__chakra_model__"):
        model = cls.__chakra_model__(value)
        check_partner(table, names, frozenset([model]))
        return dict(zip(names, cls.__chakra_values__(value, of_columns(table, names)[model]), strict=True))
    if len(names) == 1:
        return {names[0]: value}
    if isinstance(value, Expression):
        shown = ", ".join(names)
        raise FieldError(
            f"{table.title}.{name} has several fields; set each of them to an expression: {shown}"
        )
    if not isinstance(value, tuple | list) or len(value) != len(names):
        label, shown = f"{table.title}.{name}", ", ".join(names)
        raise DataError(f"{label} takes a tuple of ({shown}), not {shown_value(value)}", column=label)
    return dict(zip(names, value, strict=True))


__all__ = ["assign", "assigned_values", "check_partner", "own_key", "read_as", "read_by"]
