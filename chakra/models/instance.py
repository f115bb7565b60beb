"""Model: the base class of rows that are objects."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, overload

from chakra._late import late
from chakra.errors import DoesNotExist as _DoesNotExist
from chakra.errors import FieldError, NotLoaded
from chakra.errors import MultipleObjectsReturned as _MultipleObjectsReturned
from chakra.expressions import Expression
from chakra.models.copying import as_dict, blank, content_of, copied, fill
from chakra.models.doors import by_door
from chakra.models.fields import MISSING, Field
from chakra.models.metaclass import ModelMeta
from chakra.models.relations.many import ManyRelation
from chakra.models.relations.reverse import ReverseRelation
from chakra.models.views import Refresh
from chakra.query import hooks, saving
from chakra.query.hydrate import SLOT
from chakra.query.other_names import INSTANCES, near, written
from chakra.query.queryset import Objects, QuerySet
from chakra.query.state import NEW, NOT_LOADED, RowState, loaded_value, loaded_values

if TYPE_CHECKING:
    from chakra.models.validation import validate as check
    from chakra.query import fetching
    from chakra.query.options import flag
    from chakra.query.reports import DeleteReport, reported
    from chakra.query.shown import html_table
    from chakra.query.write import database_of
else:
    late(globals(), "chakra.models.validation", "check=validate")
    late(globals(), "chakra.query", "fetching")
    late(globals(), "chakra.query.options", "flag")
    late(globals(), "chakra.query.reports", "reported")
    late(globals(), "chakra.query.shown", "html_table")
    late(globals(), "chakra.query.write", "database_of")


if TYPE_CHECKING:
    from typing import Self

    from chakra.db import Database
    from chakra.schema import Table

    class _Row:
        """What is no keyword of the constructor: checkers read those from the annotations of models."""

        _state: RowState

    class _PrimaryKey:
        def __get__(self, instance: object, owner: type[Any]) -> Any: ...

        def __set__(self, instance: object, value: Any) -> None: ...

else:
    _Row = object


class Model(_Row, metaclass=ModelMeta):
    """One row of a table. Subclass it and declare fields; see ``chakra.field`` and ``chakra.foreign_key``.

    Instances have slots for their fields and nothing else, so a misspelt attribute is an error and ten
    thousand of them take little room; a subclass that wants free attributes says ``__slots__ = ("__dict__",)``.
    """

    __slots__ = ("__weakref__", "_along", "_state")

    objects = Objects(QuerySet)  # not annotated: checkers would read those of subclasses as this one
    DoesNotExist: ClassVar[type[_DoesNotExist]] = _DoesNotExist
    MultipleObjectsReturned: ClassVar[type[_MultipleObjectsReturned]] = _MultipleObjectsReturned

    if TYPE_CHECKING:
        __table__: ClassVar[Table]
        pk: _PrimaryKey = _PrimaryKey()
        """The primary key: the value, or a tuple if it has several columns."""
        __chakra_concrete__: ClassVar[Any]

    def __init__(self, /, **values: Any) -> None:
        """Make an instance that is not in the database yet.

        Raises:
            FieldError: a keyword is not a field or relation of the model.
        """
        self._state = NEW
        info = type(self).__chakra__
        if info.options["abstract"]:
            raise FieldError(f"{type(self).__name__} is abstract and has no instances")
        for attribute, store, default, factory in info.plan:
            if attribute in values:
                store(self, values.pop(attribute))
            elif factory is not None:
                store(self, factory())
            elif default is not MISSING:
                store(self, default)
        for name, value in values.items():
            if name in info.relations or name == "pk":
                put_behind(self, name, value)
            elif isinstance(getattr(type(self), name, None), ManyRelation | ReverseRelation):
                setattr(self, name, value)  # says how such a set gets its rows
            else:
                raise self._unknown(name, FieldError)

    @classmethod
    def __chakra_key__(cls, instance: Any) -> Any:
        """The primary key by which an instance stands in a filter; a tuple if it has several columns.

        Raises:
            FieldError: it has none yet, or its model has none.
        """
        names = cls.__table__.primary_key
        if not names:
            raise FieldError(f"{cls.__name__} has no primary key by which its instances stand in a query")
        values = cls.__chakra_values__(instance, names)
        return values[0] if len(names) == 1 else values

    @classmethod
    def __chakra_values__(cls, instance: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        """The values of fields by which an instance stands in a filter.

        Raises:
            FieldError: one of them has no value yet.
            NotLoaded: one of them was not loaded with the instance.
        """
        values = tuple([getattr(instance, SLOT + name, None) for name in names])
        if None in values:
            missing = names[values.index(None)]
            if instance._state.saved and not hasattr(instance, SLOT + missing):
                raise instance._no_value(missing, instance._state)
            raise FieldError(f"this {cls.__name__} has no {missing} yet; save it before using it in a query")
        return values

    @classmethod
    def __chakra_model__(cls, instance: Any) -> Any:
        """The model whose key ``__chakra_key__`` gives; of a proxy the one that has the table."""
        return cls.__chakra_concrete__

    @classmethod
    def __chakra_cells__(cls, instance: Any) -> dict[str, Any]:
        """What an instance holds, by name, as tables of rows show it: fields that are loaded, and computed values."""
        fields = {
            attribute: getattr(instance, SLOT + attribute)
            for attribute, *_ in cls.__chakra__.plan
            if hasattr(instance, SLOT + attribute)
        }
        relations = cls.__table__.relations
        along = {
            name: value
            for name, value in loaded_values(instance).items()
            if name not in relations
            and not (isinstance(value, list) and value and isinstance(value[0], Model))
        }
        return fields | along

    @classmethod
    def __chakra_start__(cls, table: Table | None = None) -> QuerySet[Any]:
        """What queries for sets of the model's rows begin with: that of its default manager.

        Args:
            table: a partition of the model's own.
        """
        manager: Objects = next(vars(base)["objects"] for base in cls.__mro__ if "objects" in vars(base))
        return manager.__get__(None, cls) if table is None else manager.begin(table)

    if not TYPE_CHECKING:

        @property
        def pk(self) -> Any:
            """The primary key: the value, or a tuple if it has several columns."""
            names = type(self).__table__.primary_key
            if len(names) == 1:
                return getattr(self, names[0])
            return tuple(getattr(self, name) for name in names)

        @pk.setter
        def pk(self, value: Any) -> None:
            names = type(self).__table__.primary_key
            if len(names) == 1:
                setattr(self, names[0], value)
                return
            for name, part in zip(names, value, strict=True):
                setattr(self, name, part)

    @by_door
    async def save(
        self,
        *,
        fields: Iterable[str] | None = None,
        update_fields: Iterable[str] | None = None,
        force_insert: bool = False,
        validate: bool = False,
        force_update: bool = False,
        using: Database | str | None = None,
    ) -> None:
        """Insert a new row, or write what changed since this one was loaded or saved.

        Dicts, lists and other values that are changed in place are compared with what they were when they were read.

        Args:
            fields: write these fields instead, changed or not, to the row that is there.
            update_fields: the same, by Django's name.
            force_insert: insert even if the row was loaded from the database.
            validate: check it first, as ``validate()`` does.
            force_update: write all fields that have a value to the row that is there, also of one made by hand.
            using: another database than the row's own, or its name.

        Raises:
            DoesNotExist: the row to update is not there (any more).
            StaleData: somebody else wrote to it since it was read; of a model with a ``Version``.
            FieldError: no such field, or options that contradict each other.
            NotLoaded: a field to write has no value.
        """
        if update_fields is not None:
            if fields is not None:
                raise FieldError("save(): fields and update_fields are two names of one option")
            fields = update_fields
        fields = _listed(fields)
        if validate:
            await self.validate(fields, using=using)
        way = saving if type(self).__chakra__.hooks is None else hooks
        await way.save(
            self,
            database=using,
            fields=fields,
            force_insert=force_insert,
            force_update=force_update,
        )

    @by_door
    async def validate(
        self, fields: Iterable[str] | None = None, *, unique: bool = True, using: Database | str | None = None
    ) -> None:
        """Check what the instance holds, and say all that is wrong with it; nothing is written, and nothing else calls
        it but ``save(validate=True)`` and ``create(validate=True)``.

        Each value has to be there and to fit its column, be one of the field's ``choices``, and pass its
        ``validators``; if all do, ``clean()`` of the class is called, if it has one (``async`` or not), and the server
        is asked whether other rows have what no two may have. Foreign keys and conditions are left to the write.

        Args:
            fields: check these alone.
            unique: ask the server: one query for each key of which something changed.
            using: another database than the row's own, or its name.

        Raises:
            ValidationError: what is wrong, by field, in ``errors``.
            FieldError: there is no such field.
        """
        await check(self, _listed(fields), unique=unique, database=using)

    @overload
    async def delete(self, *, report: Literal[True], using: Database | str | None = None) -> DeleteReport: ...

    @overload
    async def delete(self, *, using: Database | str | None = None) -> int: ...

    @by_door
    async def delete(self, *, using: Database | str | None = None, report: bool = False) -> Any:
        """Delete the row; return 1, or 0 if it was gone already.

        Args:
            using: another database than the one it came from.
            report: return a ``DeleteReport`` in place of the number: what went along, see ``QuerySet.delete``.
        """
        way = saving if type(self).__chakra__.hooks is None else hooks
        if flag("report", report):
            return await reported(database_of(self, using), lambda: way.delete(self, database=using))
        touched: int = await way.delete(self, database=using)
        return touched

    @Refresh
    @by_door
    async def refresh(
        self, *given: str, fields: Iterable[str] | None = None, using: Database | str | None = None
    ) -> None:
        """Read the row again, all of it or some fields; what was loaded of relations by what is read is forgotten.
        Of a set of rows, ``refresh("posts")``, what was loaded is forgotten.

        Where the query said ``fetch_mode("peers")``, fields that were left out are read for the other rows, too.

        Args:
            given: the fields; none: all of them.
            fields: the same, as a list.
            using: another database than the row's own, or its name.

        Raises:
            DoesNotExist: the row is not there any more.
            FieldError: no such field, or the row was never saved.
        """
        wanted = (*given, *(_listed(fields) or ()))
        if fields is None or wanted:
            await fetching.refresh(self, wanted, using)

    def __await__(self) -> Generator[Any, None, Self]:
        """A loaded row is there at once, so ``await post.author`` works whether it was loaded or not."""
        yield from ()
        return self

    def __getattr__(self, name: str) -> Any:
        # Only reached when normal lookup fails: an annotation, a field without a value, or a mistake.
        if not name.startswith("_"):
            state = object.__getattribute__(self, "_state")
            value = loaded_value(self, name)
            if value is not NOT_LOADED:
                return value
            found = getattr(type(self), name, None)
            if isinstance(found, Field):
                raise self._no_value(name, state)
            if found is not None:
                return object.__getattribute__(self, name)  # a property of the user's raised AttributeError
        if name.startswith(
            SLOT
        ):  # who asks whether there is a value, row by row, wants no hint: 25 us for each
            raise AttributeError(name)
        raise self._unknown(name, AttributeError)

    def _no_value(self, name: str, state: RowState) -> NotLoaded:
        label = f"{type(self).__name__}.{name}"
        if state.saved:
            return NotLoaded(
                f"{label} was not loaded with this row (only(), defer(), or made by the server); load it "
                f'with the query, or read it with `await instance.refresh("{name}")`'
            )
        return NotLoaded(
            f"{label} has no value: this {type(self).__name__} was made without one and not saved"
        )

    def _unknown(self, name: str, kind: type[Exception]) -> Exception:
        info = type(self).__chakra__
        names = [*(a for a, *_ in info.plan), *info.relations]
        if name in info.said:
            return kind(
                f"{type(self).__name__}.{name} is declared for type checkers and not here: a way back has its name "
                f'from the other model, related_name="{name}", and a computed value from the query, '
                f"annotate({name}=…)"
            )
        hint = written(INSTANCES, name, type(self).__name__) or near(name, names)
        if not hint and name.endswith("_set"):
            hint = "; the way back of a key has the name that the key's related_name= gives it"
        if not hint and name.startswith("get_") and name.endswith("_display"):
            shown = name[4:-8]
            hint = f"; what people read for a choice is {type(self).__name__}.{shown}.choices[value]"
        return kind(f"{type(self).__name__} has no field {name!r}; it has {', '.join(names)}{hint}")

    def __eq__(self, other: object) -> bool:
        """Rows are equal if they are of one model, or proxies of it, and have the same primary key."""
        if type(other) is not type(self) and (
            not isinstance(other, Model) or other.__chakra_concrete__ is not self.__chakra_concrete__
        ):
            return NotImplemented
        assert isinstance(other, Model)
        key = self._key_or_none()
        return self is other if key is None else key == other._key_or_none()

    def __hash__(self) -> int:
        key = self._key_or_none()
        if key is None:
            why = "yet" if type(self).__table__.primary_key else "at all"
            raise TypeError(
                f"this {type(self).__name__} has no primary key {why} and cannot be hashed"
                f"{'; save it first' if why == 'yet' else ''}"
            )
        return hash((self.__chakra_concrete__, key))

    def _key_or_none(self) -> Any:
        values = tuple(getattr(self, SLOT + name, None) for name in type(self).__table__.primary_key)
        return None if not values or None in values else values

    def __repr__(self) -> str:
        shown = []
        for attribute, *_ in type(self).__chakra__.plan:
            value = getattr(self, SLOT + attribute, MISSING)
            if value is not MISSING:
                shown.append(f"{attribute}={shortened(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        """The fields as a table, for notebooks."""
        shown = [
            (attribute, shortened(getattr(self, SLOT + attribute)))
            for attribute, *_ in type(self).__chakra__.plan
            if hasattr(self, SLOT + attribute)
        ]
        return html_table((type(self).__name__, ""), shown)

    def to_dict(
        self,
        *,
        fields: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        relations: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """The row as a dict of its own: fields that were loaded, and values that the query computed, by name.

        Args:
            fields: these alone; ``"author__name"`` is a field of a relation, which is then among the keys.
            exclude: all but these, of relations as well.
            relations: loaded relations that stand in it as dicts, or as lists of dicts: ``["author", "tags"]``,
                ``["comments__author"]``.

        Raises:
            FieldError: there is no such field or relation.
            NotLoaded: a field or relation that is named was not loaded.
        """
        return as_dict(self, fields, exclude, relations)

    def __copy__(self) -> Self:
        return copied(self)  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copied(self, memo)  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        # What it holds travels as state, after the object itself: loaded rows may point back at it.
        return blank, (type(self),), content_of(self)

    def __setstate__(self, content: dict[str, Any]) -> None:
        fill(self, content)


def put_behind(instance: Model, name: str, value: Any) -> None:
    """Set a relation of a new instance, or its key as a whole.

    Raises:
        FieldError: the same call gave the fields it stands for other values.
    """
    info = type(instance).__chakra__
    keys = type(instance).__table__.primary_key if name == "pk" else info.keys.get(name, ())
    said = [getattr(instance, SLOT + key, None) for key in keys]
    setattr(instance, name, value)
    for key, before in zip(keys, said, strict=True):
        now = getattr(instance, SLOT + key, None)
        if before is None or now is before or isinstance(now, Expression) or now == before:
            continue
        if str(now) == str(before):  # a key as text
            continue
        if any(attribute == key and default == before for attribute, _, default, _ in info.plan):
            continue
        raise FieldError(
            f"{type(instance).__name__}: {name} and {key} were both given, and say two things; leave one out"
        )


def _listed(fields: Iterable[str] | None) -> tuple[str, ...] | None:
    """The names given to ``fields``; whether there are such fields, the table says."""
    if isinstance(fields, str):
        raise FieldError(f"fields takes a list of names: [{fields!r}]")
    return None if fields is None else tuple(fields)


def shortened(value: Any) -> str:
    """How a value stands in what an instance shows of itself."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


__all__ = ["Model", "Objects"]
