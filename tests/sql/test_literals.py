"""Every literal equals the bound parameter, for every type, on sessions of both string conventions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.plugins.needs import needs_extension
from tests.sql.literal_cases import CASES, JUNK
from tests.sql.literal_server import Server


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    made = Server(dsn)
    yield made
    made.close()


OF_PGVECTOR = {"vector", "halfvec", "sparsevec"}
EVERY_CASE = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_extension("vector") if name.removesuffix("[]") in OF_PGVECTOR else ())
        for name in CASES
    ],
)
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@EVERY_CASE
@few
@given(data=st.data())
def test_literal_is_the_bound_parameter(server: Server, name: str, data: Any) -> None:
    case = CASES[name]
    server.compare(case, data.draw(case.values))


@EVERY_CASE
@few
@given(value=JUNK)
def test_literal_refuses_what_the_parameter_refuses(server: Server, name: str, value: Any) -> None:
    # Beside NULL the driver takes an empty list for a JSON value, beside lists for a dimension; the literal refuses it.
    assume(not (name in ("json[]", "jsonb[]") and "[]" in repr(value)[1:-1] and "None" in repr(value)))
    server.compare_refusal(CASES[name], value)
