"""The single instructions kernels are made of, compiled, against their uncompiled twins."""

from __future__ import annotations

from typing import Any

import numba
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chakra.columnar.kernels import _jit, _llvm, _plain

_zero_bytes, _pack, _spread, _trailing = (
    _llvm.zero_bytes,
    _llvm.pack_bits,
    _llvm.spread_bits,
    _llvm.trailing_zeros,
)


@numba.njit
def compiled(word: int, byte: int) -> Any:
    # As in the kernels: the compiler knows that a byte is not negative, and may not conclude too much from it.
    byte &= 255
    bits = _spread(byte)
    return _zero_bytes(word), bits, _pack(bits), _trailing(word)


WORDS = st.binary(min_size=8, max_size=8) | st.lists(
    st.sampled_from([0, 1, 0x7F, 0x80, 0x81, 0xFF]), min_size=8, max_size=8
).map(bytes)


@settings(deadline=None)  # the first call compiles
@given(WORDS.map(lambda b: int.from_bytes(b, "little", signed=True)).filter(bool), st.integers(0, 255))
def test_instructions_and_their_twins(word: int, byte: int) -> None:
    marks, bits, packed, trailing = compiled(word, byte)
    exact = _plain.zero_bytes(word)
    assert (marks & -marks) == (exact & -exact)  # the lowest; above it there may be marks too many
    assert bits == _plain.spread_bits(byte)
    assert packed == _plain.pack_bits(bits) == byte
    assert trailing == _plain.trailing_zeros(word)


def test_both_sides_offer_the_same() -> None:
    assert _llvm.__all__ == _plain.__all__
    assert set(_llvm.__all__) < set(_jit.__all__)


@pytest.mark.skipif(not _jit.ENABLED, reason="kernels run uncompiled")
def test_what_only_kernels_call_is_part_of_them() -> None:
    from chakra.columnar.kernels import tsvector

    assert tsvector.compare not in _jit.KERNELS
    assert tsvector.compare.targetoptions["forceinline"]
    assert tsvector.encode_vector in _jit.KERNELS
