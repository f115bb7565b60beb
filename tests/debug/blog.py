"""Users and their posts: the tables that the tests of ``chakra.debug`` share."""

from __future__ import annotations

from datetime import UTC, datetime

from chakra import Field, ForeignKey, Index, Model, field, foreign_key


class Company(Model, table="companies"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class User(Model, table="users"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    is_active: Field[bool] = field(default=True)
    created_at: Field[datetime] = field(default=datetime(2024, 1, 1, tzinfo=UTC))
    company: ForeignKey[Company] = foreign_key(Company, related_name="users")

    class Meta:
        indexes = (Index("is_active", name="idx_users_active"),)


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    author: ForeignKey[User] = foreign_key(User, related_name="posts")


MODELS = (Company, User, Post)
COUNT = 42


async def fill() -> None:
    """Three companies; 42 users, each with one post, whose keys are its author's."""
    await Company.objects.bulk_insert({"name": ["a", "b", "c"]})
    numbers = list(range(1, COUNT + 1))
    await User.objects.bulk_insert(
        {"name": [f"u{n}" for n in numbers], "company_id": [1 + n % 3 for n in numbers]}
    )
    await Post.objects.bulk_insert({"title": [f"t{n}" for n in numbers], "author_id": numbers})
