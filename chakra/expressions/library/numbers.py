"""Functions of numbers (manual, "Mathematical Functions and Operators")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chakra.expressions.calls import COUNT, NUMBER, REAL, Call, Function, Kind, first
from chakra.expressions.rules import NUMBERS, WHOLE, numeric, operation_type
from chakra.pg.types import FLOAT8, NUMERIC, PgType


def _exact_or_float(types: Sequence[PgType | None]) -> PgType | None:
    """``double precision``, but of a numeric a numeric."""
    names = {None if type_ is None else type_.base.name for type_ in types}
    if None in names:
        return None
    return NUMERIC if "numeric" in names and not names & {"float4", "float8"} else FLOAT8


def _whole(types: Sequence[PgType | None]) -> PgType | None:
    """The number without its fraction: what it is, and of whole numbers ``double precision``."""
    found = types[0]
    if found is None or found.base.name != "numeric":
        return None if found is None else FLOAT8
    base = found.base
    return NUMERIC if base.precision is None else numeric(base.precision - max(base.scale or 0, 0) + 1, 0)


_EXACT = Kind("whole number or numeric", WHOLE | {"numeric"}, None, NUMERIC)


def _remainder(types: Sequence[PgType | None]) -> PgType | None:
    """The server has none of floats, which are cast to numeric."""
    left, right = [None if t is None else t.base if t.base.name in _EXACT.types else NUMERIC for t in types]
    return None if left is None or right is None else operation_type("%", left, right)


def _sign(types: Sequence[PgType | None]) -> PgType | None:
    return _whole(types) if types[0] is None or types[0].base.name != "numeric" else numeric(1, 0)


_KEPT = {name: "{0}" for name in WHOLE}
"""Whole numbers are rounded already."""
_ROUND_TO = {name: "round({0}::numeric, {1})" for name in NUMBERS} | {"numeric": "round({0}, {1})"}
_TRUNCATED_TO = {name: "trunc({0}::numeric, {1})" for name in NUMBERS} | {"numeric": "trunc({0}, {1})"}


def _rounded(types: Sequence[PgType | None]) -> PgType | None:
    found = types[0]
    return found.base if found is not None and found.base.name in WHOLE else _whole(types)


class _Rounding(Function[Any]):
    """Rounds to whole numbers, or to as many digits as are said."""

    def __call__(self, *arguments: Any, precision: int | None = None) -> Call[Any]:
        """``Round("price")``, ``Round("price", 2)``, ``Round("price", precision=2)``; with digits it is ``RoundTo``."""
        given = arguments if precision is None else (*arguments, precision)
        return RoundTo(*given) if len(given) == 2 else super().__call__(*given)


def _real(name: str, sql: str, word: str = "") -> Function[float]:
    """A function of real numbers, which others are taken for."""
    return Function[float](name, f"{sql}({{*}})", (REAL,), FLOAT8, word)


Abs = Function[Any]("Abs", "abs({0})", (NUMBER,), first, "abs")
Ceil = Function[Any]("Ceil", _KEPT | {"": "ceil({0})"}, (NUMBER,), _rounded, "ceil")
Floor = Function[Any]("Floor", _KEPT | {"": "floor({0})"}, (NUMBER,), _rounded, "floor")
Round = _Rounding("Round", _KEPT | {"": "round({0})"}, (NUMBER,), _rounded, "round")
RoundTo = Function[Any]("RoundTo", _ROUND_TO, (NUMBER, COUNT), NUMERIC)
TruncateTo = Function[Any]("TruncateTo", _TRUNCATED_TO, (NUMBER, COUNT), NUMERIC)
Sign = Function[Any]("Sign", "sign({0})", (NUMBER,), _sign, "sign")
Mod = Function[Any]("Mod", "mod({*})", (_EXACT, _EXACT), _remainder)
Power = Function[Any]("Power", "power({*})", (NUMBER, NUMBER), _exact_or_float)
Sqrt = Function[Any]("Sqrt", "sqrt({0})", (NUMBER,), _exact_or_float, "sqrt")
Cbrt = _real("Cbrt", "cbrt", "cbrt")
Exp = Function[Any]("Exp", "exp({0})", (NUMBER,), _exact_or_float, "exp")
Ln = Function[Any]("Ln", "ln({0})", (NUMBER,), _exact_or_float, "ln")
Log = Function[Any]("Log", "log({0}::numeric, {1}::numeric)", (NUMBER, NUMBER), NUMERIC)
Log10 = Function[Any]("Log10", "log({0})", (NUMBER,), _exact_or_float, "log10")
Sin, Cos, Tan, Cot = (_real("Sin", "sin"), _real("Cos", "cos"), _real("Tan", "tan"), _real("Cot", "cot"))
ASin, ACos, ATan = (_real("ASin", "asin"), _real("ACos", "acos"), _real("ATan", "atan"))
ATan2 = Function[float]("ATan2", "atan2({*})", (REAL, REAL), FLOAT8)
Degrees, Radians = (_real("Degrees", "degrees"), _real("Radians", "radians"))
Pi = Function[float]("Pi", "pi()", (), FLOAT8)
Random = Function[float]("Random", "random()", (), FLOAT8)

__all__ = [
    "ACos", "ASin", "ATan", "ATan2", "Abs", "Cbrt", "Ceil", "Cos", "Cot", "Degrees", "Exp", "Floor", "Ln", "Log",
    "Log10", "Mod", "Pi", "Power", "Radians", "Random", "Round", "RoundTo", "Sign", "Sin", "Sqrt", "Tan", "TruncateTo",
]  # fmt: skip
