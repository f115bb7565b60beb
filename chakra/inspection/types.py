"""Types of columns as models write them: the annotation, and the word of ``chakra.types`` where that says more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import chakra.types as words
from chakra.inspection.names import class_name, member, unused
from chakra.migrations.files.source import Source
from chakra.pg.types import PgType

_BY_NAME = {
    value.name: name
    for name in words.__all__
    for value in [getattr(words, name)]
    if isinstance(value, PgType)
}
_PLAIN = {"int8": "int", "text": "str", "bool": "bool", "float8": "float", "bytea": "bytes"}
_IMPORTED = {
    "numeric": ("decimal", "Decimal"),
    "timestamptz": ("datetime", "datetime"),
    "date": ("datetime", "date"),
    "time": ("datetime", "time"),
    "interval": ("datetime", "timedelta"),
    "uuid": ("uuid", "UUID"),
}
"""Types that an annotation alone means, and where its class is from."""
_WHOLE = frozenset({"int2", "int4", "oid", "xid", "cid"})
_TEXTS = frozenset({"varchar", "bpchar", "citext", "name", "xml", "ltree", "money", "tsvector", "tsquery"})


class Types:
    """Writes types, and knows which names and enums they need.

    Attributes:
        imports: names by module.
        enums: source of the enum classes, by schema and name.
    """

    def __init__(self, taken: set[str]) -> None:
        self.imports: dict[str, set[str]] = {}
        self.enums: dict[tuple[str | None, str], tuple[str, str]] = {}
        self._taken = taken

    def need(self, module: str, name: str) -> str:
        """Note an import."""
        self.imports.setdefault(module, set()).add(name)
        return name

    def annotation(self, type_: PgType) -> str:
        """What stands in ``Field[…]``."""
        base = type_.base if type_.kind == "domain" else type_
        if base.kind == "array" and base.element is not None:
            return f"list[{self.annotation(base.element)}]"
        if base.kind == "enum":
            return self.enum(base)
        if base.name in _PLAIN:
            return _PLAIN[base.name]
        if base.name == "timestamp":
            return self.need("datetime", "datetime")
        if base.name == "timetz":
            return self.need("datetime", "time")
        if base.name in _IMPORTED:
            return self.need(*_IMPORTED[base.name])
        if base.name in _WHOLE:
            return "int"
        if base.name == "float4":
            return "float"
        if base.name in _TEXTS:
            return "str"
        return self.need("typing", "Any")

    def word(self, type_: PgType) -> str:
        """The type as ``field(…)`` takes it, empty where the annotation means it.

        Raises:
            LookupError: models have no word for it.
        """
        if type_.typmod < 0 and (type_.name in _PLAIN or type_.name in _IMPORTED):
            return ""
        if type_.kind == "enum" and self.enums[type_.schema, type_.typname][0] == _enum_class(type_):
            return "" if type_.schema is None else self._said(type_)
        if (
            type_.kind == "array"
            and type_.element is not None
            and type_.ndims <= 1
            and type_.element.typmod < 0
            and (type_.element.name in _PLAIN or type_.element.name in _IMPORTED)
        ):
            return ""
        return self._said(type_)

    def _said(self, type_: PgType) -> str:
        made = self._maker(type_)
        if made:
            return made
        name = _BY_NAME.get(type_.name)
        if name is None:
            raise LookupError(type_.sql)
        self.need("chakra.types", name)
        return f"{name}({', '.join(map(str, type_.modifiers))})" if type_.modifiers else name

    def _maker(self, type_: PgType) -> str:
        """Arrays, and types that users made."""
        schema = "" if type_.schema is None else f", schema={Source().of(type_.schema)}"
        name = Source().of(type_.typname)
        if type_.kind == "array" and type_.element is not None:
            self.need("chakra.types", "Array")
            inner = self._said(type_.element)
            return f"Array({inner}, {type_.ndims})" if type_.ndims > 1 else f"Array({inner})"
        if type_.kind == "enum":
            self.need("chakra.types", "Enum")
            return f"Enum({self.enum(type_)}, {name}{schema})"
        if type_.kind == "domain" and type_.element is not None:
            self.need("chakra.types", "Domain")
            return f"Domain({name}, {self._said(type_.element)}{schema})"
        if type_.kind == "composite" and all(part.isidentifier() for part, _ in type_.fields):
            self.need("chakra.types", "Composite")
            parts = ", ".join(f"{part}={self._said(inner)}" for part, inner in type_.fields)
            return f"Composite({name}{schema}, {parts})"
        if type_.kind == "range" and type_.name not in _BY_NAME and type_.element is not None:
            self.need("chakra.types", "Range")
            return f"Range({name}, {self._said(type_.element)}{schema})"
        return ""

    def name_enums(self, types: Iterable[PgType]) -> None:
        """Give the enums among types their classes, before fields are named, which must not hide them."""
        for type_ in types:
            base = type_.base if type_.kind == "domain" else type_
            while base.kind == "array" and base.element is not None:
                base = base.element
            if base.kind == "enum":
                self.enum(base)

    def enum(self, type_: PgType) -> str:
        """The class of an enum."""
        key = (type_.schema, type_.typname)
        if key not in self.enums:
            name = unused(_enum_class(type_), self._taken)
            self._taken.add(name)
            self.need("enum", "Enum as PyEnum")
            members: dict[str, str] = {}
            for label in type_.labels:
                members[member(label, members)] = label
            lines = [f"    {one} = {Source().of(label)}" for one, label in members.items()] or ["    pass"]
            self.enums[key] = (name, "\n".join([f"class {name}(PyEnum):", *lines]))
        found: str = self.enums[key][0]
        return found


def _enum_class(type_: PgType) -> str:
    """The class whose enum a type is by its name alone, if it is one in snake case."""
    return class_name(type_.typname, ())


def literal(value: Any) -> str:
    """A value as source."""
    return Source().of(value)


__all__ = ["Types", "literal"]
