"""What decides on a conflict, where the server found nothing that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra.errors import FieldError
from chakra.sql.staging import Merge

if TYPE_CHECKING:
    from chakra.db import Database


async def undecided(database: Database, merge: Merge) -> FieldError | None:
    """The error of an upsert for which the server found nothing that decides on a conflict; ``None`` if it is there by
    now.
    """
    from chakra.columnar.write_facts import no_arbiter, with_constraint

    if merge.target.constraint is None:
        return await no_arbiter(database, merge)
    try:
        await with_constraint(database, merge)
    except FieldError as error:
        return error
    return None


__all__ = ["undecided"]
