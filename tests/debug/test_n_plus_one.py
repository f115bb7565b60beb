"""N+1 queries: found by the origin of the rows, told once with their number, refused, or avoided."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import chakra
from chakra import config
from chakra.debug import QueryProfiler
from chakra.debug.nplusone import watch
from chakra.errors import ConfigError, NotLoaded, NPlusOneError
from tests.debug.blog import COUNT, MODELS, Company, Post, User, fill
from tests.query.conftest import counting
from tests.relations.conftest import SHARED, sends

pytest_plugins = ["chakra.debug.pytest_plugin"]
pytestmark = SHARED
__all__ = ["MODELS", "fill"]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    config.reset()
    assert not watch.on


class Told:
    """The warnings so far."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def __call__(self) -> list[str]:
        gc.collect()
        found = [r for r in self.caplog.records if r.name == "chakra.debug"]
        assert all(r.levelno == logging.WARNING for r in found)
        self.caplog.clear()
        return [
            re.sub(r" at \S+:\d+ in \w+", " at X", r.getMessage()).split(", one query each")[0] for r in found
        ]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    caplog.set_level(logging.WARNING)
    return Told(caplog)


async def test_the_page(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The snippet of the page, and its line."""
    chakra.configure(debug=True, warn_on_n_plus_one=True)

    for post in await Post.objects.all():
        await post.author

    [record] = [r for r in caplog.records if r.levelno >= logging.WARNING]
    message = record.getMessage()
    assert message.startswith("N+1 query detected - Post.author accessed 42 times at ")
    here = "tests/debug/test_n_plus_one.py:"
    assert message.count(here) == 2 and message.count(" in test_the_page") == 2
    first, second = (int(line) for line in re.findall(re.escape(here) + r"(\d+)", message))
    assert first == second + 1  # the loop, and what loaded its rows
    assert "by SELECT id, title, author_id FROM posts: " in message
    assert '.select_related("author") or .prefetch_related("author")' in message


async def _forward() -> None:
    for post in await Post.objects.all():
        await post.author


async def _some() -> None:
    for post in (await Post.objects.all())[:5]:
        await post.author


async def _two() -> None:
    for post in (await Post.objects.all())[:2]:
        await post.author


async def _back() -> None:
    for user in await User.objects.order_by("id")[:10]:
        await user.posts


async def _iterated() -> None:
    for user in await User.objects.order_by("id")[:4]:
        async for _ in user.posts:
            pass


async def _counted() -> None:
    for user in await User.objects.order_by("id")[:4]:
        await user.posts.count()
        await user.posts.filter(title="x").exists()
        await user.posts.first()


async def _two_levels() -> None:
    for post in await Post.objects.all():
        await (await post.author).company


async def _through_a_list() -> None:
    for user in await User.objects.order_by("id").prefetch_related("posts"):
        for post in user.posts:
            await post.author.company if not isinstance(post.author, User) else None
            await post.author.company


async def _along() -> None:
    for post in await Post.objects.select_related("author"):
        await post.author.company


async def _streamed() -> None:
    async for post in Post.objects.order_by("id").iterator(20):
        await post.author


async def _paged() -> None:
    for post in await Post.objects.order_by("id").page(5):
        await post.author


async def _one_by_one() -> None:
    for key in range(1, 10):
        await (await Post.objects.get(id=key)).author


async def _firsts() -> None:
    for key in range(1, 10):
        post = await Post.objects.filter(id=key).first()
        assert post is not None
        await post.author


async def _same_row() -> None:
    user = (await User.objects.order_by("id"))[0]
    for _ in range(10):
        await user.posts


async def _loaded() -> None:
    for post in await Post.objects.select_related("author").prefetch_related("author__company"):
        await post.author
        await post.author.company


async def _said_so() -> None:
    for post in await Post.objects.fetch_mode("one"):
        await post.author


async def _peers() -> None:
    for post in await Post.objects.fetch_mode("peers"):
        await post.author


async def _new() -> None:
    users = [User(name="x", company_id=1) for _ in range(5)]
    for user in users:
        await user.company


WAYS: dict[Callable[[], Any], list[str]] = {
    _forward: [f"Post.author accessed {COUNT} times"],
    _some: ["Post.author accessed 5 times"],
    _two: [],
    _back: ["User.posts accessed 10 times"],
    _iterated: ["User.posts accessed 4 times"],
    _counted: ["User.posts accessed 4 times"],
    _two_levels: [f"Post.author accessed {COUNT} times", f"User.company accessed {COUNT} times"],
    _along: [f"User.company accessed {COUNT} times"],
    _through_a_list: [f"User.company accessed {COUNT} times"],
    _streamed: [f"Post.author accessed {n} times" for n in (20, 20)],  # two rows are left for a third block
    _paged: ["Post.author accessed 5 times"],
    _one_by_one: [],
    _firsts: [],
    _same_row: [],
    _loaded: [],
    _said_so: [],
    _peers: [],
    _new: [],
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
async def test_what_is_one(rows: Any, told: Told, way: Callable[[], Any]) -> None:
    chakra.configure(warn_on_n_plus_one=True)
    await way()
    expected = [f"N+1 query detected - {what} at X" for what in WAYS[way]]
    assert told() == expected


async def test_the_fix_names_the_way(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    chakra.configure(n_plus_one="warn")
    for way, calls in {
        _back: '(.prefetch_related("posts"))',
        _along: '(.select_related("author__company") or .prefetch_related("author__company"))',
        _two_levels: '(.select_related("author__company") or .prefetch_related("author__company"))',
    }.items():
        caplog.clear()
        await way()
        gc.collect()
        assert calls in caplog.messages[-1], way.__name__


async def test_rows_of_raw_sql(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    query = chakra.raw("select *, 'constant' as more from posts", rows, model=Post)
    chakra.configure(n_plus_one="warn")
    for post in await query.all():
        await post.author
    [message] = [r.getMessage() for r in caplog.records if r.name == "chakra.debug"]
    assert message.startswith(f"N+1 query detected - Post.author accessed {COUNT} times at ")
    assert "by select *, ? as more from posts: " in message
    assert message.endswith('(await chakra.prefetch(rows, "author"))')
    chakra.configure(n_plus_one="peers")
    posts = await query.all()
    with sends(rows, 1):
        assert [(await post.author).name for post in posts] == [f"u{n + 1}" for n in range(COUNT)]


async def test_threshold(rows: Any, told: Told) -> None:
    chakra.configure(n_plus_one="warn", n_plus_one_threshold=5)
    await _some()
    assert len(told()) == 1
    chakra.configure(n_plus_one_threshold=6)
    await _some()
    assert told() == []
    with pytest.raises(ConfigError, match="at least 2, not 1"):
        chakra.configure(n_plus_one_threshold=1)
    with pytest.raises(ConfigError, match="n_plus_one"):
        chakra.configure(n_plus_one="maybe")


async def test_raise(rows: Any, told: Told) -> None:
    chakra.configure(n_plus_one="raise")
    posts = await Post.objects.order_by("id")
    await posts[0].author
    await posts[1].author
    with (
        sends(rows, 0),
        pytest.raises(NPlusOneError, match=r"Post\.author accessed 3 times .*select_related"),
    ):
        await posts[2].author
    assert issubclass(NPlusOneError, NotLoaded)
    del posts
    assert told() == []


async def test_peers(rows: Any, told: Told) -> None:
    chakra.configure(n_plus_one="peers")
    with QueryProfiler() as profiler:
        await _forward()
        await _back()
        await _two_levels()
        await _streamed()
    assert told() == []
    assert profiler.total == 2 + 2 + 3 + 4
    with pytest.raises(NotLoaded, match="fetch_mode"):
        await (await Post.objects.fetch_mode("raise").get(id=1)).author


async def test_fixture(rows: Any, no_n_plus_one: None) -> None:
    with pytest.raises(NPlusOneError, match="accessed 2 times"):
        await _two()
    await _loaded()
    await _one_by_one()


async def test_it_is_off(rows: Any, told: Told) -> None:
    """Without the setting nothing is noted, counted or called."""
    await _forward()
    assert told() == []
    post = (await Post.objects.all())[0]
    assert post._state.fetch is None
    made = []
    for mode in ("off", "warn", "off"):
        chakra.configure(n_plus_one=mode)
        await User.objects.get(id=1)
        with counting() as calls:
            await User.objects.get(id=1)
        made.append(calls["made"])
    assert made[0] == made[2] < made[1]


async def test_the_log_of_queries(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chakra.db")
    await Company.objects.filter(name="hunter2")
    assert not caplog.records
    chakra.configure(debug=True, show_values=False)
    await Company.objects.filter(name="hunter2")
    await Company.objects.filter(name="hunter2").to_arrow()
    with pytest.raises(chakra.DataError):
        await rows.fetch("select 'hunter2'::int")
    chakra.configure(debug=False)
    await Company.objects.filter(name="hunter2")
    shown = [re.sub(r"^\d+\.\d{3} ms", "T", r.getMessage()) for r in caplog.records]
    query = 'SELECT "id", "name" FROM "companies" WHERE "name" = $1'
    assert [line.split(" at ")[0] for line in shown] == [
        f"T, 0 rows: {query}",
        f"T, 0 rows: {query}",
        "T, DataError: select ?::int",
    ]
    assert all(" in test_the_log_of_queries" in line for line in shown)
    assert {r.levelname for r in caplog.records} == {"DEBUG"}
    noted: Any = caplog.records[2]
    assert (noted.chakra["sql"], noted.chakra["error"]) == ("select ?::int", "DataError")
    assert "hunter2" not in caplog.text
