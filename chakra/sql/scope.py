"""Resolving: names of a query become columns of joined tables; unknown ones become helpful errors.

``Scope`` belongs to one SELECT, UPDATE or DELETE. It owns the joins that paths such as ``author__name`` ask for.
What it resolves is numbered: literals are slots already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Call, Condition, Expression, F, IsTrue, Lookup, Not, QueryExpression, Slot
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.calls import TRANSFORMS, find_transform
from chakra.expressions.lookups import find_lookup, known_words
from chakra.expressions.q import Q, all_of, keyword_conditions
from chakra.expressions.rows import Quantified
from chakra.pg.quoting import quote_identifier
from chakra.schema import Hop, Relation, Table
from chakra.sql.contents import inside
from chakra.sql.infer import type_of
from chakra.sql.near_names import near_name, of_argument
from chakra.sql.nodes import KeyRef, RootColumn, RootKey
from chakra.sql.partner_keys import read_as, read_by
from chakra.sql.partners import about_partners, columns_of, heads_of
from chakra.sql.products import branch_of
from chakra.sql.select import Filter
from chakra.sql.sources import BETWEEN, Block, ColumnRef, Source


class Path(NamedTuple):
    """A path taken apart: the value it names, and what is left of it for a lookup."""

    expression: Expression
    word: str


class JoinedCall(NamedTuple):
    """A call of ``filter``, taken apart: resolved conditions on joined partners, and what it says of others."""

    conditions: list[Condition]
    parts: tuple[Condition, ...]
    keywords: dict[str, Any]


RESOLVERS: dict[type, Callable[[Any, Any], Expression]] = {}
"""How nodes are resolved that know more than names: put here by modules that stand above (``inner``, ``chosen``,
``windows``, ``aggregates``).
"""


class Scope:
    """Names, joins and literals of one query over ``table``.

    Args:
        alias: what the table is called in the query, and how the aliases of what it joins begin, so that a query inside
            of another has others. Empty = the table goes by its own name.
        around: of the query that this one stands in, and whose values ``OuterRef`` names.
    """

    def __init__(self, table: Table, *, alias: str = "", around: Scope | None = None) -> None:
        self.root = Source(table, quote_identifier(alias) if alias else table.quoted, None, None, False)
        self.around = around
        self.outer: list[ColumnRef] = []
        self.compared: tuple[Expression, str] | None = None
        self.main = Block()
        self.main.sources.append(self.root)
        self.block: Block | None = None
        self.joins: tuple[Block, frozenset[int]] | None = None
        self.shown: frozenset[int] = frozenset()
        self.apart = bool(alias)
        self.per_row = False
        self.kept: tuple[Filter, ...] = ()
        self._in_call = False  # whether a call of ``filter`` is being resolved
        self.counting = False  # whether an aggregate's argument is being resolved
        self.alias = alias
        self.inside = 0  # queries inside of this one, whose aliases are numbered
        self._aliases = 0
        self.annotations: dict[str, Expression] = {}
        self.named: dict[str, Relation | None] = {}  # queries in WITH and FROM; ``None`` = no way leads there
        self.aggregated = False  # whether an aggregate was resolved
        self.windowed = False  # whether a window was
        self.windows: Mapping[str, Any] = {}  # windows that others share, and those that were resolved
        self.defined: dict[str, Any] = {}
        self.derived = False  # whether the rows of a query stand in place of the table's

    def stands_for_rows(self) -> None:
        """Let the rows of a query stand in place of the table's."""
        self.derived = True
        if not self.alias:  # a query is called by one name, without a schema
            self.root.alias = quote_identifier(self.root.table.name)

    @property
    def sources(self) -> list[Source]:
        """The sources of the query's own FROM, in the order of their joins."""
        return self.main.sources

    @property
    def joined(self) -> bool:
        """Whether the query's FROM has more than its root table."""
        return len(self.main.sources) > 1

    @property
    def qualified(self) -> bool:
        """Whether columns are written with the name of their source: other sources are about."""
        return self.joined or self.apart

    def join(self, source: Source, relation: Relation) -> Source:
        """Return the source behind a relation, joining it if the query does not read it yet."""
        return self.steps(source, relation)[-1]

    def steps(self, source: Source, relation: Relation, onward: Hop | None = None) -> list[Source]:
        """The sources of all steps of a relation.

        Where a condition or an aggregate is being resolved, the partners behind a to-many relation are looked for in a
        block of their own; what hangs on them goes there as well. The condition of an aggregate is about the partners
        that its argument names.

        Args:
            onward: the step behind the last one, where that leads to a table between.
        """
        block = self._block_of(source, relation)
        found = block.known(source, relation)
        if found is not None:
            return found
        nullable = source.nullable or relation.nullable or relation.many
        found = list(block.begun(source, relation))
        last = found[-1] if found else source
        for hop, after in list(zip(relation.hops, (*relation.hops[1:], onward), strict=True))[len(found) :]:
            last = self.source(hop, last, nullable, after)
            found.append(last)
        block.add(source, relation, found)
        return found

    def _block_of(self, source: Source, relation: Relation) -> Block:
        """The block that has, or is to have, the sources of a relation."""
        if relation.many and self.block is not None:
            if self.joins is not None:
                around, named = self.joins
                name = relation.name.removesuffix(BETWEEN)
                for key in (name, f"{name}{BETWEEN}"):
                    steps = around.joined.get((id(source), key))
                    if steps is not None and id(steps[0]) in named:
                        return around
            return self.block
        for block in (self.block, None if self.joins is None else self.joins[0]):
            if block is not None and source in block.sources:
                return block
        return self.main

    def source(self, hop: Hop, parent: Source, nullable: bool, onward: Hop | None) -> Source:
        """A source under an alias of its own, behind one step."""
        self._aliases += 1
        alias = quote_identifier(self._free(f"t{self._aliases}"))
        keys = () if onward is None else [hop.target.by_attribute[name] for name in onward.columns]
        return Source(hop.target, alias, parent, hop, nullable, tuple(key for key in keys if key.nullable))

    def inner(self, table: Table) -> Scope:
        """The scope of a query inside of this one."""
        self.inside += 1
        return Scope(table, alias=self._free(f"q{self.inside}"), around=self)

    def again(self, table: Table, part: str = "") -> Scope:
        """The scope of a query that stands in the place of this one, or is the FROM of it."""
        return Scope(table, alias=f"{self.alias}{part}" if self.alias else "", around=self.around)

    def _free(self, name: str) -> str:
        """An alias that begins as those of this query do; not the name of the table that has none."""
        outermost = self
        while outermost.around is not None:
            outermost = outermost.around
        alias = f"{self.alias}{name}"
        return f"{alias}_" if quote_identifier(alias) == outermost.root.alias else alias

    def conditions(self, parts: Iterable[Condition], keywords: Mapping[str, Any]) -> list[Condition]:
        """Resolve what one call of ``filter`` says: conditions joined by AND, about one row behind each relation."""
        block = Block()
        resolved = self._within(block, parts, keywords)
        self.apart = self.apart or bool(block.sources)
        return about_partners(resolved, block)

    def condition(self, condition: Condition) -> Condition:
        """Resolve a condition that stands by itself, about partners of its own."""
        return all_of(self.conditions([condition], {}))

    def condition_beside(self, condition: Condition, values: Iterable[Expression] = ()) -> Condition:
        """Resolve a condition that is a value itself, or stands beside values: about the partners that the query has
        joined, or that these name, else about any, so that a row comes once.
        """
        block = self.block or self.main
        named = frozenset[int]().union(*(branch_of(value, block) for value in values))
        if block is self.main:
            named |= frozenset(map(id, block.many))
        outside = self.joins
        if named:
            self.joins = block, named
        try:
            return self.condition(condition)
        finally:
            self.joins = outside

    def about_joined(self, parts: tuple[Condition, ...], keywords: Mapping[str, Any]) -> JoinedCall | None:
        """What one call of ``filter`` says of partners that the query's own FROM has joined, and the rest of the call;
        ``None`` if it says nothing of them.
        """
        if not self.main.many:
            return None
        longer = self.main.copy()
        found = self._within(longer, parts, keywords)
        joined = set(map(id, self.main.many))
        about = [bool(b := branch_of(part, longer)) and b <= joined for part in found]
        if not any(about):
            return None
        conditions = [part for part, chosen in zip(found, about, strict=True) if chosen]
        wanted = {id(ref.source) for part in conditions for ref in columns_of(part)}
        for key, steps in longer.joined.items():
            if key not in self.main.joined and wanted & set(map(id, steps)):
                self.main.joined[key] = steps
                self.main.sources += [step for step in steps if step not in self.main.sources]
        rest = [part for part, chosen in zip(parts, about, strict=False) if not chosen]
        others = {
            name: value
            for (name, value), chosen in zip(keywords.items(), about[len(parts) :], strict=True)
            if not chosen
        }
        return JoinedCall(conditions, tuple(rest), others)

    def _within(
        self, block: Block, parts: Iterable[Condition], keywords: Mapping[str, Any]
    ) -> list[Condition]:
        outside = self.block, self._in_call
        self.block, self._in_call = block, True
        try:
            return [*(self.resolve_condition(part) for part in parts), *self.resolve_keywords(keywords)]
        finally:
            self.block, self._in_call = outside

    @contextmanager
    def counting_in(self, block: Block | None) -> Iterator[None]:
        """Resolve what an aggregate is of: partners stand in a block of their own, or else in the query's FROM."""
        outside = self.block, self._in_call, self.joins, self.counting
        self.block, self._in_call, self.joins, self.counting = block, False, None, True
        try:
            yield
        finally:
            self.block, self._in_call, self.joins, self.counting = outside

    def counted(self, block: Block) -> tuple[list[Source], list[Condition]]:
        """The sources of a block to be read, and what the last ``filter`` about the same partners says of them."""
        heads = {id(block.head(source)) for source in block.sources}
        kept, joins = self.kept, self.joins
        self.kept = ()  # an aggregate in one of these filters is of all partners
        try:
            for negated, parts, names, values in reversed(kept):
                if negated is not False:
                    continue
                longer = block.copy()
                self.joins = longer, frozenset(map(id, longer.many))
                conditions = self.conditions(parts, dict(zip(names, values, strict=True)))
                about = [part for part in conditions if heads_of(part, longer)]
                if about:
                    # The filter before was about the same partners: what it dropped is not counted.
                    sources = [source for source in longer.sources if id(longer.head(source)) in heads]
                    return sources, about
            return block.sources, []
        finally:
            self.kept, self.joins = kept, joins

    def beside(self, term: Expression, shown: frozenset[int]) -> tuple[Expression, Block]:
        """Resolve a value; partners that are not among those joined and ``shown`` stand in a block of their own."""
        block = Block()
        outside = self.block, self.joins
        self.block, self.joins = block, (self.main, shown)
        try:
            return self.resolve(term), block
        finally:
            self.block, self.joins = outside

    def resolve_path(self, path: str) -> Path:
        """Follow ``author__created_at__year__gte`` through relations, a column and its transforms.

        Raises:
            FieldError: a part is neither a field, a relation, a transform nor a lookup; lists what exists.
        """
        annotated = self.annotations.get(path)
        if annotated is not None:
            return Path(annotated, "exact")
        parts = path.split("__")
        source = self.root
        position = 0
        found: Expression | None = None
        while position < len(parts):
            part = parts[position]
            if position == 0 and part in self.annotations:
                found = self.annotations[part]
                position += 1
                break
            if source.table.row_class is None:
                found, used = _dunder_column(source, parts[position:])
                if found is not None:
                    position += used
                    break
            column = source.table.by_attribute.get(part)
            if column is None and part == "pk" and len(source.table.primary_key) > 1:
                found = _key_ref(source)
                position += 1
                break
            if column is None and part == "pk":
                column = source.table.column("pk")
            if column is not None:
                found = ColumnRef(source, column)
                position += 1
                break
            relation = source.table.relations.get(part)
            if relation is None and source is self.root:
                relation = self.named.get(part)
            if relation is None:
                raise self._unknown(source.table, part, path)
            following = parts[position + 1] if position + 1 < len(parts) else None
            key = self._key_of(source, relation, following)
            if key is not None:
                found, used = key
                position += used
                break
            source = self.join(source, relation)
            position += 1
            if not relation.forward and (
                position == len(parts) or not _names(source.table, parts[position:])
            ):
                found = _key_ref(source)  # posts=…, posts__isnull=…: the partner itself
                if position < len(parts) and not _is_word(parts[position], found):
                    raise self._unknown(source.table, parts[position], path)
                break
        if found is None:
            raise FieldError(f"{path!r} names a relation of {self.root.table.title}, not one of its fields")
        return self._transform(found, parts, position, path)

    def _key_of(
        self, source: Source, relation: Relation, following: str | None
    ) -> tuple[Expression, int] | None:
        """The columns with the partner's key, if the path asks for nothing but the key: no join is needed for it."""
        *_, hop = relation.hops
        if not (relation.forward or len(relation.hops) > 1):
            return None

        def held(name: str) -> ColumnRef:
            holder = self.between(source, relation) if len(relation.hops) > 1 else source
            return ColumnRef(holder, holder.table.by_attribute[name])

        def key() -> Expression:
            parts = tuple(map(held, hop.columns))
            if len(parts) == 1:
                return parts[0]
            return KeyRef(parts[0].source.table, parts, relation.name, hop.target_columns)

        target = relation.target
        if following is None or following == "isnull":
            return key(), 1
        if following == "pk" and target.primary_key == hop.target_columns:
            return key(), 2
        if following in hop.target_columns:
            name = hop.columns[hop.target_columns.index(following)]
            # Where another part of the key is NULL, there is no partner whose field this would be.
            holder = source.table if len(relation.hops) == 1 else relation.hops[0].target
            if any(holder.by_attribute[other].nullable for other in hop.columns if other != name):
                return None
            return held(name), 2
        type_ = target.by_attribute[hop.target_columns[0]].type if len(hop.columns) == 1 else None
        known = following in target.by_attribute or following in target.relations
        transforms = type_ is not None and following in TRANSFORMS
        if not known and (transforms or find_lookup(following, type_) is not None):
            return key(), 1  # author__in, author__gt: a lookup on the key
        return None

    def between(self, source: Source, relation: Relation) -> Source:
        """The source of the table between, which holds the keys of both sides."""
        full = self._block_of(source, relation).known(source, relation)
        if full is not None:
            return full[0]
        first = Relation(f"{relation.name}{BETWEEN}", relation.hops[:-1], relation.nullable, True, False)
        return self.steps(source, first, relation.hops[-1])[-1]

    def _transform(self, found: Expression, parts: list[str], position: int, path: str) -> Path:
        while position < len(parts):
            word = parts[position]
            left = type_of(found)
            transform = find_transform(word, left)
            if transform is not None:
                found, position = Call(transform, (found,)), position + 1
                continue
            if position == len(parts) - 1 and (word == "isnull" or find_lookup(word, left) is not None):
                return Path(found, word)
            part = inside(found, left, word, position == len(parts) - 1)
            if part is not None:
                found, position = part, position + 1
                continue
            shown = f" of type {left.sql}" if left is not None else ""
            raise FieldError(
                f"{path!r}: {word!r} is no lookup for {'__'.join(parts[:position])!r}{shown}; "
                f"there are {known_words(left)}{near_name(word, known_words(left).split(', '), lookup=True)}"
            )
        return Path(found, "exact")

    def _unknown(self, table: Table, part: str, path: str) -> FieldError:
        where = "" if part == path else f" (in {path!r})"
        relations = (name for name in table.relations if BETWEEN not in name)  # for others users have no name
        computed = (name for name in self.annotations if not name.startswith("_"))
        names = [*table.by_attribute, *relations, *computed]
        if table is self.root.table and part in self.named:
            return FieldError(
                f"{path!r}: no key tells which rows of {part!r} belong to one of {table.title}; say it: "
                f'join("{part}", on=…), or name the key among its values'
            )
        names += self.named if table is self.root.table else ()
        near = near_name(part, names, lookup=part != path)
        return FieldError(f"{table.title} has no field {part!r}{where}; it has {', '.join(names)}{near}")

    def relation_at(self, path: str) -> Relation | None:
        """The relation that a path of names ends in, if it does."""
        table, relation = self.root.table, None
        if path in self.annotations:
            return None
        for part in path.split("__"):
            if part in table.by_attribute or part not in table.relations:
                return None
            relation = table.relations[part]
            table = relation.target
        return relation

    def resolve_value(self, path: str) -> Expression:
        """Follow a path that must end at a value, as in ``F`` and ``order_by``."""
        found = self.resolve_path(path)
        if found.word != "exact" or path.endswith("__exact"):
            raise FieldError(f"{path!r} ends in the lookup {found.word!r}; a field is needed here")
        return found.expression

    def resolve_term(self, term: str | Expression) -> Expression:
        """Resolve a path or an expression to a value."""
        return self.resolve_value(term) if isinstance(term, str) else self.resolve(term)

    def resolve(self, expression: Expression) -> Expression:
        """Return the tree with names turned into columns."""
        if isinstance(expression, Slot):
            return read_as(expression, {}) if expression.models else expression
        if isinstance(expression, F):
            return self.resolve_value(expression.path)
        if isinstance(expression, Condition) and not (self._in_call or self.counting):
            return self.condition_beside(expression)
        if isinstance(expression, Lookup):
            return self._lookup(expression)
        special = RESOLVERS.get(expression.__class__)
        if special is not None:
            return special(self, expression)
        bound = expression.bind_column
        if bound is not None:
            return self._declared(bound)
        if isinstance(expression, Q):
            return self.resolve_q(expression)
        if isinstance(expression, RootColumn):
            return ColumnRef(self.root, expression.column)
        if isinstance(expression, RootKey):
            columns = self.root.table.by_attribute
            return KeyRef(self.root.table, tuple(ColumnRef(self.root, columns[n]) for n in expression.names))
        if isinstance(expression, IsTrue):
            return self._truth(expression)
        if isinstance(expression, Aggregate):
            return RESOLVERS[Aggregate](self, expression)
        if isinstance(expression, Not) and self._in_call:
            # What is denied is about none of the partners: a call of its own.
            return Not(self.condition(expression.inner))
        children = expression.children
        if not children:
            return expression
        try:
            return expression.rebuild(tuple(self.resolve(child) for child in children))
        except FieldError as error:
            raise of_argument(error, expression) from error

    def _truth(self, condition: IsTrue) -> Condition:
        inner = self.resolve(condition.inner)
        found = type_of(inner)
        if found is None or found.base.name == "bool":
            return inner if isinstance(inner, Condition) else IsTrue(inner)
        raise FieldError(
            f"{condition.inner!r} is {found.sql}, and only boolean values are conditions by themselves: write what it "
            f"has to be, e.g. {condition.inner!r} == …, {condition.inner!r} > … or {condition.inner!r}.is_not_null()"
        )

    def resolve_q(self, q: Q) -> Condition:
        """Resolve the positional conditions of a Q and its keywords."""
        parts = [self.resolve_condition(c) for c in q.conditions]
        parts.extend(self.resolve_keywords(q.keywords))
        return all_of(parts)

    def resolve_keywords(self, keywords: Mapping[str, Any]) -> list[Condition]:
        """Resolve keyword filters."""

        def split(path: str) -> tuple[Expression, str]:
            found = self.resolve_path(path)
            return found.expression, found.word

        return list(keyword_conditions(keywords, split, self.resolve_right, read_by))

    def resolve_condition(self, condition: Condition) -> Condition:
        """Resolve a condition.

        Raises:
            TypeError: something else than a condition was given.
        """
        resolved = self.resolve(condition)
        if not isinstance(resolved, Condition):
            raise TypeError(f"a condition is needed here, not {condition!r}")
        return resolved

    def _declared(self, bound: tuple[Table, str]) -> Expression:
        table, attribute = bound
        root = self.root.table
        # As a server has it, a table is another object of the same model; so is that of a proxy.
        if table is not root and not _same_model(table, root):
            raise FieldError(
                f"{table.title}.{attribute} cannot be used in a query over {self.root.table.title}; "
                f"reach it through a relation by name, e.g. relation__{attribute}"
            )
        return self.resolve_value(attribute)

    def _lookup(self, lookup: Lookup) -> Lookup:
        """Resolve both sides, and take transforms before the lookup's word (``year__gte``) to the left one."""
        left, word, right = self.resolve(lookup.left), lookup.name, lookup.right
        if isinstance(right, Slot) and right.models:
            right = read_by(left, right)
        if word != "isnull" and find_lookup(word, type_of(left)) is None:
            words = [repr(left), *word.split("__")]
            found = self._transform(left, words, 1, "__".join(words))
            left, word = found.expression, found.word
        if isinstance(right, Expression) and not isinstance(right, Slot):
            right = self.resolve_right(left, word, right)
        return Lookup(left, word, right)

    def resolve_right(self, left: Expression, word: str, right: Expression) -> Expression:
        """Resolve what a value is compared with; of a query it depends on the value what is meant."""
        if not isinstance(right, QueryExpression | Quantified):
            return self.resolve(right)
        outside, self.compared = self.compared, (left, word)
        try:
            return self.resolve(right)
        finally:
            self.compared = outside


def _same_model(table: Table, root: Table) -> bool:
    if table.row_class is root.row_class:
        return root.stored is not None
    return table.model is not None and table.model is root.model


def _names(table: Table, parts: list[str]) -> bool:
    part = parts[0]
    if part == "pk" or part in table.by_attribute or part in table.relations:
        return True
    return table.row_class is None and any(
        "__".join(parts[:used]) in table.by_attribute for used in range(2, len(parts) + 1)
    )


def _is_word(word: str, value: Expression) -> bool:
    """Whether a part of a path behind a value says something of it."""
    return word == "isnull" or word in TRANSFORMS or find_lookup(word, type_of(value)) is not None


def _key_ref(source: Source) -> Expression:
    """The primary key of a source's table."""
    columns = source.table.key_columns
    if not columns and source.rows is not None:
        columns = tuple(column for column in source.table.columns if not column.nullable)[:1]
    if not columns:
        raise FieldError(f"{source.table.title} has no primary key by which its rows stand in a query")
    parts = tuple(ColumnRef(source, column) for column in columns)
    return parts[0] if len(parts) == 1 else KeyRef(source.table, parts)


def _dunder_column(source: Source, parts: list[str]) -> tuple[Expression | None, int]:
    """A column whose own name holds ``__``; models forbid that, but an existing table may have one. It goes before
    what the same words mean for a shorter name.
    """
    for used in range(len(parts), 1, -1):
        column = source.table.by_attribute.get("__".join(parts[:used]))
        if column is not None:
            return ColumnRef(source, column), used
    return None, 0


__all__ = ["RESOLVERS", "Path", "Scope"]
