"""What a class of another library is to have of a model: its fields by name, and what is loaded behind relations.

Knows neither pydantic nor msgspec, which make their classes of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from chakra.errors import FieldError
from chakra.models.declare import Declared
from chakra.models.fields import MISSING, FieldSpec
from chakra.models.keys import holder
from chakra.models.relations.specs import ForeignKeySpec
from chakra.schema import Column, Table

Mode = Literal["read", "create", "patch"]
MODES: tuple[str, ...] = ("read", "create", "patch")
SUFFIXES = {"read": "", "create": "Create", "patch": "Patch"}


@dataclass(frozen=True)
class Options:
    """What ``Model.pydantic()`` and ``Model.msgspec()`` were told; equal ones give the same class."""

    mode: Mode
    include: tuple[str, ...] | None
    exclude: tuple[str, ...]
    relations: tuple[str, ...]
    name: str | None


@dataclass(frozen=True)
class ColumnPart:
    """A field of a model.

    Attributes:
        column: its column.
        declared: what the model says of it; of a key's field what the field says that it points at.
        required: whether a value has to be given.
        default: what it is where none is given; ``MISSING``: left to the model and the server.
        factory: makes that.
    """

    column: Column
    declared: Declared
    required: bool
    default: Any = MISSING
    factory: Callable[[], Any] | None = None

    @property
    def spec(self) -> FieldSpec | None:
        """What ``field()`` was told."""
        found = self.declared.spec
        return found if isinstance(found, FieldSpec) else None


@dataclass(frozen=True)
class RelationPart:
    """Rows behind a relation.

    Attributes:
        shape: of each of them.
        many: whether there may be several.
        nullable: whether there may be none.
    """

    shape: Shape
    many: bool
    nullable: bool


@dataclass(frozen=True)
class Shape:
    """A class that is to be made.

    Attributes:
        model: of which.
        name: of the class.
        options: what was asked for.
        columns, relations: what it has, by name.
    """

    model: Any
    name: str
    options: Options
    columns: dict[str, ColumnPart]
    relations: dict[str, RelationPart]

    @property
    def doc(self) -> str:
        """What the class says of itself."""
        table: Table = self.model.__table__
        if table.comment:
            return table.comment
        words = {"read": "A row of {}.", "create": "A new row of {}.", "patch": "Changes of a row of {}."}
        return words[self.options.mode].format(self.model.__name__)


def options_of(
    model: Any,
    method: str,
    mode: Any,
    include: Any,
    exclude: Any,
    relations: Any,
    name: Any,
) -> Options:
    """Check the options of a call.

    Raises:
        FieldError: an option has a value of another kind, or names what is not there.
    """
    where = f"{model.__name__}.{method}()"
    if mode not in MODES:
        raise FieldError(f"{where}: mode={mode!r}: it is one of {', '.join(map(repr, MODES))}")
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        raise FieldError(f"{where}: name={name!r} is no name of a class")
    given = _names(where, "relations", relations) or ()
    if given and mode != "read":
        raise FieldError(
            f"{where}: relations are what rows are read with; what is written has the keys of other rows, author_id"
        )
    return Options(
        mode, _names(where, "include", include), _names(where, "exclude", exclude) or (), given, name
    )


def _names(where: str, option: str, given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise FieldError(f"{where}: {option} takes a list of names, not {given!r}")
    names = tuple(dict.fromkeys(given))
    if not all(isinstance(name, str) for name in names):
        raise FieldError(f"{where}: {option} takes names of fields, not {given!r}")
    return names


def shape_of(model: Any, options: Options) -> Shape:
    """What a class is to have.

    Raises:
        FieldError: a name is no field and no relation, or nothing is left.
    """
    table: Table = model.__table__
    include, within = _split(table, options.include, "include")
    exclude, without = _split(table, options.exclude, "exclude")
    _, beyond = _split(table, options.relations, "relations", relations=True)
    if options.mode != "read" and (within or without):
        raise FieldError(
            f"{model.__name__}: mode={options.mode!r} has no rows behind relations: {[*within, *without][0]!r}"
        )
    heads = [path.partition("__")[0] for path in options.relations]
    names = [name for name in dict.fromkeys((*heads, *within)) if name not in exclude]
    columns = {
        column.attribute: part
        for column in table.columns
        if column.attribute not in exclude
        and (
            column.attribute in include
            if options.include is not None
            else _usual(table, column, options.mode)
        )
        and (part := _part(model, table, column, options.mode)) is not None
    }
    parts: dict[str, RelationPart] = {}
    for name in names:
        relation = table.relations[name]
        target = relation.target.row_class
        inner = Options(
            "read",
            tuple(within[name]) if name in within else None,
            tuple(without.get(name, ())),
            tuple(beyond.get(name, ())),
            None,
        )
        parts[name] = RelationPart(shape_of(target, inner), relation.many, relation.nullable)
    if not columns and not parts:
        raise FieldError(f"{model.__name__}: nothing is left of it; it has {table.field_names()}")
    return Shape(model, options.name or _name(model, options), options, columns, parts)


def _split(
    table: Table, given: Iterable[str] | None, option: str, *, relations: bool = False
) -> tuple[list[str], dict[str, list[str]]]:
    """Names of the model's own, and those behind its relations by that.

    Raises:
        FieldError: there is none of a name.
    """
    own: dict[str, None] = {}
    behind: dict[str, list[str]] = {}
    for path in given or ():
        head, _, rest = path.partition("__")
        if relations or rest:
            if head not in table.relations:
                near = get_close_matches(head, table.relations, n=1)
                raise FieldError(
                    f"{option}: {table.title} has no relation {head!r}; it has {', '.join(table.relations) or 'none'}"
                    + (f". Did you mean {near[0]!r}?" if near else "")
                )
            if rest:
                behind.setdefault(head, []).append(rest)
            else:
                own[head] = None
        elif option == "exclude" and path in table.relations:
            own[path] = None
            own.update(dict.fromkeys(table.relations[path].keys))
        else:
            try:
                own.update(dict.fromkeys(table.attributes(path)))
            except FieldError as error:
                raise FieldError(f"{option}: {error}") from None
    return list(own), behind


def _usual(table: Table, column: Column, mode: Mode) -> bool:
    """Whether a class has a field that is not named."""
    if mode == "read":
        return True
    if column.computed is not None or column.attribute in table.moments or column.attribute == table.version:
        return False
    return column.attribute not in table.primary_key or (mode == "create" and not _made(table, column))


def _made(table: Table, column: Column) -> bool:
    """Whether a key is made by itself."""
    return column.generated or column.attribute in table.defaults


def _part(model: Any, table: Table, column: Column, mode: Mode) -> ColumnPart | None:
    declared = _declared(model, column.attribute)
    if mode == "read":
        return ColumnPart(column, declared, required=True)
    if column.computed is not None:
        raise FieldError(f"{table.title}.{column.attribute} is computed by the server, and takes no value")
    if mode == "patch":
        return ColumnPart(column, declared, required=False)
    default = table.defaults.get(column.attribute)
    if default is not None:
        value = MISSING if default.factory is not None else default.value
        return ColumnPart(column, declared, False, value, default.factory)
    if column.generated or column.attribute in table.moments:
        return ColumnPart(column, declared, required=False)
    return ColumnPart(column, declared, not column.nullable, None if column.nullable else MISSING)


def _declared(model: Any, attribute: str) -> Declared:
    """What is declared of a field; of one that holds a key, what is of the field that it points at."""
    name, declared, position = holder(model.__chakra__, attribute)
    if not isinstance(declared.spec, ForeignKeySpec):
        return declared
    relation = model.__table__.relations[name]
    return _declared(relation.target.row_class, relation.target_keys[position])


def _name(model: Any, options: Options) -> str:
    """The name of a class that was given none: what is said of it in an API's description."""
    name: str = model.__name__ + SUFFIXES[options.mode]
    if options.relations:
        name += "With" + "".join(_camel(path) for path in options.relations)
    if options.exclude:
        name += "Without" + "".join(_camel(path) for path in options.exclude)
    if options.include is not None:
        name += "Of" + "".join(_camel(path) for path in options.include)
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


LONGEST = 60


def _camel(path: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in path.split("_") if word)


__all__ = ["MODES", "ColumnPart", "Mode", "Options", "RelationPart", "Shape", "options_of", "shape_of"]
