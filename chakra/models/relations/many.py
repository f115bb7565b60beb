"""Many-to-many relations: the table between, and the set of an instance's partners."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from chakra.errors import DataError, FieldError
from chakra.models.relations.sets import PartnerSet
from chakra.query.queryset import QuerySet
from chakra.query.write import database_of
from chakra.schema import Hop, Relation, Table
from chakra.sql.literals import input_text

M = TypeVar("M", bound=Any)


@dataclass(frozen=True, eq=False)
class Link:
    """A many-to-many relation as seen from one of its sides.

    Attributes:
        name: of the relation on this side.
        back: of the relation on the other side; ``+`` stands in it where users have no name for it.
        table: gives the table between.
        own, other: gives its attributes that hold the keys of this side and of the other.
        source, target: give the models of the two sides.
        through: gives the model of the table between, if the user declared it.
        symmetrical: whether a link holds in both directions.
    """

    name: str
    back: str
    table: Callable[[], Table]
    own: Callable[[], str]
    other: Callable[[], str]
    source: Callable[[], Any]
    target: Callable[[], Any]
    through: Callable[[], Any] | None
    symmetrical: bool

    def reversed(self) -> Link:
        """The same as seen from the other side."""
        return Link(
            self.back,
            self.name,
            self.table,
            self.other,
            self.own,
            self.target,
            self.source,
            self.through,
            self.symmetrical,
        )

    def relation(self) -> Relation:
        """The way from this side to the other, as queries take it."""

        def hops() -> tuple[Hop, ...]:
            here, there = self.source().__table__, self.target().__table__
            return (
                Hop(here.primary_key, (self.own(),), self.table),
                Hop((self.other(),), there.primary_key, lambda: self.target().__table__),
            )

        return Relation(self.name, hops, nullable=True, many=True, forward=False)


class ManyRelation:
    """The attribute of a many-to-many relation: on instances the set of its partners."""

    def __init__(self, link: Link) -> None:
        self.link = link

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else ManySet(self.link, instance)

    def __set__(self, instance: Any, value: Any) -> None:
        name = self.link.name
        raise FieldError(f"{type(instance).__name__}.{name} is a set of rows: await instance.{name}.set(…)")

    def __repr__(self) -> str:
        return f"{self.link.source().__name__}.{self.link.name}"


class ManySet(PartnerSet):
    """The partners of one instance; new rows made by it are linked with the instance."""

    __slots__ = ("_link",)

    def __init__(self, link: Link, instance: Any) -> None:
        super().__init__(link.target().__table__, database_of(instance))
        self._link = link
        self._of(instance, link.name)
        key = type(instance).__chakra_key__(instance)
        self._select = self._select.filtered(False, (), {link.back: key})

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._link = self._link
        return new

    @property
    def _key(self) -> Any:
        return type(self._instance).__chakra_key__(self._instance)

    def _links(self) -> QuerySet[Any]:
        """The links of the instance."""
        found: QuerySet[Any] = QuerySet(self._link.table(), self._database)
        return found.filter(**{self._link.own(): self._key})

    def _keys(self, given: Iterable[Any], method: str) -> list[Any]:
        """The keys of instances, or keys themselves, each once."""
        model = self._link.target()
        found: dict[Hashable, Any] = {}
        for item in given:
            if hasattr(type(item), "__chakra_model__"):
                if type(item).__chakra_model__(item) is not model:
                    raise FieldError(
                        f"{self._name}.{method}() takes {model.__name__} instances, not {item!r}"
                    )
                item = type(item).__chakra_key__(item)
            elif item is None or hasattr(type(item), "__aiter__"):
                raise FieldError(
                    f"{self._name}.{method}() takes {model.__name__} instances or their keys, not {item!r}; "
                    f"of a query: {method}(*await query)"
                )
            elif isinstance(item, list | set | frozenset | dict):
                raise FieldError(
                    f"{self._name}.{method}() takes {model.__name__} instances or their keys, not a "
                    f"{type(item).__name__} of them; {'unpack it: add(*rows)' if method == 'add' else 'unpack it'}"
                )
            found.setdefault(self._text(item), item)
        return list(found.values())

    def _text(self, key: Any) -> Hashable:
        """A partner's key as the server will have it: a UUID and its text are one key."""
        try:
            return input_text(self.table.key_columns[0].type)(key)
        except (DataError, TypeError, ValueError):  # it does not fit, which whoever sends it says better
            return (type(key), repr(key))

    @property
    def _name(self) -> str:
        return f"{type(self._instance).__name__}.{self._link.name}"

    async def add(self, *partners: Any, through_defaults: dict[str, Any] | None = None) -> None:
        """Link the instance with others (instances or keys); those it is linked with already stay as they are.

        Args:
            through_defaults: values of the other fields of the table between.
        """
        keys = self._keys(partners, "add")
        if keys:
            async with self.database.transaction():
                await self._add(keys, through_defaults or {})

    async def _add(self, keys: list[Any], extra: dict[str, Any]) -> None:
        self._changed_set()
        link, key = self._link, self._key
        own, other = link.own(), link.other()
        pairs = [(key, k) for k in keys]
        if link.symmetrical:
            pairs += [(k, key) for k in keys if self._text(k) != self._text(key)]
        links: QuerySet[Any] = QuerySet(link.table(), self._database)
        if link.through is None:
            left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            await links.bulk_insert({own: left, other: right}, on_conflict="ignore")
            return
        # The table between may be without a constraint that tells pairs apart, and have defaults of its own.
        there = links.filter(**{f"{own}__in": [p[0] for p in pairs], f"{other}__in": [p[1] for p in pairs]})
        side: Callable[[Any], Hashable] = self._text if link.symmetrical else lambda key: None
        linked = await there.select_for_update().values_list(own, other)
        # All have the instance's own key on the left, but those of a symmetrical relation, whose sides are one model.
        known = {(side(a), self._text(b)) for a, b in linked}
        through = link.through()
        new = [(a, b) for a, b in pairs if (side(a), self._text(b)) not in known]
        made = [through(**{own: a, other: b, **extra}) for a, b in new]
        if made:
            await links.bulk_create(made)

    async def remove(self, *partners: Any) -> None:
        """Undo the links with others (instances or keys); the rows themselves stay."""
        keys = self._keys(partners, "remove")
        if keys:
            await self._remove(keys)

    async def _remove(self, keys: list[Any]) -> None:
        self._changed_set()
        link = self._link
        await self._links().filter(**{f"{link.other()}__in": keys}).delete()
        if link.symmetrical:
            back: QuerySet[Any] = QuerySet(link.table(), self._database)
            await back.filter(**{f"{link.own()}__in": keys, link.other(): self._key}).delete()

    async def clear(self) -> None:
        """Undo all links of the instance."""
        self._changed_set()
        async with self.database.transaction():
            await self._links().delete()
            if self._link.symmetrical:
                back: QuerySet[Any] = QuerySet(self._link.table(), self._database)
                await back.filter(**{self._link.other(): self._key}).delete()

    async def set(self, partners: Iterable[Any], *, through_defaults: dict[str, Any] | None = None) -> None:
        """Link the instance with these others (instances or keys) and with no more, in one transaction."""
        if hasattr(type(partners), "__aiter__"):
            raise FieldError(f"{self._name}.set() takes a list; of a query: set(await query)")
        keys = self._keys(partners, "set")
        async with self.database.transaction():
            there = await self._links().values_list(self._link.other(), flat=True)
            wanted, linked = set(map(self._text, keys)), set(map(self._text, there))
            gone = [key for key in there if self._text(key) not in wanted]
            if gone:
                await self._remove(gone)
            new = [key for key in keys if self._text(key) not in linked]
            if new:
                await self._add(new, through_defaults or {})

    async def create(self, /, *, through_defaults: dict[str, Any] | None = None, **values: Any) -> Any:
        """Make and save a partner, and link it with the instance, in one transaction."""
        async with self.database.transaction():
            made = await super().create(**values)
            await self._add([type(made).__chakra_key__(made)], through_defaults or {})
        return made

    async def bulk_create(self, instances: Iterable[Any], **options: Any) -> list[Any]:
        """Make many partners and link them with the instance, in one transaction; options as for all querysets."""
        async with self.database.transaction():
            made = await super().bulk_create(instances, **options)
            keys = [type(row).__chakra_key__(row) for row in made]
            if keys:
                await self._add(keys, {})
        return made


if TYPE_CHECKING:

    class ManyToMany(Generic[M]):
        """A many-to-many relation: the annotation in the class body, the set of partners on instances."""

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> ManyToMany[M]: ...

        @overload
        def __get__(self, instance: object, owner: type[Any]) -> ManySet: ...

        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...

else:

    class ManyToMany:
        """A many-to-many relation: the annotation in the class body, the set of partners on instances."""

        __class_getitem__ = classmethod(types.GenericAlias)


__all__ = ["Link", "ManyRelation", "ManySet", "ManyToMany"]
