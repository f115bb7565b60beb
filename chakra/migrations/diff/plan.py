"""A list of operations that grows, and the state after them: what is found next starts from there."""

from __future__ import annotations

from chakra.migrations.operations import Operation
from chakra.migrations.state import State


class Plan:
    """Operations in order.

    Attributes:
        operations: so far.
        state: after them.
        target: where they are to lead.
    """

    def __init__(self, old: State, new: State) -> None:
        self.operations: list[Operation] = []
        self.state = old
        self.target = new

    def do(self, operation: Operation) -> None:
        """Take one more, which has to fit the state."""
        self.state = operation.apply(self.state)
        self.operations.append(operation)


__all__ = ["Plan"]
