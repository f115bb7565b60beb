"""Samples of every function, aggregate, window and choice, as texts: they are shown, and evaluated.

What the tables of functions and lookups say is enough for most samples, so a new row of theirs has samples by itself.
One whose arguments have to be special has a line in ``SPECIAL``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import chakra
from chakra import F, Value, functions, types
from chakra.expressions import library
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.calls import TRANSFORMS, Function, Kind, find_transform
from chakra.expressions.library import attributes
from chakra.expressions.lookups import CONTAINER_LOOKUPS, LOOKUPS, find_lookup
from chakra.pg.types import PgType
from tests.query.typed.model import FIELDS, ROW, Thing

NUMBERS = ("smallint", "integer", "bigint", "numeric", "numeric_12_2", "real", "double")
EACH = tuple(FIELDS)


def each(text: str, names: tuple[str, ...] | str) -> list[str]:
    """A sample for each field."""
    return [text.replace("%", name) for name in (names.split() if isinstance(names, str) else names)]


MOMENTS = "date timestamp timestamptz"
SPECIAL: dict[str, list[str]] = {
    "Decode": ['Decode(Value("6162"), Value("hex"))'],
    "Encode": ['Encode("bytea", Value("hex"))'],
    "AtTimeZone": each('AtTimeZone("%", Value("UTC"))', "timestamp timestamptz"),
    "ToChar": [
        *each('ToChar("%", Value("YYYY"))', MOMENTS + " interval"),
        *each('ToChar("%", Value("999"))', "smallint integer bigint numeric real double"),
    ],
    "Extract": each('Extract("%", "year")', MOMENTS) + each('Extract("%", "epoch")', "interval time"),
    "Trunc": each('Trunc("%", "month")', MOMENTS),
    "Age": each('Age("%", "%")', MOMENTS),
    "MakeDate": ["MakeDate(2024, 2, 29)"],
    "MakeInterval": ['MakeInterval(days="integer")'],
    "Repeat": ['Repeat("text", 2)'],
    "Chr": ["Chr(65)"],
    "Log": ['Log(2, "numeric")', 'Log(2, "integer")'],
    "ACos": each('ACos("%")', "real double"),
    "ASin": each('ASin("%")', "real double"),
    "Cot": ['Cot("double")'],
    "RegexpReplace": ['RegexpReplace("text", Value("t"), Value("x"))'],
    "RangeOf": ['RangeOf("integer", 10)', 'RangeOf("date", "date", bounds="[]")', 'RangeOf("numeric_12_2", None)'],
    "MultiRangeOf": ['MultiRangeOf("int4range", "int4range")'],
    "RangeMerge": ['RangeMerge("int4range", "int4range")', 'RangeMerge("int4multirange")'],
    "ArrayOf": ['ArrayOf("integer", "bigint", 5)', 'ArrayOf("text", Value("x"))', 'ArrayOf(ArrayOf("date"))'],
    "SetBit": ['SetBit("bit", 0, 1)'],
    "SearchVector": [
        'SearchVector("text", "varchar", config="english", weight="A")', 'SearchVector("text") + SearchVector("char")',
    ],
    "SearchQuery": [
        'SearchQuery("fat cat", type="websearch")', 'SearchQuery("a", config="simple") & ~SearchQuery("b")',
        'SearchQuery("a & b", type="raw")', 'SearchQuery("a").followed_by("b", 2)',
    ],
    "SearchRank": [
        'SearchRank("text", "cat", weights={"A": 1}, normalization=2)', 'SearchRank("text", "cat", cover_density=True)',
    ],
    "SearchHeadline": ['SearchHeadline("text", "cat", start_sel="[", stop_sel="]", max_words=5, min_words=2)'],
    "Lexeme": ['Lexeme("cat", prefix=True, weights="A")'],
    "SetWeight": ['SetWeight(SearchVector("text"), "B")'],
    "FilterWeights": ['FilterWeights(SearchVector("text"), "AB")'],
    "Strip": ['Strip(SearchVector("text"))'],
    "DeleteLexeme": ['DeleteLexeme(SearchVector("text"), Value("cat"))'],
    "Lexemes": ['Lexemes(SearchVector("text"))'],
    "LexemeCount": ['LexemeCount(SearchVector("text"))'],
    "NumNode": ['NumNode(SearchQuery("a b"))'],
    "QueryTree": ['QueryTree(SearchQuery("a b"))'],
    "JsonArray": ['JsonArray("text", 1, None)'],
    "JsonObject": ['JsonObject(a="text", b="integer")'],
    "JsonInsert": ['JsonInsert("jsonb", ["a", 0], 5)'],
    "JsonSet": ['JsonSet("jsonb", "a", 5)', 'JsonSet("json", "a", F("integer"))'],
    "JsonRemove": ['JsonRemove("jsonb", "a")'],
    "JsonMerge": ['JsonMerge("jsonb", {"c": 1})'],
    "JsonPathExists": ['JsonPathExists("jsonb", "$.a")'],
    "JsonPathMatch": ['JsonPathMatch("jsonb", "$.a[0] == 1")'],
    "JsonPathQueryFirst": ['JsonPathQueryFirst("jsonb", "$.a[*]")'],
    "JsonPathQueryArray": ['JsonPathQueryArray("jsonb", "$.a[*]")'],
    "JsonValue": ['JsonValue("jsonb", "a", 0, type=Integer)', 'JsonValue("jsonb", "a", type=Array(Integer))'],
    "ToJsonb": each('ToJsonb("%")', "integer text text_array json"),
    "StringAgg": ['StringAgg("text", "; ")', 'StringAgg("integer")'],
    "Count": ['Count("*")', 'Count("text", distinct=True)'],
    "Sum": [
        *each('Sum("%")', (*NUMBERS, "interval")), 'Sum("integer", default=0)', 'Sum("numeric_12_2", default=0)',
    ],
    "Avg": each('Avg("%")', (*NUMBERS, "interval")),
    "StdDev": each('StdDev("%")', NUMBERS),
    "Variance": each('Variance("%", sample=True)', NUMBERS),
    "Min": each('Min("%")', (*NUMBERS, "text", "char", "date", "timestamptz", "interval", "inet", "text_array")),
    "Max": each('Max("%")', (*NUMBERS, "varchar", "time", "timestamp")),
    "ArrayAgg": each('ArrayAgg("%")', "integer numeric_12_2 text date uuid jsonb integer_array"),
    "AnyValue": each('AnyValue("%")', "integer text jsonb"),
    "JsonAgg": each('JsonAgg("%")', "integer text"),
    "JsonObjectAgg": ['JsonObjectAgg("text", "integer")'],
    "XmlAgg": ['XmlAgg(Cast("text", Xml))'],
    "Mode": each('Mode("%")', "integer text date"),
    "PercentileCont": [
        *each('PercentileCont("%", 0.5)', "double integer interval"), 'PercentileCont("double", [0.1, 0.9])',
    ],
    "PercentileDisc": [*each('PercentileDisc("%", 0.5)', "integer text date"), 'PercentileDisc("integer", [0.1, 0.9])'],
    "RankOf": ['RankOf(5, order_by="integer")'],
    "DenseRankOf": ['DenseRankOf(5, order_by="integer")'],
    "PercentRankOf": ['PercentRankOf(5, order_by="integer")'],
    "CumeDistOf": ['CumeDistOf(5, order_by="integer")'],
    "Coalesce": [
        *each('Coalesce("%", "%")', "integer text date jsonb"),
        'Coalesce("smallint", "bigint")', 'Coalesce("integer", "numeric_12_2")', 'Coalesce("real", "numeric")',
        'Coalesce("date", "timestamptz")', 'Coalesce("varchar", Value(""))', 'Coalesce("integer", 0)',
    ],
    "NullIf": ['NullIf("integer", 0)', 'NullIf("text", Value(""))', 'NullIf("smallint", "bigint")'],
    "Greatest": ['Greatest("integer", "bigint")', 'Greatest("date", "timestamp")', 'Greatest("double", 1)'],
    "Least": ['Least("numeric_12_2", "smallint")', 'Least("text", Value("a"))'],
    "Case": [
        'Case(When(boolean=True, then="integer"), default="bigint")',
        'Case(When(integer__gt=1, then=Value("x")))',
        'Case(When(integer__gt=1, then="numeric_12_2"), default=0)',
    ],
    "Cast": ['Cast("text", Varchar(10))', 'Cast("integer", Numeric(12, 2))', 'Cast("jsonb", Text)'],
    "Collate": ['Collate("text", "C")', 'Collate("varchar", "C")'],
    "Value": ["Value(1)", 'Value("a")', "Value(1.5)", 'Value(Decimal("1.50"))', "Value(True)", "Value(1, SmallInt)",
              "Value(None, Text)", "Value([1, 2])", "Value(2**63)"],
    "F": [
        *each('F("%")', "integer numeric_12_2 varchar text_array"), 'F("jsonb")["a"]', 'F("json")["a"][0]',
        'F("text_array")[0]', 'F("integer_array")[0:1]', 'F("inet") + 1', 'F("bit").bitnot()',
    ],
    "Q": ["Q(integer__gt=1)", "Q(integer=1) | ~Q(text=None)"],
    "Func": ['Func("pg_backend_pid")', 'Func("abs", "integer", type=Integer)'],
    "Subquery": ['Subquery(Thing.objects.values("numeric_12_2")[:1])'],
    "ArraySubquery": ['ArraySubquery(Thing.objects.values("date"))'],
    "Exists": ["Exists(Thing.objects.all())"],
    "Lag": ['Window(Lag("numeric_12_2"), order_by="id")', 'Window(Lag("integer", 1, 0), order_by="id")'],
    "Lead": ['Window(Lead("text"), order_by="id")'],
    "FirstValue": ['Window(FirstValue("date"), order_by="id")'],
    "LastValue": ['Window(LastValue("varchar"), order_by="id")'],
    "NthValue": ['Window(NthValue("uuid", 2), order_by="id")'],
    "Ntile": ['Window(Ntile(4), order_by="id")'],
    "Window": ['Window(Sum("integer"), partition_by="text")', 'Window(Count("*"))', 'Window(Avg("real"))'],
}  # fmt: skip
_ONE = {name: [*each(f'{name}("%", "integer")', "integer_array"), f'{name}("text_array", Value("a"))']
        for name in ("ArrayAppend", "ArrayPrepend", "ArrayRemove", "ArrayPosition", "ArrayPositions")}  # fmt: skip
_LTREE, _HSTORE = 'Cast(Value("a.b"), LTree)', 'Cast(Value("a=>1"), HStore)'
_VECTOR, _BITS = 'Cast(Value("[1,-2]"), Vector(2))', 'Cast(Value("101"), Bit(3))'
SPECIAL |= {
    **_ONE,
    "ArrayReplace": ['ArrayReplace("integer_array", 1, 2)'],
    "ArrayOf": ['ArrayOf("integer", 2)', 'ArrayOf("text")'],
    "All": ['F("integer") > All("integer_array")'],
    "Any": ['F("integer") == Any("integer_array")'],
    "Row": ['Row("integer", "text") > (1, "a")'],
    "SetBit": ['SetBit("bit", 2, 1)'],
    "FilterWeights": ['FilterWeights("tsvector", "ab")'],
    "SetWeight": ['SetWeight("tsvector", "A")'],
    "Lexeme": ['Lexeme("cat")'],
    "SearchQuery": ['SearchQuery("cat dog")', 'SearchQuery("cat", config="english", type="websearch")'],
    "SearchVector": ['SearchVector("text")', 'SearchVector("text", config="english", weight="A")'],
    "SearchRank": ['SearchRank("tsvector", SearchQuery("cat"))'],
    "SearchHeadline": ['SearchHeadline("text", SearchQuery("cat"))'],
    **{
        name: [f'{name}("text", "tex")']
        for name in ("TrigramSimilarity", "TrigramDistance")
    },
    **{
        name: [f'{name}("tex", "text")']
        for name in (
            "TrigramWordSimilarity", "TrigramWordDistance", "TrigramStrictWordSimilarity",
            "TrigramStrictWordDistance",
        )
    },
    "NLevel": [f"NLevel({_LTREE})"],
    "LTreeIndex": [f"LTreeIndex({_LTREE}, {_LTREE})"],
    "SubLTree": [f"SubLTree({_LTREE}, 0, 1)"],
    "SubPath": [f"SubPath({_LTREE}, 0)"],
    "LCA": [f"LCA({_LTREE}, {_LTREE})"],
    "HStoreDefined": [f'HStoreDefined({_HSTORE}, Value("a"))'],
    "HStoreDelete": [f'HStoreDelete({_HSTORE}, "a")'],
    "HStoreSlice": [f'HStoreSlice({_HSTORE}, "a")'],
    **{name: [f"{name}({_HSTORE})"] for name in ("HStoreKeys", "HStoreValues", "HStoreToJsonb")},
    **{name: [f"{name}({_VECTOR})"] for name in ("BinaryQuantize", "L2Normalize", "VectorDims", "VectorNorm")},
    **{
        name: [f"{name}({_VECTOR}, {_VECTOR})"]
        for name in ("CosineDistance", "InnerProduct", "L1Distance", "L2Distance", "MaxInnerProduct")
    },
    "SubVector": [f"SubVector({_VECTOR}, 1, 1)"],
    "HammingDistance": [f"HammingDistance({_BITS}, {_BITS})"],
    "JaccardDistance": [f"JaccardDistance({_BITS}, {_BITS})"],
}  # fmt: skip

for _name in ("RowNumber", "Rank", "DenseRank", "PercentRank", "CumeDist"):
    SPECIAL[_name] = [f'Window({_name}(), order_by="id")']

NO_VALUES = frozenset({"Excluded", "Field", "New", "Old", "OuterRef", "Over", "When", "Grouping"})
"""Expressions that stand in others, or in queries of their own kind."""
NO_FUNCTIONS = frozenset(
    {
        "Function",
        "register_aggregate",
        "register_function",
        "register_lookup",
        "EnumFirst",
        "EnumLast",
        "EnumRange",
    }
    | set(attributes.__all__)
)
"""Those of extensions and of enums, whose types have no OID that is known, are asked for in tests/query/containers."""

OF_EXTENSIONS = frozenset({*library.trigrams.__all__, *library.vectors.__all__})
"""Functions that not every database has; their tests are in tests/query/search."""

NAMES: dict[str, Any] = {
    **vars(types), **{n: getattr(functions, n) for n in functions.__all__},
    **{n: getattr(chakra, n) for n in chakra.__all__}, "Thing": Thing, "Decimal": Decimal, "dt": dt,
}  # fmt: skip


def evaluated(text: str) -> Any:
    """The expression that a sample says."""
    return eval(text, dict(NAMES))


def families() -> dict[str, dict[str, list[str]]]:
    """Samples by family and by name."""
    of_chakra = [n for n in chakra.__all__ if _is_expression(getattr(chakra, n)) and n not in NO_VALUES]
    aggregates = [n for n in of_chakra if issubclass(getattr(chakra, n), Aggregate)]
    windows = [n for n in of_chakra if any(t.startswith("Window(") for t in SPECIAL.get(n, ()))]
    values = [n for n in of_chakra if n not in aggregates and n not in windows]
    called = [n for n in functions.__all__ if n not in NO_FUNCTIONS | OF_EXTENSIONS]
    return {
        "Values and choices": {n: samples_of(n, getattr(chakra, n)) for n in values},
        "Functions": {n: samples_of(n, getattr(functions, n)) for n in sorted(called, key=str.lower)},
        "Aggregates": {n: samples_of(n, getattr(chakra, n)) for n in sorted(aggregates)},
        "Windows": {n: samples_of(n, getattr(chakra, n)) for n in windows},
    }


def _is_expression(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, chakra.expressions.Expression)


def samples_of(name: str, what: Any) -> list[str]:
    """The samples of a name: its own, or those that follow from what it takes."""
    if name in SPECIAL:
        return SPECIAL[name]
    if isinstance(what, Function):
        return list(
            _calls(name, what.takes, what.sql, what.least if what.least is not None else len(what.takes))
        )
    rule = getattr(what, "rule", None)
    return list(_calls(name, rule.takes, "", len(rule.takes))) if rule is not None else []


def _calls(name: str, takes: tuple[Kind, ...], sql: Any, least: int) -> Iterator[str]:
    if not takes or (least == 0 and not isinstance(sql, dict)):
        yield f"{name}()"
        return
    for field, type_ in FIELDS.items():
        named = isinstance(sql, dict) and "" not in sql
        if named and type_.base.name not in sql and type_.base.kind not in sql:
            continue
        if not named and not _fits(field, type_, takes[0]):
            continue
        others = [_other(kind, field) for kind in takes[1:least]]
        yield f"{name}({', '.join([repr_of(field), *others])})"


def _fits(field: str, type_: PgType, kind: Kind) -> bool:
    if not kind.types:
        return field in ("integer", "text")
    if kind.types & {"text", "varchar"}:
        return field == "text" or (field == "bytea" and kind.takes(type_))
    if kind.literal is not None and len(kind.types) == 1 and kind.literal.base.name in kind.types:
        return type_.base.name == kind.literal.base.name
    return kind.takes(type_)


def _other(kind: Kind, field: str) -> str:
    if kind.part:
        return repr_of(field.removesuffix("_array"))
    if kind.types & {"text", "varchar"}:
        return 'Value("a")'
    if kind.types == frozenset({"int2", "int4"}):
        return "2"
    return repr_of(field)


def repr_of(field: str) -> str:
    return f'"{field}"'


CALLS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
}


def operations() -> Iterator[tuple[str, str, str]]:
    """Every operator between numbers, and those of dates and times: the left field, the operator, the right field."""
    for left, right in itertools.product(NUMBERS, NUMBERS):
        for sign in CALLS:
            if not (sign == "%" and {left, right} & {"real", "double"}):
                yield left, sign, right
    yield from (tuple(line.split()) for line in TIMES)  # type: ignore[misc]


TIMES = (
    "date + interval", "date - interval", "date - date", "date + integer", "date - bigint", "date + time",
    "timestamp + interval", "timestamp - timestamp", "timestamptz - interval", "timestamptz - timestamptz",
    "time + interval", "time - time", "interval + interval", "interval * double", "interval / integer",
    "text + text", "int4range + int4range", "int4range * int4range", "int4range - int4range",
    "int4multirange + int4multirange",
)  # fmt: skip


def transform_samples() -> Iterator[tuple[str, str, F]]:
    """Every transform of every type: the word, the field, and the value."""
    for field, type_ in FIELDS.items():
        for word in sorted(TRANSFORMS):
            found = find_transform(word, type_)
            if found is not None and found.name not in OF_EXTENSIONS:
                yield word, field, F(f"{field}__{word}")


def lookup_samples() -> Iterator[tuple[str, str, Any]]:
    """Every lookup of every type: the word, the field, and the condition."""
    words = sorted({*LOOKUPS, *(word for word, _ in CONTAINER_LOOKUPS)} - TRIGRAMS)
    for field, type_ in FIELDS.items():
        for word in words:
            rule = find_lookup(word, type_)
            if rule is None or (field, word) in NO_LOOKUPS:
                continue
            yield word, field, F(field).lookup(word, _right(rule, field, type_, word))


TRIGRAMS = {word for word in LOOKUPS if word.startswith("trigram_")}
NO_LOOKUPS = frozenset({("real", "contained_by"), ("double", "contained_by"), ("int4multirange", "range")})
"""The server has no ranges of the first two; two lists of ranges are no plain bounds."""


def _right(rule: Any, field: str, type_: PgType, word: str) -> Any:
    value = ROW[field]
    right = rule.right
    if word == "search" or word.startswith("trigram"):
        return "cat"
    if type_.base.kind == "multirange":
        return Thing.objects.values(field) if right == "array" else F(field)
    if right in ("text", "query"):
        return "a"
    if right == "array":
        return [value]
    if right == "pair":
        return (value, value)
    if right == "given":
        return {"text": "a", "_text": ["a"], "jsonpath": "$.a"}.get(rule.given.name, value)
    if right == "span of":
        return Value(None, _SPANS[field]) if field in _SPANS else "empty"
    return value


_SPANS = {"integer": types.Int4Range}

__all__ = [
    "CALLS",
    "NAMES",
    "NO_VALUES",
    "NUMBERS",
    "SPECIAL",
    "TIMES",
    "evaluated",
    "families",
    "lookup_samples",
    "operations",
    "samples_of",
    "transform_samples",
]
