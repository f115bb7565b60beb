"""Grouping sets: several groupings of the same rows in one query, and which of them a row of the result is of."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from chakra.errors import FieldError
from chakra.expressions.aggregates import Aggregate, Rule, argument_of
from chakra.expressions.base import Expression
from chakra.pg.types import INT4

MOST_IN_CUBE = 12  # src/backend/parser/parse_agg.c, transformGroupClause


class GroupingSets(Expression):
    """A term of GROUP BY: ``ROLLUP``, ``CUBE`` or ``GROUPING SETS`` of what stands in it.

    Attributes:
        word: which.
        sizes: how many of the terms each element has.
        terms: the terms of all elements.
    """

    __slots__ = ("sizes", "terms", "word")

    def __init__(self, word: str, sizes: tuple[int, ...], terms: tuple[Expression, ...]) -> None:
        self.word = word
        self.sizes = sizes
        self.terms = terms

    @classmethod
    def of(cls, word: str, elements: Sequence[Any]) -> GroupingSets:
        """The term for elements: names, expressions, or several in a tuple or list.

        Raises:
            FieldError: an element is none of these, or there are too many.
        """
        method = word.lower().replace(" ", "_")
        sizes: list[int] = []
        terms: list[Expression] = []
        for element in elements:
            parts = element if isinstance(element, tuple | list) else (element,)
            sizes.append(len(parts))
            terms += [argument_of(method, part) for part in parts]
        if not elements or (not terms and word != "GROUPING SETS"):
            raise FieldError(f'{method}() needs what to group by: {method}("region", "city")')
        if word != "GROUPING SETS" and 0 in sizes:
            raise FieldError(f"{method}() has the set of all rows by itself; leave out ()")
        if word == "CUBE" and len(sizes) > MOST_IN_CUBE:
            raise FieldError(f"cube() takes at most {MOST_IN_CUBE} elements, not {len(sizes)}")
        return cls(word, tuple(sizes), tuple(terms))

    @property
    def children(self) -> tuple[Expression, ...]:
        return self.terms

    def rebuild(self, children: tuple[Expression, ...]) -> GroupingSets:
        return GroupingSets(self.word, self.sizes, children)

    def own_shape(self) -> Hashable:
        return self.word, self.sizes

    def elements(self) -> list[tuple[Expression, ...]]:
        """The terms by element."""
        found, start = [], 0
        for size in self.sizes:
            found.append(self.terms[start : start + size])
            start += size
        return found

    def __repr__(self) -> str:
        elements = [repr(element[0]) if len(element) == 1 else repr(element) for element in self.elements()]
        return f"{self.word.lower().replace(' ', '_')}({', '.join(elements)})"


class Grouping(Aggregate):
    """Which of its arguments a row of the result is not grouped by: ``Grouping("city")`` is 1 in rows of all cities.

    Of several arguments, each is a bit, that of the last one being 1, of the one before 2, and so on.

    Args:
        terms: names or expressions, as in ``rollup``, ``cube`` or ``grouping_sets``; 31 at most.
    """

    rule = Rule("GROUPING", INT4, distinct=False, windows=False, never_null=True, repeatable=True)
    __slots__ = ()

    def __init__(self, *terms: Any) -> None:
        if not 1 <= len(terms) <= 31:  # src/backend/parser/parse_agg.c, transformGroupingFunc
            raise FieldError(f"Grouping() takes 1 to 31 names or expressions, not {len(terms)}")
        super().__init__(terms[0])
        self.extra = tuple([argument_of("Grouping", term) for term in terms[1:]])


__all__ = ["Grouping", "GroupingSets"]
