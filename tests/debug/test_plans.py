"""Plans as text and JSON become trees, and what stands out in them is noted; no server is asked."""

from __future__ import annotations

import pytest

from chakra.debug.plans import Node, columns_of, from_json, from_text, notes_on

PLAN = """\
Limit  (cost=1.00..2.00 rows=10 width=8) (actual time=0.100..0.200 rows=10 loops=1)
  CTE w
    ->  Seq Scan on "odd name" x  (cost=0.00..5.00 rows=7 width=4) (never executed)
          Filter: (a > 1)
  ->  Hash Left Join  (cost=1.00..2.00 rows=5000 width=8) (actual time=0.100..0.200 rows=10 loops=1)
        Hash Cond: (u.id = p.id)
        ->  Index Only Scan using "Idx" on public.users u  (cost=0.29..8.31 rows=1 width=9) (actual rows=900.50 loops=3)
              Index Cond: (id = 1)
        ->  Hash  (cost=1.00..2.00 rows=3 width=8) (actual time=0.100..0.200 rows=3 loops=1)
              Buckets: 1024 (originally 1024)  Batches: 4 (originally 1)  Memory Usage: 40kB
              ->  Sort
                    Sort Method: external merge  Disk: 1712kB
Planning Time: 0.100 ms"""


def test_text_becomes_a_tree() -> None:
    root = from_text(PLAN.splitlines())
    assert [(node.type, node.relation, node.alias, node.index) for node in root.walk()] == [
        ("Limit", None, None, None),
        ("Seq Scan", "odd name", "x", None),
        ("Hash Left Join", None, None, None),
        ("Index Only Scan", "users", "u", "Idx"),
        ("Hash", None, None, None),
        ("Sort", None, None, None),
    ]
    limit, cte, join, scan, hashed, sort = root.walk()
    assert limit.children == [cte, join] and join.children == [scan, hashed] and hashed.children == [sort]
    assert (limit.cost, limit.rows, limit.width, limit.seconds) == (2.0, 10, 8, pytest.approx(0.0002))
    assert (cte.loops, cte.actual_rows, cte.more) == (None, None, {"Filter": "(a > 1)"})
    assert (scan.actual_rows, scan.loops, scan.seconds) == (900.5, 3, None)
    assert (hashed.more["Hash Batches"], sort.more["Sort Space Used"]) == (4, 1712)
    assert scan.title == "Index Only Scan using Idx on users"
    assert root.steps("Seq Scan") == [cte]
    assert notes_on(root) == [
        "Index Only Scan using Idx on users: 1 rows were expected, 900 came (x900): ANALYZE users brings its figures "
        "up to date",
        "Hash: the hash table did not fit into work_mem and was cut into 4 parts",
        "Sort: 1.8 MB did not fit into work_mem and were sorted on disk",
    ]  # the join was cut short by the LIMIT: that only few rows came is no mistake


def test_json_becomes_the_same() -> None:
    root = from_json(
        {
            "Node Type": "Aggregate",
            "Strategy": "Hashed",
            "Disk Usage": 2000,
            "Plans": [
                {
                    **{"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Total Cost": 9.0},
                    **{"Plan Rows": 100_000, "Plan Width": 4, "Actual Rows": 5.0, "Actual Loops": 2},
                    **{"Filter": "(b = 1)", "Rows Removed by Filter": 50_000, "Actual Total Time": 3.0},
                }
            ],
        }
    )
    [scan] = root.children
    assert (scan.relation, scan.actual_rows, scan.loops, scan.seconds) == ("t", 5.0, 2, 0.003)
    assert notes_on(root) == [
        "Seq Scan on t: 100,000 rows were expected, 5 came (x20,000): ANALYZE t brings its figures up to date",
        "Aggregate: 2.0 MB did not fit into work_mem and went to disk",
        "Seq Scan on t: 50,005 rows are read for 5 rows with (b = 1); an index on (b) would find them",
    ]


def test_what_is_no_cause_for_a_note() -> None:
    for node in (
        Node("Seq Scan", "t", rows=10, actual_rows=99, loops=1),  # few rows either way
        Node("Seq Scan", "t", rows=1000, actual_rows=101, loops=1),  # not ten times
        Node("Seq Scan", "t", rows=5, actual_rows=5, loops=1, more={"Filter": "x", "Rows Removed by Filter": 9_000}),
        Node("Seq Scan", "t", rows=5000, actual_rows=5000, loops=1,
             more={"Filter": "x", "Rows Removed by Filter": 40_000}),
        Node("Seq Scan", "t", cost=200.0, rows=1, more={"Filter": "x"}),
        Node("Hash", more={"Hash Batches": 1}),
        Node("Sort", more={"Sort Space Type": "Memory", "Sort Space Used": 99}),
    ):  # fmt: skip
        assert notes_on(node) == []


def test_columns_of_conditions() -> None:
    for condition, expected in {
        "(a = 1)": ["a"],
        "((id > '5'::bigint) AND (name = 'n5'::text))": ["name", "id"],
        "((name)::text = 'x'::text)": ["name"],
        '(is_active AND (NOT gone) AND ("Odd" = 1))': ["is_active", "gone", '"Odd"'],
        "((a = 1) OR (b = 2))": [],
        "((a = 1) AND ((b = 2) OR (c = 3)))": ["a"],
        "(name ~~ '%x%'::text)": [],
        "(lower(name) = 'x'::text)": [],
        "(a = ANY ('{1,2}'::integer[]))": ["a"],
        "(t.note = ' AND b = 1'::text)": ["note"],
        "((a > 1) AND (b > 2))": ["a"],
    }.items():
        assert columns_of(condition) == expected, condition
