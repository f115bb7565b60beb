"""Whether the loop around a block goes on behind it, read from the code that runs.

``async for attempt in db.retrying(): async with attempt: …``, and the same without ``async``, may swallow a failure
only if the next attempt follows. Python does not tell a block's ``__aexit__`` whether its body came to its end, or
leaves it by ``return`` or ``break``: a COMMIT that fails then must not be swallowed, or the caller would take for
written what is not.
"""

from __future__ import annotations

import dis
from types import CodeType

# What stands between the call of __aexit__ and the head of the loop (CPython 3.11 to 3.14): awaiting, and clearing the
# stack. Anything else is code that would run behind the block, and is not looked into.
_IDLE = frozenset(
    {
        "CACHE",
        "CALL",
        "CLEANUP_THROW",
        "END_SEND",
        "EXTENDED_ARG",
        "GET_AWAITABLE",
        "LOAD_CONST",
        "NOP",
        "NOT_TAKEN",
        "POP_EXCEPT",
        "POP_ITER",
        "POP_TOP",
        "PRECALL",
        "RESUME",
        "TO_BOOL",
        "WITH_EXCEPT_START",
    }
)
_FOLLOWED = ("SEND", "JUMP", "POP_JUMP_IF_TRUE", "POP_JUMP_FORWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_TRUE")


def comes_back(code: CodeType, at: int, head: str = "GET_ANEXT") -> bool:
    """Whether nothing but the next turn of a loop follows a call.

    Args:
        head: what the turn begins with: that of ``async for``, or ``FOR_ITER``.
        code: of the function that calls.
        at: where in it the call stands (``frame.f_lasti``).
    """
    instructions = list(dis.get_instructions(code))
    places = {each.offset: number for number, each in enumerate(instructions)}
    number = places.get(at)
    back = False
    for _ in range(len(instructions)):  # a walk cannot be longer without turning round and round
        if number is None or number >= len(instructions):
            return False
        step = instructions[number]
        name = step.opname
        if name == head:
            return back
        if name in _IDLE:
            number += 1
        elif name in _FOLLOWED or (name.startswith("JUMP_") and "IF" not in name):
            target = step.argval
            back |= target < step.offset
            number = places.get(target)
        else:
            return False
    return False


__all__ = ["comes_back"]
