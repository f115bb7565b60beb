"""Transactions, connections, instances and their relations with plain calls."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import sync
from chakra.errors import SerializationError, TransactionError
from tests.sync.models import Author, Post, Tag


def names(db: Any) -> list[str]:
    return Author.objects.using(db).order_by("id").values_list("name", flat=True).list()  # type: ignore[no-any-return]


def add(db: Any, name: str) -> None:
    Author.objects.using(db).create(name=name)


def committed(db: sync.Database) -> None:
    with db.transaction():
        add(db, "Cid")


def rolled_back(db: sync.Database) -> None:
    with pytest.raises(KeyError), db.transaction():
        add(db, "Cid")
        raise KeyError


def savepoint(db: sync.Database) -> None:
    with db.transaction():
        add(db, "Cid")
        with pytest.raises(chakra.UniqueViolation), db.transaction():
            add(db, "Ann")
        add(db, "Dan")


def outer_rolled_back(db: sync.Database) -> None:
    with pytest.raises(KeyError), db.transaction():
        with db.transaction():
            add(db, "Cid")
        raise KeyError


def of_a_table(db: sync.Database) -> None:
    with pytest.raises(KeyError), db.transaction():
        db.table("sync_authors").bulk_insert({"name": ["Cid"]})
        Author.objects.using(db).bulk_insert({"name": ["Dan"]})
        assert Author.objects.using(db).values("name").to_arrow().num_rows == 4
        raise KeyError


def on_a_connection(db: sync.Database) -> None:
    with db.acquire() as connection, connection.transaction():
        add(connection, "Cid")
        assert names(db) == ["Ann", "Bob"]


def decorated(db: sync.Database) -> None:
    @db.transaction(isolation="serializable")
    def work(name: str) -> str:
        add(db, name)
        return str(db.fetchval("show transaction_isolation"))

    assert work("Cid") == "serializable"


def default(db: sync.Database) -> None:
    with sync.transaction():
        add(db, "Cid")


def by_hand(db: sync.Database) -> None:
    block = db.transaction(settings={"app.tenant": "x"})
    block.__enter__()
    assert block.is_open and db.fetchval("select current_setting('app.tenant')") == "x"
    add(db, "Cid")
    block.__exit__(None, None, None)
    assert not block.is_open


BLOCKS: list[tuple[Callable[[sync.Database], None], list[str]]] = [
    (committed, ["Cid"]),
    (rolled_back, []),
    (savepoint, ["Cid", "Dan"]),
    (outer_rolled_back, []),
    (of_a_table, []),
    (on_a_connection, ["Cid"]),
    (decorated, ["Cid"]),
    (default, ["Cid"]),
    (by_hand, ["Cid"]),
]


@pytest.mark.parametrize(("act", "added"), BLOCKS, ids=[act.__name__ for act, _ in BLOCKS])
def test_transactions(db: sync.Database, act: Callable[[sync.Database], None], added: list[str]) -> None:
    act(db)
    assert names(db) == ["Ann", "Bob", *added]
    assert db.fetchval("select pg_current_xact_id_if_assigned() is null")  # nothing holds here any more


def test_retries(db: sync.Database) -> None:
    runs = []

    def work() -> int:
        runs.append(1)
        add(db, f"try {len(runs)}")
        if len(runs) < 3:
            raise SerializationError("once more")
        return len(runs)

    assert db.transaction(retries=2).run(work) == 3
    assert names(db) == ["Ann", "Bob", "try 3"]
    runs.clear()
    with pytest.raises(SerializationError):
        db.transaction(retries=1).run(work)
    assert len(runs) == 2
    with pytest.raises(TransactionError, match="with retries use"), db.transaction(retries=1):
        pass
    block = db.transaction()
    with block:
        pass
    with pytest.raises(TransactionError, match="for one block"), block:
        pass


def test_callbacks_run_in_the_thread_that_commits(db: sync.Database) -> None:
    seen: list[Any] = []

    def note(what: str) -> Callable[[], None]:
        return lambda: seen.append((what, threading.get_ident(), len(names(db))))

    here = threading.get_ident()
    db.on_commit(note("at once"))
    with db.transaction() as block:
        block.on_commit(note("outer"))
        with pytest.raises(KeyError), db.transaction():
            db.on_commit(note("lost"))
            raise KeyError
        with db.transaction() as inner:
            inner.on_commit(note("inner"))
            add(db, "Cid")
        assert len(seen) == 1
    assert seen == [("at once", here, 2), ("outer", here, 3), ("inner", here, 3)]

    def fail() -> None:
        raise ValueError("in a callback")

    with pytest.raises(ValueError, match="in a callback"), db.transaction() as block:
        block.on_commit(fail)
        block.on_commit(note("after a failure"))
        add(db, "Dan")
    assert seen[-1] == ("after a failure", here, 4)
    with pytest.raises(TransactionError, match="too late"):
        block.on_commit(fail)


def test_a_transaction_is_of_its_thread(db: sync.Database) -> None:
    found: list[Any] = []
    both = threading.Barrier(2, timeout=30)

    def other() -> None:
        with db.transaction():
            add(db, "other")
            both.wait()
            found.append(names(db))
            both.wait()
            both.wait()

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(KeyError), db.transaction():
        add(db, "own")
        both.wait()
        both.wait()
        found.append(names(db))
        both.wait()
        thread.join(timeout=30)
        raise KeyError
    assert sorted(found) == [["Ann", "Bob", "other"], ["Ann", "Bob", "own"]]
    assert names(db) == ["Ann", "Bob", "other"]


def test_context_variables_reach_the_loop(db: sync.Database) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")

    async def read() -> str:
        return variable.get()

    assert db.run(read()) == "seen"


def test_instances(db: sync.Database) -> None:
    post: Any = Post.objects.using(db).get(id=1)
    post.title = "new"
    post.save()
    assert Post.objects.using(db).get(id=1).title == "new"
    db.execute("update sync_posts set title = 'newer' where id = 1")
    post.refresh()
    assert post.title == "newer"
    post.title = "newest"
    db.save(post, update_fields=["title"])
    db.execute("update sync_posts set title = 'last' where id = 1")
    db.refresh(post, "title")
    assert post.title == "last"
    assert post.delete() == 1 and db.delete(Post.objects.using(db).get(id=2)) == 1
    made: Any = Author(name="Cid")
    made.save(using=db)
    assert made.id == 3 and names(db) == ["Ann", "Bob", "Cid"]
    made = Author(name="Dan")
    db.save(made)
    made = Author(name="Eve")
    made.save()  # on the database that was connected first
    assert names(db) == ["Ann", "Bob", "Cid", "Dan", "Eve"]


def test_relations(db: sync.Database) -> None:
    ann: Any = Author.objects.using(db).get(name="Ann")
    post: Any = Post.objects.using(db).get(id=1)
    with pytest.raises(chakra.NotLoaded):
        _ = post.author.name
    assert db.run(post.author).name == "Ann" and post.author.name == "Ann"
    assert sync.run(Post.objects.using(db).get(id=3).author).name == "Bob"
    assert [p.id for p in ann.posts.order_by("id")] == [1, 2] and ann.posts.count() == 2
    assert ann.posts.filter(title="b").get().author is ann
    assert ann.posts.create(title="x").author_id == 1
    assert [p.title for p in ann.posts.using(db).order_by("id").list()] == ["a", "b", "x"]
    assert [t.name for t in post.tags] == ["red"]
    post.tags.add(2)
    assert post.tags.order_by("id").values_list("name", flat=True).list() == ["red", "blue"]
    post.tags.set([Tag.objects.using(db).get(name="blue")])
    assert [t.name for t in post.tags] == ["blue"]
    post.tags.clear()
    assert not post.tags.exists()
    authors = Author.objects.using(db).order_by("id").list()
    db.prefetch(authors, "posts__tags")
    assert [len(author.posts) for author in authors] == [3, 1]  # type: ignore[attr-defined]
    assert [p.title for p in authors[1].posts] == ["c"]  # type: ignore[attr-defined]
    sync.prefetch(authors, "posts")
    with pytest.raises(TypeError, match=r"query\.count"):
        len(ann.posts)


async def test_asynchronous_instances_stay_so(dsn: str, db: sync.Database) -> None:
    """Where both are used, an instance is what the database it came from is."""
    async with chakra.connect(dsn) as other:
        ann = await Author.objects.using(other).get(name="Ann")
        ann.name = "Anna"
        await ann.save()
        assert await ann.posts.count() == 2  # type: ignore[attr-defined]
        plain: Any = Author.objects.using(db).get(name="Anna")
        plain.name = "Anne"
        plain.save()
        await ann.refresh()
        assert ann.name == "Anne"
        cid = Author(name="Cid")
        await cid.save()  # the default database of this loop is the asynchronous one
        assert names(db) == ["Anne", "Bob", "Cid"]
