"""Many-to-many relations: the table between, and the set of an instance's partners."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypeVar, Unpack, overload

from chakra._late import late
from chakra.errors import DataError, FieldError, NotLoaded
from chakra.expressions.sides import Side
from chakra.models.doors import doors
from chakra.models.relations.sets import (
    PartnerSet,
    itself,
    joined,
    key_of,
    on_the_class,
    set_class,
    settled,
    without,
)
from chakra.query import hooks
from chakra.query.base import R_co
from chakra.query.not_a_list import given_items, instances_of
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, change_loaded, loaded_value
from chakra.query.verbs import CreateHow, Names
from chakra.schema import Hop, Relation, Table

if TYPE_CHECKING:
    from chakra.pg.showing import shown
    from chakra.query import written
    from chakra.query.alike import same_for_all
    from chakra.query.unwritten import Unwritten
else:
    late(globals(), "chakra.pg.showing", "shown")
    late(globals(), "chakra.query", "written")
    late(globals(), "chakra.query.alike", "same_for_all")
    late(globals(), "chakra.query.unwritten", "Unwritten")


M = TypeVar("M", bound=Any)


@dataclass(frozen=True, eq=False)
class Link:
    """A many-to-many relation as seen from one of its sides.

    Attributes:
        name: of the relation on this side.
        back: of the relation on the other side; ``+`` stands in it where users have no name for it.
        table: gives the table between.
        own, other: gives the ways from it to this side and to the other.
        source, target: give the models of the two sides.
        through: gives the model of the table between, if the user declared it.
        symmetrical: whether a link holds in both directions.
    """

    name: str
    back: str
    table: Callable[[], Table]
    own: Callable[[], Relation]
    other: Callable[[], Relation]
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
            own, other = self.own(), self.other()
            return (
                Hop(own.target_keys, own.keys, self.table),
                Hop(other.keys, other.target_keys, lambda: self.target().__table__),
            )

        return Relation(self.name, hops, nullable=True, many=True, forward=False)


class ManyRelation:
    """The attribute of a many-to-many relation: on instances the set of its partners."""

    def __init__(self, link: Link) -> None:
        self.link = link

    @cached_property
    def sets(self) -> Any:
        """The class of its sets."""
        return set_class(ManySet, self.link.target())

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        made: ManySet[Any] = self.sets(self.link, instance)
        return made if doors.partners is None else doors.partners(made)

    def __set__(self, instance: Any, value: Any) -> None:
        name = self.link.name
        raise FieldError(f"{type(instance).__name__}.{name} is a set of rows: await instance.{name}.set(…)")

    def __getattr__(self, name: str) -> NoReturn:
        raise on_the_class(repr(self), self.link.name, name)

    def __repr__(self) -> str:
        return f"{self.link.source().__name__}.{self.link.name}"


class ManySet(PartnerSet[R_co]):
    """The partners of one instance; new rows made by it are linked with the instance."""

    __slots__ = ("_link",)

    def __init__(self, link: Link, instance: Any) -> None:
        self._link = link
        PartnerSet.__init__(self, instance, link.name)

    def _ask(self) -> None:
        link = self._link
        self._begin(link.target())
        try:
            which: dict[str, Any] = {link.back: self._key}
        except NotLoaded:
            which = {f"{link.back}__in": itself(self._instance)}
        self._select = self._select.filtered(None, (), which)

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._link = self._link
        return new

    @property
    def _key(self) -> Any:
        """The instance's key as the table between holds it."""
        return key_of(self._instance, self._link.own().target_keys, self._name)

    def _key_of(self, partner: Any) -> Any:
        """The key of a partner as the table between holds it."""
        return key_of(partner, self._link.other().target_keys, self._name)

    def _links(self) -> QuerySet[Any]:
        """The links of the instance."""
        found: QuerySet[Any] = QuerySet(self._link.table(), self._database)
        return found.filter(**{self._link.own().name: self._key})

    def _keys(self, given: Iterable[Any], method: str) -> list[Any]:
        """The keys of instances, or keys themselves, each once."""
        model, names = self._link.target(), self._link.other().target_keys
        found: dict[Hashable, Any] = {}
        for item in given:
            if hasattr(type(item), "__chakra_model__"):
                if type(item).__chakra_model__(item) is not model.__chakra_concrete__:
                    raise FieldError(
                        f"{self._name}.{method}() takes {model.__name__} instances, not {item!r}"
                    )
                item = key_of(item, names, f"{self._name}.{method}()")
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
        """A partner's key as the server compares it: a UUID and its text are one key."""
        names = self._link.other().target_keys
        types = [self.table.by_attribute[name].type for name in names]
        try:
            return same_for_all(_parts(key, names), types)
        except DataError:  # it has another number of parts, which whoever sends it says better
            return (type(key), repr(key))

    @property
    def _name(self) -> str:
        return f"{type(self._instance).__name__}.{self._link.name}"

    @settled
    async def add(self, *partners: Any, through_defaults: dict[str, Any] | None = None) -> None:
        """Link the instance with others (instances or keys); those it is linked with already stay as they are.

        Args:
            through_defaults: values of the other fields of the table between.
        """
        keys = self._keys(partners, "add")
        if keys:
            extra = self._extra(through_defaults)
            async with self.database.transaction():
                await self._add(keys, extra)
            self._now_has(partners)

    def _extra(self, given: dict[str, Any] | None) -> dict[str, Any]:
        """The values of the other fields of the table between.

        Raises:
            FieldError: it has no other fields.
        """
        if given and self._link.through is None:
            raise FieldError(
                f"{self._name}: the table between has no fields of its own for through_defaults={given!r}; one that "
                "has is a model: many_to_many(through=…)"
            )
        return given or {}

    def _heard(self) -> list[tuple[Any, str, bool]]:
        """Who hears of changes: the hooks of either side, what that calls the relation, and whether it is the other."""
        own, other = type(self._instance), self._link.target()
        sides = [(own.__chakra__.hooks, self._named, False)]
        if other.__chakra_concrete__ is not own.__chakra_concrete__:
            sides.append((other.__chakra__.hooks, self._link.back, True))
        return [side for side in sides if side[0] is not None and "m2m_changed" in side[0]]

    async def _noted(self, action: str, keys: list[Any]) -> None:
        """Let the hooks of both models know that links changed."""
        for found, name, reverse in self._heard():
            needed = "reverse" if reverse else None
            given = (self._instance, name, action, keys)
            await hooks.run(found, "m2m_changed", *given, needed=needed, reverse=reverse)

    async def _add(self, keys: list[Any], extra: dict[str, Any]) -> None:
        await self._link_with(keys, extra)
        await self._noted("add", keys)

    async def _link_with(self, keys: list[Any], extra: dict[str, Any]) -> None:
        link, key = self._link, self._key
        own, other = link.own(), link.other()
        held = (*own.keys, *other.keys)
        pairs = [(key, k) for k in keys]
        if link.symmetrical:
            pairs += [(k, key) for k in keys if self._text(k) != self._text(key)]
        links: QuerySet[Any] = QuerySet(link.table(), self._database)
        if link.through is None:
            rows = [(*_parts(a, own.target_keys), *_parts(b, other.target_keys)) for a, b in pairs]
            columns = {name: [row[place] for row in rows] for place, name in enumerate(held)}
            await links.bulk_insert(columns, on_conflict="ignore")
            return
        # The table between may be without a constraint that tells pairs apart, and have defaults of its own.
        there = links.filter(
            **{f"{own.name}__in": [p[0] for p in pairs], f"{other.name}__in": [p[1] for p in pairs]}
        )
        side: Callable[[Any], Hashable] = self._text if link.symmetrical else lambda key: None
        linked = await there.select_for_update().values_list(*held)
        # All have the instance's own key on the left, but those of a symmetrical relation, whose sides are one model.
        width = len(own.keys)
        known = {(side(_key(row[:width])), self._text(_key(row[width:]))) for row in linked}
        through = link.through()
        new = [(a, b) for a, b in pairs if (side(a), self._text(b)) not in known]
        rows = [(*_parts(a, own.target_keys), *_parts(b, other.target_keys)) for a, b in new]
        made = [through(**dict(zip(held, row, strict=True)), **extra) for row in rows]
        if made:
            await links.bulk_create(made)

    @settled
    async def remove(self, *partners: Any) -> None:
        """Undo the links with others (instances or keys); the rows themselves stay."""
        keys = self._keys(partners, "remove")
        if keys and (self._link.symmetrical or self._heard()):
            async with self.database.transaction():
                await self._remove(keys)
        elif keys:
            await self._remove(keys)
        self._has_lost(keys, partners)

    async def _remove(self, keys: list[Any]) -> None:
        link = self._link
        await self._links().filter(**{f"{link.other().name}__in": keys}).delete()
        if link.symmetrical:
            back: QuerySet[Any] = QuerySet(link.table(), self._database)
            await back.filter(**{f"{link.own().name}__in": keys, link.other().name: self._key}).delete()
        await self._noted("remove", keys)

    @settled
    async def clear(self) -> None:
        """Undo all links of the instance."""
        heard = self._heard()
        gone: list[Any] = []
        async with self.database.transaction():
            if heard:
                names = self._link.other().keys
                rows = await self._links().delete(returning=names)
                gone = [_key(tuple([row[name] for name in names])) for row in rows]
            else:
                await self._links().delete()
            if self._link.symmetrical:
                back: QuerySet[Any] = QuerySet(self._link.table(), self._database)
                await back.filter(**{self._link.other().name: self._key}).delete()
            if heard:
                await self._noted("clear", gone)
        self._back_of(self._there(), lambda rows: without(rows, [self._instance.pk]))
        self._changed_set(lambda rows: [])

    def _forget(self, given: Iterable[Any]) -> None:
        self._back_of([*self._there(), *given], None)
        super()._forget(given)

    def _there(self) -> list[Any]:
        """The partners that were loaded, whichever query said which."""
        found = loaded_value(self._instance, self._named)
        return [] if found is NOT_LOADED else found

    def _now_has(self, partners: Iterable[Any]) -> None:
        """Let what is in memory know of new links: of keys alone, only a query can tell whose they are."""
        rows = [item for item in partners if hasattr(type(item), "__chakra_model__")]
        model = self._link.target()
        self._back_of(rows, lambda there: joined(there, [self._instance]))
        known = all(type(item) is model for item in partners)
        self._changed_set((lambda there: joined(there, rows)) if known else None)

    def _has_lost(self, keys: Iterable[Any], partners: Iterable[Any] = ()) -> None:
        """Let what is in memory know of links that are gone."""
        gone = set(map(self._text, keys))
        there = [row for row in self._there() if self._text(self._key_of(row)) in gone]
        self._back_of([*there, *partners], lambda rows: without(rows, [self._instance.pk]))
        self._changed_set(lambda rows: without(rows, [row.pk for row in there]))

    def _back_of(self, partners: Iterable[Any], change: Callable[[list[Any]], list[Any]] | None) -> None:
        """Bring up to date what partners have loaded of the other side of the relation."""
        link, model = self._link, self._link.target()
        name = link.name if link.symmetrical else link.back
        for row in partners:
            if type(row) is model:
                change_loaded(row, name, change)

    @settled
    async def set(self, partners: Iterable[Any], *, through_defaults: dict[str, Any] | None = None) -> None:
        """Link the instance with these others (instances or keys) and with no more, in one transaction.

        Args:
            partners: all that it is linked with afterwards.
            through_defaults: values of the other fields of the table between, for new links.

        Raises:
            FieldError: what is given is no list of them.
        """
        what = f"{self._link.target().__name__} instances or their keys"
        partners = given_items(f"{self._name}.set()", partners, what)
        keys, extra = self._keys(partners, "set"), self._extra(through_defaults)
        async with self.database.transaction():
            rows = await self._links().values_list(*self._link.other().keys)
            there = [_key(row) for row in rows if None not in row]  # a link may lead nowhere
            wanted, linked = set(map(self._text, keys)), set(map(self._text, there))
            gone = [key for key in there if self._text(key) not in wanted]
            if gone:
                await self._remove(gone)
            new = [key for key in keys if self._text(key) not in linked]
            if new:
                await self._add(new, extra)
        self._has_lost(gone)
        self._now_has(partners)

    @overload
    async def create(
        self,
        /,
        *,
        through_defaults: dict[str, Any] | None = None,
        on_conflict: Literal["ignore", "update"],
        returning: Sequence[str | Side],
        **values: Any,
    ) -> dict[str, Any] | None: ...

    @overload
    async def create(
        self,
        /,
        *,
        through_defaults: dict[str, Any] | None = None,
        on_conflict: Literal["ignore", "update"],
        returning: bool | None = None,
        **values: Any,
    ) -> R_co | None: ...

    @overload
    async def create(
        self,
        /,
        *,
        through_defaults: dict[str, Any] | None = None,
        returning: Sequence[str | Side],
        **values: Any,
    ) -> dict[str, Any]: ...

    @overload
    async def create(
        self,
        /,
        *,
        through_defaults: dict[str, Any] | None = None,
        returning: bool | None = None,
        **values: Any,
    ) -> R_co: ...

    @settled
    async def create(self, /, *, through_defaults: dict[str, Any] | None = None, **values: Any) -> Any:
        """Make and save a partner, and link it with the instance, in one transaction.

        Args:
            through_defaults: values of the other fields of the table between.
        """
        extra = self._extra(through_defaults)
        found = written.wanted(self.table, "create", written.asked_for(self.table, values), columns=False)
        if found is not False:
            values["returning"] = True
        async with self.database.transaction():
            made = await super().create(**values)
            if made is None:  # it is there, and was left as it is: which row that is is not known
                return None
            await self._add([self._key_of(made)], extra)
        self._now_has([made])
        if not isinstance(found, tuple):
            return made
        return {name: getattr(made, name) for name in written.only_fields(found)}

    @overload
    async def bulk_create(
        self, instances: Iterable[Any], *, returning: Literal["arrow"], **options: Unpack[CreateHow]
    ) -> Any: ...

    @overload
    async def bulk_create(
        self,
        instances: Iterable[Any],
        *,
        returning: Names,
        **options: Unpack[CreateHow],
    ) -> list[dict[str, Any]]: ...

    @overload
    async def bulk_create(
        self, instances: Iterable[Any], *, returning: bool | None = None, **options: Unpack[CreateHow]
    ) -> list[R_co]: ...

    @settled
    async def bulk_create(self, instances: Iterable[Any], **options: Any) -> Any:
        """Make many partners of ``instances`` and link them with the instance, in one transaction; options are as for
        ``QuerySet.bulk_create``.
        """
        given = instances_of(self.table, instances)
        with Unwritten(given):
            async with self.database.transaction():
                made = await super().bulk_create(given, **options)
                rows = made if isinstance(options.get("returning"), bool | None) else given
                keys = [self._key_of(row) for row in rows]
                if keys:
                    await self._add(keys, {})
        self._now_has(rows)
        return made


def _parts(key: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """A key as the values of fields.

    Raises:
        DataError: it has another number of parts.
    """
    if len(names) == 1:
        return (key,)
    if not isinstance(key, tuple | list) or len(key) != len(names):
        raise DataError(f"a key of ({', '.join(names)}) is a tuple of {len(names)} values, not {shown(key)}")
    return tuple(key)


def _key(parts: tuple[Any, ...]) -> Any:
    """The values of fields as a key."""
    return parts[0] if len(parts) == 1 else tuple(parts)


if TYPE_CHECKING:

    class ManyToMany(Generic[M]):
        """A many-to-many relation: the annotation in the class body, the set of partners on instances."""

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> ManyToMany[M]: ...

        @overload
        def __get__(self, instance: object, owner: type[Any]) -> ManySet[M]: ...

        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...

else:

    class ManyToMany:
        """A many-to-many relation: the annotation in the class body, the set of partners on instances."""

        __class_getitem__ = classmethod(types.GenericAlias)


__all__ = ["Link", "ManyRelation", "ManySet", "ManyToMany"]
