"""What verbs of a queryset take, one ``TypedDict`` each, and the mark of those that run something.

The options are read by type checkers (``Unpack``), by the checks by name before anything is sent
(``chakra.query.options``) and by the tests of the docs; the mark by ``db.table()``, whose queries look the table up
before they run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, TypedDict, TypeVar

from chakra.expressions import Condition, Expression
from chakra.expressions.sides import Side

if TYPE_CHECKING:
    from chakra.columnar.options import (
        InfinityOption,
        IntervalOption,
        NumericOption,
        StringsOption,
        UuidOption,
    )
    from chakra.columnar.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])

File: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes] | BinaryIO
"""A path, or a file that is open and binary."""
Names: TypeAlias = Sequence[str | Side]
"""Which fields writes return as dicts. A string alone, which checkers take for one, is refused."""


class ReadOptions(TypedDict, total=False):
    """What every way of reading columns takes; see ``chakra.columnar.Options`` for the first five.

    ``nested``: read what ``prefetch_related`` and ``select_related`` load along, as lists of structs and as structs.
    """

    numeric: NumericOption
    infinity: InfinityOption
    strings: StringsOption
    uuid: UuidOption
    interval: IntervalOption
    nested: bool


class PlanOptions(ReadOptions, total=False):
    """What ``read_plan`` takes.

    ``partitions``: connections that read at once, over one snapshot. ``partition_by``: the field to cut by, at
    quantiles of its values; for views and foreign tables, whose rows have no addresses, and must be the same ones each
    time.
    """

    partitions: int
    partition_by: str | None


class TableOptions(PlanOptions, total=False):
    """What ``to_arrow``, ``to_polars``, ``to_pandas`` and ``to_numpy`` take.

    ``progress``: called with (rows, bytes) about once a megabyte; ``True`` shows a bar. ``timeout``: seconds after
    which the server is told to stop.
    """

    progress: Progress
    timeout: float | None


class BatchOptions(ReadOptions, total=False):
    """What ``arrow_batches`` takes; ``max_bytes`` are of the stream, per batch."""

    max_rows: int | None
    max_bytes: int | None
    progress: Progress


class ParquetOptions(ReadOptions, total=False):
    """What ``to_parquet`` takes. ``compression``: of its pages, ``None`` for none; default ``"snappy"``.
    ``row_group_rows``: rows of a row group at most, default 65,536, all of which are in memory at a time.
    """

    compression: Literal["snappy", "zstd", "gzip", "brotli", "lz4", "none"] | None
    row_group_rows: int
    progress: Progress


class DialectOptions(TypedDict, total=False):
    """How a CSV file is written. ``delimiter``, ``quote``: one ASCII character. ``null``: what NULL is, without quotes;
    default: nothing at all. ``header``: whether the first line has names. ``encoding``: as Python calls it.
    ``compression``: of the file; default: by the end of its name (``.gz``, ``.bz2``, ``.zst``).
    """

    delimiter: str
    quote: str
    null: str
    header: bool
    encoding: str
    compression: Literal["gzip", "bz2", "zstd", "none"] | None


DIALECT = ("delimiter", "quote", "null", "header", "encoding")
"""Those of them that say how lines are written."""


class CsvOptions(DialectOptions, total=False):
    """What ``to_csv`` takes."""

    progress: Progress


class ConflictOptions(TypedDict, total=False):
    """What to do about rows that are there already; see ``chakra.columnar.staging.insert_table``."""

    on_conflict: Literal["ignore", "update"] | None
    conflict_fields: Iterable[str | Expression] | None
    update_fields: Iterable[str] | Mapping[str, Any] | None
    conflict_where: Condition | Sequence[Condition] | None
    conflict_constraint: str | None
    where: Condition | Sequence[Condition] | None


class CreateHow(ConflictOptions, total=False):
    """What ``bulk_create`` takes besides ``returning``; ``validate``: check each instance first, see
    ``Model.validate``.

    ``timeout``: seconds after which the server is told to stop, and nothing is written. ``sync_sequences``: move the
    table's sequences past keys that the rows bring themselves.
    """

    timeout: float | None
    sync_sequences: bool
    validate: bool


class CreateOptions(CreateHow, total=False):
    """What ``bulk_create`` takes; ``returning`` as ``create`` does, and ``"arrow"``."""

    returning: bool | Literal["arrow"] | Sequence[str | Side] | None


class InsertOptions(ConflictOptions, total=False):
    """What ``bulk_insert`` takes; see ``chakra.columnar.staging.insert_table``, and ``CreateHow`` for the last two.

    ``returning``: ``"keys"``, or which rows the result holds: ``True``, names, ``"arrow"``.
    """

    returning: bool | Literal["keys", "arrow"] | Sequence[str | Side] | None
    batch_rows: int | None
    progress: Progress
    allow_truncate: bool
    naive_datetimes: Literal["error", "utc", "local"] | None
    infinity: Literal["error", "sentinel"]
    extra: Literal["error", "ignore"]
    sync_sequences: bool
    timeout: float | None


class LoadOptions(InsertOptions, total=False):
    """What ``bulk_insert`` of a table without a model takes, which need not be there yet."""

    create: bool
    mode: Literal["append", "truncate", "replace"]
    dry_run: bool


class LoadParquetOptions(InsertOptions, total=False):
    """What ``load_parquet`` takes. ``columns``: fields by the names the file has for them."""

    columns: Mapping[str, str] | None


class LoadCsvOptions(DialectOptions, InsertOptions, total=False):
    """What ``load_csv`` takes. ``columns``: fields by the names the file has for them, or the fields in its order."""

    columns: Mapping[str, str] | Sequence[str] | None


class UpdateHow(TypedDict, total=False):
    """What ``bulk_update`` takes besides ``returning``; ``key`` is for columns, ``validate`` (see ``CreateHow``) for
    instances. See ``chakra.columnar.staging.update_table``.
    """

    key: Iterable[str] | None
    validate: bool
    batch_rows: int | None
    progress: Progress
    allow_truncate: bool
    naive_datetimes: Literal["error", "utc", "local"] | None
    infinity: Literal["error", "sentinel"]
    timeout: float | None


class UpdateOptions(UpdateHow, total=False):
    """What ``bulk_update`` takes; ``returning`` as ``update`` does."""

    returning: bool | Literal["arrow"] | Sequence[str | Side] | None


def options_of(kind: type) -> tuple[str, ...]:
    """The names of a ``TypedDict`` of options, in the order in which they are declared."""
    return tuple(kind.__annotations__)


_MARK = "__chakra_runs__"


def runs(verb: F) -> F:
    """Mark a method that sends something when it is awaited."""
    setattr(verb, _MARK, True)
    return verb


def is_running(verb: object) -> bool:
    """Whether a method carries the mark."""
    return bool(getattr(verb, _MARK, False))


__all__ = [
    "DIALECT",
    "BatchOptions",
    "CreateHow",
    "CreateOptions",
    "CsvOptions",
    "File",
    "InsertOptions",
    "LoadCsvOptions",
    "LoadOptions",
    "LoadParquetOptions",
    "ParquetOptions",
    "Names",
    "PlanOptions",
    "ReadOptions",
    "TableOptions",
    "UpdateHow",
    "UpdateOptions",
    "is_running",
    "options_of",
    "runs",
]
