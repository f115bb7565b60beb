"""The only code that quotes identifiers and string literals; everything above calls it."""

from __future__ import annotations

import re

from chakra.errors import FieldError

NAMEDATALEN = 64  # src/include/pg_config_manual.h; an identifier holds one byte less
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def quote_identifier(name: str) -> str:
    """Quote an identifier for SQL, always with double quotes.

    Raises:
        FieldError: the name is empty, longer than 63 bytes in UTF-8, or holds a NUL byte.
    """
    if not name or "\0" in name:
        raise FieldError(f"{name!r} cannot be an SQL identifier: it is empty or holds a NUL byte")
    if len(name) >= 16 and len(name.encode("utf-8", "surrogatepass")) >= NAMEDATALEN:
        raise FieldError(f"{name!r} cannot be an SQL identifier: it is longer than 63 bytes")
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(schema: str | None, name: str) -> str:
    """Quote ``schema.name``, or ``name`` alone where the schema is ``None``."""
    return quote_identifier(name) if schema is None else f"{quote_identifier(schema)}.{quote_identifier(name)}"


def quote_string(text: str) -> str:
    """Render a string constant that means the same whatever ``standard_conforming_strings`` says.

    Raises:
        FieldError: the text holds a NUL byte, which no PostgreSQL text can store.
    """
    if "\0" in text:
        raise FieldError("a PostgreSQL string cannot hold a NUL byte")
    body = text.replace("'", "''")
    return " E'" + body.replace("\\", "\\\\") + "'" if "\\" in body else "'" + body + "'"


def check_alias(name: str) -> str:
    """Return ``name`` if it may be an alias (``[A-Za-z_][A-Za-z0-9_]*``, at most 63 bytes).

    Aliases come from keyword arguments, which callers may build from outside data; an allow-list keeps
    anything but a plain word out of the statement.

    Raises:
        FieldError: the name is anything else.
    """
    if not isinstance(name, str) or IDENTIFIER.match(name) is None or len(name) >= NAMEDATALEN:
        raise FieldError(
            f"{name!r} cannot be an alias: use letters, digits and underscores, not starting with a digit, "
            "at most 63"
        )
    return name


__all__ = ["check_alias", "quote_identifier", "quote_qualified", "quote_string"]
