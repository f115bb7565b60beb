"""Random documents and paths: the server's answers are those of the documented meaning, computed in Python."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import chakra
from chakra import JSON_NULL, F, Value
from chakra.types import Json, Jsonb
from tests.query.containers.documents import Doc

MISSING = object()
KEYS = ["a", "b", "0", "1", "-1", "it's", "a.b", "x y", "", "::"]
LETTERS = st.text("abB01%_' \"\\é", max_size=4)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, -2.25, 1.0]) | LETTERS
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def documents_and_paths(draw: Any) -> tuple[Any, list[str]]:
    """A document, and a path that mostly leads to something in it."""
    document = found = draw(DOCUMENTS)
    path: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        inside = list(found) if isinstance(found, dict) else []
        inside += map(str, range(len(found))) if isinstance(found, list) else ()
        path.append(
            draw(st.sampled_from(inside) if inside and draw(st.integers(0, 4)) else st.sampled_from(KEYS))
        )
        found = step(found, path[-1])
    return document, path


def step(value: Any, word: str) -> Any:
    """What a word of a path names: the value at a key of an object, or at a position of an array."""
    if isinstance(value, dict):
        return value.get(word, MISSING)
    if isinstance(value, list) and word.lstrip("-").isdigit() and -len(value) <= int(word) < len(value):
        return value[int(word)]
    return MISSING


def kind(value: Any) -> str:
    for name, classes in (("null", type(None)), ("boolean", bool), ("number", (int, float)), ("string", str)):
        if isinstance(value, classes):
            return name
    return "array" if isinstance(value, list) else "object"


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON: numbers by what they are, never across kinds."""
    if kind(one) != kind(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other)


def answers(found: Any, asked: Any) -> dict[str, tuple[Any, bool]]:
    """Lookups behind a path that names ``found``, their values, and whether they hold."""
    there = found is not MISSING
    asked_for = JSON_NULL if asked is None else asked
    result = {
        "exact": (asked_for, there and equal(found, asked)),
        "ne": (asked_for, there and not equal(found, asked)),
        "in": ([asked_for, "zzz"], there and equal(found, asked)),
        "isnull": (True, not there),
        "has_key": ("a", found == "a" or (isinstance(found, list | dict) and "a" in found)),
    }  # fmt: skip
    if kind(asked) in ("number", "boolean"):
        alike = there and kind(found) == kind(asked)
        result["gt"] = (asked, alike and found > asked)
        result["lte"] = (asked, alike and found <= asked)
    if isinstance(asked, str) and not isinstance(found, list | dict | float):
        text = "true" if found is True else "false" if found is False else str(found)
        known = there and found is not None
        result["startswith"] = (asked, known and text.startswith(asked))
        result["icontains"] = (asked, known and asked.lower() in text.lower())
    return result


def test_paths_mean_what_the_page_says(dsn: str) -> None:
    async def ask(db: Any, document: Any, path: list[str], asked: Any) -> None:
        found = document
        for word in path:
            found = step(found, word)
        plain = JSON_NULL if document is None else document
        query = Doc.objects.using(db).annotate(one=Value(plain, Jsonb), other=Value(plain, Json))
        for lookup, (value, holds) in answers(found, asked).items():
            for name in ("one", "other"):
                words = f"{name}__{'__'.join(path)}__{lookup}"
                narrowed = query.filter(**{words: value})
                assert await narrowed.count() == holds, (document, words, value)
                assert await query.exclude(**{words: value}).count() == (not holds)
        if all(not word.lstrip("-").isdigit() for word in path):
            part: Any = F("one")
            for word in path:
                part = part[word]
            row = await query.annotate(x=part).get()
            expected = None if found is MISSING else JSON_NULL if found is None else found
            assert row.x is expected if expected in (None, JSON_NULL) else equal(row.x, expected)

    async def begin() -> Any:
        db = await chakra.connect(dsn)
        await db.execute("DROP TABLE IF EXISTS docs CASCADE")
        await db.create_tables(Doc)
        await Doc.objects.using(db).create(id=1)
        return db

    with asyncio.Runner() as runner:
        db = runner.run(begin())
        try:

            @settings(max_examples=80, deadline=None, derandomize=True)
            @given(documents_and_paths(), SCALARS)
            def check(chosen: tuple[Any, list[str]], asked: Any) -> None:
                document, path = chosen
                runner.run(ask(db, document, path, asked))

            check()
        finally:
            runner.run(db.execute("DROP TABLE docs"))
            runner.run(db.close())
