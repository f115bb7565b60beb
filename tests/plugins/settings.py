"""Settings that a test makes or reads elsewhere are gone after it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from chakra import config

_LOAD = importlib.import_module("chakra.config.load")  # a function of the package has the module's name
_USUAL = config.load()


@pytest.fixture(autouse=True)
def settings_of_one_test() -> Iterator[None]:
    """A test that fails within another folder's ``chakra.toml`` fails alone: 300 others failed behind one."""
    before = _LOAD._current
    yield
    if _LOAD._current is not before and _LOAD._current not in (None, _USUAL):
        config.reset()
