"""Types of columns as models write them: the annotation, and the word of ``chakra.types`` where that says more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from keyword import iskeyword
from typing import Any

import chakra.types as words
from chakra.inspection.names import class_name, member, unused
from chakra.migrations.files.source import Source
from chakra.migrations.state import Composite, Domain, Key
from chakra.models.fields import snake_case
from chakra.pg.types import OWN, PgType

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
_MADE = frozenset({"enum", "domain", "composite", "range"})
_ALL_FIELDS = 0x7FFF  # src/include/utils/timestamp.h, INTERVAL_FULL_RANGE
_WHOLE = frozenset({"int2", "int4", "oid", "xid", "cid"})
_TEXTS = frozenset({"varchar", "bpchar", "citext", "name", "xml", "ltree", "money", "tsvector", "tsquery"})


class Types:
    """Writes types, and knows which names and enums they need.

    Args:
        taken: names of the module; those of types are added.
        domains, composites: what types of users say, by schema and name.

    Attributes:
        imports: names by module.
        enums: names and source of the enum classes, by schema and name.
        named: names and source of domains, composites and ranges, in the order in which they stand on one another.
    """

    def __init__(
        self, taken: set[str], domains: Mapping[Key, Domain], composites: Mapping[Key, Composite]
    ) -> None:
        self.imports: dict[str, set[str]] = {}
        self.enums: dict[Key, tuple[str, str]] = {}
        self.named: dict[Key, tuple[str, str]] = {}
        self._domains = domains
        self._composites = composites
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

    def word(self, type_: PgType, beside: str | None = None) -> str:
        """The type as ``field(…)`` takes it, empty where the annotation means it.

        Args:
            beside: the schema of the model, in which its enums are taken to lie.

        Raises:
            LookupError: models have no word for it.
        """
        if type_.typmod < 0 and (type_.name in _PLAIN or type_.name in _IMPORTED):
            return ""
        element = type_.element if type_.kind == "array" and type_.element is not None else type_
        if beside is not None and element.kind == "enum" and element.schema is None:
            self.need("chakra.types", "Enum")
            one = f'Enum({self.enum(element)}, {literal(element.typname)}, schema="")'
            return one if element is type_ else self._array(one, type_)
        if type_.kind == "enum" and snake_case(self.enum(type_)) == type_.typname:
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
        if type_.kind in _MADE and type_.schema is None and type_.name.endswith(OWN):
            raise LookupError("a type of the server has its name")
        if type_.name == "bpchar" and type_.typmod < 0:
            raise LookupError("it has no length, and Char always has one")
        if type_.name == "interval" and type_.typmod >= 0 and type_.typmod >> 16 != _ALL_FIELDS:
            raise LookupError("it has some fields alone")
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
        if type_.kind == "array" and type_.element is not None:
            return self._array(self._said(type_.element), type_)
        schema = "" if type_.schema is None else f", schema={literal(type_.schema)}"
        name = literal(type_.typname)
        if type_.kind == "enum":
            self.need("chakra.types", "Enum")
            return f"Enum({self.enum(type_)}, {name}{schema})"
        if type_.kind == "domain" and type_.element is not None:
            return self._called(type_, self._domain)
        if type_.kind == "composite":
            return self._called(type_, self._composite)
        if type_.kind == "range" and type_.name not in _BY_NAME and type_.element is not None:
            return self._called(type_, self._range)
        return ""

    def _array(self, inner: str, type_: PgType) -> str:
        self.need("chakra.types", "Array")
        return f"Array({inner}, {type_.ndims})" if type_.ndims > 1 else f"Array({inner})"

    def _called(self, type_: PgType, write: Callable[[PgType], str]) -> str:
        """The name of a type that the module makes once."""
        key = (type_.schema, type_.typname)
        if key not in self.named:
            source = write(type_)
            name = unused(class_name(type_.typname, ()), self._taken)
            self._taken.add(name)
            self.named[key] = (name, f"{name} = {source}")
        found: str = self.named[key][0]
        return found

    def _domain(self, type_: PgType) -> str:
        assert type_.element is not None
        said = self._domains.get((type_.schema, type_.typname), Domain(""))
        words = {}
        if type_.schema is not None:
            words["schema"] = literal(type_.schema)
        if len(said.checks) == 1 and said.checks[0][0] == f"{type_.typname}_check":
            words["check"] = literal(said.checks[0][1])
        elif said.checks:
            words["check"] = literal(dict(said.checks))
        if said.default is not None:
            words["db_default"] = literal(said.default)
        if not said.nullable:
            words["null"] = "False"
        if said.collation is not None:
            words["collation"] = literal(said.collation)
        inner = self._said(type_.element)
        self.need("chakra.types", "Domain")
        return (
            f"Domain({', '.join([literal(type_.typname), inner, *(f'{w}={t}' for w, t in words.items())])})"
        )

    def _composite(self, type_: PgType) -> str:
        if (type_.schema, type_.typname) not in self._composites:
            raise LookupError("it is the row of a table, or of an extension")
        fields = [(part, self._said(inner)) for part, inner in type_.fields]
        if any(part == "schema" for part, _ in fields) or not fields:
            raise LookupError("Composite() takes no such field" if fields else "it has no fields")
        schema = [] if type_.schema is None else [f"schema={literal(type_.schema)}"]
        plain = [f"{part}={word}" for part, word in fields if part.isidentifier() and not iskeyword(part)]
        if len(plain) < len(fields):
            # None, or type checkers take one of the fields for the schema.
            schema = ["None" if type_.schema is None else literal(type_.schema)]
            plain = ["**{" + ", ".join(f"{literal(part)}: {word}" for part, word in fields) + "}"]
        self.need("chakra.types", "Composite")
        return f"Composite({', '.join([literal(type_.typname), *schema, *plain])})"

    def _range(self, type_: PgType) -> str:
        assert type_.element is not None
        schema = "" if type_.schema is None else f", schema={literal(type_.schema)}"
        inner = self._said(type_.element)
        self.need("chakra.types", "Range")
        return f"Range({literal(type_.typname)}, {inner}{schema})"

    def name_types(self, types: Iterable[PgType]) -> None:
        """Give types of users their names in the module, before fields are named, which must not hide them."""
        for type_ in types:
            self.word(type_)
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
