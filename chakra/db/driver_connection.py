"""The asyncpg connection of a session: one that reads types the driver does not know, or gets wrong."""

from __future__ import annotations

from typing import Any

import asyncpg

from chakra.db import text_types
from chakra.db.codecs import BUILTIN_CODECS, EXTENSION_CODECS, EXTENSION_TEXT, PLAIN_TEXT, Codec


class Connection(asyncpg.Connection):  # type: ignore[misc,type-arg,unused-ignore]
    """An ``asyncpg.Connection`` that registers codecs from what the driver's introspection finds.

    The driver asks the server about a type when a statement first uses it; its answer tells where citext, hstore
    and the like have gone, and which arrays, composites and ranges stand on types without a binary codec.
    """

    __slots__ = ("_registered",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._registered: dict[int, text_types.Type] = {}

    async def _introspect_types(self, typeoids: Any, timeout: float | None) -> Any:
        rows, statement = await super()._introspect_types(typeoids, timeout)
        self._register(text_types.types_from(rows))
        return rows, statement

    def _register(self, types: dict[int, text_types.Type]) -> None:
        # Each registration makes the driver forget what it derived before, and ask for that again.
        known = self._registered
        for type_ in types.values():
            if type_.oid in known or type_.kind != "b" or type_.is_array:
                continue
            if type_.oid < text_types.FIRST_FREE_OID:
                continue
            if type_.name in EXTENSION_TEXT:
                set_text(self, type_.oid, type_.name, type_.schema)
            elif type_.name in EXTENSION_CODECS:
                set_codec(self, type_.oid, type_.name, type_.schema, EXTENSION_CODECS[type_.name])
            else:
                continue
            known[type_.oid] = type_
        for type_ in text_types.on_text(types):
            if type_.oid in known:
                continue
            codec = text_types.codec_for(type_, types)
            self.get_settings().add_python_codec(
                type_.oid, type_.name, type_.schema, [], "scalar", codec.encode, codec.decode, "text"
            )
            known[type_.oid] = type_

    async def reload_schema_state(self) -> None:
        """Forget what is known of types that DDL can change; it is asked again when a statement uses them."""
        for type_ in self._registered.values():
            self.get_settings().remove_python_codec(type_.oid, type_.name, type_.schema)
        self._registered.clear()
        await super().reload_schema_state()


def set_codec(raw: Any, oid: int, name: str, schema: str, codec: Codec) -> None:
    """Register a binary codec for a type whose OID is known.

    ``Connection.set_type_codec`` would ask the server for the OID, one or two round trips per type and
    connection; it ends in this same call.
    """
    raw.get_settings().add_python_codec(oid, name, schema, [], "scalar", codec.encode, codec.decode, "binary")


def set_text(raw: Any, oid: int, name: str, schema: str) -> None:
    """Have the driver take the binary format of a type for text, in C."""
    raw.get_settings().set_builtin_type_codec(oid, name, schema, "scalar", "text", "binary")


def set_builtin_codecs(raw: Any) -> None:
    """Register what needs no question to the server."""
    for name, (oid, codec) in BUILTIN_CODECS.items():
        set_codec(raw, oid, name, "pg_catalog", codec)
    for name, oid in PLAIN_TEXT.items():
        set_text(raw, oid, name, "pg_catalog")
    read, write = text_types.read_any_array, text_types.write_any_array
    settings = raw.get_settings()
    settings.add_python_codec(
        text_types.ANYARRAY, "anyarray", "pg_catalog", [], "scalar", write, read, "text"
    )


__all__ = ["Connection", "set_builtin_codecs", "set_codec", "set_text"]
