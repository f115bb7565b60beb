"""What others call things: names from Django, SQLAlchemy and data frames, and what to write in Chakra."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

QUERIES: dict[str, str] = {
    # Django
    "raw": "chakra.raw(sql, params=[…], model={model})",
    "extra": "annotate() with expressions, or chakra.raw()",
    "get_or_404": "get(), which raises DoesNotExist where there is no row",
    "get_object_or_404": "get(), which raises DoesNotExist where there is no row",
    "_meta": "the table's description, .table",
    # SQLAlchemy, Peewee, Tortoise
    "filter_by": ".filter(field=value)",
    "where": ".filter(field=value)",
    "having": ".annotate(n=…).filter(n__gt=…)",
    "group_by": '.values("field").annotate(n=Count("id"))',
    "join": '.select_related("relation"), or .values("relation__field")',
    "select": '.values("field"), or .only("field") for instances',
    "insert": "await .create(field=value)",
    "save": "await .create(field=value), or await instance.save()",
    "one": "await .get()",
    "one_or_none": "await .first()",
    "scalar": '(await .values_list("field", flat=True))[0]',
    "scalars": 'await .values_list("field", flat=True)',
    "fetch": "await the query itself",
    "fetchall": "await the query itself",
    "fetchone": "await .first()",
    "insert_many": "await .bulk_create(instances), or .bulk_insert(columns)",
    "bulk_save": "await .bulk_create(instances), or .bulk_update(instances, fields)",
    "upsert": '.update_or_create(), or .bulk_insert(data, on_conflict="update")',
    "truncate": 'await .delete(), or db.table(name).bulk_insert(data, mode="truncate")',
    # lists and frames
    "list": "await the query itself",
    "tolist": "await the query itself",
    "to_list": "await the query itself",
    "append": "await .create(field=value)",
    "head": "await query[:n]",
    "tail": "await query.reverse()[:n]",
    "sort": '.order_by("field")',
    "sort_values": '.order_by("field")',
    "sort_by": '.order_by("field")',
    "len": "await .count()",
    "shape": "await .count(), and .table for the columns",
    "to_df": "await .to_polars() or .to_pandas()",
    "to_dataframe": "await .to_polars() or .to_pandas()",
    "to_dicts": "await .values()",
}
"""Name → what to write instead, on querysets and managers."""

MODELS: dict[str, str] = {
    "_meta": "{model}.__table__, the table's description",
    "_default_manager": "{model}.objects",
    "_base_manager": "{model}.objects",
    "query": "{model}.objects",
    "select": "{model}.objects, a query over all rows",
    "where": "{model}.objects.filter(field=value)",
    "insert": "{model}.objects.create(field=value)",
    "insert_many": "{model}.objects.bulk_create(instances)",
    "metadata": "{model}.__table__, the table's description",
    "create_table": "await db.create_tables({model})",
}
"""The same on model classes."""

INSTANCES: dict[str, str] = {
    "refresh_from_db": "await instance.refresh()",
    "arefresh_from_db": "await instance.refresh()",
    "reload": "await instance.refresh()",
    "save_base": "await instance.save()",
    "asave": "await instance.save()",
    "adelete": "await instance.delete()",
    "insert": "await instance.save()",
    "update": "set the fields and await instance.save()",
    "full_clean": "await instance.validate()",
    "clean_fields": "await instance.validate(unique=False)",
    "validate_unique": "await instance.validate()",
    "validate_constraints": "nothing: the server checks, and save() raises IntegrityError",
    "serializable_value": "getattr(instance, name)",
    "_meta": "{model}.__table__, the table's description",
}
"""The same on instances."""


DATABASES: dict[str, str] = {
    "query": "await db.fetch(sql, *values)",
    "fetchone": "await db.fetchrow(sql, *values)",
    "fetchall": "await db.fetch(sql, *values)",
    "fetch_all": "await db.fetch(sql, *values)",
    "fetch_one": "await db.fetchrow(sql, *values)",
    "scalar": "await db.fetchval(sql, *values)",
    "cursor": "await db.fetch(sql, *values); rows one by one are `async for row in db.table(name)`",
    "commit": "the end of `async with db.transaction():`; alone, every statement is committed by itself",
    "rollback": "an exception that leaves `async with db.transaction():`",
    "begin": "async with db.transaction():",
    "session": "the database itself, or `async with db.transaction():`",
    "create_all": "await db.create_tables(Model, …)",
    "disconnect": "await db.close()",
    "read_sql": "await chakra.raw(sql, db).to_pandas()",
    "read_table": "await db.table(name).to_pandas()",
    "to_sql": "await db.table(name).bulk_insert(frame, create=True)",
}
"""The same on databases."""


OPTIONS: dict[str, str] = {
    "db_table": 'That is table = "…"',
    "tablename": 'That is table = "…"',
    "db_tablespace": 'That is tablespace = "…"',
    "db_table_comment": 'That is comment = "…"',
    "index_together": 'That is indexes = [Index("a", "b")]',
    "order_with_respect_to": "There is a field of its own for that, and ordering = [...]",
    "get_latest_by": "latest() and earliest() take the fields by name",
    "verbose_name": "Names for people are left to the program",
    "verbose_name_plural": "Names for people are left to the program",
    "app_label": 'Models belong to no application; schema = "…" sets tables apart',
    "permissions": "Permissions are left to the program and to GRANT",
    "table_args": "Indexes and constraints are indexes = [...] and constraints = [...]",
}
"""What is said of options of ``Meta`` that others have."""

BODY: dict[str, str] = {
    "__tablename__": 'class Post(Model, table="posts"), or Meta.table',
    "__table_args__": "Meta.indexes and Meta.constraints",
    "__mapper_args__": "nothing, or an option of Meta",
    "__abstract__": "class Meta: abstract = True",
    "__table__": "what Chakra makes; an existing table is db.table(name)",
}
"""Attributes of a class statement that say something elsewhere, and what to write instead."""


def written(names: dict[str, str], name: str, model: str) -> str:
    """The part of a message that says what to write in place of ``name``; empty if nobody knows."""
    found = names.get(name)
    return f"; in Chakra that is {found.format(model=model)}" if found is not None else ""


def near(name: str, names: Iterable[str]) -> str:
    """The part of a message that names the nearest one of ``names``; empty if none is near."""
    found = get_close_matches(name, names, n=1)
    return f". Did you mean {found[0]!r}?" if found else ""


__all__ = ["BODY", "DATABASES", "INSTANCES", "MODELS", "OPTIONS", "QUERIES", "near", "written"]
