"""The history as a graph: which migration stands on which, in what order they are applied."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property

from chakra.errors import MigrationError
from chakra.migrations.files.migration import Migration, Name
from chakra.migrations.state import State


class Graph:
    """All migrations, in an order in which each comes after what it requires.

    Args:
        migrations: of all apps.

    Raises:
        MigrationError: two have one name, one requires what is not there, or they require one another in a circle.
    """

    def __init__(self, migrations: Iterable[Migration]) -> None:
        self.by_name: dict[Name, Migration] = {}
        for one in migrations:
            if one.key in self.by_name:
                raise MigrationError(f"there are two migrations {one.key}")
            self.by_name[one.key] = one
        self.replaced = {name: one.key for one in self.by_name.values() for name in one.replaces}
        self.order = self._sorted()

    def _sorted(self) -> tuple[Migration, ...]:
        done: dict[Name, Migration] = {}
        path: list[Name] = []

        def visit(name: Name, by: Name | None) -> None:
            if name in done:
                return
            if name in path:
                circle = " → ".join(map(str, [*path[path.index(name) :], name]))
                raise MigrationError(f"migrations require one another in a circle: {circle}")
            if name not in self.by_name:
                if name in self.replaced:
                    visit(self.replaced[name], by)
                    return
                near = get_close_matches(str(name), map(str, self.by_name), n=1)
                hint = f"; did you mean {near[0]}?" if near else "; was its file deleted?"
                raise MigrationError(f"{by} requires {name}, which is not there{hint}")
            path.append(name)
            for other in self.by_name[name].requires:
                if other in self.replaced and self.replaced[other] not in (*path, *done):
                    visit(self.replaced[other], name)  # what stands on one of those it replaces stands on it
                visit(other, name)
            path.pop()
            done[name] = self.by_name[name]

        for name in sorted(self.by_name):
            visit(name, None)
        return tuple(done.values())

    def find(self, text: str, app: str | None = None) -> Migration:
        """The migration that a user names: its whole name, its number, or a beginning of it.

        Raises:
            MigrationError: none has that name, or several do.
        """
        owner, colon, name = text.partition(":")
        if not colon:
            owner, name = app or "", text
        if name.isdecimal():
            name = name.zfill(4)
        every = [one for one in self.order if one.key not in self.replaced or str(one.key) == text]
        fits = [
            one for one in self.order if one.key.name == name and (not colon or one.key.app == owner)
        ] or [one for one in every if one.key.name.startswith(name) and (not colon or one.key.app == owner)]
        if app is not None and not colon:
            fits = [one for one in fits if one.key.app == app]
        if len(fits) != 1:
            known = ", ".join(str(one.key) for one in (fits or self.order)) or "none"
            raise MigrationError(
                f"{'several migrations begin' if fits else 'no migration begins'} with {text!r}: {known}"
            )
        return fits[0]

    def heads(self, app: str = "") -> list[Migration]:
        """The migrations of an app that no other one of it stands on; more than one wants a merge."""
        mine = [one for one in self.active if one.key.app == app]
        required = {name for one in mine for name in one.requires}
        return [one for one in mine if one.key not in required and not set(one.replaces) & required]

    @cached_property
    def active(self) -> tuple[Migration, ...]:
        """The order without those that a squashed migration stands for: what a new database gets."""
        return tuple([one for one in self.order if one.key not in self.replaced])

    def needed(self, target: Name) -> set[Name]:
        """A migration and all that it stands on."""
        found: set[Name] = set()
        waiting = [target]
        while waiting:
            name = waiting.pop()
            name = name if name in self.by_name else self.replaced.get(name, name)
            if name not in found:
                found.add(name)
                waiting += self.by_name[name].requires
        return found

    def standing_on(self, target: Name) -> set[Name]:
        """A migration and all that stand on it."""
        found = {target}
        for one in self.order:
            if any(name in found or self.replaced.get(name) in found for name in one.requires):
                found.add(one.key)
        return found

    def state_before(self, target: Name, applied: Iterable[Name] | None = None) -> State:
        """The state that a migration starts from: after all that come before it in the order.

        Args:
            applied: only these of them; default: all.
        """
        known = None if applied is None else set(applied)
        state = State()
        for one in self.active if applied is None and target not in self.replaced else self.order:
            if known is None and target in self.replaced and one.key in self.replaced.values():
                continue
            if one.key == target:
                break
            if known is None or one.key in known:
                state = one.apply(state)
        return state

    @cached_property
    def state(self) -> State:
        """The state after all of them.

        Raises:
            MigrationError: an operation does not fit what came before it.
        """
        state = State()
        for one in self.active:
            state = one.apply(state)
        return state


__all__ = ["Graph"]
