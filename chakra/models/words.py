"""What ``Meta`` says of the whole table beside its columns and keys, checked when the class is made or described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra._late import late
from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.models.declare import ModelInfo
from chakra.models.keys import attributes_of
from chakra.pg.types import PgType
from chakra.schema import NO_GUARD, Guard, Partitioning, Policy, Table, Trigger
from chakra.schema.storage import STRATEGIES
from chakra.sql.declared import Declaring

if TYPE_CHECKING:
    from chakra.pg.quoting import quote_identifier
    from chakra.sql.ddl.words import STORAGE_NAME
else:
    late(globals(), "chakra.pg.quoting", "quote_identifier")
    late(globals(), "chakra.sql.ddl.words", "STORAGE_NAME")


NOT_OF_VIEWS = (
    "partition_by",
    "unlogged",
    "constraints",
    "unique_together",
    "policies",
    "triggers",
    "row_security",
)
"""What a view cannot have."""

OF_MATERIALIZED = ("tablespace", "indexes")
"""What of a view only a materialized one has."""


def check_words(name: str, options: Mapping[str, Any]) -> None:
    """Check what a ``Meta`` says of the whole table.

    Raises:
        FieldError: a word has a value of another kind, or two of them contradict each other.
    """
    for word, wanted, kinds in (
        ("comment", "text", str),
        ("tablespace", "the name of a tablespace", str),
        ("schema", "the name of a schema", str),
        ("table", "the name of a table", str),
        ("unlogged", "True or False", bool),
        ("materialized", "True or False", bool),
        ("managed", "True or False", bool),
    ):
        given = options.get(word)
        if given is not None and not isinstance(given, kinds):
            raise FieldError(f"{name}: {word} is {wanted}, not {given!r}")
    for word in ("tablespace", "schema", "table"):
        if options.get(word) is not None:
            quote_identifier(options[word])
    storage_of(f"{name}: storage", options.get("storage"))
    view = options.get("view")
    guard_of(name, options)
    if view is None:
        if options.get("materialized"):
            raise FieldError(f"{name}: materialized=True is about a view; say its query: view = …")
        _check_table(name, options)
        return
    for word in NOT_OF_VIEWS if options.get("materialized") else (*NOT_OF_VIEWS, *OF_MATERIALIZED):
        if options.get(word):
            more = "; a materialized view has" if word in OF_MATERIALIZED else ""
            raise FieldError(f"{name} is a view, which has no {word}{more}")


def _check_table(name: str, options: Mapping[str, Any]) -> None:
    if options.get("partition_by") is None:
        return
    for word in ("unlogged", "storage"):
        if options.get(word):
            raise FieldError(
                f"{name} is partitioned: its rows are in its partitions, and so is {word}; give it to "
                f"create_partition(…, {word}=…)"
            )


def storage_of(where: str, given: Any) -> tuple[tuple[str, str], ...]:
    """Storage parameters as the server keeps them: by name, with values as text.

    Raises:
        FieldError: no dict, or a name or value that is none.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise FieldError(f'{where} is a dict of storage parameters, {{"fillfactor": 70}}, not {given!r}')
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        if not isinstance(name, str) or not STORAGE_NAME.match(name):
            raise FieldError(
                f"{where}: {name!r} names no storage parameter: those are words such as fillfactor or "
                "toast.autovacuum_enabled"
            )
        if isinstance(value, bool):
            found.append((name, "true" if value else "false"))
        elif isinstance(value, int | float | str):
            found.append((name, str(value)))
        else:
            raise FieldError(f"{where}: {name} is a number, a word, True or False, not {value!r}")
    return tuple(sorted(found))


def partitioning(where: str, given: Any, table: Table, info: ModelInfo | None) -> Partitioning:
    """How a table is cut, out of ``("range", "created")``.

    Args:
        where: what errors call it.
        info: the model, whose relations stand for the fields that hold their keys.

    Raises:
        FieldError: no such way, or a key that is none.
    """
    if not isinstance(given, tuple | list) or len(given) < 2 or given[0] not in STRATEGIES:
        raise FieldError(
            f'{where} is a tuple of "range", "list" or "hash" and the fields it goes by, ("range", "created"), '
            f"not {given!r}"
        )
    strategy, *terms = given
    keys: list[str] = []
    for term in terms:
        if isinstance(term, str) and term.startswith("(") and term not in table.by_attribute:
            keys.append(term)
        elif isinstance(term, str):
            names = attributes_of(info, term) if info is not None else (term,)
            keys += [table.column(one).attribute for one in names]
        else:
            keys.append(_expression(where, term, table, info))
    if strategy == "list" and len(keys) != 1:
        raise FieldError(f"{where}: a table is cut by a list of values of one key, not of {', '.join(keys)}")
    return Partitioning(strategy, tuple(keys))


def _expression(where: str, term: Any, table: Table, info: ModelInfo | None) -> str:
    if not isinstance(term, Expression):
        raise FieldError(f"{where}: {term!r} is no field and no expression")
    text = Declaring(table, {} if info is None else info.keys).expression(term, where)
    alone = (column.attribute for column in table.columns if column.quoted == text)
    return next(alone, f"({text})")


def check_keys(table: Table) -> None:
    """Check that the keys of a partitioned table can be kept: no row is compared with those of another partition.

    Raises:
        FieldError: one does not hold all the partition keys.
    """
    by = table.partition_by
    if by is None:
        return
    unique = [("primary key", table.primary_key)] if table.primary_key else []
    unique += [("unique constraint", one.columns) for one in table.uniques]
    unique += [
        ("unique index", tuple(t.column or t.text for t in one.terms)) for one in table.indexes if one.unique
    ]
    for kind, columns in unique:
        computed = [key for key in by.keys if key not in table.by_attribute]
        missing = [key for key in by.keys if key not in columns]
        if missing:
            what = f"the {kind} ({', '.join(columns)})"
            cure = (
                "a table partitioned by an expression can have no such key"
                if computed
                else f"make {', '.join(missing)} part of it"
            )
            raise FieldError(
                f"{table.title} is partitioned by {by.strategy} ({', '.join(by.keys)}), and {what} has to hold all "
                f"of that: rows of one partition are not compared with those of another; {cure}"
            )


def with_words(table: Table, info: ModelInfo) -> Table:
    """The description of a model's table with what its ``Meta`` says of the whole of it."""
    options = info.options
    sequences = (getattr(column.db_default, "sequence", None) for column in table.columns)
    found: dict[str, Any] = {
        "comment": options.get("comment"),
        "unlogged": options.get("unlogged") or False,
        "tablespace": options.get("tablespace"),
        "storage": storage_of(f"{table.title}: storage", options.get("storage")),
        "sequences": tuple(dict.fromkeys(one for one in sequences if one is not None)),
        "partition_by": None
        if options.get("partition_by") is None
        else partitioning(f"{table.title}: partition_by", options["partition_by"], table, info),
    }
    guard = guard_of(table.title, options)
    given = {word: value for word, value in found.items() if value}
    if guard != NO_GUARD:
        given["guard"] = guard
    if not given:
        return table
    made = replace(table, **given)
    check_keys(made)
    return made


def guard_of(where: str, options: Mapping[str, Any]) -> Guard:
    """What ``Meta`` says of row security and triggers: ``policies``, ``triggers``, ``row_security``.

    Raises:
        FieldError: a word has a value of another kind.
    """
    found: dict[str, dict[str, Any]] = {}
    for word, kind in (("policies", Policy), ("triggers", Trigger)):
        given = options.get(word) or {}
        wanted = f'{{"name": {kind.__name__}(…)}}'
        if not isinstance(given, Mapping) or not all(isinstance(one, kind) for one in given.values()):
            raise FieldError(f"{where}: {word} is a dict, {wanted}, not {given!r}")
        for name in given:
            quote_identifier(name)
        found[word] = dict(given)
    security = options.get("row_security", False)
    if security not in (True, False, None, "forced"):
        raise FieldError(
            f'{where}: row_security is True, False or "forced" (for the owner, too), not {security!r}'
        )
    if found["policies"] and not security:
        raise FieldError(
            f'{where} has policies, which count with row_security = True alone (or "forced": for the owner, too)'
        )
    return Guard(bool(security), security == "forced", found["policies"], found["triggers"])


def key_types(table: Table, by: Partitioning) -> tuple[PgType | None, ...]:
    """The types of partition keys; ``None`` for those written as SQL, which only the server knows."""
    columns = table.by_attribute
    return tuple(columns[key].type if key in columns else None for key in by.keys)


__all__ = ["check_keys", "check_words", "key_types", "partitioning", "storage_of", "with_words"]
