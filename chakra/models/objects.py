"""What a database has beside tables: schemas, extensions and sequences."""

from __future__ import annotations

from chakra import db
from chakra.errors import FieldError
from chakra.pg.quoting import quote_qualified
from chakra.query.reflect import parse_name
from chakra.schema import Sequence
from chakra.sql.ddl import create_extension, create_schema, drop_schema


class ServerObjects(db.Database):
    """The methods of ``Database`` that are about schemas, extensions and sequences."""

    async def create_schema(self, name: str, *, if_not_exists: bool = False) -> None:
        """Make a schema: ``await db.create_schema("app")``, for models with ``Meta.schema = "app"``.

        Args:
            name: of the schema.
            if_not_exists: whether nothing is done where there is one already.
        """
        await self.execute(create_schema(name, if_not_exists=if_not_exists))

    async def drop_schema(self, name: str, *, if_exists: bool = False, cascade: bool = False) -> None:
        """Drop a schema.

        Args:
            name: of the schema.
            if_exists: whether nothing is done where there is none.
            cascade: with all that is in it, and what depends on that.
        """
        await self.execute(drop_schema(name, if_exists=if_exists, cascade=cascade))

    async def create_extension(
        self, name: str, *, schema: str | None = None, version: str | None = None, cascade: bool = False
    ) -> None:
        """Make an extension of the server's, unless it is there: ``await db.create_extension("pg_trgm")``.

        Args:
            name: of the extension.
            schema: where its objects go, if it lets them.
            version: which one; the server's default if not given.
            cascade: with the extensions it needs.

        Raises:
            DatabaseError: the server does not have it, or the role may not make it.
        """
        await self.execute(create_extension(name, schema=schema, version=version, cascade=cascade))

    async def nextval(self, sequence: Sequence | str) -> int:
        """Draw the next number of a sequence; it is not given back where a transaction is rolled back.

        Args:
            sequence: a ``Sequence``, or the name of one: ``name`` or ``schema.name``, with double quotes around parts
                that are not plain words.
        """
        return int(await self.fetchval("SELECT pg_catalog.nextval($1::text::regclass)", _quoted(sequence)))

    async def setval(self, sequence: Sequence | str, value: int, *, is_called: bool = True) -> None:
        """Set where a sequence stands.

        Args:
            value: the number that counts as drawn last; with ``is_called=False`` the one that is drawn next.
        """
        if type(value) is not int:
            raise FieldError(f"setval() takes a whole number, not {value!r}")
        await self.fetchval(
            "SELECT pg_catalog.setval($1::text::regclass, $2::bigint, $3::boolean)",
            _quoted(sequence),
            value,
            is_called,
        )


def _quoted(sequence: object) -> str:
    if isinstance(sequence, Sequence):
        return sequence.quoted
    if not isinstance(sequence, str):
        raise FieldError(f"a sequence is a Sequence(…) or the name of one, not {sequence!r}")
    return quote_qualified(*parse_name(sequence))


__all__ = ["ServerObjects"]
