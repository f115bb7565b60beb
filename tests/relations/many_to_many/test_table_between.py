"""The table between two models: made, dropped, with several keys to one model, named before its models exist."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many
from chakra.errors import FieldError
from tests.relations.many_to_many.test_both_sides import Fan, Post, Tag, Vote, fill


async def test_the_table_between_is_made_and_dropped(db: Any) -> None:
    await db.create_tables(Post, Tag, Fan, Vote)
    await fill()
    columns = await db.fetch(
        "select a.attname, format_type(a.atttypid, null) from pg_attribute a "
        "where attrelid = 'posts_tags'::regclass and attnum > 0 order by attnum"
    )
    assert [tuple(row) for row in columns] == [("post_id", "bigint"), ("tag_id", "text")]
    key = await db.fetchval(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'posts_tags'::regclass and contype = 'p'"
    )
    assert key == "PRIMARY KEY (post_id, tag_id)"
    await Post.objects.filter(title="a").delete()
    assert await db.fetchval("select count(*) from posts_tags") == 1
    await db.drop_tables(Post, Tag, Fan, Vote)
    assert await db.fetchval("select to_regclass('posts_tags')") is None


async def test_several_keys_in_the_table_between(db: Any) -> None:
    class Club(Model, table="clubs"):
        id: Field[int] = field(primary_key=True)
        people: ManyToMany[Fan] = many_to_many(through="Member")

    class Member(Model, table="members"):
        id: Field[int] = field(primary_key=True)
        club: ForeignKey[Club] = foreign_key()
        fan: ForeignKey[Fan] = foreign_key()
        sponsor: ForeignKey["Fan | None"] = foreign_key(default=None)  # noqa: UP037

    with pytest.raises(FieldError, match=r"Club\.people: Member has 2 foreign keys to Fan, .*through_fields"):
        Club.objects.filter(people__name="x").to_sql()

    class Named(Model, table="named"):
        id: Field[int] = field(primary_key=True)
        people: ManyToMany[Fan] = many_to_many(through="Sponsored", through_fields=("club", "sponsor"))

    class Sponsored(Model, table="sponsored"):
        id: Field[int] = field(primary_key=True)
        club: ForeignKey[Named] = foreign_key()
        fan: ForeignKey["Fan | None"] = foreign_key(default=None)  # noqa: UP037
        sponsor: ForeignKey[Fan] = foreign_key()

    await db.create_tables(Fan, Named, Sponsored)
    club, fan = await Named.objects.create(), await Fan.objects.create(name="ann")
    await club.people.add(fan)
    assert await Sponsored.objects.values_list("club_id", "sponsor_id", "fan_id") == [(club.id, fan.id, None)]


def test_a_model_elsewhere_keeps_its_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the class that is meant exists, one of its name elsewhere is: what that one had comes back."""
    before = dict(Tag.__table__.relations), vars(Tag)["posts"]
    space: dict[str, Any] = {"__name__": "somewhere_else"}
    body = """
from chakra import Field, ForeignKey, ManyToMany, Model, field, foreign_key, many_to_many

class Post(Model, table="other_posts"):
    id: Field[int] = field(primary_key=True)
    tags: ManyToMany["Tag"] = many_to_many(related_name="posts")
    main: ForeignKey["Tag"] = foreign_key(related_name="mains")

class Tag(Model, table="other_tags"):
    id: Field[int] = field(primary_key=True)
"""
    exec(compile(body, "somewhere_else", "exec", dont_inherit=True), space)
    assert (dict(Tag.__table__.relations), vars(Tag)["posts"]) == before
    assert "mains" not in vars(Tag)
    other = space["Tag"]
    assert {"posts", "mains"} <= set(other.__table__.relations)
    assert other.posts.link.target() is space["Post"]
