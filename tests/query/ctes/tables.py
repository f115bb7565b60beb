"""Authors and posts, a tree, a graph and a bill of materials: tables on which wrong joins give wrong answers."""

from __future__ import annotations

from decimal import Decimal

from chakra import Field, ForeignKey, Model, field, foreign_key
from chakra.types import Integer, Numeric


class Author(Model, table="authors"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    city: Field[str | None]


class Post(Model, table="posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    views: Field[int | None] = field(Integer)
    price: Field[Decimal | None] = field(Numeric(8, 2), default=None)
    author: ForeignKey[Author | None] = foreign_key(related_name="posts", default=None)


class Old(Model, table="old_posts"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    views: Field[int | None] = field(Integer, default=None)
    note: Field[str] = field(default="moved")


class Node(Model, table="nodes"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    parent: ForeignKey["Node | None"] = foreign_key(related_name="children", default=None)  # noqa: UP037


class Edge(Model, table="edges"):
    id: Field[int] = field(primary_key=True)
    a: Field[int] = field(Integer)
    b: Field[int] = field(Integer)


class Use(Model, table="uses"):
    id: Field[int] = field(primary_key=True)
    whole: Field[str]
    part: Field[str]
    amount: Field[int] = field(Integer)


MODELS = (Author, Post, Old, Node, Edge, Use)

AUTHORS = [("Ann", "Oslo"), ("Bob", "Rome"), ("Cyd", "Oslo"), ("Dee", None)]
POSTS = [
    ("a", 10, "1.50", 1),
    ("b", 30, None, 1),
    ("c", None, "9.99", 2),
    ("d", 20, "3.00", None),
    ("e", 5, "2.00", 3),
]
NODES = [("root", None), ("left", 1), ("right", 1), ("leaf", 2), ("twig", 4), ("other", None), ("child", 6)]
EDGES = [(1, 2), (2, 3), (3, 1), (3, 4), (5, 6)]  # 1, 2 and 3 run in a circle
USES = [
    ("car", "wheel", 4),
    ("wheel", "bolt", 5),
    ("wheel", "tyre", 1),
    ("car", "engine", 1),
    ("engine", "bolt", 20),
]


async def fill() -> None:
    for name, city in AUTHORS:
        await Author.objects.create(name=name, city=city)
    for title, views, price, author in POSTS:
        await Post.objects.create(
            title=title, views=views, price=None if price is None else Decimal(price), author_id=author
        )
    for name, parent in NODES:
        await Node.objects.create(name=name, parent_id=parent)
    await Edge.objects.bulk_create([Edge(a=a, b=b) for a, b in EDGES])
    await Use.objects.bulk_create([Use(whole=w, part=p, amount=n) for w, p, n in USES])
