"""Fuzz the literals for as long as told: ``python -m tests.sql.fuzz_literals --seconds 600 --dsn postgresql://…``."""

from __future__ import annotations

import argparse
import random
import time

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.sql.literal_cases import CASES, JUNK, Case
from tests.sql.literal_server import Server

ROUND = 200  # examples of one type before the next is drawn


def fuzz(server: Server, case: Case, number: int) -> None:
    """One round: values of the type, then values of any kind."""
    rules = settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )

    @seed(number)
    @rules
    @given(value=case.values)
    def fitting(value: object) -> None:
        server.compare(case, value)

    @seed(number)
    @rules
    @given(value=st.one_of(JUNK, st.lists(JUNK, max_size=3), st.tuples(JUNK, JUNK)))
    def any_kind(value: object) -> None:
        server.compare_refusal(case, value)

    fitting()
    any_kind()


def main() -> None:
    """Read the arguments, run, print what was covered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to run")
    parser.add_argument("--dsn", required=True, help="a database to make a schema in; dropped at the end")
    parser.add_argument("--type", choices=sorted(CASES), help="this type only")
    parser.add_argument("--seed", type=int, default=None, help="start of the random numbers")
    arguments = parser.parse_args()
    start = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    pick = random.Random(start)
    server = Server(arguments.dsn)
    until = time.monotonic() + arguments.seconds
    rounds = 0
    print(f"seed {start}", flush=True)
    try:
        while time.monotonic() < until:
            name = arguments.type or pick.choice(list(CASES))
            try:
                fuzz(server, CASES[name], pick.randrange(2**32))
            except BaseException:
                print(f"type {name}, round {rounds}", flush=True)
                raise
            rounds += 1
    finally:
        server.close()
    print(f"{rounds} rounds of up to {2 * ROUND} values, no difference")


if __name__ == "__main__":
    main()
