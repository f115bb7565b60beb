"""The way back along a foreign key: the rows that point at an instance, and the one row of a one-to-one relation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from functools import cached_property, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

from chakra._late import late
from chakra.errors import DoesNotExist, FieldError, NotLoaded
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
from chakra.query.hydrate import SLOT
from chakra.query.not_a_list import given_items, instances_of
from chakra.query.queryset import QuerySet
from chakra.query.state import NOT_LOADED, Behind, change_loaded, loaded_value, own_state
from chakra.schema import Relation, Table
from chakra.sql import loaded_of

if TYPE_CHECKING:
    from chakra.query.fetching import note_awaited, note_found, refuse, was_awaited, with_peers
    from chakra.query.lost import moved_on
    from chakra.query.write import database_of
else:
    late(globals(), "chakra.query.fetching", "note_awaited note_found refuse was_awaited with_peers")
    late(globals(), "chakra.query.lost", "moved_on")
    late(globals(), "chakra.query.write", "database_of")


class ReverseRelation:
    """The way back along a foreign key: ``author.posts`` is a queryset of the rows that point here.

    Of a one-to-one relation it is the one row, or ``None``: at once where it was loaded, else awaited.
    """

    def __init__(self, name: str, source: Callable[[], Any], relation: str, single: bool) -> None:
        self.name = name
        self.source = source
        self.relation = relation
        self.single = single

    @cached_property
    def sets(self) -> Any:
        """The class of its sets."""
        return set_class(RelatedSet, self.source())

    @property
    def forward(self) -> Relation:
        """The foreign key that this is the way back of."""
        table: Table = self.source().__table__
        return table.relations[self.relation]

    def rows_of(self, instance: Any) -> dict[str, Any]:
        """What the rows that point at an instance have in common, as a filter says it."""
        label = f"{type(instance).__name__}.{self.name}"
        return {self.relation: key_of(instance, self.forward.target_keys, label)}

    def found_by(self, instance: Any) -> dict[str, Any]:
        """The same for rows that are asked for, also where the key that they hold was not loaded with the instance."""
        try:
            return self.rows_of(instance)
        except NotLoaded:
            return {f"{self.relation}__in": itself(instance)}

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        if not self.single:
            made = self.sets(self, instance)
            return made if doors.partners is None else doors.partners(made)
        found = loaded_value(instance, self.name)
        if found is NOT_LOADED or (found is None and was_awaited(instance, self.name)):
            return UnloadedBack(self, instance)
        return found

    def __set__(self, instance: Any, value: Any) -> None:
        label = f"{type(instance).__name__}.{self.name}"
        if self.single:
            raise FieldError(f"{label} is the other side's key: set {self.source().__name__}.{self.relation}")
        raise FieldError(f"{label} is a set of rows: await instance.{self.name}.set(…)")

    def __getattr__(self, name: str) -> NoReturn:
        raise on_the_class(repr(self), self.name, name)

    def __repr__(self) -> str:
        return f"{self.source().__name__}.{self.relation}, back"


class UnloadedBack:
    """Stands for the one row that points here, while it is not loaded: await it, or load it with the query.

    Where it was awaited and there is none, it can be awaited again.
    """

    __slots__ = ("_instance", "_relation")

    def __init__(self, relation: ReverseRelation, instance: Any) -> None:
        self._relation = relation
        self._instance = instance

    def __await__(self) -> Generator[Any, None, Any]:
        return self._load().__await__()

    async def _load(self) -> Any:
        """Read the row, and keep it on the instance; ``None`` if there is none."""
        relation, instance = self._relation, self._instance
        found = loaded_value(instance, relation.name)
        if found is NOT_LOADED:
            refuse(instance, relation.name)
            found = await with_peers(instance, relation.name)
        if found is NOT_LOADED:
            rows: QuerySet[Any] = QuerySet(relation.source().__table__, database_of(instance))
            try:
                found = await rows.get(**relation.found_by(instance))
            except DoesNotExist:
                found = None
            else:
                own_state(found).loaded[relation.relation] = instance
                note_found(instance, relation.name, found)
            note_awaited(instance, relation.name, found)
        return found

    def _there_is_none(self) -> bool:
        return loaded_value(self._instance, self._relation.name) is None

    def __bool__(self) -> bool:
        """False once it was awaited and there is none."""
        if self._there_is_none():
            return False
        raise self._not_loaded()

    def __eq__(self, other: object) -> bool:
        """An absent one equals ``None``, once it was awaited."""
        return self is other or (other is None and self._there_is_none())

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._not_loaded(f", so .{name} cannot be read")

    def _not_loaded(self, why: str = "") -> NotLoaded:
        name = self._relation.name
        return NotLoaded(
            f"{type(self._instance).__name__}.{name} is not loaded{why}; load it with the query "
            f'(.select_related("{name}") or .prefetch_related("{name}")) or write `await instance.{name}`'
        )

    def __repr__(self) -> str:
        return f"<{type(self._instance).__name__}.{self._relation.name}, not loaded>"


class RelatedSet(PartnerSet[Any]):
    """Rows that point at one instance; those made by it do so, too."""

    __slots__ = ("_relation",)

    def __init__(self, relation: ReverseRelation, instance: Any) -> None:
        self._relation = relation
        PartnerSet.__init__(self, instance, relation.name)

    def _ask(self) -> None:
        relation = self._relation
        self._begin(relation.source())
        self._select = self._select.filtered(False, (), relation.found_by(self._instance))

    def _with(self, select: Any) -> Any:
        new = super()._with(select)
        new._relation = self._relation
        return new

    def _given(self) -> dict[str, Any]:
        return {self._relation.relation: self._instance}

    def _known(self) -> dict[str, Behind] | None:
        relation, said = self._relation, loaded_of(self._select)
        keys = relation.forward.keys
        if self._select.result != "instances" or not (
            said.everything or {c.attribute for c in said.columns(self.table, ())}.issuperset(keys)
        ):
            return None
        try:
            (own,) = relation.rows_of(self._instance).values()
        except NotLoaded:
            return None
        read = attrgetter(*(SLOT + name for name in keys))
        return {relation.relation: Behind(read, {own: self._instance}, False)}

    async def _fetch(self) -> list[Any]:
        rows = await super()._fetch()
        if self._loaded is None and rows:
            self._introduce(rows[0])
        return rows

    async def _row(self, select: Any) -> Any:
        row = await super()._row(select)
        if row is not None:
            self._introduce(row)
        return row

    async def get(self, /, *conditions: Any, **lookups: Any) -> Any:
        """Return the one row of the set that matches; see ``QuerySet.get``."""
        row = await super().get(*conditions, **lookups)
        self._introduce(row)
        return row

    def _introduce(self, row: Any) -> None:
        """Let the rows of a result, which share a state, know the instance that they point at."""
        known = self._known()
        if known is not None:
            row._state.behind = {**known, **row._state.behind}

    @settled
    async def create(self, /, **values: Any) -> Any:
        """Make and save a row that points at the instance.

        Raises:
            FieldError: it is told to point at another one.
        """
        name, keys = self._relation.relation, self._relation.forward.keys
        own = dict(zip(keys, _parts_of(self._relation, self._instance), strict=True)) | {name: self._instance}
        for said in own.keys() & values.keys():
            if values[said] != own[said] and str(values[said]) != str(own[said]):
                raise FieldError(
                    f"{self._label}.create() makes rows of {self._instance!r}, and {said}={values[said]!r} is another "
                    f"one's: leave {said} out, or write {self.table.title}.objects.create(…)"
                )
        made = await super().create(**values)
        # Values of a new row are returned as a dict.
        known = isinstance(made, self.table.row_class)
        self._changed_set((lambda rows: joined(rows, [made])) if known else None)
        return made

    @settled
    async def bulk_create(self, instances: Iterable[Any], **options: Any) -> Any:
        """Insert ``instances``, which point at this one from then on; options are as for ``QuerySet.bulk_create``."""
        given = instances_of(self.table, instances)
        keys, own = self._relation.forward.keys, _parts_of(self._relation, self._instance)
        for row, item in enumerate(given):
            said = tuple([getattr(item, SLOT + key, None) for key in keys])
            if said != own and any(map(self._contradicts, keys, said, own)):
                raise FieldError(
                    f"{self._label}.bulk_create() makes rows of {self._instance!r}, and row {row} is another one's "
                    f"({', '.join(keys)}): leave that out, or write {self.table.title}.objects.bulk_create(…)"
                )
        made = await super().bulk_create(given, **options)
        self._changed_set(None if options.get("on_conflict") else lambda rows: joined(rows, given))
        return made

    def _contradicts(self, key: str, said: Any, own: Any) -> bool:
        """Whether a new row has another key than the instance's; one that it got by default is none."""
        if said is None or said == own or str(said) == str(own):
            return False
        plan = self.table.row_class.__chakra__.plan
        return not any(attribute == key and default == said for attribute, _, default, _ in plan)

    @settled
    async def add(self, *instances: Any) -> None:
        """Let rows that exist point at the instance: one statement."""
        keys = self._keys(instances, "add")
        if keys:
            await self._add(keys)
            self._now_has(instances)

    async def _add(self, keys: list[Any]) -> None:
        rows: QuerySet[Any] = QuerySet(self.table, self._database)
        found = await rows.filter(pk__in=keys).update(**self._relation.rows_of(self._instance))
        if found != len(keys):
            raise self.table.row_class.DoesNotExist(
                f"{len(keys) - found} of the {len(keys)} rows given to {self._label}.add() are not there"
            )

    def _now_has(self, instances: Iterable[Any]) -> None:
        """Let what is in memory know of rows that point at the instance from now on."""
        name = self._relation.relation
        for item in instances:
            before = loaded_value(item, name)
            if before is not NOT_LOADED and before is not None and before is not self._instance:
                change_loaded(before, self._named, partial(without, gone=[item.pk]))
            self._point(item, self._instance)
        self._changed_set(lambda rows: joined(rows, instances))

    def _has_lost(self, instances: Iterable[Any]) -> None:
        """Let instances that pointed at this one know that they point at none."""
        forward = self._relation.forward
        own = _parts_of(self._relation, self._instance)
        for item in instances:
            if tuple(getattr(item, SLOT + key, None) for key in forward.keys) == own:
                self._point(item, None)

    @settled
    async def remove(self, *instances: Any) -> None:
        """Let rows that point at the instance point at none, which the key has to allow; those of others stay.

        Raises:
            FieldError: the key cannot be NULL.
        """
        keys = self._keys(instances, "remove")
        if keys:
            await self._release(self._with(self._select).filter(pk__in=keys), "remove")
            self._has_lost(instances)
            self._changed_set(lambda rows: without(rows, keys))

    @settled
    async def clear(self) -> None:
        """Let no row point at the instance; the key has to allow that."""
        await self._release(self._with(self._select), "clear")
        self._has_lost(self._there())
        self._changed_set(lambda rows: [])

    @settled
    async def set(self, instances: Iterable[Any]) -> None:
        """Let these rows point at the instance, and no others, in one transaction.

        Raises:
            FieldError: what is given is no list of instances, or others have to stay.
        """
        what = f"{self.table.title} instances"
        given = given_items(f"{self._label}.set()", instances, what)
        keys = self._keys(given, "set")
        async with self.database.transaction():
            others = self._with(self._select).exclude(pk__in=keys)
            if await others.exists():
                await self._release(others, "set")
            if keys:
                await self._add(keys)
        self._has_lost(without(self._there(), keys))
        self._now_has(given)
        self._changed_set(lambda rows: joined([], given))

    def _there(self) -> list[Any]:
        """The rows of the set that were loaded, whichever query said which."""
        found = loaded_value(self._instance, self._named)
        return [] if found is NOT_LOADED else found

    async def _release(self, rows: Any, method: str) -> None:
        if not self._relation.forward.nullable:
            raise FieldError(
                f"{self._label}.{method}(): {self.table.title}.{self._relation.relation} cannot be NULL, so a row has "
                "to point at another one or be deleted"
            )
        # Not the set's own update(), which forgets what was loaded.
        await QuerySet.update(rows, **{self._relation.relation: None})

    @property
    def _label(self) -> str:
        return f"{type(self._instance).__name__}.{self._relation.name}"

    def _keys(self, given: Iterable[Any], method: str) -> list[Any]:
        model = self.table.row_class
        label = f"{self._label}.{method}()"
        found: dict[Any, None] = {}
        for item in given:
            if getattr(item, "__chakra_concrete__", None) is not model.__chakra_concrete__:
                raise FieldError(f"{label} takes {model.__name__} instances, not {item!r}")
            found[key_of(item, self.table.primary_key, label)] = None
        return list(found)

    def _point(self, item: Any, owner: Any) -> None:
        """Let an instance that was written know where it points now."""
        setattr(item, self._relation.relation, owner)
        own_state(item).changed.difference_update(self._relation.forward.keys)
        if hasattr(item, SLOT + self.table.version):
            moved_on(item, self.table)


def _parts_of(relation: ReverseRelation, instance: Any) -> tuple[Any, ...]:
    """What the keys of rows that point at an instance hold."""
    return type(instance).__chakra_values__(instance, relation.forward.target_keys)  # type: ignore[no-any-return]


__all__ = ["RelatedSet", "ReverseRelation", "UnloadedBack"]
