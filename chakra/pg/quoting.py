"""The only code that quotes identifiers and string literals; everything above calls it."""

from __future__ import annotations

import re

from chakra.errors import DataError, FieldError

NAMEDATALEN = 64  # src/include/pg_config_manual.h; an identifier holds one byte less
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def quote_identifier(name: str) -> str:
    """Quote an identifier for SQL, always with double quotes.

    Raises:
        FieldError: the name is empty, longer than 63 bytes in UTF-8, or holds a NUL byte or a lone surrogate.
    """
    if not name or "\0" in name:
        raise FieldError(f"{name!r} cannot be an SQL identifier: it is empty or holds a NUL byte")
    if len(name) >= 16 or not name.isascii():
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise FieldError(f"{name!r} cannot be an SQL identifier: it holds a lone surrogate") from None
        if size >= NAMEDATALEN:
            raise FieldError(f"{name!r} cannot be an SQL identifier: it is longer than 63 bytes")
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(schema: str | None, name: str) -> str:
    """Quote ``schema.name``, or ``name`` alone where the schema is ``None``."""
    quoted = quote_identifier(name)
    return quoted if schema is None else f"{quote_identifier(schema)}.{quoted}"


def quote_output(name: str) -> str:
    """Quote the name of a result column, which may be made of several: too long, it ends where the server cuts it."""
    return quote_identifier(name.encode()[: NAMEDATALEN - 1].decode(errors="ignore"))


def quote_string(text: str) -> str:
    """Render a string constant that means the same whatever ``standard_conforming_strings`` says.

    Raises:
        DataError: the text holds a NUL byte, which no PostgreSQL text can store, or a lone surrogate, which
            UTF-8 cannot.
    """
    if "\0" in text:
        raise DataError(f"a PostgreSQL string cannot hold a NUL byte (character {text.index(chr(0))})")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"a PostgreSQL string cannot hold a lone surrogate (character {error.start})"
            ) from None
    body = text.replace("'", "''")
    return " E'" + body.replace("\\", "\\\\") + "'" if "\\" in body else "'" + body + "'"


def quote_block(body: str) -> str:
    """A ``DO`` statement with PL/pgSQL between BEGIN and END. No dollar quotes: a name in the body may hold them."""
    return f"DO {quote_string(f'BEGIN {body} END')}"


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


__all__ = [
    "check_alias",
    "quote_block",
    "quote_identifier",
    "quote_output",
    "quote_qualified",
    "quote_string",
]
