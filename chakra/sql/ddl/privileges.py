"""Whose a relation is, and what others may do with it: for views that are dropped and made again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chakra.errors import FieldError
from chakra.pg.quoting import quote_identifier
from chakra.schema import Table
from chakra.sql.ddl.views import view_kind

_WORD = re.compile(r"[A-Z]+(?: [A-Z]+)*\Z")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role other than the owner may do.

    Attributes:
        privilege: ``SELECT`` and the like.
        role: who; ``None`` = everybody.
        column: of which column alone; ``None`` = of all.
        grantable: whether the role may give it to others.
    """

    privilege: str
    role: str | None
    column: str | None = None
    grantable: bool = False


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the catalog says of a relation.

    Attributes:
        owner: whose it is; ``None`` = that of the role who asks.
        grants: what others may do.
    """

    owner: str | None = None
    grants: tuple[Grant, ...] = ()


def privilege_statements(table: Table, given: Privileges) -> list[str]:
    """``GRANT`` and ``ALTER … OWNER`` for a view that was just made; columns that it does not have any more are left
    out.
    """
    columns = {column.name for column in table.columns}
    made: list[str] = []
    for grant in given.grants:
        if grant.column is not None and columns and grant.column not in columns:
            continue
        if not _WORD.match(grant.privilege):
            raise FieldError(f"{grant.privilege!r} is no privilege")
        what = "" if grant.column is None else f" ({quote_identifier(grant.column)})"
        role = "PUBLIC" if grant.role is None else quote_identifier(grant.role)
        option = " WITH GRANT OPTION" if grant.grantable else ""
        made.append(f"GRANT {grant.privilege}{what} ON {table.quoted} TO {role}{option}")
    if given.owner is not None:
        # Last: what was given until then is the new owner's gift.
        made.append(f"ALTER {view_kind(table)} {table.quoted} OWNER TO {quote_identifier(given.owner)}")
    return made


__all__ = ["Grant", "Privileges", "privilege_statements"]
