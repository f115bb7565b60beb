"""Keys of models by the names of their fields: which there are, and which of them relations hold and point at.

Asks no model for its table, for tables may refer to each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from chakra.errors import FieldError
from chakra.models.declare import Declared, ModelInfo, stored
from chakra.models.relations.specs import ForeignKeySpec
from chakra.schema import Check, Exclude, Index, Unique
from chakra.schema.terms import Term, changed

T = TypeVar("T", Index, Unique, Exclude)


def held_keys(name: str, info: ModelInfo, targets: dict[str, ModelInfo | None]) -> dict[str, tuple[str, ...]]:
    """The attributes that hold the key of each foreign key of a model, by the name of the relation.

    A key of one field is called after the relation (``author_id``), one of several after their names
    (``order_tenant``, ``order_number``).

    Args:
        name: of the model, for messages.
        targets: what is known of the models they refer to; of one that is not there yet, one key field is expected.

    Raises:
        FieldError: a field of such a name is declared by itself.
    """
    found: dict[str, tuple[str, ...]] = {}
    own: list[tuple[str, ForeignKeySpec]] = []
    for attribute, declared in info.declared.items():
        spec = declared.spec
        if not isinstance(spec, ForeignKeySpec):
            continue
        if targets[attribute] is info:
            own.append((attribute, spec))  # its own key may consist of the keys of other relations
        found[attribute] = _named(attribute, spec, targets[attribute])
    info.keys = found
    for attribute, spec in own:
        found[attribute] = _named(attribute, spec, info)
    for attribute, spec in ((a, d.spec) for a, d in info.declared.items() if a in found):
        taken = [] if spec.fields else [key for key in found[attribute] if key in info.declared]
        if taken:
            shown = ", ".join(map(repr, found[attribute]))
            raise FieldError(
                f"{name}.{attribute} would make the field {taken[0]}, which {name} declares itself; if that holds the "
                f"key, say so: foreign_key(fields=({shown},))"
            )
    return found


def _named(attribute: str, spec: ForeignKeySpec, target: ModelInfo | None) -> tuple[str, ...]:
    if spec.fields:
        return spec.fields
    pointed = spec.to_field or (() if target is None else primary_key(target))
    return (
        tuple(f"{attribute}_{name}" for name in pointed) if len(pointed) > 1 else (key_attribute(attribute),)
    )


def key_attribute(attribute: str) -> str:
    """The attribute that holds the key of a relation: ``author`` → ``author_id``."""
    return f"{attribute}_id"


def made_keys(info: ModelInfo) -> dict[str, tuple[str, ...]]:
    """The attributes that each relation brings, in the order of declaration: what it does not share with others."""
    known = {a for a, d in info.declared.items() if not isinstance(d.spec, ForeignKeySpec)}
    found: dict[str, tuple[str, ...]] = {}
    for attribute, keys in info.keys.items():
        found[attribute] = tuple(key for key in keys if key not in known)
        known.update(keys)
    return found


def attributes_of(info: ModelInfo, name: str) -> tuple[str, ...]:
    """The attributes of a declared field: its own name, or of a relation those that hold its key."""
    return info.keys.get(name, (name,))


def primary_key(info: ModelInfo) -> tuple[str, ...]:
    """The attributes of the primary key."""
    ordered = info.options.get("primary_key")
    if ordered is not None:
        return tuple(dict.fromkeys(expanded(info, ordered)))
    found: dict[str, None] = {}
    for attribute, declared in stored(info.declared):
        if declared.spec.primary_key:
            found.update(dict.fromkeys(attributes_of(info, attribute)))
    return tuple(found)


def declared_uniques(info: ModelInfo) -> list[Unique]:
    """The UNIQUE constraints that a model asks for, by attributes."""
    uniques = [
        Unique(*attributes_of(info, attribute))
        for attribute, declared in stored(info.declared)
        if declared.spec.unique and not declared.spec.primary_key
    ]
    together = info.options.get("unique_together", ())
    if together and all(isinstance(item, str) for item in together):
        together = (together,)
    given = [Unique(*group) for group in together]
    given += [c for c in listed(info, "constraints") if isinstance(c, Unique)]
    return uniques + [by_attributes(info, unique) for unique in given]


_LISTED: dict[str, tuple[type, ...]] = {"constraints": (Unique, Check, Exclude), "indexes": (Index,)}


def listed(info: ModelInfo, option: str) -> tuple[Any, ...]:
    """What ``Meta.indexes`` or ``Meta.constraints`` lists; a function is asked for it, so that it may name the model.

    Raises:
        FieldError: something else than indexes or constraints is among it.
    """
    given = info.options.get(option, ())
    listing: Any = given() if callable(given) else given
    if isinstance(listing, str) or not isinstance(listing, Iterable):
        shown = repr(listing) if isinstance(listing, str) else f"{type(listing).__name__}(…)"
        raise FieldError(f"Meta.{option} is a list, [{shown}], not {shown} alone")
    found: tuple[Any, ...] = tuple(listing)
    for one in found:
        if not isinstance(one, _LISTED[option]):
            words = ", ".join(f"{cls.__name__}(…)" for cls in _LISTED[option])
            other = next((o for o, classes in _LISTED.items() if isinstance(one, classes)), None)
            hint = "" if other is None else f"; that belongs to {other}"
            raise FieldError(f"Meta.{option} lists {words}, not {one!r}{hint}")
    return found


def by_attributes(info: ModelInfo, one: T) -> T:
    """An index or constraint by attributes: a relation stands for those that hold its key."""
    pairs = [
        (term if name == term.column else changed(term, column=name), position)
        for position, term in enumerate(one.terms)
        for name in ((None,) if term.column is None else attributes_of(info, term.column))
    ]
    include = tuple([name for given in one.include for name in attributes_of(info, given)])
    if isinstance(one, Exclude):
        operators = tuple([one.operators[position] for _, position in pairs])
        return changed(one, terms=_terms(pairs), include=include, operators=operators)
    return changed(one, terms=_terms(pairs), include=include)


def _terms(pairs: list[tuple[Term, int]]) -> tuple[Term, ...]:
    return tuple([term for term, _ in pairs])


def expanded(info: ModelInfo, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of fields by attributes: a relation stands for those that hold its key."""
    return tuple([attribute for name in names for attribute in attributes_of(info, name)])


def pointed_at(label: str, spec: ForeignKeySpec, target: Any) -> tuple[str, ...]:
    """The attributes of the target that a foreign key points at.

    Raises:
        FieldError: the target has no rows or no key, or not one of its rows alone has such values.
    """
    info: ModelInfo = target.__chakra__
    if info.options.get("abstract"):
        raise FieldError(f"{label}: {target.__name__} is abstract and has no rows")
    if not spec.to_field:
        found = primary_key(info)
        if not found:
            raise FieldError(
                f"{label}: {target.__name__} has no primary key that a foreign key could hold; name a unique field of "
                'it: to_field="…"'
            )
        return found
    unknown = [name for name in spec.to_field if name not in info.declared and not _is_key(info, name)]
    if unknown:
        names = ", ".join(a for a, _ in stored(info.declared))
        raise FieldError(
            f"{label}: to_field names {unknown[0]!r}, no field of {target.__name__}; it has {names}"
        )
    found = expanded(info, spec.to_field)
    groups = _unique_groups(info)
    if set(found) not in map(set, groups):
        known = "; ".join(", ".join(group) for group in groups) or "none"
        raise FieldError(
            f"{label}: to_field={_shown(spec.to_field)} of {target.__name__} is not unique, and a key has to lead to "
            f"one row; unique are {known}"
        )
    return found


def _is_key(info: ModelInfo, name: str) -> bool:
    return any(name in keys for keys in info.keys.values())


def _unique_groups(info: ModelInfo) -> list[tuple[str, ...]]:
    """The fields of which no two rows have the same values."""
    keys = [by_attributes(info, index).key for index in listed(info, "indexes")]
    uniques = [u.columns for u in declared_uniques(info) if u.is_constraint and u.deferrable is None]
    return [group for group in (primary_key(info), *uniques, *keys) if group]


def _shown(names: tuple[str, ...]) -> str:
    return repr(names[0]) if len(names) == 1 else repr(names)


def holder(info: ModelInfo, attribute: str) -> tuple[str, Declared, int]:
    """What declares an attribute: its name there, the declaration, and which part of a key the attribute is."""
    if attribute in info.declared:
        return attribute, info.declared[attribute], 0
    for name, keys in made_keys(info).items():
        if attribute in keys:
            return name, info.declared[name], info.keys[name].index(attribute)
    raise KeyError(attribute)


__all__ = [
    "attributes_of",
    "by_attributes",
    "declared_uniques",
    "expanded",
    "held_keys",
    "holder",
    "key_attribute",
    "listed",
    "made_keys",
    "pointed_at",
    "primary_key",
]
