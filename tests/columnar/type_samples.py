"""TYPE_SAMPLES: literals of every PostgreSQL type and their Arrow values, for decode, encode and row tests.

Adding a type means one row here (in the file of ``samples/`` it belongs to) and one in ``COLUMN_TYPES``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.columnar.samples.base import AS_TEXT, TypeSample, same
from tests.columnar.samples.nested import NESTED
from tests.columnar.samples.numeric import NUMERIC
from tests.columnar.samples.others import OTHERS
from tests.columnar.samples.simple import SIMPLE, TEMPORAL

TYPE_SAMPLES: tuple[TypeSample, ...] = (*SIMPLE, *TEMPORAL, *NUMERIC, *NESTED, *OTHERS)


def every_sample(*without: str) -> Any:
    """Runs a test with every sample but those of the types named; skips those the server cannot have."""
    return pytest.mark.parametrize(
        "sample",
        [pytest.param(s, marks=s.marks, id=s.id) for s in TYPE_SAMPLES if s.type.name not in without],
    )


__all__ = ["AS_TEXT", "TYPE_SAMPLES", "TypeSample", "every_sample", "same"]
