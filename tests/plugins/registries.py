"""What a test registers, functions and lookups of one's own, is gone after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chakra.expressions.library import TRANSFORMS
from chakra.expressions.lookups import LOOKUPS


@pytest.fixture
def registries() -> Iterator[None]:
    transforms, lookups = dict(TRANSFORMS), dict(LOOKUPS)
    yield
    TRANSFORMS.clear()
    TRANSFORMS.update(transforms)
    LOOKUPS.clear()
    LOOKUPS.update(lookups)
