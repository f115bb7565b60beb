"""How migration files write columns and keys: types as SQL spells them, defaults as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chakra import schema
from chakra.errors import MigrationError
from chakra.migrations.frozen import type_of_text
from chakra.migrations.state import key_of
from chakra.schema import ForeignKeyConstraint, Identity
from chakra.schema.constraints import Deferrable, Match, OnDelete
from chakra.schema.terms import Name


def Column(
    name: str,
    type: str,
    *,
    null: bool = False,
    default: str | None = None,
    identity: Literal["always", "by default", "serial"] | Identity | None = None,
    generated: str | None = None,
    virtual: bool = False,
    collation: Name | None = None,
    comment: str | None = None,
    storage: str | None = None,
    compression: str | None = None,
) -> schema.Column:
    """A column: ``Column("price", "numeric(12, 2)", null=True)``.

    Args:
        type: as SQL spells it; users' types with their schema, ``"app.mood"``.
        null: whether NULL is allowed.
        default: SQL of the default the server fills in.
        identity: ``"always"``, ``"by default"`` or ``"serial"``, or an ``Identity`` with its numbers.
        generated: SQL the server computes it by; ``virtual`` when it is read (PostgreSQL 18).
        collation, comment, storage, compression: as ``field()`` takes them.

    Raises:
        MigrationError: the type is none.
    """
    if (
        identity is not None
        and not isinstance(identity, Identity)
        and identity not in ("always", "by default", "serial")
    ):
        raise MigrationError(
            f'Column({name!r}): identity is "always", "by default", "serial" or an Identity, not {identity!r}'
        )
    return schema.Column(
        name=name,
        type=type_of_text(type),
        nullable=null,
        db_default=default,
        identity=identity is not None,
        always=identity == "always" or (isinstance(identity, Identity) and identity.always),
        serial=identity == "serial" or (isinstance(identity, Identity) and identity.serial),
        sequence=identity.options if isinstance(identity, Identity) else None,
        computed=generated,
        virtual=virtual,
        collation=collation,
        comment=comment,
        storage=storage,
        compression=compression,
    )


def ForeignKey(
    columns: str | Sequence[str],
    target: str,
    target_columns: str | Sequence[str],
    *,
    name: str,
    on_delete: OnDelete = "no action",
    on_update: OnDelete = "no action",
    deferrable: Deferrable | None = None,
    set_columns: Sequence[str] = (),
    match: Match = "simple",
) -> ForeignKeyConstraint:
    """A foreign key: ``ForeignKey("author_id", "authors", "id", name="posts_author_id_fkey", on_delete="cascade")``.

    Args:
        columns: of the table, one or several.
        target: the table it refers to, with its schema if it has one.
        target_columns: of that table, as many.
        name: in the database.
        on_delete, on_update, deferrable, set_columns, match: as ``foreign_key()`` takes them.
    """
    where, what = key_of(target)
    return ForeignKeyConstraint(
        _listed(columns),
        what,
        _listed(target_columns),
        where,
        on_delete,
        deferrable,
        tuple(set_columns),
        on_update,
        match,
        name,
    )


def _listed(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


__all__ = ["Column", "ForeignKey"]
