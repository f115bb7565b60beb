"""Renames: said by somebody, never guessed. What could be one is found so that it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chakra.errors import MigrationError
from chakra.migrations.diff.plan import Plan
from chakra.migrations.operations import RenameColumn, RenameLabel, RenameTable
from chakra.migrations.state import Key, State, key_of, title
from chakra.schema import Table


@dataclass(frozen=True)
class Rename:
    """One table, column or label that is called otherwise.

    Attributes:
        kind: what it is.
        owner: of a column its table by its new name, of a label its enum; of a table empty.
        old, new: the names.
    """

    kind: Literal["table", "column", "label"]
    owner: str
    old: str
    new: str

    @property
    def text(self) -> str:
        """As ``--rename`` takes it: ``posts:articles``, ``posts.title:headline``, ``mood.sad:unhappy``."""
        return f"{self.old}:{self.new}" if self.kind == "table" else f"{self.owner}.{self.old}:{self.new}"


def read_rename(text: str, old: State, new: State) -> Rename:
    """What ``--rename a:b`` says: ``posts:articles``, ``posts.title:headline``, ``mood.sad:unhappy``.

    A table is named as it is in the models, a label's enum likewise.

    Raises:
        MigrationError: it is not said so, or there is nothing of that name.
    """
    before, colon, after = text.partition(":")
    if not colon or not before or not after:
        raise MigrationError(f"--rename {text!r}: it is 'posts:articles', or 'posts.title:headline'")
    owner, dot, name = before.rpartition(".")
    after = after.removeprefix(f"{owner}.") if dot else after
    if key_of(before) in old.tables and key_of(before) not in new.tables:
        if key_of(after) not in new.tables:
            raise MigrationError(f"--rename {text!r}: no model has the table {after}")
        return Rename("table", "", before, after)
    if dot and key_of(owner) in new.tables:
        if after not in new.tables[key_of(owner)].by_attribute:
            raise MigrationError(f"--rename {text!r}: the model of {owner} has no column {after}")
        return Rename("column", owner, name, after)
    if dot and key_of(owner) in old.enums:
        return Rename("label", owner, name, after)
    raise MigrationError(
        f"--rename {text!r}: the history has no table, column or label {before} that is gone now"
    )


def do_renames(plan: Plan, renames: list[Rename]) -> None:
    """Take the renames, tables first.

    Raises:
        MigrationError: one does not fit.
    """
    for one in renames:
        if one.kind == "table":
            plan.do(RenameTable(one.old, one.new))
    for one in renames:
        if one.kind == "column":
            plan.do(RenameColumn(one.owner, one.old, one.new))
        elif one.kind == "label":
            plan.do(RenameLabel(one.owner, one.old, one.new))


def possible_renames(old: State, new: State) -> Iterator[Rename]:
    """What could be a rename: something gone and something new of the same make."""
    gone = [key for key, table in old.tables.items() if key not in new.tables and table.view is None]
    for key, table in new.tables.items():
        if key in old.tables:
            yield from _columns(key, old.tables[key], table)
        elif table.view is None:
            for other in gone:
                if _alike(old.tables[other], table):
                    yield Rename("table", "", title(other), title(key))
    for key, labels in new.enums.items():
        before = old.enums.get(key)
        if before is not None and len(before) == len(labels):
            pairs = [(a, b) for a, b in zip(before, labels, strict=True) if a != b]
            if all(a not in labels and b not in before for a, b in pairs):
                for a, b in pairs:
                    yield Rename("label", title(key), a, b)


def _columns(key: Key, old: Table, new: Table) -> Iterator[Rename]:
    for column in new.columns:
        if column.name in old.by_attribute:
            continue
        for other in old.columns:
            if other.name not in new.by_attribute and other.type == column.type:
                yield Rename("column", title(key), other.name, column.name)


def _alike(old: Table, new: Table) -> bool:
    before = {(column.name, column.type) for column in old.columns}
    after = {(column.name, column.type) for column in new.columns}
    return len(before & after) * 2 > max(len(before), len(after))


__all__ = ["Rename", "do_renames", "possible_renames", "read_rename"]
