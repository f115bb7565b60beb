"""prefetch_related and select_related in any direction: one statement a level, and nothing else is ever sent."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import chakra
from chakra import (
    Count,
    Field,
    ForeignKey,
    ManyToMany,
    Model,
    OneToOne,
    Prefetch,
    field,
    foreign_key,
    many_to_many,
    one_to_one,
)
from chakra.errors import DoesNotExist, FieldError, NotLoaded
from chakra.types import Integer
from tests.query.conftest import watched
from tests.relations.conftest import SHARED

pytestmark = SHARED


class Nation(Model, table="nations"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Artist(Model, table="artists"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    nation: ForeignKey[Nation | None] = foreign_key(related_name="artists", default=None)


class Manager(Model, table="managers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    artist: OneToOne[Artist] = one_to_one(related_name="manager")


class Song(Model, table="songs"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    length: Field[int] = field(Integer, default=0)
    artist: ForeignKey[Artist] = foreign_key(related_name="songs")
    genres: ManyToMany["Genre"] = many_to_many(related_name="songs")  # noqa: UP037
    cover_of: ForeignKey["Song | None"] = foreign_key(related_name="covers", default=None)  # noqa: UP037


class Genre(Model, table="genres"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


MODELS = (Nation, Artist, Manager, Song, Genre)


async def fill() -> None:
    """Ann (Oz, manager Max): songs a (pop, rock), b (pop); Bob (no nation): song c covers a; Cy: nothing."""
    oz = await Nation.objects.create(name="Oz")
    ann = await Artist.objects.create(name="Ann", nation=oz)
    bob = await Artist.objects.create(name="Bob")
    await Artist.objects.create(name="Cy", nation=oz)
    await Manager.objects.create(name="Max", artist=ann)
    a = await Song.objects.create(title="a", length=3, artist=ann)
    b = await Song.objects.create(title="b", length=5, artist=ann)
    await Song.objects.create(title="c", length=7, artist=bob, cover_of=a)
    pop, rock = await Genre.objects.create(name="pop"), await Genre.objects.create(name="rock")
    await a.genres.add(pop, rock)
    await b.genres.add(pop)


@pytest.fixture
def music(rows: Any) -> Any:
    """The database, filled."""
    return rows


def titles(rows: Any) -> list[str]:
    return sorted(getattr(row, "title", None) or row.name for row in rows)


async def test_each_kind_of_relation(music: Any) -> None:
    with watched(music) as statements:
        artists = await Artist.objects.order_by("id").prefetch_related("songs", "nation", "manager")
        assert [titles(artist.songs) for artist in artists] == [["a", "b"], ["c"], []]
        assert [artist.nation and artist.nation.name for artist in artists] == ["Oz", None, "Oz"]
        assert [artist.manager and artist.manager.name for artist in artists] == ["Max", None, None]
        assert artists[0].manager.artist is artists[0]
        assert artists[0].nation is artists[2].nation
        assert [song.artist for song in artists[0].songs] == [artists[0], artists[0]]
        assert await artists[0].songs.count() == 2
        assert not await artists[2].songs.exists()
        assert await artists[1].songs == list(artists[1].songs)
        assert [song.title async for song in artists[1].songs] == ["c"]
    assert len(statements) == 4


async def test_many_to_many_from_both_sides(music: Any) -> None:
    with watched(music) as statements:
        songs = await Song.objects.order_by("id").prefetch_related("genres")
        assert [titles(song.genres) for song in songs] == [["pop", "rock"], ["pop"], []]
        genres = await Genre.objects.order_by("id").prefetch_related("songs__artist")
        assert [titles(genre.songs) for genre in genres] == [["a", "b"], ["a"]]
        assert {song.artist.name for genre in genres for song in genre.songs} == {"Ann"}
    assert len(statements) == 2 + 3


async def test_several_levels_at_once(music: Any) -> None:
    with watched(music) as statements:
        nations = await Nation.objects.prefetch_related(
            "artists__songs__genres", "artists__songs__covers__artist"
        )
        (oz,) = nations
        ann = next(a for a in oz.artists if a.name == "Ann")
        first = min(ann.songs, key=lambda s: s.title)
        assert titles(first.genres) == ["pop", "rock"]
        assert [(cover.title, cover.artist.name) for cover in first.covers] == [("c", "Bob")]
    assert len(statements) == 6


async def test_a_query_of_ones_own(music: Any) -> None:
    long = Prefetch("songs", Song.objects.filter(length__gt=4).order_by("-length"))
    assert [titles(a.songs) for a in await Artist.objects.order_by("id").prefetch_related(long)] == [
        ["b"],
        ["c"],
        [],
    ]
    kept = Prefetch("songs", Song.objects.filter(length__gt=4), to_attr="long_songs")
    artists = await Artist.objects.order_by("id").prefetch_related(kept, "songs")
    assert [titles(a.long_songs) for a in artists] == [["b"], ["c"], []]
    assert [titles(a.songs) for a in artists] == [["a", "b"], ["c"], []]
    counted = Prefetch("songs", Song.objects.annotate(n=Count("genres")).order_by("id"))
    artists = await Artist.objects.order_by("id").prefetch_related(counted)
    assert [[song.n for song in a.songs] for a in artists] == [[2, 1], [0], []]
    genres = Prefetch("songs__genres", Genre.objects.order_by("-name"))
    (ann, *_) = await Artist.objects.order_by("id").prefetch_related(genres)
    assert [g.name for g in sorted(ann.songs, key=lambda s: s.id)[0].genres] == ["rock", "pop"]
    deeper = Prefetch("songs", Song.objects.order_by("id"), to_attr="all_songs")
    (ann, *_) = await Artist.objects.order_by("id").prefetch_related(deeper, "all_songs__genres")
    assert titles(ann.all_songs[0].genres) == ["pop", "rock"]


async def test_some_rows_for_each(music: Any) -> None:
    """A slice of the query is taken for each parent, by the server."""

    async def found(path: str, query: Any, model: Any = Artist) -> list[list[str]]:
        with watched(music) as statements:
            rows = await model.objects.order_by("id").prefetch_related(Prefetch(path, query))
        assert len(statements) == 2
        return [[getattr(x, "title", None) or x.name for x in getattr(row, path)] for row in rows]

    await Song.objects.create(title="d", length=1, artist_id=1)
    assert await found("songs", Song.objects.order_by("-length")[:1]) == [["b"], ["c"], []]
    assert await found("songs", Song.objects.order_by("length")[:2]) == [["d", "a"], ["c"], []]
    assert await found("songs", Song.objects.order_by("length")[1:2]) == [["a"], [], []]
    assert await found("songs", Song.objects.order_by("length").offset(1)) == [["a", "b"], [], []]
    assert await found("songs", Song.objects.all()[:1]) == [["a"], ["c"], []]
    annotated = (
        Song.objects.annotate(n=Count("genres")).filter(n__gt=0).select_related("artist").order_by("-n")
    )
    assert await found("songs", annotated[:1]) == [["a"], [], []]
    assert await found("genres", Genre.objects.order_by("-name")[:1], Song) == [["rock"], ["pop"], [], []]
    (ann, *_) = await Artist.objects.order_by("id").prefetch_related(
        Prefetch("songs", annotated[:1], to_attr="top")
    )
    assert [(song.n, song.artist.name) for song in ann.top] == [(2, "Ann")]


async def test_fields_that_are_needed_are_loaded(music: Any) -> None:
    few = Prefetch("songs", Song.objects.only("title").order_by("id"))
    (ann, *_) = await Artist.objects.only("name").order_by("id").prefetch_related(few)
    assert titles(ann.songs) == ["a", "b"]
    with pytest.raises(NotLoaded):
        list(ann.songs)[0].length  # noqa: B018, RUF015
    none = Prefetch("songs", Song.objects.defer("artist").order_by("id"))
    (ann, *_) = await Artist.objects.order_by("id").prefetch_related(none)
    assert titles(ann.songs) == ["a", "b"]
    (a, *_) = await Song.objects.order_by("id").only("title").prefetch_related("artist")
    assert a.artist.name == "Ann"
    without = await Song.objects.only("title")
    with pytest.raises(NotLoaded, match=r"Song\.artist_id was not loaded with these rows"):
        await chakra.prefetch(without, "artist")


async def test_after_select_related_and_with_every_verb(music: Any) -> None:
    with watched(music) as statements:
        songs = await Song.objects.order_by("id").select_related("artist").prefetch_related("artist__nation")
        assert songs[0].artist.nation.name == "Oz"
    assert len(statements) == 2
    query = Artist.objects.order_by("id").prefetch_related("songs")
    for artist in (
        await query.get(name="Ann"),
        await query.first(),
        await query[0],
        (await query.in_bulk())[1],
    ):
        assert titles(artist.songs) == ["a", "b"]  # type: ignore[union-attr]
    with watched(music) as statements:
        streamed = [artist async for artist in query.iterator(chunk_size=2)]
        assert [titles(artist.songs) for artist in streamed] == [["a", "b"], ["c"], []]
    assert sum('FROM "songs"' in sql for sql in statements) == 2


async def test_one_to_one_in_the_same_statement(music: Any) -> None:
    with watched(music) as statements:
        artists = await Artist.objects.order_by("id").select_related("manager", "nation")
        assert [a.manager and a.manager.name for a in artists] == ["Max", None, None]
        managers = await Manager.objects.select_related("artist__nation")
        assert managers[0].artist.nation.name == "Oz"  # type: ignore[union-attr]
    assert len(statements) == 2
    with pytest.raises(
        FieldError, match=r"'songs' of Artist may have several rows .* prefetch_related\(\"songs\"\)"
    ):
        await Artist.objects.select_related("songs")


async def test_rows_that_are_there_already(music: Any) -> None:
    artists = await Artist.objects.order_by("id")
    await chakra.prefetch(artists[:1], "songs__genres", Prefetch("nation"))
    with watched(music) as statements:
        assert titles(artists[0].songs) == ["a", "b"]
        assert artists[0].nation.name == "Oz"  # type: ignore[union-attr]
        await chakra.prefetch(artists[0], "songs__genres")  # is there
    assert statements == []
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(artists[1].songs)
    await chakra.prefetch([], "songs")
    with pytest.raises(FieldError, match="instances of one model"):
        await chakra.prefetch([artists[0], await Song.objects.first()], "songs")


async def test_what_is_not_loaded_says_so(music: Any) -> None:
    artist = await Artist.objects.get(name="Ann")
    with pytest.raises(NotLoaded, match=r'prefetch_related\("manager"\)'):
        artist.manager.name  # noqa: B018
    with watched(music) as statements:
        assert (await artist.manager).name == "Max"
        assert artist.manager.name == "Max"
        assert await (await Artist.objects.get(name="Bob")).manager is None
    assert len(statements) == 3


async def test_sets_that_were_changed_forget_what_was_loaded(music: Any) -> None:
    ann, bob, _ = await Artist.objects.order_by("id").prefetch_related("songs")
    made = await ann.songs.create(title="new")
    assert titles(await ann.songs) == ["a", "b", "new"]
    assert titles(bob.songs) == ["c"]
    await bob.songs.add(made)
    assert titles(await bob.songs) == ["c", "new"]
    assert made.artist is bob
    (song, *_) = await Song.objects.order_by("id").prefetch_related("genres", "artist")
    await song.genres.clear()
    assert await song.genres == []
    assert song.artist == ann
    song.artist = bob
    assert song.artist is bob
    song.artist_id = 3
    with pytest.raises(NotLoaded):
        song.artist.name  # noqa: B018
    await song.refresh()
    with pytest.raises(NotLoaded):
        song.artist.name  # noqa: B018


async def test_rows_of_a_foreign_key(music: Any) -> None:
    """add, remove, set and clear of the way back; keys that cannot be NULL are said to be so."""
    song = await Song.objects.get(title="a")
    b, c = await Song.objects.get(title="b"), await Song.objects.get(title="c")
    await song.covers.set([b])
    assert titles(await song.covers) == ["b"]
    assert b.cover_of is song
    assert (await Song.objects.get(title="c")).cover_of_id is None
    await song.covers.add(b, c)
    await song.covers.remove(b)
    assert titles(await song.covers) == ["c"]
    assert b.cover_of is None
    await song.covers.clear()
    assert await song.covers.count() == 0
    ann = await Artist.objects.get(name="Ann")
    for call in (ann.songs.clear(), ann.songs.remove(b), ann.songs.set([b])):
        with pytest.raises(FieldError, match=r"Song\.artist cannot be NULL"):
            await call
    assert titles(await ann.songs) == ["a", "b"]
    await Song.objects.filter(id=c.id).delete()
    with pytest.raises(DoesNotExist, match=r"1 of the 1 rows given to Artist\.songs\.add\(\) are not there"):
        await ann.songs.add(c)
    with pytest.raises(FieldError, match=r"Artist\.songs\.add\(\) takes Song instances, not 7"):
        await ann.songs.add(7)
    with pytest.raises(FieldError, match=r"await instance\.songs\.set"):
        ann.songs = [b]
    with pytest.raises(FieldError, match=r"set Manager\.artist"):
        ann.manager = None


async def test_what_is_no_relation_is_refused_at_once(music: Any) -> None:
    for path, why in (
        ("song", "'song' is no relation of Artist; its relations are .*songs"),
        ("songs__title", "'title' is a field, not a relation of Song"),
        ("songs__nothing", "'nothing' is no relation of Song"),
    ):
        with pytest.raises(FieldError, match=why):
            Artist.objects.prefetch_related(path)
    with pytest.raises(FieldError, match="leads to Song, and queryset= is about Genre"):
        Artist.objects.prefetch_related(Prefetch("songs", Genre.objects.all()))
    with pytest.raises(FieldError, match="takes a query for instances"):
        Prefetch("songs", Song.objects.values_list())
    with pytest.raises(FieldError, match=r"rows of values\(\) are for columns"):
        await Artist.objects.prefetch_related(Prefetch("songs", Song.objects.values()))
    with pytest.raises(FieldError, match="is for instances"):
        Artist.objects.values().prefetch_related("songs")
    assert Artist.objects.prefetch_related("songs").prefetch_related(None)._prefetches == ()


async def test_copies_and_pickles_carry_what_an_instance_loaded(music: Any) -> None:
    (ann, *_) = await Artist.objects.order_by("id").prefetch_related("songs", "nation")
    for again in (copy.copy(ann), pickle.loads(pickle.dumps(ann))):
        assert titles(again.songs) == ["a", "b"]
        assert again.nation.name == "Oz"


async def test_many_parents_share_one_map(music: Any) -> None:
    """No state, dict or list is made for a parent by itself."""
    artists = await Artist.objects.prefetch_related("songs")
    assert len({id(artist._state) for artist in artists}) == 1
