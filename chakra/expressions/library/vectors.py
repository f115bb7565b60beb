"""Vectors of the extension pgvector: distances, arithmetic is that of operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chakra.expressions.calls import COUNT, Function, Kind, first
from chakra.expressions.rules import VECTORS
from chakra.pg.types import BIT, FLOAT8, INT4, PgType

_DENSE = frozenset({"vector", "halfvec"})
_VECTOR = Kind("a vector", VECTORS, like=True, only=True)
_NUMBERS = Kind("a vector or a halfvec", _DENSE, like=True, only=True)
_BITS = Kind("a bit string", frozenset({"bit"}), like=True, only=True)


def _distance(name: str, operator: str, kind: Kind = _VECTOR) -> Function[float]:
    """A distance by its operator, the order by which an index has."""
    return Function[float](name, f"({{0}} {operator} {{1}})", (kind, kind), FLOAT8)


def _part(types: Sequence[PgType | None]) -> PgType | None:
    return None if types[0] is None else replace(types[0].base, typmod=-1)


L2Distance = _distance("L2Distance", "<->")
CosineDistance = _distance("CosineDistance", "<=>")
L1Distance = _distance("L1Distance", "<+>")
# The inner product, negative, so that what is nearest comes first: indexes only have ascending orders.
MaxInnerProduct = _distance("MaxInnerProduct", "<#>")
HammingDistance = _distance("HammingDistance", "<~>", _BITS)
JaccardDistance = _distance("JaccardDistance", "<%>", _BITS)
InnerProduct = Function[float]("InnerProduct", "inner_product({*})", (_VECTOR, _VECTOR), FLOAT8)
VectorDims = Function[int]("VectorDims", "vector_dims({0})", (_NUMBERS,), INT4, "vector_dims")
VectorNorm = Function[float](
    "VectorNorm",
    {"vector": "vector_norm({0})", "halfvec": "l2_norm({0})", "sparsevec": "l2_norm({0})"},
    (_VECTOR,),
    FLOAT8,
    "vector_norm",
)
L2Normalize = Function[Any]("L2Normalize", "l2_normalize({0})", (_VECTOR,), first, "l2_normalize")
SubVector = Function[Any]("SubVector", "subvector({*})", (_NUMBERS, COUNT, COUNT), _part)
BinaryQuantize = Function[Any]("BinaryQuantize", "binary_quantize({0})", (_NUMBERS,), BIT, "binary_quantize")

__all__ = [
    "BinaryQuantize", "CosineDistance", "HammingDistance", "InnerProduct", "JaccardDistance", "L1Distance",
    "L2Distance", "L2Normalize", "MaxInnerProduct", "SubVector", "VectorDims", "VectorNorm",
]  # fmt: skip
