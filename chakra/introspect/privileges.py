"""Whose relations are, and what others may do with them, out of the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chakra.sql.ddl.privileges import Grant, Privileges

if TYPE_CHECKING:
    from chakra.db import Executor

# Manual, chapter 52, pg_class.relacl, pg_attribute.attacl: NULL where nothing was ever given or taken. The owner has
# all privileges of a new relation.
_PRIVILEGES = """
SELECT given.name, CASE WHEN r.rolname <> current_user THEN r.rolname::text END AS owner,
    acl.privilege_type AS privilege, acl.column, acl.is_grantable AS grantable,
    CASE WHEN acl.grantee <> 0 THEN pg_catalog.pg_get_userbyid(acl.grantee)::text END AS role
FROM unnest($1::text[]) given(name)
JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(given.name)
JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
LEFT JOIN LATERAL (
    SELECT x.*, NULL::text AS column FROM pg_catalog.aclexplode(c.relacl) x
    UNION ALL
    SELECT x.*, a.attname::text FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) x
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) acl ON acl.grantee <> c.relowner
ORDER BY given.name, acl.column NULLS FIRST, 6 NULLS FIRST, 3
"""


async def privileges(database: Executor, names: Iterable[str]) -> dict[str, Privileges]:
    """Owners and grants of relations that are there.

    Args:
        names: quoted.
    """
    found: dict[str, Privileges] = {}
    for row in await database.fetch(_PRIVILEGES, list(names)):
        known = found.get(row["name"], Privileges(row["owner"]))
        if row["privilege"] is not None:
            grant = Grant(row["privilege"], row["role"], row["column"], row["grantable"])
            known = Privileges(known.owner, (*known.grants, grant))
        found[row["name"]] = known
    return found


__all__ = ["privileges"]
