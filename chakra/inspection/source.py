"""Models out of descriptions of tables: one module that makes the same tables again."""

from __future__ import annotations

from collections.abc import Container, Iterable
from textwrap import wrap
from typing import Any

from chakra.inspection import names
from chakra.inspection.leaving import DRAWS, Fitted
from chakra.inspection.needs import Key
from chakra.inspection.types import Types, literal
from chakra.migrations.files.source import Source
from chakra.schema import NO_GUARD, Column, ForeignKeyConstraint, Index, Table, Unique
from chakra.schema.naming import object_name
from chakra.schema.terms import changed

_WORDS = frozenset(
    {
        *("Any", "Decimal", "Field", "ForeignKey", "ManyToMany", "OneToOne", "UUID", "bool", "bytes", "date"),
        *("datetime", "float", "int", "list", "str", "time", "timedelta"),
    }
)
"""Names that annotations have, beside classes of the module."""
_DOCSTRING = '"""Models of a database that exists, written by `chakra inspect`."""'


class Module:
    """Writes one module.

    Args:
        fitted: what models can make.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._tables = {key: one for key, one in fitted.tables.items() if one.partition_of is None}
        self._guards = fitted.guards
        # Names of chakra are not those of models: what a body calls would be another class.
        words = {"Meta", "PyEnum", *names.WRITTEN, *_WORDS}
        self._taken = set(words)
        self.types = Types(self._taken, fitted.domains, fitted.composites)
        self.classes: dict[Key, str] = {}
        for key in self._tables:
            self.classes[key] = names.class_name(key[1], self._taken, words)
            self._taken.add(self.classes[key])
        for _, table in self._ordered():
            self.types.name_types(column.type for column in table.columns)
        made = {name for group in (self.types.enums, self.types.named) for name, _ in group.values()}
        self._hidden = _WORDS | set(self.classes.values()) | made
        self.attributes = {key: self._attributes(table) for key, table in self._tables.items()}
        self.left_out = list(fitted.said)
        self._ways: dict[Key, set[str]] = {key: set(found.values()) for key, found in self.attributes.items()}

    def attribute(self, name: str, taken: Container[str]) -> str:
        """A name for a field, which no type of an annotation has."""
        return names.attribute(name, taken, self._hidden)

    def _attributes(self, table: Table) -> dict[str, str]:
        found: dict[str, str] = {}
        for column in table.columns:
            found[column.name] = self.attribute(column.name, set(found.values()))
        return found

    def source(self) -> str:
        """The module."""
        bodies = [_Class(self, key, table).source() for key, table in self._ordered()]
        enums = [text for _, text in self.types.enums.values()]
        imports = self._imports()
        named = [text for _, text in self.types.named.values()]
        note = [text for line in self.left_out for text in _comment(line)]
        parts = [_DOCSTRING, "from __future__ import annotations", imports, "\n".join(note)]
        return (
            "\n\n\n".join(
                ["\n\n".join(filter(None, parts)), *enums, *filter(None, ["\n".join(named)]), *bodies]
            )
            + "\n"
        )

    def _ordered(self) -> list[tuple[Key, Table]]:
        return sorted(
            self._tables.items(), key=lambda item: (item[1].view is not None, item[0][0] or "", item[0][1])
        )

    def _imports(self) -> str:
        lines: list[str] = []
        standard = [m for m in self.types.imports if not m.startswith("chakra")]
        for module in sorted(standard):
            lines.append(f"from {module} import {', '.join(sorted(self.types.imports[module]))}")
        own = []
        for module in sorted(m for m in self.types.imports if m.startswith("chakra")):
            line = f"from {module} import {', '.join(sorted(self.types.imports[module], key=str.lower))}"
            own.append(line if len(line) <= 110 else _broken(module, self.types.imports[module]))
        return "\n\n".join(filter(None, ["\n".join(lines), "\n".join(own)]))

    def way_back(self, target: Key, source: Table, attribute: str, alone: bool) -> str:
        """What the other model calls the way back along a key."""
        plain = self.attribute(names.snake(source.name), set())
        name = names.unused(plain if alone else f"{attribute}_{plain}", self._ways[target])
        self._ways[target].add(name)
        return name


def _comment(line: str) -> list[str]:
    """A line of a comment, over several ones where it is long; whatever is in it stays in the comment."""
    plain = " ".join("".join([one if one.isprintable() else " " for one in line]).split())
    return wrap(plain, 110, initial_indent="# ", subsequent_indent="#     ", break_on_hyphens=False)


def _broken(module: str, given: set[str]) -> str:
    return f"from {module} import (\n" + "".join(f"    {n},\n" for n in sorted(given, key=str.lower)) + ")"


class _Class:
    """One model."""

    def __init__(self, module: Module, key: Key, table: Table) -> None:
        self.module = module
        self.key = key
        self.table = table
        self.types = module.types
        self.attributes = module.attributes[key]
        self.taken = module._ways[key]
        self.meta: dict[str, str] = {}
        self.indexes = list(table.indexes)
        self.uniques = list(table.uniques)
        self.fields: list[str] = []
        self.relations: dict[str, str] = {}

    def source(self) -> str:
        """The class."""
        name = self.module.classes[self.key]
        self.types.need("chakra", "Model")
        simple, others = self._keys()
        for column in self.table.columns:
            if column.name in simple:
                self.fields.append(self._relation(simple[column.name], column))
            else:
                self.fields.append(self._field(column))
        self.fields += [self._shared_relation(one) for one in others]
        self._between()
        self._meta()
        head = f"class {name}(Model, table={literal(self.table.name)}):"
        lines = [head, *(f"    {line}" for line in self.fields)]
        if self.meta:
            lines += [
                "",
                "    class Meta:",
                *(f"        {word} = {text}" for word, text in self.meta.items()),
            ]
        return "\n".join(lines)

    # -- keys ---------------------------------------------------------------------------------------

    def _keys(self) -> tuple[dict[str, ForeignKeyConstraint], list[ForeignKeyConstraint]]:
        """Foreign keys of one column that a relation makes by itself, by that column; and the others."""
        simple: dict[str, ForeignKeyConstraint] = {}
        others: list[ForeignKeyConstraint] = []
        counts: dict[str, int] = {}
        for one in self.table.foreign_keys:
            for name in one.columns:
                counts[name] = counts.get(name, 0) + 1
        for one in self.table.foreign_keys:
            target = self.module._tables[self._target_key(one)]
            column = self.table.column(one.columns[0])
            plain = (
                len(one.columns) == 1
                and counts[column.name] == 1
                and column.type == target.column(one.target_columns[0]).type
                and not (column.generated or column.collation or column.storage or column.compression)
            )
            if plain and column.name not in simple:
                simple[column.name] = one
            else:
                others.append(one)
        return simple, others

    def _target_key(self, one: ForeignKeyConstraint) -> Key:
        return one.target_schema, one.target

    def _alone(self, one: ForeignKeyConstraint) -> bool:
        same = [o for o in self.table.foreign_keys if self._target_key(o) == self._target_key(one)]
        return len(same) == 1 and self._target_key(one) != self.key

    def _relation(self, one: ForeignKeyConstraint, column: Column) -> str:
        """A relation that makes its key column."""
        held = self.attributes[column.name]
        attribute = names.relation(held, column.name)
        if attribute != held and attribute in self.taken:
            attribute = held
        self.taken.discard(held)
        # A column `parent` that refers, beside a column `parent_id`: the relation makes no second field of that name.
        keys = {name.removesuffix("_id") for name in self.taken if name.endswith("_id")}
        if attribute in keys:
            attribute = f"{attribute}_row"
        attribute = self.module.attribute(attribute, self.taken | keys)
        self.taken |= {attribute, f"{attribute}_id"}
        self.attributes[column.name] = f"{attribute}_id"
        self.relations[column.name] = attribute
        words: dict[str, str] = {}
        if f"{attribute}_id" != column.name:
            words["column"] = literal(column.name)
        unique = self._take_unique(column.name)
        if not unique and not self._take_index(column.name) and self.table.primary_key != (column.name,):
            words["index"] = "False"
        if column.name in self.table.primary_key:
            words["primary_key"] = "True"
        return self._written(one, attribute, column.nullable, unique, words, column.comment)

    def _shared_relation(self, one: ForeignKeyConstraint) -> str:
        """A relation whose key stands in fields that are declared by themselves."""
        first = self.attributes[one.columns[-1]]
        plain = names.relation(first, one.columns[-1])
        plain = names.shared([self.attributes[name] for name in one.columns]) or plain
        attribute = self.module.attribute(plain if plain != first else f"{first}_row", self.taken)
        self.taken.add(attribute)
        held = [self.attributes[name] for name in one.columns]
        words = {
            "fields": f"({', '.join(map(literal, held))},)"
            if len(held) == 1
            else f"({', '.join(map(literal, held))})"
        }
        words["index"] = "False"
        nullable = any(self.table.column(name).nullable for name in one.columns)
        return self._written(one, attribute, nullable, False, words, None)

    def _written(
        self,
        one: ForeignKeyConstraint,
        attribute: str,
        nullable: bool,
        unique: bool,
        words: dict[str, str],
        comment: str | None,
    ) -> str:
        target_key = self._target_key(one)
        target = self.module._tables[target_key]
        cls = self.module.classes[target_key]
        kind, call = ("OneToOne", "one_to_one") if unique else ("ForeignKey", "foreign_key")
        self.types.need("chakra", kind)
        self.types.need("chakra", call)
        if unique:
            words.pop("index", None)
        given = {
            "related_name": literal(self.module.way_back(target_key, self.table, attribute, self._alone(one)))
        }
        if one.on_delete != "no action":
            given["on_delete"] = literal(one.on_delete)
        if one.on_update != "no action":
            given["on_update"] = literal(one.on_update)
        if one.deferrable:
            given["deferrable"] = literal(one.deferrable)
        if one.match != "simple":
            given["match"] = literal(one.match)
        if tuple(one.target_columns) != tuple(target.primary_key):
            pointed = [self.module.attributes[target_key][name] for name in one.target_columns]
            given["to_field"] = literal(pointed[0]) if len(pointed) == 1 else _tuple(pointed)
        if nullable and "primary_key" not in words:
            given["default"] = "None"
        if one.name != object_name(self.table.name, *one.columns, "fkey"):
            given["name"] = literal(one.name)
        if comment is not None:
            given["comment"] = literal(comment)
        shown = ", ".join(f"{word}={text}" for word, text in {**given, **words}.items())
        inner = f"{cls} | None" if nullable else cls
        return f"{attribute}: {kind}[{inner}] = {call}({shown})"

    def _between(self) -> None:
        """Many-to-many relations over tables of two keys, declared on the side of the first one."""
        for key, table in self.module._tables.items():
            if table.view is not None or len(table.foreign_keys) != 2 or self.table.view is not None:
                continue
            first, second = table.foreign_keys
            if (
                (first.target_schema, first.target) != self.key
                or len(first.columns) != 1
                or len(second.columns) != 1
            ):
                continue
            other = (second.target_schema, second.target)
            held = {*first.columns, *second.columns}
            if (
                other == self.key
                or other not in self.module._tables
                or {c.name for c in table.columns} != held
            ):
                continue
            if set(table.primary_key) != held:
                continue
            self.types.need("chakra", "ManyToMany")
            self.types.need("chakra", "many_to_many")
            attribute = self.module.attribute(names.snake(self.module._tables[other].name), self.taken)
            self.taken.add(attribute)
            back = names.unused(
                self.module.attribute(names.snake(self.table.name), set()), self.module._ways[other]
            )
            self.module._ways[other].add(back)
            through = literal(self.module.classes[key])
            self.fields.append(
                f"{attribute}: ManyToMany[{self.module.classes[other]}] = "
                f"many_to_many(related_name={literal(back)}, through={through})"
            )

    # -- fields -------------------------------------------------------------------------------------

    def _field(self, column: Column) -> str:
        self.types.need("chakra", "Field")
        attribute = self.attributes[column.name]
        annotation = self.types.annotation(column.type)
        word = self.types.word(column.type, self.table.schema)
        words: dict[str, str] = {}
        if attribute != column.name:
            words["column"] = literal(column.name)
        key = column.name in self.table.primary_key
        if key:
            words["primary_key"] = "True"
        if not key and self._take_unique(column.name):
            words["unique"] = "True"
        elif not key and self._take_index(column.name):
            words["index"] = "True"
        self._made(column, key, words)
        if column.nullable and not column.generated:
            words["default"] = "None"
        if column.collation is not None:
            words["collation"] = literal(column.collation)
        for name in ("comment", "storage", "compression"):
            if getattr(column, name) is not None:
                words[name] = literal(getattr(column, name))
        inner = f"{annotation} | None" if column.nullable else annotation
        parts = [word] if word else []
        parts += [f"{name}={text}" for name, text in words.items()]
        if not parts:
            return f"{attribute}: Field[{inner}]"
        self.types.need("chakra", "field")
        return f"{attribute}: Field[{inner}] = field({', '.join(parts)})"

    def _made(self, column: Column, key: bool, words: dict[str, str]) -> None:
        """What the server makes the values of."""
        alone = key and self.table.primary_key == (column.name,)
        automatic = alone and column.type.name in ("int2", "int4", "int8")
        if column.identity:
            if column.sequence is not None:
                self.types.need("chakra", "Identity")
                said = {n: getattr(column.sequence, n) for n in ("start", "increment", "minimum", "maximum")}
                shown = {n: v for n, v in said.items() if v is not None and (n, v) != ("increment", 1)}
                if column.sequence.cache != 1:
                    shown["cache"] = column.sequence.cache
                if column.sequence.cycle:
                    shown["cycle"] = True
                if column.always or column.serial:
                    shown["always" if column.always else "serial"] = True
                words["identity"] = f"Identity({', '.join(f'{n}={v!r}' for n, v in shown.items())})"
            elif column.always or column.serial or not automatic:
                kind = "always" if column.always else "serial" if column.serial else "by default"
                words["identity"] = literal(kind)
        elif column.computed is not None:
            words["generated"] = literal(column.computed)
            if column.virtual:
                words["stored"] = "False"
        elif column.db_default is not None:
            words["db_default"] = self._default(column)
        elif automatic:
            words["identity"] = "False"

    def _default(self, column: Column) -> str:
        """A default; one that draws from a sequence makes it, too."""
        text = str(column.db_default)
        drawn = DRAWS.fullmatch(text)
        if drawn is None:
            return literal(text)
        self.types.need("chakra", "Sequence")
        for one in self.table.sequences:
            if one.quoted.replace('"', "") == drawn[1].replace("''", "'").replace('"', ""):
                return f"{Source().of(one)}.next()"
        schema, dot, name = drawn[1].replace("''", "'").rpartition(".")
        bits = {"int2": "smallint", "int4": "integer"}.get(column.type.name)
        words = [literal(name.strip('"'))]
        if dot:
            words.append(f"schema={literal(schema.strip(chr(34)))}")
        if bits:
            words.append(f"type={literal(bits)}")
        return f"Sequence({', '.join(words)}).next()"

    # -- Meta ---------------------------------------------------------------------------------------

    def _take_unique(self, column: str) -> bool:
        """Whether a UNIQUE constraint is what ``unique=True`` makes; it is not listed again then."""
        for one in self.uniques:
            plain = Unique(*one.terms, name=one.name) == one
            if (
                plain
                and [t.column for t in one.terms] == [column]
                and one.name == object_name(self.table.name, column, "key")
            ):
                self.uniques.remove(one)
                return True
        return False

    def _take_index(self, column: str) -> bool:
        """Whether an index is what ``index=True`` makes, which is nothing where another one does as well."""
        key = self.table.primary_key
        if column in key[:1] or any(
            [t.column for t in one.terms] == [column]
            and one.name != object_name(self.table.name, column, "idx")
            for one in self.indexes
        ):
            return False
        for one in self.indexes:
            plain = Index(*one.terms, name=one.name) == one and all(term.simple for term in one.terms)
            if (
                plain
                and [t.column for t in one.terms] == [column]
                and one.name == object_name(self.table.name, column, "idx")
            ):
                self.indexes.remove(one)
                return True
        return False

    def _meta(self) -> None:
        table = self.table
        if table.schema is not None:
            self.meta["schema"] = literal(table.schema)
        if table.view is not None:
            self.meta["view"] = literal(f"{table.view.sql}")
            if table.view.materialized:
                self.meta["materialized"] = "True"
        listed = [column.name for column in table.columns if column.name in table.primary_key]
        if listed != list(table.primary_key):
            self.meta["primary_key"] = _tuple(
                [self.relations.get(name) or self.attributes[name] for name in table.primary_key]
            )
        if table.comment is not None:
            self.meta["comment"] = literal(table.comment)
        if table.unlogged:
            self.meta["unlogged"] = "True"
        if table.tablespace is not None:
            self.meta["tablespace"] = literal(table.tablespace)
        if table.storage:
            self.meta["storage"] = literal(dict(table.storage))
        by = table.partition_by
        if by is not None:
            keys = [
                key if key.startswith("(") and key not in self.attributes else self.attributes[key]
                for key in by.keys
            ]
            self.meta["partition_by"] = f"({', '.join(map(literal, [by.strategy, *keys]))})"
            self.module.left_out.append(f"{table.name}: its partitions are made by create_partition()")
        constraints = [self._renamed(one) for one in (*self.uniques, *table.checks, *table.exclusions)]
        self._listed("constraints", constraints)
        self._listed("indexes", [self._renamed(one) for one in self.indexes])
        self._guard()

    def _renamed(self, one: Any) -> Any:
        if not hasattr(one, "terms"):
            return one
        terms = [t if t.column is None else changed(t, column=self.attributes[t.column]) for t in one.terms]
        return changed(
            one, terms=tuple(terms), include=tuple([self.attributes[name] for name in one.include])
        )

    def _listed(self, word: str, ones: list[Any]) -> None:
        if not ones:
            return
        source = Source()
        texts = [source.of(one, 12) for one in ones]
        for name in source.names:
            self.types.need("chakra.schema" if name == "Term" else "chakra", name)
        self.meta[word] = "[\n" + "".join(f"            {text},\n" for text in texts) + "        ]"

    def _guard(self) -> None:
        guard = self.module._guards.get(self.key, NO_GUARD)
        source = Source()
        if guard.enabled:
            self.meta["row_security"] = '"forced"' if guard.forced else "True"
        for word, ones in (
            ("policies", guard.policies if guard.enabled else {}),
            ("triggers", guard.triggers),
        ):
            if ones:
                self.meta[word] = source.of(dict(ones), 8)
        for name in source.names:
            self.types.need("chakra", name)


def _tuple(given: Iterable[str]) -> str:
    texts = [literal(one) for one in given]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def module_source(fitted: Fitted) -> str:
    """Models that make these tables again."""
    return Module(fitted).source()


__all__ = ["Module", "module_source"]
