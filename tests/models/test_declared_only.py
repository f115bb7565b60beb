"""Names that a class body declares for type checkers alone: they make nothing, and say no other thing than is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chakra import (
    Field,
    ForeignKey,
    Model,
    RelatedManager,
    declared,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.errors import FieldError


class Base(Model):
    id: Field[int] = field(primary_key=True)
    notes: RelatedManager[Thing] = declared()

    class Meta:
        abstract = True


class Owner(Base):
    name: Field[str]
    things: RelatedManager[Thing]  # the annotation alone
    marks: RelatedManager[Mark] = declared()
    total: int = declared()


class Thing(Model):
    id: Field[int] = field(primary_key=True)
    owner: ForeignKey[Owner] = foreign_key(related_name="things")


class Mark(Model):
    id: Field[int] = field(primary_key=True)
    owners = many_to_many(Owner, related_name="marks")


def test_they_make_nothing() -> None:
    assert [*Owner.__table__.by_attribute] == ["id", "name"]
    assert {"things", "marks"} <= Owner.__table__.relations.keys() and "total" not in vars(Owner)
    assert repr(Owner.things) == "Thing.owner, back" and repr(Owner.marks) == "Owner.marks"
    with pytest.raises(FieldError, match=r"Owner\.total is declared for type checkers"):
        Owner(name="x", total=5)


def single() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        lock: RelatedManager[Lock] = declared()

    class Lock(Model):
        id: Field[int] = field(primary_key=True)
        page: ForeignKey[Page] = one_to_one(related_name="lock")


def another() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        lines: RelatedManager[Page] = declared()

    class Line(Model):
        id: Field[int] = field(primary_key=True)
        page: ForeignKey[Page] = foreign_key(related_name="lines")


def of_many() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        lines: RelatedManager[Page] = declared()

    class Line(Model):
        id: Field[int] = field(primary_key=True)
        pages = many_to_many(Page, related_name="lines")


def without_annotation() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        lines = declared()


def field_in_its_place() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        lines: RelatedManager[Page] = foreign_key()


def hidden() -> Any:
    class Page(Model):
        id: Field[int] = field(primary_key=True)
        Line: ForeignKey[Page | None] = foreign_key(default=None)
        lines: RelatedManager[Line]


def asked() -> Any:
    return Owner(name="x").total


def never_there() -> Any:
    return Owner(name="x").notes


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            single,
            r"Page\.lock is declared as RelatedManager\[Lock\], .* Lock\.page: write lock: Lock \| None",
        ),
        (
            another,
            r"Page\.lines is declared as .*\[Page\], .* Line\.page: write lines: RelatedManager\[Line\]",
        ),
        (
            of_many,
            r"Page\.lines is declared as .*\[Page\], .* Line\.pages: write lines: RelatedManager\[Line\]",
        ),
        (without_annotation, r"Page\.lines: declared\(\) is for an annotation"),
        (field_in_its_place, r"Page\.lines: annotate it as"),
        (hidden, r"Page\.lines: the name 'Line' in the annotation means the field Page\.Line"),
        (asked, r"Owner\.total is declared for type checkers .* annotate\(total=…\)"),
        (never_there, r'Owner\.notes is declared for type checkers .* related_name="notes"'),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_not_true(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises((FieldError, AttributeError), match=message):
        wrong()
