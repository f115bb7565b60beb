"""``instance.validate()``: what is wrong with an instance, all of it at once, before anything is written."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from chakra.errors import ConfigError, DataError, ValidationError
from chakra.expressions import Expression
from chakra.models.choices import Choices
from chakra.models.fields import MISSING, FieldSpec
from chakra.pg.conversion import Naive, convert, shown
from chakra.query.hydrate import SLOT
from chakra.query.queryset import QuerySet
from chakra.query.write import database_of
from chakra.schema import Column, Table

if TYPE_CHECKING:
    from chakra.db import Database

Faults = dict[str, list[str]]


async def validate(
    instance: Any,
    fields: Iterable[str] | None = None,
    *,
    unique: bool = True,
    database: Database | str | None = None,
) -> None:
    """Check an instance; see ``Model.validate``.

    Raises:
        ValidationError: something is wrong; it holds all of it, by field.
        FieldError: there is no such field.
    """
    cls = type(instance)
    table: Table = cls.__table__
    if fields is None:
        names: Collection[str] = table.by_attribute
    else:
        names = dict.fromkeys(a for name in fields for a in table.attributes(name))
    faults: Faults = {}
    naive = _naive(instance, database)
    for name in names:
        found = await _of_field(instance, table, table.by_attribute[name], naive)
        if found:
            faults[name] = found
    clean = getattr(cls, "clean", None)
    if callable(clean) and not faults:
        _gather(faults, "", await _outcome(clean, instance))
    if unique and not faults:
        await _others(instance, table, names, faults, database)
    if faults:
        raise ValidationError(faults, model=table.title)


def _naive(instance: Any, database: Database | str | None) -> Naive:
    """What moments without a zone mean; without a database they are no moments."""
    try:
        return database_of(instance, database).naive
    except ConfigError:
        return "error"


async def _of_field(instance: Any, table: Table, column: Column, naive: Naive) -> list[str]:
    """What is wrong with the value of one field."""
    spec = type(instance).__chakra__.declared.get(column.attribute)
    declared = spec.spec if spec is not None and isinstance(spec.spec, FieldSpec) else None
    value = getattr(instance, SLOT + column.attribute, MISSING)
    if column.computed is not None or isinstance(value, Expression):
        return []  # the server knows
    if value is None or value is MISSING:
        made = column.generated or column.attribute in table.moments
        left_out = value is MISSING and instance._state.saved
        fine = column.nullable or left_out or (made and (value is MISSING or not instance._state.saved))
        return [] if fine else ["it has no value"]
    try:
        convert(value, column.type, naive)
    except DataError as error:
        return [str(error)]
    if declared is None:
        return []
    if declared.choices is not None:
        wrong = _no_choice(declared.choices, value, column)
        if wrong:
            return [wrong]
    found: list[str] = []
    for validator in declared.validators:
        for messages in (await _outcome(validator, value, refusing=True)).values():
            found += messages
    return found


def _no_choice(choices: Choices, value: Any, column: Column) -> str | None:
    values = value if column.type.base.kind == "array" and isinstance(value, list | tuple) else [value]
    other = [one for one in values if one is not None and not choices.has(one)]
    known = ", ".join(map(repr, choices.values))
    return f"{shown(other[0])} is none of its choices, {known}" if other else None


async def _outcome(check: Any, value: Any, *, refusing: bool = False) -> Faults:
    """What a function of the user's finds wrong with a value.

    Args:
        refusing: ``False`` as its answer says that the value is wrong.
    """
    try:
        answer = check(value)
        if inspect.isawaitable(answer):
            answer = await answer
    except ValidationError as error:
        return error.errors
    except (ValueError, AssertionError) as error:
        return {ValidationError.ALL: [str(error) or refused(check, value)]}
    if refusing and answer is False:
        return {ValidationError.ALL: [refused(check, value)]}
    return {}


def refused(check: Any, value: Any) -> str:
    """What is said where a validator gives no reason."""
    return f"{shown(value)} is refused by {getattr(check, '__name__', None) or repr(check)}"


def _gather(faults: Faults, name: str, found: Faults) -> None:
    for field, messages in found.items():
        faults.setdefault(name or field, []).extend(messages)


async def _others(
    instance: Any, table: Table, names: Collection[str], faults: Faults, database: Database | str | None
) -> None:
    """Ask whether other rows have what no two may have: each key with one query, where the instance has all of it."""
    state = instance._state
    keys = {unique.columns: unique.nulls_not_distinct for unique in table.uniques}
    keys |= {index.key: index.nulls_not_distinct for index in table.indexes if index.key is not None}
    if table.primary_key and not state.saved:
        keys[table.primary_key] = False
    cls = type(instance)
    found = database_of(instance, database)
    rows: QuerySet[Any] = vars(_root(cls))["objects"].__get__(None, cls).using(found)
    for key, with_nulls in keys.items():
        if not set(key) <= set(names) or (state.saved and state.changed.isdisjoint(key)):
            continue
        values = {name: getattr(instance, SLOT + name, None) for name in key}
        if any(isinstance(value, Expression) for value in values.values()):
            continue
        if None in values.values() and not with_nulls:
            continue
        given = {name if value is not None else f"{name}__isnull": value for name, value in values.items()}
        query = rows.filter(**{name: True if value is None else value for name, value in given.items()})
        if state.saved:
            query = query.exclude(**{name: getattr(instance, SLOT + name) for name in table.primary_key})
        if await query.exists():
            what = " and ".join(key)
            field = key[0] if len(key) == 1 else ValidationError.ALL
            faults.setdefault(field, []).append(f"another {table.title} has this {what}")


def _root(cls: Any) -> Any:
    """The base of all models, whose manager leaves out no rows."""
    return next(base for base in reversed(cls.__mro__) if "objects" in vars(base))


__all__ = ["refused", "validate"]
