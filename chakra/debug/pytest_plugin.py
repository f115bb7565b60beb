"""pytest fixtures for projects that use Chakra: how many statements a block sends.

Use it with ``pytest_plugins = ["chakra.debug.pytest_plugin"]`` in the top ``conftest.py``. Fixtures:

``assert_num_queries``   ``with assert_num_queries(2):`` or ``with assert_num_queries(most=5):``
``no_n_plus_one``        in the tests that ask for it, N+1 queries raise ``NPlusOneError``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from chakra.debug import QueryProfiler, Run
from chakra.debug.nplusone import watch
from chakra.debug.shown import brief

__all__ = ["assert_num_queries", "no_n_plus_one"]


@contextmanager
def _counted(count: int | None, most: int | None) -> Iterator[QueryProfiler]:
    if (count is None) is (most is None):
        raise TypeError("assert_num_queries(2) or assert_num_queries(most=5)")
    with QueryProfiler() as profiler:
        yield profiler
    __tracebackhide__ = True
    found = profiler.total
    right = found == count if most is None else found <= most
    if not right:
        expected = f"{count}" if most is None else f"at most {most}"
        sent = [f"  {number}. {_shown(run)}" for number, run in enumerate(profiler.runs, 1)]
        pytest.fail(f"expected {expected} queries, {found} were sent:\n" + "\n".join(sent), pytrace=True)


def _shown(run: Run) -> str:
    return brief(run.sql) + (f"\n     at {run.call_site}" if run.call_site else "")


@pytest.fixture
def assert_num_queries() -> Callable[..., AbstractContextManager[QueryProfiler]]:
    """``with assert_num_queries(2) as profiler:`` fails unless the block sends so many statements, and lists them.

    The tasks that the block starts count; BEGIN, COMMIT and what Chakra asks for itself do not.

    Args:
        count: how many.
        most: in place of it, how many at most.
    """

    def expect(count: int | None = None, *, most: int | None = None) -> AbstractContextManager[QueryProfiler]:
        return _counted(count, most)

    return expect


@pytest.fixture
def no_n_plus_one() -> Iterator[None]:
    """While the test runs, awaiting a relation for the second row of one result raises ``NPlusOneError``.

    For every test of a project: ``pytestmark = pytest.mark.usefixtures("no_n_plus_one")`` or ``usefixtures`` in its
    configuration of pytest.
    """
    with watch.during("raise", threshold=2):
        yield
