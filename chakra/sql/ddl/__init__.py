"""CREATE and DROP from table descriptions; pure text, run by whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.schema.naming import object_name
    from chakra.sql.ddl.objects import create_extension, create_schema, drop_schema
    from chakra.sql.ddl.partitions import Bounds, Part, attach_part, create_part, detach_part, drop_part
    from chakra.sql.ddl.servers import check_server
    from chakra.sql.ddl.tables import create_statements, drop_statements
    from chakra.sql.ddl.views import refresh_view
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.schema.naming": "object_name",
            "chakra.sql.ddl.objects": "create_extension create_schema drop_schema",
            "chakra.sql.ddl.partitions": "Bounds Part attach_part create_part detach_part drop_part",
            "chakra.sql.ddl.servers": "check_server",
            "chakra.sql.ddl.tables": "create_statements drop_statements",
            "chakra.sql.ddl.views": "refresh_view",
        },
    )

__all__ = [
    "Bounds",
    "Part",
    "attach_part",
    "check_server",
    "create_extension",
    "create_part",
    "create_schema",
    "create_statements",
    "detach_part",
    "drop_part",
    "drop_schema",
    "drop_statements",
    "object_name",
    "refresh_view",
]
