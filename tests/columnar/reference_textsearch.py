"""The slow, obvious twins of the text search kernels: what the server's input and output functions do, in Python."""

from __future__ import annotations

import re
import struct

WEIGHTS = "DCBA"  # bit and value 0-3
NOT, AND, OR, PHRASE = 1, 2, 3, 4
PRIORITY = {OR: 1, AND: 2, PHRASE: 3, NOT: 4}
SIGNS = {"!": NOT, "&": AND, "|": OR, "<": PHRASE}
SPACE = " \t-\r"
OTHER_SPACE = "\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"  # refused where it is not quoted
QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*+)'", re.S)
BARE = re.compile(rf"((?:[^'{SPACE}{OTHER_SPACE}\\]|\\.)(?:[^:{SPACE}{OTHER_SPACE}\\]|\\.)*+)", re.S)
QUERY_BARE = re.compile(
    rf"((?:[^':{SPACE}{OTHER_SPACE}\\&|!()<]|\\.)(?:[^:{SPACE}{OTHER_SPACE}\\&|!()<]|\\.)*+)", re.S
)
PHRASES = re.compile(r"<(-|[0-9]+)>")


def quote(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _cstring(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1


def vector_text(data: bytes) -> str:
    """``tsvectorout`` of what ``tsvectorsend`` wrote."""
    (count,) = struct.unpack_from(">i", data)
    if count < 0:
        raise ValueError
    at, words = 4, []
    for _ in range(count):
        lexeme, at = _cstring(data, at)
        (n,) = struct.unpack_from(">H", data, at)
        positions = struct.unpack_from(f">{n}H", data, at + 2)
        at += 2 + 2 * n
        shown = ",".join(f"{p & 0x3FFF}{WEIGHTS[p >> 14] if p >> 14 else ''}" for p in positions)
        words.append(quote(lexeme) + (":" + shown if n else ""))
    if at != len(data):
        raise ValueError
    return " ".join(words)


def query_text(data: bytes) -> str:
    """``tsqueryout`` of what ``tsquerysend`` wrote."""
    (count,) = struct.unpack_from(">i", data)
    text, items, at = "", 0, 4
    if count:
        text, items, at = _infix(data, 4, -1, right_of_phrase=False)
    if at != len(data) or items != count:
        raise ValueError
    return text


def _infix(data: bytes, at: int, parent: int, *, right_of_phrase: bool) -> tuple[str, int, int]:
    kind, code = data[at], data[at + 1]
    if kind == 1:
        weight, prefix = code, data[at + 2]
        lexeme, end = _cstring(data, at + 3)
        if weight > 15 or prefix > 1:
            raise ValueError
        flags = ("*" if prefix else "") + "".join(WEIGHTS[bit] for bit in (3, 2, 1, 0) if weight >> bit & 1)
        return quote(lexeme) + (":" + flags if flags else ""), 1, end
    if kind != 2 or code not in PRIORITY:
        raise ValueError
    priority = PRIORITY[code]
    wrap = priority < parent or (code == PHRASE and right_of_phrase)
    at += 2
    if code == NOT:
        operand, items, at = _infix(data, at, priority, right_of_phrase=False)
        text = "!" + operand
    else:
        sign = {AND: "&", OR: "|"}.get(code, "")
        if code == PHRASE:
            (distance,) = struct.unpack_from(">H", data, at)
            at += 2
            sign = "<->" if distance == 1 else f"<{distance}>"
        right, items, at = _infix(data, at, priority, right_of_phrase=code == PHRASE)
        left, more, at = _infix(data, at, priority, right_of_phrase=False)
        text, items = f"{left} {sign} {right}", items + more
    return (f"( {text} )" if wrap else text), items + 1, at


def _word(text: str, at: int, bare: re.Pattern[str]) -> tuple[bytes, int]:
    found = (QUOTED if text[at] == "'" else bare).match(text, at)
    if found is None:
        raise ValueError(f"no word at {at}")
    inner = found.group(1)
    quotes = r"''|\\(.)" if text[at] == "'" else r"\\(.)"
    plain = re.sub(quotes, lambda m: m.group(1) or "'", inner, flags=re.S).encode()
    if not 1 <= len(plain) <= 2046:
        raise ValueError("empty or long")
    return plain, found.end()


def vector_wire(text: str) -> bytes:
    """``tsvectorin`` and ``tsvectorsend``."""
    words: dict[bytes, dict[int, int]] = {}
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\n\v\f\r":
            at += 1
        if at == len(text):
            break
        lexeme, at = _word(text, at, BARE)
        positions = words.setdefault(lexeme, {})
        if text[at : at + 1] == ":":
            end = at + 1
            while end < len(text) and text[end] not in " \t\n\v\f\r":
                end += 1
            for part in text[at + 1 : end].split(","):
                place, weight = _position(part)
                positions[place] = max(positions.get(place, 0), weight)
            at = end
    out = [struct.pack(">i", len(words))]
    for lexeme, positions in sorted(words.items()):
        kept = sorted(positions.items())[:256]
        out.append(lexeme + b"\0" + struct.pack(">H", len(kept)))
        out.extend(struct.pack(">H", weight << 14 | place) for place, weight in kept)
    return b"".join(out)


def _position(part: str) -> tuple[int, int]:
    found = re.fullmatch("([0-9]+)([0-9A-Da-d*]*)", part)
    if found is None or int(found.group(1)) == 0:
        raise ValueError(part)
    weight = 0
    for letter in re.sub("[0-9]", "", found.group(2)).upper().replace("*", "A"):
        if weight:
            raise ValueError(part)
        weight = WEIGHTS.index(letter)
    return min(int(found.group(1)), 16383), weight


def query_wire(text: str) -> bytes:
    """``tsqueryin`` and ``tsquerysend``."""
    reader = _Query(text)
    if reader.next == "":
        return bytes(4)
    body = reader.expression(0)
    if reader.next:
        raise ValueError("an operator is missing")
    return struct.pack(">i", reader.count) + body


class _Query:
    """Recursive descent, one operator of look-ahead."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.count = text, 0, 0

    @property
    def next(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in " \t\n\v\f\r":
            self.at += 1
        return self.text[self.at : self.at + 1]

    def operand(self) -> bytes:
        if self.next == "!":
            self.at += 1
            self.count += 1
            return bytes((2, NOT)) + self.operand()
        if self.next == "(":
            self.at += 1
            found = self.expression(0)
            if self.next != ")":
                raise ValueError("no )")
            self.at += 1
            return found
        if self.next == "":
            raise ValueError("the end")
        lexeme, self.at = _word(self.text, self.at, QUERY_BARE)
        weight = prefix = 0
        flags = re.compile("(?::([A-Da-d*]*))?").match(self.text, self.at)
        assert flags is not None
        self.at = flags.end()
        for letter in (flags.group(1) or "").upper():
            if letter == "*":
                prefix = 1
            else:
                weight |= 1 << WEIGHTS.index(letter)
        self.count += 1
        return bytes((1, weight, prefix)) + lexeme + b"\0"

    def expression(self, lowest: int) -> bytes:
        left = self.operand()
        while self.next in SIGNS and self.next not in ("", "!"):
            operator = SIGNS[self.next]
            if PRIORITY[operator] <= lowest:
                break
            head = bytes((2, operator))
            if operator == PHRASE:
                found = PHRASES.match(self.text, self.at)
                distance = -1 if found is None else 1 if found.group(1) == "-" else int(found.group(1))
                if found is None or distance > 16384:
                    raise ValueError("a bad distance")
                head += struct.pack(">H", distance)
                self.at = found.end()
            else:
                self.at += 1
            self.count += 1
            left = head + self.expression(PRIORITY[operator]) + left
        return left
