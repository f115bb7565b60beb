"""Tables to the containers users work with; each library is imported only when its sink is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A Polars frame over the same memory where Polars has the type.

    Raises:
        ConfigError: polars is not installed.
    """
    from chakra.columnar.sinks import polars

    return polars.to_polars(table)


def to_pandas(table: pa.Table, **options: Any) -> pd.DataFrame:
    """A pandas frame; ``options`` go to :meth:`pyarrow.Table.to_pandas`.

    Raises:
        ConfigError: pandas is not installed.
    """
    from chakra.columnar.sinks import pandas

    return pandas.to_pandas(table, **options)


def to_numpy(table: pa.Table) -> dict[str, np.ndarray[Any, Any]]:
    """``{name: array}``; see :mod:`chakra.columnar.sinks.numpy` for the rule about NULLs."""
    from chakra.columnar.sinks import numpy

    return numpy.to_numpy(table)


__all__ = ["to_numpy", "to_pandas", "to_polars"]
