"""Names that a class body declares for type checkers alone: ways back of relations, and values that queries compute."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from chakra.errors import FieldError
from chakra.models.annotations import split_optional

if TYPE_CHECKING:
    from chakra.models.relations.sets import PartnerSet

M = TypeVar("M", bound=Any)


class DeclaredOnly:
    """Stands in a class body for what is no field of its own."""

    __slots__ = ()

    def __or__(self, other: Any) -> DeclaredOnly:
        # As in FieldSpec: the name may hide the model of that name.
        return self

    __ror__ = __or__


_MARK = DeclaredOnly()


def declared(*, init: Literal[False] = False) -> Any:
    """Say to type checkers what instances have beside their fields: ``posts: RelatedManager[Post] = declared()``.

    It makes nothing. A way back is there by the ``related_name`` of the other model, and a computed value, ``n: int =
    declared()``, by ``annotate``. The annotation alone says as much, but checkers take that for a keyword that the
    constructor needs.

    Args:
        init: for checkers, which read from it that the name is no keyword of the constructor.
    """
    return _MARK


if TYPE_CHECKING:

    class RelatedManager(PartnerSet[M], Generic[M]):
        """Rows behind the way back of a relation, as an annotation: ``posts: RelatedManager[Post] = declared()``.

        A set as a many-to-many relation has: a queryset with ``add``, ``remove``, ``set`` and ``clear``. With the
        methods of a queryset class of one's own: ``class Posts(PostQuerySet, RelatedManager["Post"])``, under
        ``if TYPE_CHECKING``.
        """

        def __get__(self, instance: object, owner: type[Any]) -> Self: ...

        async def add(self, *partners: M | Any, through_defaults: dict[str, Any] | None = None) -> None:
            """Let rows belong to the instance; of a many-to-many relation, also by their keys."""

        async def remove(self, *partners: M | Any) -> None:
            """Let rows belong to the instance no longer; the rows themselves stay."""

        async def clear(self) -> None:
            """Let no row belong to the instance."""

        async def set(
            self, partners: Iterable[M | Any], *, through_defaults: dict[str, Any] | None = None
        ) -> None:
            """Let these rows belong to the instance and no others, in one transaction."""

else:

    class RelatedManager:
        """Rows behind the way back of a relation, as an annotation: ``posts: RelatedManager[Post] = declared()``.

        A set as a many-to-many relation has: a queryset with ``add``, ``remove``, ``set`` and ``clear``. With the
        methods of a queryset class of one's own: ``class Posts(PostQuerySet, RelatedManager["Post"])``, under
        ``if TYPE_CHECKING``.
        """

        __class_getitem__ = classmethod(types.GenericAlias)


def is_said(annotation: Any, value: Any) -> bool:
    """Whether an attribute of a class body is there for checkers alone."""
    if isinstance(value, DeclaredOnly):
        return True
    return value is None and getattr(annotation, "__origin__", annotation) is RelatedManager


def check_said(label: str, model: Any, name: str, source: Any, many: bool) -> None:
    """Compare a way back with what its model says that it is.

    Args:
        label: the relation whose way back it is, for messages.
        model: the model that has the way back.
        name: of the way.
        source: the model it leads to.
        many: whether it leads to several rows.

    Raises:
        FieldError: the model says something else.
    """
    said = model.__chakra__.said.get(name)
    if getattr(said, "__origin__", None) is not RelatedManager:
        return
    inner, _ = split_optional(said.__args__[0])
    named = getattr(inner, "__name__", None) or getattr(inner, "name", inner)
    if not many or named != source.__name__:
        instead = f"RelatedManager[{source.__name__}]" if many else f"{source.__name__} | None"
        raise FieldError(
            f"{model.__name__}.{name} is declared as RelatedManager[{named}], but is the way back of {label}: write "
            f"{name}: {instead} = declared()"
        )


__all__ = ["DeclaredOnly", "RelatedManager", "check_said", "declared", "is_said"]
