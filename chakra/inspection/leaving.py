"""What models cannot make again is taken out of the descriptions, and said: what is left makes tables anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chakra.inspection.needs import Key, Need, Needs
from chakra.inspection.types import Types
from chakra.migrations.files.source import Source
from chakra.migrations.parts import GROUPS, edited, in_sql, names_column, without_column
from chakra.migrations.state import Composite, Domain, title
from chakra.pg.types import PgType
from chakra.schema import NO_GUARD, ForeignKeyConstraint, Guard, Table
from chakra.schema.naming import object_name

DRAWS = re.compile(r"""nextval\('((?:[^']|'')+)'::regclass\)""")
"""A default that draws from a sequence and does nothing else."""
_CONSTRAINTS = ("uniques", "checks", "exclusions", "foreign_keys")


@dataclass(frozen=True)
class Fitted:
    """What models can make.

    Attributes:
        tables: by schema and name.
        guards: row security and triggers.
        domains, composites: types of users, as far as they can be made.
        said: what was taken out, and what is made otherwise, a line each.
    """

    tables: Mapping[Key, Table]
    guards: Mapping[Key, Guard]
    domains: Mapping[Key, Domain]
    composites: Mapping[Key, Composite]
    said: tuple[str, ...]


class _Fitting:
    def __init__(
        self,
        tables: Mapping[int, Table],
        guards: Mapping[Key, Guard],
        domains: Mapping[Key, Domain],
        composites: Mapping[Key, Composite],
        needs: Needs,
        *,
        chosen: bool,
    ) -> None:
        self.keys = {oid: (table.schema, table.name) for oid, table in tables.items()}
        self.tables = {(table.schema, table.name): table for table in tables.values()}
        self.guards = {key: guard for key, guard in guards.items() if key in self.tables}
        self.domains, self.composites = dict(domains), dict(composites)
        self.needs = needs
        self.chosen = chosen
        self.said: list[str] = []

    def say(self, key: Key, name: str, text: str) -> None:
        """Note a line about a table, or about something of it."""
        self.said.append(f"{title(key)}{f'.{name}' if name else ''}: {text}")

    def fit(self) -> Fitted:
        """Take out what cannot be made, then what stands on that."""
        self._wordless()
        self._standing()
        self._words()
        self._guards()
        while self._broken():
            pass
        return Fitted(self.tables, self.guards, self.domains, self.composites, tuple(self.said))

    # -- types --------------------------------------------------------------------------------------

    def _wordless(self) -> None:
        """Columns of types that models have no word for."""
        probe = Types(set(), self.domains, self.composites)
        for key, table in list(self.tables.items()):
            for column in table.columns:
                try:
                    probe.word(column.type)
                except LookupError as error:
                    shown = column.type.sql
                    why = f": {error}" if str(error) != shown else ""
                    self._drop_column(key, column.name, f"models have no word for its type {shown}{why}")

    def _made_types(self) -> set[Key]:
        found = set(self.tables)
        for table in self.tables.values():
            for column in table.columns:
                found |= {(one.schema, one.typname) for one in _inner(column.type)}
        return found

    # -- what stands on what models do not make -------------------------------------------------------

    def _standing(self) -> None:
        types = {
            one.oid: (one.schema, one.typname)
            for table in self.tables.values()
            for column in table.columns
            for one in _inner(column.type)
            if one.kind == "domain"
        }
        made = self._made_types()
        for need in self.needs.needs:
            if need.type is not None and need.type in made:
                continue
            if need.kind == "domain":
                if need.relation in types:
                    self._of_domain(types[need.relation], need)
                continue
            key = self.keys[need.relation]
            if key in self.tables:
                self._on(key, need)

    def _of_domain(self, key: Key, need: Need) -> None:
        domain = self.domains.get(key)
        if domain is None:
            return
        checks = dict(domain.checks)
        if need.name in checks:
            self.said.append(
                f"the domain {title(key)}: its condition {need.name} needs {need.what}, which models do not make; left "
                f"out: {checks.pop(need.name)}"
            )
            self.domains[key] = replace(domain, checks=tuple(checks.items()))
        elif not need.name and need.what.startswith("collation"):
            self.said.append(
                f"the domain {title(key)}: needs {need.what}, which models do not make; left out"
            )
            self.domains[key] = replace(domain, collation=None)
        elif not need.name and domain.default is not None:
            self.said.append(
                f"the domain {title(key)}: its default needs {need.what}, which models do not make; left out: "
                f"{domain.default}"
            )
            self.domains[key] = replace(domain, default=None)

    def _on(self, key: Key, need: Need) -> None:
        why = f"needs {need.what}, which models do not make"
        table = self.tables[key]
        match need.kind:
            case "default" if need.name in table.by_attribute and table.column(need.name).db_default:
                text = table.column(need.name).db_default
                self._replace_column(key, need.name, db_default=None)
                self.say(key, need.name, f"its default {why}; left out: {text}")
            case "computed" if need.name in table.by_attribute:
                text = table.column(need.name).computed
                self._drop_column(key, need.name, f"it {why}: it is computed as ({text})")
            case "constraint" | "index":
                self._drop_part(key, need.name, why)
            case "column" if need.name in table.by_attribute and need.what.startswith("collation"):
                if table.column(need.name).collation is not None:
                    self._replace_column(key, need.name, collation=None)
                    self.say(key, need.name, f"its collation is left out: it {why}")
            case "view" | "table" if not need.what.startswith("access method"):
                self._drop_table(key, f"it {why}; left out")
            case "trigger" | "policy":
                self._drop_guard(key, need.kind, need.name, why)

    def _replace_column(self, key: Key, name: str, **values: Any) -> None:
        table = self.tables[key]
        columns = [replace(one, **values) if one.name == name else one for one in table.columns]
        self.tables[key] = edited(table, columns=tuple(columns))

    def _drop_table(self, key: Key, why: str) -> None:
        if self.tables.pop(key, None) is not None:
            self.guards.pop(key, None)
            self.say(key, "", why)

    def _drop_column(self, key: Key, name: str, why: str) -> None:
        table = self.tables.get(key)
        if table is None or name not in table.by_attribute:
            return
        by = table.partition_by
        if by is not None and any(
            name == one or (one.startswith("(") and in_sql(one, name)) for one in by.keys
        ):
            self._drop_table(key, f"left out, since it is cut by {name}: {why}")
            return
        if len(table.columns) == 1:
            self._drop_table(key, f"left out, since its only column is {name}: {why}")
            return
        gone = [
            str(one.name)
            for group in GROUPS.values()
            for one in getattr(table, group)
            if names_column(one, name)
        ]
        if name in table.primary_key:
            gone.append("the primary key")
        computed = [
            one.name for one in table.columns if one.computed is not None and in_sql(one.computed, name)
        ]
        self.tables[key] = without_column(table, name)
        with_it = f", with {', '.join(gone)}" if gone else ""
        self.say(key, name, f"left out{with_it}: {why}")
        for one in computed:
            if one != name:
                self._drop_column(key, one, f"it is computed of {name}")

    def _drop_part(self, key: Key, name: str, why: str) -> None:
        table = self.tables[key]
        for group in (*_CONSTRAINTS, "indexes"):
            for one in getattr(table, group):
                if one.name == name:
                    kept = tuple([other for other in getattr(table, group) if other is not one])
                    self.tables[key] = edited(table, **{group: kept})
                    self.say(key, name, f"left out, it {why}: {_shown(one)}")
                    return

    def _drop_guard(self, key: Key, kind: str, name: str, why: str) -> None:
        guard = self.guards.get(key, NO_GUARD)
        word = "triggers" if kind == "trigger" else "policies"
        ones: dict[str, Any] = dict(getattr(guard, word))
        if name in ones:
            one = ones.pop(name)
            changes: dict[str, Any] = {word: ones}
            self.guards[key] = replace(guard, **changes)
            self.say(key, name, f"a {kind}, left out, it {why}: {_shown(one)}")

    # -- what descriptions have no word for -----------------------------------------------------------

    def _words(self) -> None:
        for one in self.needs.untold:
            key = self.keys[one.relation]
            if key in self.tables:
                self._untold(key, one.kind, one.name, one.detail)
        for key, table in list(self.tables.items()):
            if not table.columns:
                self._drop_table(key, "left out, it has no columns")
                continue
            self._doubled(key)
            for column in table.columns:
                default = str(column.db_default)
                if "nextval(" in default and not DRAWS.fullmatch(default):
                    self._replace_column(key, column.name, db_default=None)
                    self.say(
                        key,
                        column.name,
                        f"its default is left out: it computes with numbers of a sequence: {default}",
                    )

        made = self._made_types()
        for key, domain in self.domains.items():
            if key in made and domain.default is not None and "nextval(" in domain.default:
                self.domains[key] = replace(domain, default=None)
                self.said.append(
                    f"the domain {title(key)}: its default is left out: it draws from a sequence: {domain.default}"
                )
        ranges = {
            (one.schema, one.typname)
            for table in self.tables.values()
            for column in table.columns
            for one in _inner(column.type)
            if one.kind == "range" and not one.sql_name
        }
        for key in sorted(ranges, key=title):
            odd = "; without its own order, collation or functions" if key in self.needs.odd_ranges else ""
            self.said.append(
                f"the range {title(key)}: create_tables() makes it of its subtype{odd}; migrations do not: RunSQL"
            )

    def _doubled(self, key: Key) -> None:
        """The server makes one of two keys that say the same in one CREATE TABLE."""
        found: list[Any] = [(self.tables[key].primary_key, (), None)]
        for one in self.tables[key].uniques:
            said = (tuple([term.column for term in one.terms]), one.include, one.deferrable)
            if said in found:
                self._drop_part(key, str(one.name), "says what another key does")
            found.append(said)

    def _untold(self, key: Key, kind: str, name: str, detail: str) -> None:
        table = self.tables[key]
        match kind:
            case "inherits":
                self.say(key, "", f"inherits from {detail}; here it is a table of its own")
            case "of type":
                self.say(key, "", f"is a table OF {detail}; here its columns are its own")
            case "method":
                self.say(key, "", f"is kept by the access method {detail}; here by heap")
            case "replica identity":
                identity = {"f": "FULL", "n": "NOTHING", "i": "an index"}[detail]
                self.say(key, "", f"its replica identity, {identity}, is left out")
            case "hidden" if key[0] is None:
                self._drop_table(key, "left out: a table of the server has its name")
            case "unfilled":
                self._drop_table(
                    key, "a materialized view that was never filled, left out: its query may fail"
                )
            case "rule":
                self.say(key, name, "a rule, left out")
            case "trigger off" if name in self.guards.get(key, NO_GUARD).triggers:
                self.say(key, name, f"a trigger that is {detail}; here it is enabled as usual")
            case "unvalidated":
                self.say(key, name, "is not validated in the database; here it holds for all rows")
            case "unenforced":
                self._drop_part(key, name, "is NOT ENFORCED, which models have no word for")
            case "period" if name not in _part_names(table):
                self.tables[key] = edited(table, primary_key=())
                self.say(key, name, "a primary key WITHOUT OVERLAPS, left out")
            case "period":
                self._drop_part(key, name, "is about periods, which models have no word for")
            case "deferrable":
                self.say(key, name, "a primary key that is DEFERRABLE; here it is checked at once")
            case "include":
                self.say(key, name, "a primary key that INCLUDEs more columns; here it does not")
            case "called" if name != object_name(table.name, "pkey"):
                self.say(key, name, "so its primary key is called; here the server names it")
            case "invalid":
                self._drop_part(key, name, "is not valid in the database")

    def _guards(self) -> None:
        for key, guard in list(self.guards.items()):
            if self.tables[key].view is not None:
                for name in guard.triggers:
                    self._drop_guard(key, "trigger", name, "is one of a view, which models have none of")
            elif guard.policies and not guard.enabled:
                for name in guard.policies:
                    self._drop_guard(key, "policy", name, "does not count while row security is off")

    # -- what stands on what was left out ---------------------------------------------------------------

    def _broken(self) -> bool:
        """Take out what reads something that is not there any more; whether there was any."""
        before = len(self.said)
        for key in self._circles():
            self._drop_table(key, "a view, left out: it reads itself by way of others")
        for one in self.needs.reads:
            key = self.keys[one.relation]
            if key not in self.tables:
                continue
            read = self.tables.get(one.table)
            missing = title(one.table) if read is None else ""
            if read is not None and one.column and one.column not in read.by_attribute:
                missing = f"{title(one.table)}.{one.column}"
            if one.kind == "view" and missing:
                if not (self.chosen and read is None):
                    self._drop_table(
                        key, f"a view, left out: it reads {missing}, which is not among the models"
                    )
            elif one.kind != "view":
                if read is not None and read.view is not None and one.table != key:
                    missing = f"the view {title(one.table)}"
                if missing:
                    self._drop_guard(key, one.kind, one.name, f"reads {missing}")
        for key, table in list(self.tables.items()):
            for foreign in table.foreign_keys:
                why = self._misled(table, foreign)
                if why:
                    self._drop_part(key, str(foreign.name), why)
        return len(self.said) > before

    def _circles(self) -> list[Key]:
        """Views that read themselves, by way of others."""
        reads: dict[Key, set[Key]] = {}
        for one in self.needs.reads:
            if one.kind == "view" and self.keys[one.relation] in self.tables:
                reads.setdefault(self.keys[one.relation], set()).add(one.table)

        def reached(start: Key) -> set[Key]:
            found: set[Key] = set()
            waiting = [start]
            while waiting:
                for other in reads.get(waiting.pop(), ()):
                    if other not in found:
                        found.add(other)
                        waiting.append(other)
            return found

        return [key for key in reads if key in reached(key)]

    def _misled(self, table: Table, one: ForeignKeyConstraint) -> str:
        """Why a foreign key cannot be made, if it cannot."""
        target = self.tables.get((one.target_schema, one.target))
        if target is None:
            return f"leads to {title((one.target_schema, one.target))}, which is not among the models"
        wanted = set(one.target_columns)
        groups: list[set[Any]] = [set(target.primary_key)]
        groups += [{term.column for term in u.terms} for u in target.uniques if u.deferrable is None]
        groups += [set(index.key) for index in target.indexes if index.key]
        if wanted not in groups:
            return f"leads to columns of {target.name} that are no key among the models"
        able = {
            "set null": [name for name in one.columns if table.column(name).nullable],
            "set default": [name for name in one.columns if table.column(name).db_default is not None],
        }.get(one.on_delete, [])
        if set(one.set_columns) != (set(able) if len(able) < len(one.columns) else set()):
            return "sets other columns than those models let it"
        return ""


def _inner(type_: PgType) -> Iterable[PgType]:
    yield type_
    if type_.element is not None:
        yield from _inner(type_.element)
    for _, inner in type_.fields:
        yield from _inner(inner)


def _part_names(table: Table) -> set[str]:
    return {str(one.name) for group in GROUPS.values() for one in getattr(table, group)}


def _shown(one: Any) -> str:
    """As it could be written into a model or a migration."""
    return Source().of(one)


def fit(
    tables: Mapping[int, Table],
    guards: Mapping[Key, Guard],
    domains: Mapping[Key, Domain],
    composites: Mapping[Key, Composite],
    needs: Needs,
    *,
    chosen: bool = False,
) -> Fitted:
    """What models can make of tables.

    Args:
        tables: descriptions by OID, without the schema that models leave out.
        guards: row security and triggers.
        domains, composites: types of users.
        needs: what they stand on.
        chosen: whether somebody asked for these tables alone: then a view may read others.
    """
    return _Fitting(tables, guards, domains, composites, needs, chosen=chosen).fit()


__all__ = ["Fitted", "fit"]
