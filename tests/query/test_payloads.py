"""Every payload through every public entry point of the query layer that takes a name or a value.

Entry points are found by introspection: methods of querysets by their signatures, expressions by the samples that the
page of types is written from. Whatever is given either works as a plain value, the same as rows and as columns, or is
refused; it never is a syntax error of the server, nor a name that it does not know, nor another answer.
"""

from __future__ import annotations

import ast
import inspect
import io
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

import chakra
from chakra import CTE, Count, F, OuterRef, Over, Prefetch, Q, Sum, Value
from chakra.db.streams import Stream
from chakra.errors import (
    ChakraError,
    DatabaseError,
    DataError,
    DoesNotExist,
    FieldError,
    MultipleObjectsReturned,
)
from chakra.query.base import Base
from chakra.query.queryset import QuerySet
from tests.query.library import Author, Book
from tests.query.typed.model import Thing, fill
from tests.query.typed.samples import SPECIAL, evaluated, families

PAYLOADS = [
    "'", '"', "x'; drop table canary; --", '"; drop table canary; --', "id\" = 1 or 1=1 --", "--", "/*", "*/", "%",
    "%s", "%(x)s", "::", "id::text", ";", "(select 1)", "\0", "id ", "id,title", "*", "$1", "$$", "?", ":x", "a.b",
    "id[0]", "{0}", "{l}{r}", "{", "}", "->>'a'", "__class__", "__init__", "_state", "author__", "author____name", "",
    "objects",
    "-", "-1", "\\", "\\'", "日本", "x" * 64, "é" * 32, "\u2028", "\ud800", "NULL", "E'", "a\nb",
]  # fmt: skip

REFUSED = (
    FieldError,
    DataError,
    DoesNotExist,
    MultipleObjectsReturned,
    TypeError,
    ValueError,
    OverflowError,
    AttributeError,
)
BROKEN = frozenset({"42601", "42703", "42P01", "42P02", "42702", "42712", "42P10", "XX000"})
"""Codes that say that what was sent is no SQL, or names what is not there: syntax, columns, tables, parameters."""


def broken(error: BaseException) -> bool:
    """Whether an error is none that a payload may end in."""
    if isinstance(error, DatabaseError) and not isinstance(error, DataError):
        return getattr(error, "sqlstate", "") in BROKEN
    return not isinstance(error, (*REFUSED, ChakraError))


async def given_back(found: Any) -> Any:
    """What an entry point gives, run: rows of a query, and the same as columns."""
    if isinstance(found, CTE):
        found = found.objects
    if isinstance(found, Stream):
        async with found as items:
            return [item async for item in items]
    if not isinstance(found, Base):
        return await found if isinstance(found, Awaitable) else found
    rows = await found
    if (
        found._select.result == "dict" and found._select.clauses.lock is None
    ):  # columns of instances are tested elsewhere
        columns = (await found.order_by().to_arrow()).to_pylist() if not found._select.sliced else None
        if columns is not None and len(columns) != len(rows):
            raise AssertionError(f"{len(rows)} rows, and columns of {len(columns)}")
    return rows


async def fault_of(make: Callable[[], Any]) -> str | None:
    """What is wrong about an entry point with a payload; ``None`` = nothing."""
    try:
        await given_back(make())
    except (ChakraError, *REFUSED) as error:
        return f"{type(error).__name__}: {error}" if broken(error) else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


# expressions --------------------------------------------------------------------------------------------------


def mutated(text: str, payload: Any) -> Iterator[str]:
    """A sample with a payload in place of each text, and of each number, in it."""
    spots = [
        n
        for n in ast.walk(ast.parse(text))
        if isinstance(n, ast.Constant) and isinstance(n.value, type(payload))
    ]
    encoded = text.encode()
    written = repr(payload).encode(errors="surrogatepass")
    for spot in spots:
        start, end = spot.col_offset, spot.end_col_offset
        yield (encoded[:start] + written + encoded[end:]).decode(errors="surrogatepass")


def samples() -> Iterator[tuple[str, str]]:
    """One sample of each name, and all of those that are special."""
    for names in families().values():
        for name, texts in names.items():
            yield from (
                (name, text) for text in (texts if name in SPECIAL else texts[:1]) if "Decimal(" not in text
            )


async def ask(db: Any, given: list[str]) -> list[str]:
    """What is wrong about some expressions, which are asked in one query where none of them is refused."""
    made: list[tuple[str, Any]] = []
    wrong: list[str] = []
    for text in given:
        try:
            value = evaluated(text)
            if not isinstance(value, chakra.expressions.Expression):
                continue
            sql, _ = Thing.objects.values(x=value).to_sql()
            made.append((text, value))
        except REFUSED:
            continue
        except Exception as error:
            wrong.append(f"{text}: {type(error).__name__}: {error}")
            continue
        if (
            "canary" in sql and "Func" not in text and "Collate" not in text
        ):  # whose names are quoted identifiers
            wrong.append(f"{text}: the payload is part of {sql}")
    return wrong + await both(made)


async def both(made: list[tuple[str, Any]]) -> list[str]:
    """Ask for expressions as rows and as columns, all together if nothing comes between."""
    if not made:
        return []
    query = Thing.objects.order_by("id").values(**{f"x{at}": value for at, (_, value) in enumerate(made)})
    results: list[Any] = []
    for run in (query, query.to_arrow()):
        try:
            results.append(await run)
        except Exception as error:
            results.append(error)
    if len(made) > 1 and any(isinstance(result, Exception) for result in results):
        return [said for one in made for said in await both([one])]
    rows, columns = results
    if isinstance(rows, Exception) or isinstance(columns, Exception):
        said = [error for error in results if isinstance(error, Exception) and broken(error)]
        if not said and isinstance(rows, DatabaseError) is not isinstance(columns, DatabaseError):
            said = [error for error in results if isinstance(error, DatabaseError)]
        return [f"{made[0][0]}: {type(error).__name__}: {error}" for error in said]
    return [] if columns.num_rows == len(rows) else [f"{made}: {len(rows)} rows and {columns.num_rows}"]


async def canary(db: Any) -> None:
    await db.execute("CREATE TABLE canary (x int)")


async def test_payloads_in_every_expression(db: Any, server_facts: Any) -> None:
    await canary(db)
    without = await fill(db, server_facts.extensions)
    wrong: list[str] = []
    tried = 0
    for name, text in samples():
        # The name of a Func is SQL of the program: what is a plain word is called as it is.
        payloads = [p for p in PAYLOADS if not (name == "Func" and p == "NULL")]
        for_this = [m for payload in (*payloads, -1, -(2**70)) for m in mutated(text, payload)]
        tried += len(for_this)
        wrong += await ask(db, for_this)
    wrong = [said for said in wrong if not (without and "does not exist" in said)]
    if server_facts.major < 16:  # of an hstore that is none, these speak of an internal error
        wrong = [said for said in wrong if "HStore" not in said]
    assert not wrong, "\n".join(wrong[:40])
    assert tried > 5_000
    assert await db.fetch("SELECT count(*) FROM canary")


async def test_values_stay_what_they_are(db: Any) -> None:
    """As rows, as columns, in a condition, and through what gives its argument back."""
    await fill(db, frozenset())
    for payload in PAYLOADS:
        if "\0" in payload or "\ud800" in payload:
            for way in (lambda q: q, lambda q: q.to_arrow()):
                with pytest.raises(DataError):
                    await way(Thing.objects.values(x=Value(payload)))
            continue
        same = {
            "x": Value(payload),
            "y": chakra.Coalesce(Value(payload), "text"),
            "z": chakra.Case(chakra.When(integer__gt=0, then=Value(payload))),
            "u": chakra.Min(Value(payload)),
            "v": chakra.functions.Concat(Value(payload), Value("")),
            "w": chakra.Window(chakra.FirstValue(Value(payload)), order_by="id"),
        }
        query = Thing.objects.values(**same)
        assert await query == [dict.fromkeys(same, payload)]
        assert (await query.to_arrow()).to_pylist() == [dict.fromkeys(same, payload)]
        for condition in (
            Q(x=payload), Q(x__in=[payload]), Q(x__contains=payload), Q(x__startswith=payload), Q(x__endswith=payload),
            Q(x__iexact=payload), Q(x__icontains=payload), Q(x__range=(payload, payload)), F("x") == payload,
        ):  # fmt: skip
            found = query.filter(condition).values("x")
            assert await found == [{"x": payload}], condition
            assert (await found.to_arrow()).to_pylist() == [{"x": payload}], condition
            assert await query.exclude(condition) == [], condition


async def test_what_breaks_the_grammar_of_a_value(library: Any) -> None:
    """Such a syntax error is one of the value, as rows and as columns; one of the statement stays what it is."""
    query = Book.objects.filter(data__json_path_exists="$[")
    for run in (query, query.to_arrow()):
        with pytest.raises(DataError, match="jsonpath"):
            await run
    with pytest.raises(DatabaseError, match="syntax error at or near"):
        await chakra.raw("SELECT FROM WHERE")


# querysets ----------------------------------------------------------------------------------------------------

BOOKS = Book.objects
GIVEN: dict[str, Any] = {
    "data": [{"title": "t", "author_id": 1}],
    "field": "printed",
    "fields": ["title"],
    "file": io.BytesIO(b"title\n"),
    "instance": Book(id=1),
    "instances": [],
    "kind": "year",
    "mode": "peers",
    "percent": 50,
    "position": {"id": 1},
    "count": 1,
    "rows": [],
    "seconds": 5.0,
    "values": {"title": "t"},
}
"""What parameters are given that are not the one in question."""

KEYWORDS: dict[str, Callable[[str], Any]] = {
    "aggregate": lambda name: Count("*"),
    "alias": lambda name: F("id"),
    "annotate": lambda name: F("id"),
    "join": lambda name: BOOKS.values("id"),
    "lateral": lambda name: BOOKS.filter(author=OuterRef("author")).values("id"),
    "window": lambda name: Over(partition_by="author"),
    "with_": lambda name: BOOKS.values("id"),
    "values": lambda name: F("id"),
}
"""What a name that is made up is given, where methods make names; elsewhere names are fields, which are given 1."""

NO_ENTRIES = frozenset(
    {"column_source", "read_plan", "sync_sequences", "to_pandas", "to_polars", "to_numpy", "using"}
)
"""Methods that hand on to others: columns of every kind go through ``to_arrow``, databases are no names."""


def methods() -> dict[str, Any]:
    return {
        name: method
        for name in dir(QuerySet)
        if not name.startswith("_")
        and inspect.isfunction(method := getattr(QuerySet, name))
        and name not in NO_ENTRIES
    }


def entries(name: str, method: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The ways to give a method a payload: as each of its parameters, as a name, and as the value of one."""
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]

    arguments = [GIVEN[p.name] for p in needed]
    made = KEYWORDS.get(name, lambda _: 1)

    def called(parameter: inspect.Parameter, payload: Any) -> Any:
        given = [payload if p is parameter else GIVEN[p.name] for p in needed]
        further = {} if parameter in needed else {parameter.name: payload}
        return getattr(BOOKS, name)(*given, **further)

    def positional(prefix: str, payload: Any) -> Any:
        return getattr(BOOKS, name)(prefix + payload)

    def keyword(keyword: str, payload: Any) -> Any:
        value = {"data": {payload: payload}, "": made(payload)}.get(keyword, payload)
        return getattr(BOOKS, name)(*arguments, **{keyword or payload: value})

    for parameter in parameters:
        if parameter.name == "file":  # a path, and nothing in SQL
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield f"{name}(payload)", partial(positional, "")
            yield f"{name}('-' + payload)", partial(positional, "-")
        elif parameter.kind is parameter.VAR_KEYWORD:
            for word in ("", "title", "id", "data"):
                yield f"{name}({word or 'payload'}=…)", partial(keyword, word)
        else:
            yield f"{name}({parameter.name}=payload)", partial(called, parameter)


SUM = Sum("pages")
FURTHER: dict[str, Callable[[Any], Any]] = {
    "CTE of a name": lambda p: BOOKS.with_(**{p: BOOKS.values("id", "title")}).join(p, on="id").values("id"),
    "path into a CTE": lambda p: BOOKS.with_(c=BOOKS.values("id")).join("c").values(f"c__{p}"),
    "prefetch": lambda p: Author.objects.prefetch_related(Prefetch("books", to_attr=p)),
    "prefetch path": lambda p: Author.objects.prefetch_related(Prefetch(p)),
    "prefetched rows": lambda p: chakra.prefetch([], p),
    "window name": lambda p: BOOKS.window(w=Over(p)).annotate(x=chakra.Window(SUM, over="w")),
    "over a name": lambda p: BOOKS.annotate(x=chakra.Window(SUM, over=p)),
    "frame exclusion": lambda p: BOOKS.annotate(
        x=chakra.Window(SUM, frame=chakra.Frame.rows(0, 0, exclude=p))
    ),
    "frame bound": lambda p: BOOKS.annotate(
        x=chakra.Window(SUM, order_by="id", frame=chakra.Frame.range(p, 0))
    ),
    "nulls": lambda p: BOOKS.order_by(F("id").desc(nulls=p)),
    "lookup word": lambda p: BOOKS.filter(Book.title.lookup(p, "x")),
    "lookup behind": lambda p: BOOKS.filter(**{f"title__{p}": "x"}),
    "lookup behind JSON": lambda p: BOOKS.filter(**{f"data__a__{p}": 1}).values("id"),
    "JSON key": lambda p: BOOKS.filter(F("data")[p] == 1).values("id"),
    "JSON key behind": lambda p: BOOKS.values(x=F("data")["a"][p]),
    "JSON path": lambda p: BOOKS.filter(data__json_path_exists=p).values("id"),
    "regular expression": lambda p: BOOKS.filter(title__regex=p).values("id"),
    "values of arrays": lambda p: BOOKS.filter(tags__contains=[p], tags__overlap=[p]).values("id"),
    "order by sums": lambda p: BOOKS.values(p).annotate(n=Count("*")).order_by("-n"),
    "grouping": lambda p: BOOKS.values("author").annotate(n=Count("*")).rollup(p),
    "named rows": lambda p: BOOKS.values_list(p, named=True),
    "filter of an aggregate": lambda p: BOOKS.aggregate(n=Count("*", filter=Q(**{p: 1}))),
    "outer": lambda p: BOOKS.filter(chakra.Exists(BOOKS.filter(id=OuterRef(p)))),
    "conflict": lambda p: BOOKS.bulk_insert(
        [{"title": "t", "author_id": 1}], on_conflict="update", conflict_fields=[p]
    ),
    "columns of data": lambda p: BOOKS.bulk_insert([{"title": "t", "author_id": 1, p: 1}]),
    "raw parameter": lambda p: chakra.raw("SELECT $1::text AS x", params=[p]).all(),
    "raw parameter in columns": lambda p: chakra.raw("SELECT $1::text AS x", params=[p]).to_arrow(),
}


async def test_payloads_in_every_method(library: Any) -> None:
    await canary(library)
    before = await BOOKS.order_by("id")
    ways = {
        entry: call for name, method in methods().items() for entry, call in entries(name, method)
    } | FURTHER
    wrong: list[str] = []
    for entry, call in ways.items():
        for payload in PAYLOADS:
            said = await undone(library, call, payload)
            if said is not None:
                wrong.append(f"{entry} {payload!r}: {said}")
    assert not wrong, "\n".join(wrong[:60])
    assert [book.title for book in await BOOKS.order_by("id")] == [book.title for book in before]
    assert await library.fetch("SELECT count(*) FROM canary")


class Undo(Exception):
    """What was written is taken back."""


async def undone(db: Any, call: Callable[[Any], Any], payload: Any) -> str | None:
    said = None
    try:
        async with db.transaction():
            said = await fault_of(lambda: call(payload))
            raise Undo
    except Undo:
        return said


def test_the_sweep_knows_every_parameter() -> None:
    """A new method whose other parameters have to be given something has it in ``GIVEN``."""
    for name, method in methods().items():
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            needed = parameter.default is parameter.empty and parameter.kind in (
                parameter.POSITIONAL_ONLY,
                parameter.POSITIONAL_OR_KEYWORD,
            )
            assert not needed or parameter.name in GIVEN, f"GIVEN: no value for {name}({parameter.name}=…)"
