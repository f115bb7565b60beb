"""Names that are loaded by their first use, so that ``import chakra`` and declaring models need few modules.

Two ways, each beside an ``if TYPE_CHECKING`` that holds the ordinary imports: checkers, editors and the tests of the
layers see those. ``exported`` is for what a package offers; ``late`` for what a module calls.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any


def found(module: str, name: str) -> Any:
    """What ``from module import name`` gives: an attribute of it, or a module inside it."""
    holder = import_module(module)
    try:
        return getattr(holder, name)
    except AttributeError:
        full = f"{module}.{name}"
        try:
            return import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
        raise


def exported(
    package: str, where: Mapping[str, str], modules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose names are loaded by who asks for them (PEP 562).

    A name that was asked for stands in the package from then on, so that asking again costs what it always did.

    Args:
        package: its ``__name__``.
        where: by module, the names that come from it, with spaces between; ``Any=Any_`` is ``Any_ as Any``.
        modules: modules inside the package that are attributes of it without an import of their own.
    """
    homes: dict[str, tuple[str, str]] = {}
    for module, names in where.items():
        for said in names.split():
            name, inner = _split(said)
            homes[name] = module, inner
    inside = frozenset(modules)
    held = vars(sys.modules[package])

    def __getattr__(name: str) -> Any:
        home = homes.get(name)
        if home is not None:
            value = held[name] = found(*home)
            return value
        if name in inside:
            return import_module(f"{package}.{name}")
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package]
        )

    def __dir__() -> list[str]:
        return sorted({*held, *homes, *inside})

    return __getattr__, __dir__


class Late:
    """Stands where a function, a class, a table or a module will stand, until it is used for the first time.

    Being called, asked for an attribute or a value, or for whether something is its instance or in it, puts the real
    one into the globals of the module that holds it: what runs from then on is what an ordinary import would have made,
    and costs as much.
    Whatever else is done with such names (a base class, ``except``, a value that is passed on) needs an ordinary
    import; a test of the architecture says so.
    """

    __slots__ = ("_globals", "_inner", "_module", "_name")

    def __init__(self, names: dict[str, Any], name: str, module: str, inner: str) -> None:
        self._globals = names
        self._name = name
        self._module = module
        self._inner = inner

    def _real(self) -> Any:
        real = found(self._module, self._inner)
        if self._globals.get(self._name) is self:  # a test may have put something else there
            self._globals[self._name] = real
        return real

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._real()(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __subclasscheck__(self, other: type) -> bool:
        return issubclass(other, self._real())

    def __contains__(self, value: object) -> bool:
        return value in self._real()

    def __getitem__(self, key: Any) -> Any:
        return self._real()[key]

    def __repr__(self) -> str:
        return f"<{self._module}.{self._inner}, loaded by its first use>"


def late(names: dict[str, Any], module: str, said: str) -> None:
    """Bind names of a module to what is loaded by their first use.

    Args:
        names: the ``globals()`` of the module.
        module: where they come from.
        said: the names, with spaces between; a module inside a package counts as a name, and ``_run=run`` is
            ``run as _run``.
    """
    for each in said.split():
        name, inner = _split(each)
        names[name] = Late(names, name, module, inner)


def _split(said: str) -> tuple[str, str]:
    name, _, inner = said.partition("=")
    return name, inner or name


__all__ = ["Late", "exported", "found", "late"]
