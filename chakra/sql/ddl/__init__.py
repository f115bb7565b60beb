"""CREATE and DROP from table descriptions; pure text, run by whoever asks."""

from chakra.schema.naming import object_name
from chakra.sql.ddl.servers import check_server
from chakra.sql.ddl.tables import create_statements, drop_statements

__all__ = ["check_server", "create_statements", "drop_statements", "object_name"]
