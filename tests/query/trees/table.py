"""What an expression of a kind may be made of: a row says the kinds of its parts, Chakra's words, and the SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from chakra import (
    ArrayAgg,
    Avg,
    BitAnd,
    BitOr,
    BoolAnd,
    BoolOr,
    Case,
    Cast,
    Coalesce,
    Collate,
    Corr,
    Count,
    F,
    Greatest,
    JsonAgg,
    JsonObjectAgg,
    Least,
    Max,
    Min,
    Mode,
    NullIf,
    PercentileCont,
    PercentileDisc,
    Q,
    RegrCount,
    RegrSlope,
    StdDev,
    StringAgg,
    Sum,
    Value,
    Variance,
    When,
)
from chakra import functions as f
from tests.query.trees.model import SQL_TYPES
from tests.query.trees.nodes import TYPES


class Row(NamedTuple):
    """One way to make an expression."""

    kind: str
    parts: tuple[str, ...]
    say: Callable[..., Any]
    sql: str


ROWS: list[Row] = []
AGGREGATES: list[Row] = []


def row(kind: str, parts: str, say: Callable[..., Any], sql: str) -> None:
    ROWS.append(Row(kind, tuple(parts.split()), say, sql))


# numbers ------------------------------------------------------------------------------------------------------

NUMBERS = ("i2", "i4", "i8", "n", "f4", "f8")
_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    if "f4" in (one, other) or "f8" in (one, other):
        return "f8"
    return max(one, other, key=NUMBERS.index)


def _chosen(one: str, other: str) -> str:
    """The kind of one of two values: unlike operators, real has room for whole numbers and numerics here."""
    return "f8" if "f8" in (one, other) else "f4" if "f4" in (one, other) else _wider(one, other)


for left in NUMBERS:
    for right in NUMBERS:
        wide = _wider(left, right)
        for word, call in _OPERATORS.items():
            row(wide, f"{left} {right}", call, f"({{0}} {word} {{1}})")
        row(wide, f"{left} {right}", lambda a, b: a / NullIf(b, 0), "({0} / NULLIF({1}, 0))")
        if "f" not in left + right:
            row(wide, f"{left} {right}", lambda a, b: a % NullIf(b, 0), "({0} % NULLIF({1}, 0))")
            row(wide, f"{left} {right}", lambda a, b: f.Mod(a, NullIf(b, 0)), "mod({0}, NULLIF({1}, 0))")
        row("b", f"{left} {right}", operator.lt, "({0} < {1})")
        row("b", f"{left} {right}", lambda a, b: a == b, "({0} = {1})")
        row(_chosen(left, right), f"{left} {right}", Coalesce, "COALESCE({0}, {1})")
        row(_chosen(left, right), f"{left} {right}", Greatest, "GREATEST({0}, {1})")
    row(left, left, operator.neg, "(- {0})")
    row(left, left, f.Abs, "abs({0})")
    row(left if left != "f4" else "f8", left, f.Floor, "{0}" if left in ("i2", "i4", "i8") else "floor({0})")
    row(left if left != "f4" else "f8", left, f.Round, "{0}" if left in ("i2", "i4", "i8") else "round({0})")
    row(left if left in ("n",) else "f8", left, f.Sign, "sign({0})")
    row("n", left, lambda a: f.RoundTo(a, 1), "round({0}::numeric, 1)")
    row("t", left, lambda a: f.Concat(a, Value("|")), "concat({0}, '|')")
    row("t", left, lambda a: Cast(a, TYPES["t"]), "({0})::text")
    row("b", left, lambda a: Q() | (a > 3), "({0} > 3)")
    row("b", left, lambda a: a.in_([1, 2, -1]), "({0} IN (1, 2, -1))")
    row("b", left, lambda a: a.between(-1, 10), "({0} BETWEEN -1 AND 10)")
    for to in NUMBERS:
        if to != left:
            row(to, left, lambda a, to=to: Cast(a, TYPES[to]), f"({{0}})::{SQL_TYPES[to]}")
for whole in ("i2", "i4", "i8"):
    row("i8", whole, lambda a: a + 5, "({0} + 5::bigint)")
    row("i8", whole, lambda a: 2 * a, "(2::bigint * {0})")
    row(whole, f"{whole} {whole}", lambda a, b: a.bitand(b), "({0} & {1})")
    row(whole, f"{whole} {whole}", lambda a, b: a.bitor(b), "({0} | {1})")
    row(whole, f"{whole} {whole}", lambda a, b: a.bitxor(b), "({0} # {1})")
    row(whole, whole, lambda a: a.bitnot(), "(~ {0})")
    row(whole, whole, lambda a: a.bitleftshift(3), "({0} << 3)")
    row(whole, whole, lambda a: a.bitrightshift(2), "({0} >> 2)")
    row("f8", f"{whole} i4", lambda a, b: a ** (b % 3), "({0} ^ ({1} % 3))")
    row("f8", whole, lambda a: f.Sqrt(f.Abs(a)), "sqrt(abs({0}))")
row("n", "n", lambda a: a + 5, "({0} + 5)")
row("n", "n", lambda a: 1 - a, "(1 - {0})")
row("f8", "f8", lambda a: a * 3, "({0} * 3::float8)")
row("n", "n i4", lambda a, b: f.TruncateTo(a, b % 3), "trunc({0}, ({1} % 3)::int)")
row("f8", "f8 f8", f.ATan2, "atan2({0}, {1})")
row("f8", "f8", f.Sin, "sin({0})")
row("f8", "f8", f.Radians, "radians({0})")
row("f8", "i4", f.Cbrt, "cbrt({0})")
row("n", "n", lambda a: f.Ln(f.Abs(a) + 1), "ln(abs({0}) + 1)")

# texts --------------------------------------------------------------------------------------------------------

row("t", "t t", lambda a, b: a + b, "({0} || {1})")
row("t", "t t", lambda a, b: a.concat(b), "({0} || {1})")
row("t", "t i8", lambda a, b: a.concat(b), "({0} || {1})")
row("t", "t", f.Lower, "lower({0})")
row("t", "t", f.Upper, "upper({0})")
row("t", "t", f.Reverse, "reverse({0})")
row("t", "t", f.Trim, "btrim({0})")
row("t", "t", f.InitCap, "initcap({0})")
row("t", "t", f.MD5, "md5({0})")
row("t", "t", f.SHA256, "encode(sha256(convert_to({0}, 'UTF8')), 'hex')")
row("t", "t t", f.LTrim, "ltrim({0}, {1})")
row("t", "t i4", lambda a, b: f.Left(a, b % 5), "left({0}, {1} % 5)")
row("t", "t i4", lambda a, b: f.Right(a, b % 5), "right({0}, {1} % 5)")
row("t", "t i4", lambda a, b: f.Substr(a, b % 5), "substr({0}, {1} % 5)")
row("t", "t i4", lambda a, b: f.LPad(a, b % 9, Value("*-")), "lpad({0}, {1} % 9, '*-')")
row("t", "t i4", lambda a, b: f.Repeat(a, b % 3), "repeat({0}, {1} % 3)")
row("t", "t t t", f.Replace, "replace({0}, {1}, {2})")
row("t", "t t t", f.Translate, "translate({0}, {1}, {2})")
row("t", "t t", lambda a, b: f.SplitPart(a, b, 1), "split_part({0}, {1}, 1)")
row("t", "t i4 d", f.Concat, "concat({0}, {1}, {2})")
row("t", "t t b", f.ConcatWS, "concat_ws({0}, {1}, {2})")
row("t", "t", lambda a: Collate(a, "C"), '({0} COLLATE "C")')
row("i4", "t", f.Length, "length({0})")
row("i4", "t", f.OctetLength, "octet_length({0})")
row("i4", "t", f.Ord, "ascii({0})")
row("i4", "t t", f.StrIndex, "strpos({0}, {1})")
row("by", "t", lambda a: f.Decode(f.MD5(a), Value("hex")), "decode(md5({0}), 'hex')")
row("t", "by", lambda a: f.Encode(a, Value("hex")), "encode({0}, 'hex')")
row("t", "by", f.SHA224, "encode(sha224({0}), 'hex')")
row("by", "by by", lambda a, b: a.concat(b), "({0} || {1})")
for kind in ("i4", "n", "f8", "b", "d", "ts", "u", "iv"):
    row("t", kind, lambda a: Cast(a, TYPES["t"]), "({0})::text")
row("t", "t", lambda a: Cast(a, TYPES["t"]), "({0})::text")

# dates and times ----------------------------------------------------------------------------------------------

row("d", "d i4", lambda a, b: a + b % 1000, "({0} + ({1} % 1000))")
row("d", "d", lambda a: a - 1, "({0} - 1)")
row("i4", "d d", lambda a, b: a - b, "({0} - {1})")
row("ts", "d iv", lambda a, b: a + b, "({0} + {1})")
row("ts", "ts iv", lambda a, b: a - b, "({0} - {1})")
row("tz", "tz iv", lambda a, b: a + b, "({0} + {1})")
row("tm", "tm iv", lambda a, b: a + b, "({0} + {1})")
row("iv", "ts ts", lambda a, b: a - b, "({0} - {1})")
row("iv", "tz tz", lambda a, b: a - b, "({0} - {1})")
row("iv", "tm tm", lambda a, b: a - b, "({0} - {1})")
row("iv", "iv iv", lambda a, b: a + b, "({0} + {1})")
row("iv", "iv", operator.neg, "(- {0})")
row("iv", "iv f8", lambda a, b: a * Least(f.Abs(b), 9.5), "({0} * LEAST(abs({1}), 9.5))")
row("ts", "d tm", lambda a, b: a + b, "({0} + {1})")
row(
    "iv",
    "i4",
    lambda a: f.MakeInterval(days=a % 100, hours=2),
    "make_interval(days => {0} % 100, hours => 2)",
)
row("ts", "tz", lambda a: f.AtTimeZone(a, Value("Asia/Tokyo")), "({0} AT TIME ZONE 'Asia/Tokyo')")
row("tz", "ts", lambda a: f.AtTimeZone(a, Value("UTC")), "({0} AT TIME ZONE 'UTC')")
row("d", "tz", f.Date, "({0} AT TIME ZONE 'UTC')::date")
row("tm", "ts", f.Time, "({0})::time")
row("iv", "ts ts", f.Age, "age({0}, {1})")
for part in ("year", "quarter", "month", "week", "day"):
    sql = f"extract({part} FROM {{0}})::int"
    for kind in ("d", "ts"):
        row("i4", kind, lambda a, part=part: f.Extract(a, part), sql)
    row("i4", "tz", lambda a, part=part: f.Extract(a, part), sql.replace("{0}", "({0} AT TIME ZONE 'UTC')"))
    row(
        "i4",
        "tz",
        lambda a, part=part: f.Extract(a, part, tz="America/New_York"),
        sql.replace("{0}", "({0} AT TIME ZONE 'America/New_York')"),
    )
    row("ts", "ts", lambda a, part=part: f.Trunc(a, part), f"date_trunc('{part}', {{0}})")
    row("tz", "tz", lambda a, part=part: f.Trunc(a, part), f"date_trunc('{part}', {{0}}, 'UTC')")
    row("d", "d", lambda a, part=part: f.Trunc(a, part), f"date_trunc('{part}', {{0}}::timestamp)::date")
row("i4", "tm", lambda a: f.Extract(a, "hour"), "extract(hour FROM {0})::int")
row("n", "iv", lambda a: f.Extract(a, "epoch"), "extract(epoch FROM {0})")
row("t", "d", lambda a: f.ToChar(a, Value("YYYY-MM")), "to_char({0}::timestamp, 'YYYY-MM')")
row("t", "i4", lambda a: f.ToChar(a, Value("FM999")), "to_char({0}, 'FM999')")
row(
    "d",
    "i4",
    lambda a: f.MakeDate(f.Abs(a % 50) + 2000, 2, 3),
    "make_date((abs({0} % 50) + 2000)::int, 2, 3)",
)
row("d", "ts", lambda a: Cast(a, TYPES["d"]), "({0})::date")
row("ts", "d", lambda a: Cast(a, TYPES["ts"]), "({0})::timestamp")

_JSON_LENGTH = (
    "(CASE jsonb_typeof({0}) WHEN 'array' THEN jsonb_array_length({0}) "
    "WHEN 'object' THEN jsonb_array_length(jsonb_path_query_array({0}, '$.*')) END)"  # no FROM, which takes no windows
)
_JSON_INTEGER = (
    "(CASE WHEN jsonb_typeof({0} -> 'a') = 'number' AND ({0} -> 'a')::numeric % 1 = 0 "
    "THEN ({0} -> 'a')::int END)"
)
_SPAN = "(int4range(LEAST({0}, {1}), GREATEST({0}, {1}), '[]') @> 5)"
_UPPER = "upper(int4range(LEAST({0}, {1}), GREATEST({0}, {1})))"

# containers ---------------------------------------------------------------------------------------------------

row("at", "at at", lambda a, b: a.concat(b), "({0} || {1})")
row("ai", "ai ai", lambda a, b: a.concat(b), "({0} || {1})")
row("ai", "ai", lambda a: a.concat([1, 2]), "({0} || ARRAY[1, 2])")
row("b", "at at", lambda a, b: a.contains(b), "({0} @> {1})")
row("b", "at at", lambda a, b: a.lookup("contained_by", b), "({0} <@ {1})")
row("b", "ai ai", lambda a, b: a.lookup("overlap", b), "({0} && {1})")
row("j", "j j", lambda a, b: a.concat(b), "({0} || {1})")
row("b", "j j", lambda a, b: a.contains(b), "({0} @> {1})")
row("b", "j", lambda a: a.contains({"a": 1}), "({0} @> '{\"a\": 1}')")

row("j", "j", lambda a: a["a"], "({0} -> 'a')")
row("j", "j", lambda a: a[1], "({0} -> 1)")
row("j", "j", lambda a: a["k'\""]["b"][0], "({0} -> 'k''\"' -> 'b' -> 0)")
row("t", "j", f.JsonType, "jsonb_typeof({0})")
row("i4", "j", f.JsonLength, _JSON_LENGTH)
row("b", "j", lambda a: a.lookup("has_key", "a"), "({0} ? 'a')")
row("b", "j", lambda a: f.JsonPathExists(a, "$.a ? (@ == $n)", {"n": 1}), "({0} @? '$.a ? (@ == 1)')")
row("i4", "j", lambda a: f.JsonValue(a, "a", type=TYPES["i4"]), _JSON_INTEGER)
row(
    "j", "j i8", lambda a, b: f.JsonSet(a, ["a"], b), "jsonb_set({0}, '{a}', COALESCE(to_jsonb({1}), 'null'))"
)
row(
    "j",
    "t i4 d",
    lambda a, b, c: f.JsonObject(x=a, y=b, z=c),
    "jsonb_build_object('x', {0}, 'y', {1}, 'z', {2})",
)
row("j", "t b", f.JsonArray, "jsonb_build_array({0}, {1})")
row("j", "at", f.ToJsonb, "to_jsonb({0})")
row("b", "i4 i4", lambda a, b: f.RangeOf(Least(a, b), Greatest(a, b), bounds="[]").contains(5), _SPAN)
row("i4", "i4 i4", lambda a, b: f.RangeUpper(f.RangeOf(Least(a, b), Greatest(a, b))), _UPPER)

# conditions ---------------------------------------------------------------------------------------------------

_OF_ONE_KIND = "(jsonb_typeof({0}) = jsonb_typeof({1}) AND {})"
"""Documents are in an order with those of their kind only."""
KINDS = ("i2", "i4", "i8", "n", "f4", "f8", "t", "b", "d", "ts", "tz", "tm", "iv", "by", "u", "at", "ai", "j")
SAME = {"=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": operator.lt, ">=": operator.ge}
for kind in KINDS:
    for word, call in SAME.items():
        of_one_kind = _OF_ONE_KIND if kind == "j" and word in ("<", ">=") else "{}"
        row("b", f"{kind} {kind}", call, of_one_kind.replace("{}", f"({{0}} {word} {{1}})"))
    row("b", kind, lambda a: a.is_null(), "({0} IS NULL)")
    row("b", kind, lambda a: a.is_not_null(), "({0} IS NOT NULL)")
    if kind != "j":
        between = "({0} BETWEEN {1} AND {2})"
        row("b", f"{kind} {kind} {kind}", lambda a, b, c: (a >= b) & (a <= c), between)
    row(
        kind,
        f"b {kind} {kind}",
        lambda a, b, c: Case(When(a, then=b), default=c),
        "(CASE WHEN {0} THEN {1} ELSE {2} END)",
    )
    row(
        kind,
        f"b b {kind} {kind}",
        lambda a, b, c, d: Case(When(a, then=c), When(b, then=d)),
        "(CASE WHEN {0} THEN {2} WHEN {1} THEN {3} END)",
    )
    row(kind, f"{kind} {kind}", Coalesce, "COALESCE({0}, {1})")
    row(kind, f"{kind} {kind}", NullIf, "NULLIF({0}, {1})")
    row(kind, f"{kind} {kind} {kind}", Least, "LEAST({0}, {1}, {2})")
row("b", "b b", operator.and_, "({0} AND {1})")
row("b", "b b", operator.or_, "({0} OR {1})")
row("b", "b", operator.invert, "({0} IS NOT TRUE)")
row("b", "b", lambda a: Cast(a, TYPES["b"]), "({0})::boolean")
row("b", "t t", lambda a, b: a.contains(b), "(strpos({0}, {1}) > 0)")
row("b", "t t", lambda a, b: a.startswith(b), "starts_with({0}, {1})")
row("b", "t t", lambda a, b: a.endswith(b), "(right({0}, length({1})) = {1})")
row("b", "t t", lambda a, b: a.iexact(b), "(lower({0}) = lower({1}))")
row("b", "t", lambda a: a.contains("%"), "(strpos({0}, '%') > 0)")
row("b", "t", lambda a: a.icontains("A_"), "(strpos(lower({0}), 'a_') > 0)")
row("b", "t", lambda a: a.startswith("A%_\\"), "starts_with({0}, 'A%_\\')")
row("b", "t", lambda a: a.iendswith("S"), "(lower(right({0}, 1)) = 's')")
row("b", "t", lambda a: a.matches("^[a-z]+$"), "({0} ~ '^[a-z]+$')")
row("b", "t", lambda a: a.in_(["a", "it's"]), "({0} IN ('a', 'it''s'))")
row("b", "d", lambda a: a.lookup("year__gte", 2000), "(extract(year FROM {0}) >= 2000)")
row("b", "t", lambda a: a.lookup("length__gt", 1), "(length({0}) > 1)")
row("b", "t", lambda a: a.lookup("upper__startswith", "A"), "starts_with(upper({0}), 'A')")

# aggregates ---------------------------------------------------------------------------------------------------


_OBJECT_AGG = "jsonb_object_agg(COALESCE({0}, '-'), {1})"


def aggregate(kind: str, parts: str, say: Callable[..., Any], sql: str) -> None:
    AGGREGATES.append(Row(kind, tuple(parts.split()), say, sql))


for kind, total in {"i2": "i8", "i4": "i8", "i8": "n", "n": "n", "f8": "f8", "iv": "iv"}.items():
    aggregate(total, kind, Sum, "sum({0})")
    aggregate(total, f"{kind} b", lambda a, b: Sum(a, filter=b), "sum({0}) FILTER (WHERE {1})")
    aggregate(
        {"f8": "f8", "iv": "iv"}.get(kind, "n"), kind, lambda a: Avg(a, distinct=True), "avg(DISTINCT {0})"
    )
aggregate("n", "n", lambda a: Sum(a, default=0), "COALESCE(sum({0}), 0)")
aggregate("n", "i4", StdDev, "stddev_pop({0})")
aggregate("f8", "f8", lambda a: Variance(a, sample=True), "var_samp({0})")
for kind in KINDS:
    aggregate("i8", kind, Count, "count({0})")
    aggregate("i8", kind, lambda a: Count(a, distinct=True), "count(DISTINCT {0})")
    if kind not in ("b", "by", "u", "j"):
        aggregate(kind, kind, Max, "max({0})")
        aggregate(kind, f"{kind} b", lambda a, b: Min(a, filter=b), "min({0}) FILTER (WHERE {1})")
aggregate("at", "t", lambda a: ArrayAgg(a, order_by=[a, "id"]), "array_agg({0} ORDER BY {0}, t.id)")
aggregate("ai", "i4", lambda a: ArrayAgg(a, order_by=["-id"]), "array_agg({0} ORDER BY t.id DESC)")
aggregate(
    "t",
    "t",
    lambda a: StringAgg(a, "'; ", order_by=[F("id").desc()]),
    "string_agg({0}, '''; ' ORDER BY t.id DESC)",
)
aggregate("j", "i8", lambda a: JsonAgg(a, order_by=["id"]), "jsonb_agg({0} ORDER BY t.id)")

aggregate("b", "b", BoolAnd, "bool_and({0})")
aggregate(
    "b",
    "b b",
    lambda a, b: BoolOr(a, filter=b, default=False),
    "COALESCE(bool_or({0}) FILTER (WHERE {1}), false)",
)
aggregate("i2", "i2", BitAnd, "bit_and({0})")
aggregate("i4", "i4", BitOr, "bit_or({0})")
aggregate("f8", "f8 f8", Corr, "corr({0}, {1})")
aggregate("f8", "f4 i4", RegrSlope, "regr_slope({0}, {1})")
aggregate("i8", "n f8", RegrCount, "regr_count({0}, {1})")
aggregate("f8", "i4", lambda a: PercentileCont(a, 0.25), "percentile_cont(0.25) WITHIN GROUP (ORDER BY {0})")
aggregate("d", "d", lambda a: PercentileDisc(a, 0.5), "percentile_disc(0.5) WITHIN GROUP (ORDER BY {0})")
aggregate("t", "t", Mode, "mode() WITHIN GROUP (ORDER BY {0})")
aggregate("j", "t i4", lambda a, b: JsonObjectAgg(Coalesce(a, Value("-")), b), _OBJECT_AGG)

BY_KIND = {kind: [each for each in ROWS if each.kind == kind] for kind in KINDS}
AGGREGATES_BY_KIND = {kind: [each for each in AGGREGATES if each.kind == kind] for kind in KINDS}

__all__ = ["AGGREGATES", "AGGREGATES_BY_KIND", "BY_KIND", "KINDS", "ROWS", "Row"]
