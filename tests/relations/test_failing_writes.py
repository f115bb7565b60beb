"""Writes of sets that fail or end without an answer: memory says nothing that the database does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.errors import DataError, FieldError, NotNullViolation
from chakra.types import Integer
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Team(Model, table="fw_teams"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    fans: ManyToMany["Fan"] = many_to_many(related_name="teams")  # noqa: UP037
    rated: ManyToMany["Fan"] = many_to_many(through="Rating", related_name="rates")  # noqa: UP037


class Fan(Model, table="fw_fans"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    leads: ForeignKey[Team | None] = foreign_key(related_name="leaders", default=None)


class Rating(Model, table="fw_ratings"):
    id: Field[int] = field(primary_key=True)
    team: ForeignKey[Team] = foreign_key()
    fan: ForeignKey[Fan] = foreign_key()
    stars: Field[int] = field(Integer)


MODELS = (Team, Fan, Rating)


async def fill() -> None:
    """Red 1 (fans ann 1, bob 2, led by ann), Blue 2 (none); cy 3 is nobody's."""
    red, _ = await Team.objects.create(name="Red"), await Team.objects.create(name="Blue")
    ann = await Fan.objects.create(name="ann", leads=red)
    bob, _ = await Fan.objects.create(name="bob"), await Fan.objects.create(name="cy")
    await red.fans.add(ann, bob)


@pytest_asyncio.fixture(loop_scope="module")
async def red(rows: Any) -> Any:
    return await Team.objects.prefetch_related("fans__teams", "leaders").get(name="Red")


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


Write = Callable[[Any, list[Any]], Awaitable[Any]]
WRITES: dict[str, tuple[str, str, Write]] = {
    "add": ("fans", "COMMIT", lambda team, fans: team.fans.add(fans[2])),
    "remove": ("fans", "DELETE", lambda team, fans: team.fans.remove(fans[0])),
    "set": ("fans", "COMMIT", lambda team, fans: team.fans.set([fans[1], fans[2]])),
    "clear": ("fans", "COMMIT", lambda team, fans: team.fans.clear()),
    "create": ("fans", "COMMIT", lambda team, fans: team.fans.create(name="di")),
    "bulk_create": ("fans", "COMMIT", lambda team, fans: team.fans.bulk_create([Fan(name="di")])),
    "delete": ("fans", "DELETE", lambda team, fans: team.fans.delete()),
    "back, add": ("leaders", "UPDATE", lambda team, fans: team.leaders.add(fans[1])),
    "back, set": ("leaders", "COMMIT", lambda team, fans: team.leaders.set([fans[1]])),
    "back, clear": ("leaders", "UPDATE", lambda team, fans: team.leaders.clear()),
    "back, create": ("leaders", "INSERT", lambda team, fans: team.leaders.create(name="di")),
}


@pytest.mark.parametrize("name", WRITES)
async def test_what_was_loaded_is_forgotten_where_no_answer_came(rows: Any, red: Any, name: str) -> None:
    relation, last, write = WRITES[name]
    fans = [
        *sorted(red.fans, key=lambda fan: fan.id),
        await Fan.objects.prefetch_related("teams").get(name="cy"),
    ]
    task = asyncio.ensure_future(write(red, fans))

    def cancel(event: Any) -> None:
        if event.phase == "before" and event.sql.startswith(last):
            asyncio.get_running_loop().call_soon(task.cancel)  # once it is sent

    rows.hooks.add(cancel)
    try:
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        rows.hooks.remove(cancel)
    with pytest.raises(TypeError):
        len(getattr(red, relation))
    for fan in fans[:2] if relation == "fans" else ():
        with pytest.raises(TypeError):
            len(fan.teams)


async def test_instances_that_could_not_be_linked_are_new_again(rows: Any) -> None:
    blue = await Team.objects.get(name="Blue")
    fans = [Fan(name="di"), Fan(name="ed")]
    with pytest.raises(NotNullViolation, match=r"Rating\.stars"):
        await blue.rated.bulk_create(fans)
    assert [fan.id for fan in fans] == [None, None]
    assert await Fan.objects.count() == 3
    for fan in fans:
        await fan.save()
    assert names(await Fan.objects.all()) == ["ann", "bob", "cy", "di", "ed"]


async def test_rows_of_another_owner(rows: Any, red: Any) -> None:
    blue = await Team.objects.get(name="Blue")
    for said in ({"leads": blue}, {"leads_id": 2}, {"leads": None}):
        with pytest.raises(
            FieldError, match=r"Team\.leaders\.create\(\) makes rows of Team\(id=1, name='Red'\)"
        ):
            await red.leaders.create(name="di", **said)
    assert names(red.leaders) == ["ann"]
    assert (await red.leaders.create(name="di", leads=red)).leads is red
    assert (await red.leaders.create(name="ed", leads_id="1")).leads is red
    assert names(red.leaders) == ["ann", "di", "ed"]


async def test_bulk_update_is_no_verb_of_a_narrowed_query(rows: Any, red: Any) -> None:
    fans = await Fan.objects.order_by("id")
    for fan in fans:
        fan.name += "!"
    for query in (
        red.fans,
        red.leaders,
        Fan.objects.filter(id=1),
        Fan.objects.order_by("id")[:1],
        Fan.objects.none(),
    ):
        with pytest.raises(
            FieldError, match=r"bulk_update\(\) writes the rows it is given.*Fan\.objects\.bulk_update"
        ):
            await query.bulk_update(fans, ["name"])
    assert names(await Fan.objects.all()) == ["ann", "bob", "cy"]
    assert await Fan.objects.order_by("id").bulk_update(fans, ["name"]) == 3


@pytest.mark.parametrize("key", [1.5, True])
async def test_a_key_that_is_none_is_refused_whatever_is_linked(rows: Any, red: Any, key: Any) -> None:
    with pytest.raises(DataError):
        await red.fans.set([1, 2, key])
    assert names(red.fans) == names(await Fan.objects.filter(teams=red)) == ["ann", "bob"]


@pytest.mark.parametrize("wrong", ["ann", Team(name="x")], ids=["text", "team"])
async def test_bulk_create_of_a_set_takes_instances(rows: Any, red: Any, wrong: Any) -> None:
    new = Fan(name="di")
    with pytest.raises(DataError, match=r"bulk_create of Fan: row 1 is .*, not a Fan"):
        await red.leaders.bulk_create([new, wrong])
    assert new.leads is None or not new.leads
