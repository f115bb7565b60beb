"""Errors show values in the tests, which read of most errors which value they are about; ``tests/debug/test_values.py``
and the pages of the documentation run as users do, with values hidden.
"""

from __future__ import annotations

import os

import pytest

from chakra.pg.showing import showing

os.environ.setdefault(
    "CHAKRA_DEBUG_SHOW_VALUES", "1"
)  # for settings that are read anew, and for subprocesses


@pytest.fixture(autouse=True)
def values_are_shown() -> None:
    """Also where no settings are read."""
    showing.values = True
