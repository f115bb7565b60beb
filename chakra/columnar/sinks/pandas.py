"""Tables to pandas frames; the only place where pandas is needed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from chakra.columnar.families.simple import DATE_BOUNDS, TIMESTAMP_BOUNDS
from chakra.columnar.sinks.plain import convert, plain_type
from chakra.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(table: pa.Table, **options: Any) -> pd.DataFrame:
    """A pandas frame in which every value is exact, so that it can be written back.

    Where pandas' own dtype for a column would change values, the column gets another: integers with NULLs are
    nullable integers (``Int64``); lists, structs and maps, floats with a NaN among them, and moments with zone
    outside the years 1 to 9999 stay Arrow's (``pandas.ArrowDtype``); days outside those years are ``datetime64[ms]``.
    Everything else is as :meth:`pyarrow.Table.to_pandas` has it; uuid comes as 16 bytes and json as text.

    Parameters:
        options: go to :meth:`pyarrow.Table.to_pandas`, which then decides alone.

    Raises:
        ConfigError: pandas is not installed.
        DataError: a value has no Python object, and pandas nothing else for it; names the column.
    """
    if importlib.util.find_spec("pandas") is None:
        raise ConfigError('to_pandas() needs pandas: pip install "chakra-orm[pandas]"')
    columns = [convert(column, plain_type(column.type, _leaf)) for column in table.columns]
    fields = [pa.field(f.name, c.type) for f, c in zip(table.schema, columns, strict=True)]
    plain = pa.Table.from_arrays(columns, schema=pa.schema(fields)) if fields else table
    try:
        return plain.to_pandas(**options) if options else _exact(plain)
    except (OverflowError, ValueError) as error:
        raise _refusal(plain, options, error) from None


def _exact(table: pa.Table) -> pd.DataFrame:
    """The table with the columns that need it in dtypes of their own."""
    import pandas as pd

    special = {i: made for i, column in enumerate(table.columns) if (made := _special(column)) is not None}
    if not special:
        frame: pd.DataFrame = table.to_pandas()
        return frame
    usual = [i for i in range(table.num_columns) if i not in special]
    parts = [table.select(usual).to_pandas(), *(pd.Series(values) for values in special.values())]
    frame = pd.concat(parts, axis=1)
    order = [*usual, *special]
    frame = frame.iloc[:, [order.index(i) for i in range(table.num_columns)]]
    frame.columns = pd.Index(table.column_names)
    return frame


def _special(column: pa.ChunkedArray) -> Any:
    """A column as pandas holds it exactly; ``None`` = as pyarrow hands it over."""
    import pandas as pd

    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind):
        return pd.arrays.ArrowExtensionArray(column)
    if pa.types.is_integer(kind) and column.null_count:
        name = str(kind).replace("int", "Int").replace("uInt", "UInt")
        nullable = {kind: pd.api.types.pandas_dtype(name)}
        return column.to_pandas(types_mapper=nullable.get)
    if pa.types.is_floating(kind) and _has_nan(column):
        return pd.arrays.ArrowExtensionArray(column)
    if pa.types.is_date(kind) and _beyond(column, pa.int32(), DATE_BOUNDS):
        return column.to_pandas(date_as_object=False)
    if pa.types.is_timestamp(kind) and kind.tz is not None and _beyond(column, pa.int64(), TIMESTAMP_BOUNDS):
        return pd.arrays.ArrowExtensionArray(column)
    return None


def _has_nan(column: pa.ChunkedArray) -> bool:
    wide = column.cast(pa.float32()) if pa.types.is_float16(column.type) else column
    return bool(pc.call_function("any", [pc.call_function("is_nan", [wide])]).as_py())


def _beyond(column: pa.ChunkedArray, numbers: pa.DataType, bounds: tuple[int, int]) -> bool:
    """Whether a date or moment lies outside the years Python has."""
    ends = pc.call_function("min_max", [column.cast(numbers)])
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is not None and (low < bounds[0] or high > bounds[1])


def _leaf(type_: pa.DataType) -> pa.DataType:
    """Arrow hands pandas neither views nor values of one size from inside lists."""
    if pa.types.is_fixed_size_binary(type_):
        return pa.binary()
    if pa.types.is_string_view(type_):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(type_) else type_


def _refusal(table: pa.Table, options: dict[str, Any], error: Exception) -> Exception:
    """What to raise for a table of which some column has values without Python objects."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            column.to_pandas(**options)
        except (OverflowError, ValueError) as found:
            return DataError(
                f'column "{name}": a value of {column.type} has no Python object ({found}); read it with to_arrow()',
                column=name,
            )
    return error


__all__ = ["to_pandas"]
