"""Hooks of models: what runs before and after rows are written, in one transaction with the write.

A class without hooks has ``None`` in the place of them, which is all that its writes look at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import iscoroutinefunction, signature
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from chakra._late import late
from chakra.errors import FieldError
from chakra.query import saving
from chakra.schema import Table

if TYPE_CHECKING:
    from chakra.db import Database
    from chakra.query import undone, write
    from chakra.query.unwritten import Unwritten
else:
    late(globals(), "chakra.query", "undone write")
    late(globals(), "chakra.query.unwritten", "Unwritten")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

OfRows = Literal["before_save", "after_save", "before_delete", "after_delete"]
OfBatches = Literal[
    "before_bulk_create",
    "after_bulk_create",
    "before_bulk_update",
    "after_bulk_update",
    "before_bulk_insert",
    "after_bulk_insert",
]
Event: TypeAlias = Literal[OfRows, OfBatches, "m2m_changed"]
OF_BATCHES = get_args(OfBatches)
EVENTS = get_args(Event)

Hooks = Mapping[str, list[Any]]

_SAID = frozenset({"created", "reverse"})
"""What hooks are told by name, if they have a parameter for it."""


def on(model: type[Any], event: Event) -> Callable[[F], F]:
    """Let an async function run when rows of a model are written: ``@on(Post, "after_save")``.

    It runs in the transaction of the write, behind the model's own method of that name, and gets what that gets: the
    instance, ``created=`` if it has such a parameter, or the batch. A function for ``m2m_changed`` that has a parameter
    ``reverse`` hears of what is done from the other side as well. Of an abstract model it runs for all that derive
    from it.

    Args:
        model: the model class.
        event: ``before_save``, ``after_save``, ``before_delete``, ``after_delete``; once a batch
            ``before_bulk_create``, ``after_bulk_create`` and the same with ``bulk_update`` and ``bulk_insert``;
            ``m2m_changed``.

    Raises:
        FieldError: no model, no such event, or a function that is not async.
    """
    if event not in EVENTS:
        raise FieldError(f"on(): there is no event {event!r}; there are {', '.join(EVENTS)}")
    if not hasattr(model, "__chakra__"):
        raise FieldError(f"on({event!r}) takes a model class, not {model!r}")

    def note(function: F) -> F:
        _check(f"@on({model.__name__}, {event!r})", function)
        model.__chakra__.listeners.setdefault(event, []).append(function)
        _settle(model)
        return function

    return note


def hooks_of(model: Any) -> Hooks | None:
    """The hooks of a model class by event: its methods, then the functions of it and its bases; ``None`` if none.

    Raises:
        FieldError: a method of such a name is not async.
    """
    found: dict[str, list[Any]] = {}
    for event in EVENTS:
        method = getattr(model, event, None) if any(event in vars(base) for base in model.__mro__) else None
        several = []
        if method is not None and (callable(method) or event in OF_BATCHES):
            _check(f"{model.__name__}.{event}", method)
            if event == "m2m_changed" and "reverse" in signature(method).parameters:
                raise FieldError(
                    f"{model.__name__}.m2m_changed: what is done from the other side is done to an instance of the "
                    f'other model, so reverse= is for functions: @on({model.__name__}, "m2m_changed")'
                )
            several.append(method)
        for base in reversed(model.__mro__):
            info = vars(base).get("__chakra__")
            several += [] if info is None else info.listeners.get(event, ())
        if several:
            found[event] = [(each, _SAID & signature(each).parameters.keys()) for each in several]
    return found or None


def _settle(model: Any) -> None:
    model.__chakra__.hooks = hooks_of(model)
    for derived in type.__subclasses__(model):
        _settle(derived)


def _check(label: str, function: Any) -> None:
    if not iscoroutinefunction(function):
        raise FieldError(f"{label} has to be async: hooks run between the statements of a transaction")


async def run(hooks: Hooks, event: str, *given: Any, needed: str | None = None, **said: Any) -> None:
    """Run the hooks of an event, one after the other.

    Args:
        needed: run those alone that have a parameter of this name.
        said: what those are told that have a parameter for it.
    """
    for function, takes in hooks.get(event, ()):
        if needed is None or needed in takes:
            await function(*given, **{name: value for name, value in said.items() if name in takes})


async def insert(
    instance: Any, database: Database, into: Table | None = None, names: tuple[str, ...] = ()
) -> None:
    """``write.insert`` of an instance whose model has hooks."""
    hooks = type(instance).__chakra__.hooks
    with Unwritten([instance]):
        async with database.transaction():
            await run(hooks, "before_save", instance, created=True)
            await write.insert(instance, database, into, names)
            await run(hooks, "after_save", instance, created=True)


async def save(
    instance: Any,
    *,
    database: Database | str | None = None,
    fields: Iterable[str] | None = None,
    force_insert: bool = False,
    force_update: bool = False,
) -> None:
    """``saving.save`` of an instance whose model has hooks; if one fails nothing was written, and the instance is what
    it was.
    """
    hooks = type(instance).__chakra__.hooks
    if instance._state.undo:
        undone.settle(instance)
    found = write.database_of(instance, database)
    if not saving.updates(instance, fields, force_insert, force_update):
        await insert(instance, found)
        return
    if fields is not None and not fields:
        return
    with Unwritten([instance]):
        async with found.transaction():
            await run(hooks, "before_save", instance, created=False)
            await saving.save(instance, database=found, fields=fields, force_update=force_update)
            await run(hooks, "after_save", instance, created=False)


async def delete(instance: Any, *, database: Database | str | None = None) -> int:
    """``saving.delete`` of an instance whose model has hooks."""
    hooks = type(instance).__chakra__.hooks
    found = write.database_of(instance, database)
    with Unwritten([instance]):
        async with found.transaction():
            await run(hooks, "before_delete", instance)
            touched = await saving.delete(instance, database=found)
            await run(hooks, "after_delete", instance)
    return touched


async def batch(
    hooks: Hooks, verb: str, database: Database, given: Any, work: Callable[[], Awaitable[T]], rows: list[Any]
) -> T:
    """Run a write of many rows between the hooks of its verb: before it what was given, after it what came of it.

    Args:
        rows: the instances among it, which are taken back if it fails.
    """
    with Unwritten(rows):
        async with database.transaction():
            await run(hooks, f"before_{verb}", given)
            made = await work()
            await run(hooks, f"after_{verb}", made if verb == "bulk_insert" else given)
    return made


__all__ = ["EVENTS", "Hooks", "batch", "delete", "hooks_of", "insert", "on", "run", "save"]
