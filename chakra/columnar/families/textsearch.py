"""tsvector and tsquery to the text PostgreSQL writes, and back; in Python, for they are never bulk.

Wire layouts: ``src/backend/utils/adt/tsvector.c`` (``tsvectorsend``) and ``tsquery.c`` (``tsquerysend``).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from chakra.columnar.buffers import RawColumn
from chakra.columnar.families.fault import ValueFault, malformed
from chakra.columnar.families.parts import contiguous, is_valid, raw_column, refuse
from chakra.columnar.families.simple import is_text
from chakra.columnar.options import Options
from chakra.columnar.types import string_type
from chakra.pg.types import PgType

_VALUE, _OPERATOR = 1, 2  # src/include/tsearch/ts_type.h: QI_VAL, QI_OPR
_NOT, _AND, _OR, _PHRASE = 1, 2, 3, 4
_PRIORITY = {_OR: 1, _AND: 2, _PHRASE: 3, _NOT: 4}
_WEIGHTS = "DCBA"  # bit and value 0–3
_MAX_POSITION = 16383  # ts_type.h, MAXENTRYPOS - 1
_MAX_POSITIONS = 255  # ts_type.h, MAXNUMPOS - 1
_QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.S)
_BARE = re.compile(r"((?:[^\s:'\\]|\\.)(?:[^\s:\\]|\\.)*)", re.S)
_QUERY_BARE = re.compile(r"((?:[^\s:'\\&|!()<]|\\.)(?:[^\s:\\&|!()<]|\\.)*)", re.S)
_ESCAPE = re.compile(r"''|\\(.)", re.S)
_POSITIONS = re.compile(r":(\d+[A-Da-d*]?(?:,\d+[A-Da-d*]?)*)")
_QUERY_FLAGS = re.compile(r":([*A-Da-d]+)")
_OPERATORS = re.compile(r"\s*(<->|<\d+>|[&|!()])")


def arrow_type(type_: PgType, options: Options) -> pa.DataType:
    """Text."""
    return string_type(options)


def decode(raw: RawColumn, type_: PgType, options: Options) -> pa.Array:
    """Decode to text.

    Raises:
        ValueFault: malformed.
    """
    read: Callable[[bytes], str] = _vector_text if type_.name == "tsvector" else _query_text
    found: list[str | None] = []
    for index in range(len(raw)):
        start, length = int(raw.starts[index]), int(raw.lengths[index])
        if length < 0:
            found.append(None)
            continue
        value = raw.data[start : start + length].tobytes()
        try:
            found.append(read(value))
        except (struct.error, ValueError, IndexError, RecursionError):
            malformed(raw, index, start, f"a {type_.name}")
    return pa.array(found, string_type(options))


def _quote(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _cstring(value: bytes, at: int) -> tuple[str, int]:
    end = value.index(b"\0", at)
    return value[at:end].decode(), end + 1


def _vector_text(value: bytes) -> str:
    (count,) = struct.unpack_from(">i", value)
    at, words = 4, []
    for _ in range(count):
        lexeme, at = _cstring(value, at)
        (n,) = struct.unpack_from(">H", value, at)
        positions = struct.unpack_from(f">{n}H", value, at + 2)
        at += 2 + 2 * n
        shown = ",".join(f"{p & 0x3FFF}{_WEIGHTS[p >> 14] if p >> 14 else ''}" for p in positions)
        words.append(_quote(lexeme) + (":" + shown if n else ""))
    if at != len(value):
        raise ValueError
    return " ".join(words)


def _query_text(value: bytes) -> str:
    (count,) = struct.unpack_from(">i", value)
    if count == 0:
        return ""
    text, at = _infix(value, 4, -1, right_of_phrase=False)
    if at != len(value):
        raise ValueError
    return text


def _infix(value: bytes, at: int, parent: int, *, right_of_phrase: bool) -> tuple[str, int]:
    """One operand with what stands below it (tsquery.c, infix); the right side comes before the left."""
    if value[at] == _VALUE:
        weight, prefix = value[at + 1], value[at + 2]
        lexeme, end = _cstring(value, at + 3)
        flags = ("*" if prefix else "") + "".join(_WEIGHTS[bit] for bit in (3, 2, 1, 0) if weight >> bit & 1)
        return _quote(lexeme) + (":" + flags if flags else ""), end
    if value[at] != _OPERATOR:
        raise ValueError
    operator = value[at + 1]
    priority = _PRIORITY.get(operator, 0)
    if operator == _NOT:
        operand, end = _infix(value, at + 2, priority, right_of_phrase=False)
        text, wrap = "!" + operand, priority < parent
    elif priority:
        at += 2
        sign = {_AND: "&", _OR: "|"}.get(operator, "")
        if operator == _PHRASE:
            (distance,) = struct.unpack_from(">H", value, at)
            at += 2
            sign = "<->" if distance == 1 else f"<{distance}>"
        right, at = _infix(value, at, priority, right_of_phrase=operator == _PHRASE)
        left, end = _infix(value, at, priority, right_of_phrase=False)
        text, wrap = f"{left} {sign} {right}", priority < parent or (operator == _PHRASE and right_of_phrase)
    else:
        raise ValueError
    return (f"( {text} )" if wrap else text), end


def encode(array: pa.Array, type_: PgType, options: Options) -> RawColumn:
    """Encode the text forms ``'word':1A,2 …`` and ``'a' & !( 'b' <-> 'c':* )``; words are taken as lexemes.

    Raises:
        ValueFault: not text, or not in that form.
    """
    if not is_text(array.type):
        refuse(array, type_, "text")
    write = _vector_bytes if type_.name == "tsvector" else _query_bytes
    values = []
    for index, text in enumerate(array.to_pylist()):
        try:
            values.append(b"" if text is None else write(text))
        except (ValueError, RecursionError) as error:
            raise ValueFault(index, f"{text!r} is not a {type_.name}: {error}") from None
    offsets = contiguous(np.array([len(value) for value in values], np.int64))
    return raw_column(np.frombuffer(bytearray(b"".join(values)), np.uint8), offsets, is_valid(array))


def _unescape(text: str) -> bytes:
    plain = _ESCAPE.sub(lambda found: found.group(1) or "'", text).encode()
    if not plain or b"\0" in plain:
        raise ValueError("an empty lexeme or a NUL character")
    if len(plain) > 2046:  # ts_type.h, MAXSTRLEN
        raise ValueError("a lexeme of more than 2046 bytes")
    return plain


def _lexeme(text: str, at: int, bare: re.Pattern[str]) -> tuple[bytes, int]:
    found = _QUOTED.match(text, at) or bare.match(text, at)
    if found is None:
        raise ValueError(f"expected a lexeme at character {at}")
    return _unescape(found.group(1)), found.end()


def _vector_bytes(text: str) -> bytes:
    words: dict[bytes, dict[int, int]] = {}
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        lexeme, at = _lexeme(text, at, _BARE)
        positions = words.setdefault(lexeme, {})
        found = _POSITIONS.match(text, at)
        if found is not None:
            at = found.end()
            for part in found.group(1).split(","):
                letter = part[-1].upper().replace("*", "A")
                weight = _WEIGHTS.index(letter) if letter in _WEIGHTS else 0
                place = min(int(part.rstrip("ABCDabcd*")), _MAX_POSITION)
                if place == 0:
                    raise ValueError("positions begin at 1")
                positions[place] = max(positions.get(place, 0), weight)
        if at < len(text) and not text[at].isspace():
            raise ValueError(f"unexpected {text[at]!r} at character {at}")
    out = [struct.pack(">i", len(words))]
    for lexeme, positions in sorted(words.items()):
        kept = sorted(positions.items())[:_MAX_POSITIONS]
        out.append(lexeme + b"\0" + struct.pack(">H", len(kept)))
        out.extend(struct.pack(">H", weight << 14 | place) for place, weight in kept)
    return b"".join(out)


def _tokens(text: str) -> Iterator[str | bytes]:
    """Operators as text, operands as their wire bytes."""
    at = 0
    while text[at:].strip():
        operator = _OPERATORS.match(text, at)
        if operator is not None:
            at = operator.end()
            yield operator.group(1)
            continue
        at += len(text[at:]) - len(text[at:].lstrip())
        lexeme, at = _lexeme(text, at, _QUERY_BARE)
        found = _QUERY_FLAGS.match(text, at)
        weight = prefix = 0
        if found is not None:
            at = found.end()
            prefix = int("*" in found.group(1))
            for letter in found.group(1).upper().replace("*", ""):
                weight |= 1 << _WEIGHTS.index(letter)
        yield bytes((_VALUE, weight, prefix)) + lexeme + b"\0"


def _query_bytes(text: str) -> bytes:
    tokens = [*_tokens(text), ""]
    if tokens == [""]:
        raise ValueError("PostgreSQL cannot read an empty tsquery from a binary COPY (tsqueryrecv)")
    at = 0
    count = 0

    def operand() -> bytes:
        nonlocal at, count
        token = tokens[at]
        at += 1
        if isinstance(token, bytes):
            count += 1
            return token
        if token == "!":
            count += 1
            return bytes((_OPERATOR, _NOT)) + operand()
        if token == "(":
            inner = expression(0)
            if tokens[at] != ")":
                raise ValueError("expected )")
            at += 1
            return inner
        raise ValueError(f"expected a lexeme, ! or ( instead of {token or 'the end'}")

    def expression(lowest: int) -> bytes:
        nonlocal at, count
        left = operand()
        while isinstance(token := tokens[at], str) and token and token != ")":
            operator = {"&": _AND, "|": _OR}.get(token, _PHRASE if token.startswith("<") else 0)
            if not operator:
                raise ValueError(f"expected an operator instead of {token}")
            if _PRIORITY[operator] <= lowest:
                break
            at += 1
            count += 1
            head = bytes((_OPERATOR, operator))
            if operator == _PHRASE:
                distance = 1 if token == "<->" else int(token[1:-1])
                if distance > 16384:
                    raise ValueError("a distance of more than 16384")
                head += struct.pack(">H", distance)
            left = head + expression(_PRIORITY[operator]) + left
        return left

    body = expression(0)
    if tokens[at] != "":
        raise ValueError("unbalanced parentheses or two lexemes without an operator")
    return struct.pack(">i", count) + body


__all__ = ["arrow_type", "decode", "encode"]
