"""Proxies: classes that give the rows of another model's table other behaviour, and have no table of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chakra.errors import FieldError
from chakra.models.declare import ModelInfo
from chakra.schema import Table

OWN = frozenset({"proxy", "ordering", "abstract"})
"""Options that a proxy may have; all others are about the table."""


def behind(name: str, bases: tuple[type, ...], given: dict[str, Any]) -> Any:
    """The model whose rows a proxy shows.

    Args:
        given: the options of its own ``Meta`` and class statement.

    Raises:
        FieldError: there is none, there are two, or a base or an option says something of the table.
    """
    found: list[Any] = []
    for base in bases:
        info: ModelInfo | None = getattr(base, "__chakra__", None)
        if info is None:
            continue
        if not info.options["abstract"]:
            found.append(base.__chakra_concrete__)  # type: ignore[attr-defined]
        elif info.declared:
            fields = ", ".join(info.declared)
            raise FieldError(
                f"{name} is a proxy, which has the fields of its model, and its base {base.__name__} has others: "
                f"{fields}"
            )
    if not found:
        raise FieldError(
            f"{name} is a proxy of nothing: it has to derive from the model whose rows it shows: class {name}(Post)"
        )
    model = found[0]
    if any(other is not model for other in found):
        shown = " and ".join(dict.fromkeys(one.__name__ for one in found))
        raise FieldError(f"{name} is a proxy of {shown}; the rows of a proxy are those of one table")
    wrong = sorted(word for word in given if word not in OWN)
    if wrong:
        raise FieldError(
            f"{name} is a proxy: its table is that of {model.__name__}, which says {', '.join(wrong)}; a proxy may "
            "have methods, managers, hooks and an ordering of its own"
        )
    if given.get("abstract"):
        raise FieldError(f"{name}: a proxy has rows, and so is not abstract; methods alone are a plain class")
    return model


def check_fields(name: str, model: Any, own: dict[str, Any]) -> None:
    """Refuse fields and relations of a proxy's own.

    Raises:
        FieldError: there are some; says where they can be.
    """
    if own:
        raise FieldError(
            f"{name} is a proxy of {model.__name__} and has no fields of its own: {', '.join(own)} would be columns of "
            f"{model.__name__}, or fields of a model of their own that points at it: OneToOne[{model.__name__}]"
        )


def info_of(model: Any, given: dict[str, Any]) -> ModelInfo:
    """What a proxy knows of itself: all that its model does, but queries, hooks and order."""
    of: ModelInfo = model.__chakra__
    info = ModelInfo(of.declared, {**of.options, "proxy": True})
    if "ordering" in given:
        info.options["ordering"] = given["ordering"]
    # The same objects: relations that other models open later are the proxy's as well.
    info.plan, info.keys, info.relations = of.plan, of.keys, of.relations
    info.reverse, info.ways, info.between = of.reverse, of.ways, of.between
    info.said.update(of.said)
    info.concrete = model
    return info


def table_of_proxy(cls: Any, info: ModelInfo) -> Table:
    """The table of a proxy: its model's, whose rows become instances of the proxy."""
    table: Table = info.concrete.__table__
    return replace(
        table,
        row_class=cls,
        label=cls.__name__,
        ordering=tuple(info.options.get("ordering", ())),
        parts={},
        statements={},
        described={},
        taken={},
    )


__all__ = ["behind", "check_fields", "info_of", "table_of_proxy"]
