"""What create_tables() makes of relations that run in a circle, and of those that lead nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.errors import FieldError
from chakra.types import Integer


class Team(Model, table="ct_teams"):
    tenant: Field[str] = field(primary_key=True)
    name: Field[str] = field(primary_key=True)
    captain: ForeignKey["Player"] = foreign_key(  # noqa: UP037
        fields=("tenant", "captain_number"), related_name="leads", deferrable=True
    )


class Player(Model, table="ct_players"):
    tenant: Field[str] = field(primary_key=True)
    number: Field[int] = field(Integer, primary_key=True)
    team: ForeignKey[Team] = foreign_key(
        fields=("tenant", "team_name"), related_name="players", deferrable=True
    )


@pytest.mark.parametrize("order", [(Team, Player), (Player, Team)], ids=["team first", "player first"])
async def test_keys_that_run_in_a_circle(order: tuple[Any, ...], db: Any) -> None:
    await db.create_tables(*order)
    keys = await db.fetch(
        "select pg_get_constraintdef(oid) from pg_constraint where contype = 'f' "
        "and conrelid::regclass::text in ('ct_teams', 'ct_players') order by 1"
    )
    assert [row[0] for row in keys] == [
        "FOREIGN KEY (tenant, captain_number) REFERENCES ct_players(tenant, number) DEFERRABLE INITIALLY DEFERRED",
        "FOREIGN KEY (tenant, team_name) REFERENCES ct_teams(tenant, name) DEFERRABLE INITIALLY DEFERRED",
    ]
    async with db.transaction():
        team = await Team.objects.create(tenant="a", name="x", captain_number=7)
        await team.players.create(number=7)
    assert [player.number for player in await Player.objects.filter(leads__name="x")] == [7]
    found = await Team.objects.select_related("captain__team").get()
    assert found.captain.team.name == "x"
    await db.create_tables(*order, if_not_exists=True)
    await db.drop_tables(*order)
    assert await db.fetchval("select to_regclass('ct_teams')") is None


async def test_a_table_between_that_lacks_a_key(db: Any) -> None:
    class Left(Model, table="ct_left"):
        id: Field[int] = field(primary_key=True)
        rights: ManyToMany["Right"] = many_to_many(through="Half")  # type: ignore[name-defined]  # noqa: UP037

    class Right(Model, table="ct_right"):
        id: Field[int] = field(primary_key=True)

    class Half(Model, table="ct_half"):
        id: Field[int] = field(primary_key=True)
        left: ForeignKey[Left] = foreign_key()

    with pytest.raises(FieldError, match=r"Left\.rights: Half has no foreign keys to Right, and 1 is needed"):
        await db.create_tables(Left, Right, Half)
    assert await db.fetchval("select to_regclass('ct_right')") is None


async def test_models_that_are_not_there(db: Any) -> None:
    class Lost(Model, table="ct_lost"):
        id: Field[int] = field(primary_key=True)
        to: ForeignKey["Nowhere"] = foreign_key()  # type: ignore[name-defined]  # noqa: F821, UP037

    class Links(Model, table="ct_links"):
        id: Field[int] = field(primary_key=True)
        to: ManyToMany["Nowhere"] = many_to_many()  # type: ignore[name-defined]  # noqa: F821, UP037

    class Through(Model, table="ct_through"):
        id: Field[int] = field(primary_key=True)
        to: ManyToMany[Team] = many_to_many(through="Nowhere")

    for model in (Lost, Links, Through):
        with pytest.raises(
            FieldError, match=rf"{model.__name__}\.to refers to the model 'Nowhere', which is not"
        ):
            await db.create_tables(Team, Player, model)
    assert await db.fetchval("select to_regclass('ct_teams')") is None
