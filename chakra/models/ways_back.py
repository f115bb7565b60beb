"""Ways from a model to those that refer to it: opened when they are declared, taken back when another model was meant.

A relation may name a model before it exists; meanwhile another one of that name, elsewhere, is meant. What that one had
under the name before comes back when the right one is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from chakra.schema import Relation


class Way(NamedTuple):
    """One way, as a model has it.

    Attributes:
        owner: the model that declared the relation.
        descriptor: the attribute; ``None`` = it has no name for users.
        relation: as queries take it; ``None`` = they cannot.
    """

    owner: Any
    descriptor: Any
    relation: Relation | None


def open_way(model: Any, name: str, way: Way) -> None:
    """Give a model a way; what it had under that name waits until that is taken back."""
    model.__chakra__.ways.setdefault(name, []).append(way)
    _apply(model, name)


def close_way(model: Any, name: str, owner: Any) -> None:
    """Take back the way that a model opened, if there is one: it means another model now."""
    ways = model.__chakra__.ways.get(name, [])
    ways[:] = [way for way in ways if way.owner is not owner]
    _apply(model, name)


def _apply(model: Any, name: str) -> None:
    """Let the last way that is open be the one of that name."""
    info = model.__chakra__
    way = info.ways[name][-1] if info.ways.get(name) else None
    if way is not None and way.descriptor is not None:
        setattr(model, name, way.descriptor)
    elif name in vars(model):
        delattr(model, name)
    relation = None if way is None else way.relation
    if relation is not None:
        info.reverse[name] = relation
    else:
        info.reverse.pop(name, None)
    for one in with_proxies(model):
        if one.__chakra__.table is not None:
            one.__chakra__.table.relate(name, relation)


def with_proxies(model: Any) -> Iterator[Any]:
    """A model, and the proxies of it: they have other tables with the same relations."""
    yield model
    for derived in type.__subclasses__(model):
        yield from with_proxies(derived)


__all__ = ["Way", "close_way", "open_way", "with_proxies"]
