"""Tables to pandas frames; the only place where pandas is needed."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from chakra.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(table: pa.Table, **options: Any) -> pd.DataFrame:
    """A pandas frame, by :meth:`pyarrow.Table.to_pandas`: NULL integers make a float column unless a
    ``types_mapper=pandas.ArrowDtype`` keeps Arrow's types; uuid comes as 16 bytes and json as text.

    Raises:
        ConfigError: pandas is not installed.
    """
    if importlib.util.find_spec("pandas") is None:
        raise ConfigError('to_pandas() needs pandas: pip install "chakra-orm[pandas]"')
    columns = [_unwrapped(column) for column in table.columns]
    fields = [pa.field(f.name, c.type) for f, c in zip(table.schema, columns, strict=True)]
    frame: pd.DataFrame = pa.Table.from_arrays(columns, schema=pa.schema(fields)).to_pandas(**options)
    return frame


def _unwrapped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.cast(column.type.storage_type)
    return column


__all__ = ["to_pandas"]
