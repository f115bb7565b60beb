"""TYPE_SAMPLES: literals of every PostgreSQL type and their Arrow values, for decode, encode and row tests.

Adding a type means one row here (in the file of ``samples/`` it belongs to) and one in ``COLUMN_TYPES``.
"""

from __future__ import annotations

from tests.columnar.samples.base import AS_TEXT, TypeSample, same
from tests.columnar.samples.nested import NESTED
from tests.columnar.samples.numeric import NUMERIC
from tests.columnar.samples.others import OTHERS
from tests.columnar.samples.simple import SIMPLE, TEMPORAL

TYPE_SAMPLES: tuple[TypeSample, ...] = (*SIMPLE, *TEMPORAL, *NUMERIC, *NESTED, *OTHERS)

__all__ = ["AS_TEXT", "TYPE_SAMPLES", "TypeSample", "same"]
