"""Full text search: vectors, queries, ranks and headlines, as rows and columns, against SQL by hand."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, F, Field, ForeignKey, Func, Index, Model, Q, Value, field, foreign_key, functions
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.expressions import library
from chakra.functions import (
    DeleteLexeme,
    FilterWeights,
    Lexeme,
    LexemeCount,
    Lexemes,
    NumNode,
    QueryTree,
    SearchHeadline,
    SearchQuery,
    SearchRank,
    SearchVector,
    SetWeight,
    Strip,
)
from chakra.pg.types import FLOAT4, INT4, TEXT, TSQUERY, TSVECTOR, PgType, array_of
from chakra.types import TsQuery, TsVector
from tests.query.search.agree import wrong_about, wrong_rows
from tests.query.search.conftest import SHARED

pytestmark = SHARED


class Writer(Model, table="writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Page(Model, table="pages"):
    id: Field[int] = field(primary_key=True)
    writer: ForeignKey[Writer | None] = foreign_key(related_name="pages", default=None, on_delete="cascade")
    title: Field[str]
    body: Field[str | None] = field(default=None)
    language: Field[str] = field(default="english")
    number: Field[int] = field(default=0)
    words: Field[str | None] = field(TsVector, default=None)
    asked: Field[str | None] = field(TsQuery, default=None)

    class Meta:
        indexes = (
            Index("words", method="gin"),
            Index(SearchVector("title", "body", config="english"), method="gin", name="pages_text"),
        )


MODELS = (Writer, Page)
P = Page.objects


async def fill() -> None:
    ann = await Writer.objects.create(name="Ann Catwright")
    bob = await Writer.objects.create(name="Bob")
    rows: list[dict[str, Any]] = [
        {
            "writer": ann,
            "title": "Fat cats",
            "body": "A fat cat sat on a mat and ate a fat rat",
            "asked": "'cat'",
        },
        {
            "writer": ann,
            "title": "Rats",
            "body": "The rat ran from the cats, it's said",
            "asked": "'rat' & !'cat'",
        },
        {"writer": bob, "title": "Katzen", "body": "Die Katzen schlafen", "language": "german", "number": 7},
        {"title": "A catalogue of mats", "asked": "'mat':*"},
        {"title": "", "body": "'; DROP TABLE pages; -- & | ! ( :* \\"},
    ]
    for row in rows:
        await Page.objects.create(**row)
    title = SearchVector("title", config="english", weight="A")
    await Page.objects.all().update(words=title + SearchVector("body", config="english"))


EN = "to_tsvector('english', coalesce(title, '') || ' ' || coalesce(body, ''))"
ENGLISH = SearchVector("title", "body", config="english")
HOSTILE = [
    "'; DROP TABLE pages; --",
    "a' & 'b",
    "\\",
    "((",
    "& |",
    "!",
    ":*",
    "$1",
    "{0}",
    "%s",
    "<->",
    "é 日本",
    "''",
]

CONDITIONS: list[tuple[Any, str]] = [
    (Q(body__search="cat"), "to_tsvector(coalesce(body, '')) @@ plainto_tsquery('cat')"),
    (Q(title__search="fat cat"), "to_tsvector(title) @@ plainto_tsquery('fat cat')"),
    (Q(number__search="7"), "to_tsvector(number::text) @@ plainto_tsquery('7')"),
    (Q(writer__name__search="catwright"), "writer_id = 1"),
    (Q(body__search=SearchQuery("cat -mat", type="websearch")),
     "to_tsvector(coalesce(body, '')) @@ websearch_to_tsquery('cat -mat')"),
    (Q(body__search=F("title")), "to_tsvector(coalesce(body, '')) @@ plainto_tsquery(title)"),
    (Q(words__search="cats"), "words @@ plainto_tsquery('cats')"),
    (Q(words__search=SearchQuery("cat", config="english")), "words @@ 'cat'::tsquery"),
    (Q(words__search=F("asked")), "words @@ asked"),
    (Q(words__search=Value("'cat' & 'rat'", TsQuery)), "words @@ $$'cat' & 'rat'$$::tsquery"),
    (Q(words=SearchQuery("mat", config="simple")), "words @@ 'mat'::tsquery"),
    (Q(words=Value("'cat':2A 'fat':1A", TsVector)), "words = $$'cat':2A 'fat':1A$$::tsvector"),
    (Q(words="'catalogu':2A 'mat':4A"), "id = 4"),
    (Q(asked__search="my fat cats"), "asked @@ to_tsvector('my fat cats')"),
    (Q(asked__search=F("title")), "asked @@ to_tsvector(title)"),
    (Q(asked__search=F("words")), "asked @@ words"),
    (Q(asked=Value("'cat'", TsQuery)), "asked = $$'cat'$$::tsquery"),
    (Q(asked="'cat'"), "asked = $$'cat'$$::tsquery"),
    (SearchQuery("rat") == F("words"), "words @@ 'rat'::tsquery"),
    (Page.words.lookup("search", "rat"), "words @@ plainto_tsquery('rat')"),
    (ENGLISH.lookup("search", "rats"), f"{EN} @@ plainto_tsquery('english', 'rats')"),
    (ENGLISH == "rats", f"{EN} @@ plainto_tsquery('english', 'rats')"),
    (SearchQuery("rats ran", config="english", type="phrase") == ENGLISH,
     f"{EN} @@ phraseto_tsquery('english', 'rats ran')"),
    (SearchVector("body", config=F("language")).lookup("search", "Katze"),
     "to_tsvector(language::regconfig, coalesce(body, '')) @@ plainto_tsquery(language::regconfig, 'Katze')"),
    (SearchVector("body", config=Value("german")).lookup("search", "Katze"),
     "to_tsvector('german', coalesce(body, '')) @@ plainto_tsquery('german', 'Katze')"),
    (SearchVector("title", config="pg_catalog.simple").lookup("search", "cats"),
     "to_tsvector('simple', title) @@ plainto_tsquery('simple', 'cats')"),
    # queries of each type and joined
    (Q(words__search=SearchQuery("cat & (rat | mat:*)", type="raw", config="english")),
     "words @@ to_tsquery('english', 'cat & (rat | mat:*)')"),
    (Q(words__search=SearchQuery("cat") & SearchQuery("rat")), "words @@ 'cat & rat'::tsquery"),
    (Q(words__search=SearchQuery("rat") & ~SearchQuery("mat") | SearchQuery("catalogue", config="english")),
     "words @@ ('rat & !mat'::tsquery || 'catalogu')"),
    (Q(words__search=SearchQuery("fat").followed_by(SearchQuery("rat"))), "words @@ 'fat <-> rat'::tsquery"),
    (Q(words__search=SearchQuery("cat").followed_by("rat", 9)), "words @@ 'cat <9> rat'::tsquery"),
    (Q(words__search=SearchQuery("cat") | F("asked")), "words @@ ('cat'::tsquery || asked)"),
    (Q(words__search=Lexeme("cat", prefix=True)), "words @@ 'cat:*'::tsquery"),
    (Q(words__search=Lexeme("cat", weights="a", config="english")), "words @@ 'cat:A'::tsquery"),
    (Q(words__search=Lexeme("rat", prefix=True, weights="BCD") & ~Lexeme("dog")),
     "words @@ 'rat:*BCD & !dog'::tsquery"),
    (Q(words__search=Lexeme("it's", config="simple")), "words @@ to_tsquery('simple', '''it''''s''')"),
    # functions in conditions
    (Q(words__length__gt=3), "length(words) > 3"),
    (Q(words__strip=Value("'cat' 'fat'", TsVector)), "strip(words) = $$'cat' 'fat'$$::tsvector"),
    (Q(asked__numnode=1), "numnode(asked) = 1"),
    (SearchRank("words", "cat") > 0.1, "ts_rank(words, plainto_tsquery('cat')) > 0.1"),
    *((Q(words__search=SearchQuery(text, type=kind)), f"words @@ {name}($x${text}$x$)")
      for text in HOSTILE for kind, name in (("plain", "plainto_tsquery"), ("phrase", "phraseto_tsquery"),
                                             ("websearch", "websearch_to_tsquery"))),
    *((Q(body__search=text), f"to_tsvector(coalesce(body, '')) @@ plainto_tsquery($x${text}$x$)") for text in HOSTILE),
]  # fmt: skip


async def test_conditions(filled: Any) -> None:
    wrong = [
        (condition, sql, found)
        for condition, sql in CONDITIONS
        if (found := await wrong_rows(filled, Page, condition, sql)) is not None
    ]
    assert wrong == []


PLAIN = "plainto_tsquery('cat')"
VALUES: list[tuple[Any, str, PgType | None]] = [
    (ENGLISH, EN, TSVECTOR),
    (SearchVector("title"), "to_tsvector(title)", TSVECTOR),
    (SearchVector("body", "number", config="simple", weight="B"),
     "setweight(to_tsvector('simple', coalesce(body, '') || ' ' || number::text), 'B')", TSVECTOR),
    (SearchVector("title", weight="A", config="english") + SearchVector("body", config="english") + F("words"),
     "setweight(to_tsvector('english', title), 'A') || to_tsvector('english', coalesce(body, '')) || words", TSVECTOR),
    (F("words") + SearchVector("title"), "words || to_tsvector(title)", TSVECTOR),
    (F("words").concat(F("words")), "words || words", TSVECTOR),
    (SetWeight("words", "D"), "setweight(words, 'D')", TSVECTOR),
    (Strip("words"), "strip(words)", TSVECTOR),
    (FilterWeights("words", "a"), "ts_filter(words, '{a}')", TSVECTOR),
    (FilterWeights("words", "DB"), "ts_filter(words, '{b,d}')", TSVECTOR),
    (DeleteLexeme("words", Value("cat")), "ts_delete(words, 'cat')", TSVECTOR),
    (LexemeCount("words"), "length(words)", INT4),
    (Lexemes("words"), "tsvector_to_array(words)", array_of(TEXT)),
    (NumNode("asked"), "numnode(asked)", INT4),
    (QueryTree("asked"), "querytree(asked)", TEXT),
    (SearchQuery("fat cats"), "plainto_tsquery('fat cats')", TSQUERY),
    (SearchQuery(F("title"), config=F("language")), "plainto_tsquery(language::regconfig, title)", TSQUERY),
    (~SearchQuery("a b", type="phrase", config="simple"), "!! phraseto_tsquery('simple', 'a b')", TSQUERY),
    (SearchRank("words", "cat"), f"ts_rank(words, {PLAIN})", FLOAT4),
    (SearchRank("body", SearchQuery("cat")), f"ts_rank(to_tsvector(coalesce(body, '')), {PLAIN})", FLOAT4),
    (SearchRank(ENGLISH, "cats"), f"ts_rank({EN}, plainto_tsquery('english', 'cats'))", FLOAT4),
    (SearchRank("words", F("asked"), cover_density=True), "ts_rank_cd(words, asked)", FLOAT4),
    (SearchRank("words", "cat", weights=[0.1, 0.2, 0.3, 0.9]), f"ts_rank('{{.1,.2,.3,.9}}', words, {PLAIN})", FLOAT4),
    (SearchRank("words", "cat", weights={"A": 0.5}), f"ts_rank('{{.1,.2,.4,.5}}', words, {PLAIN})", FLOAT4),
    (SearchRank("words", "cat", normalization=2), f"ts_rank(words, {PLAIN}, 2)", FLOAT4),
    (SearchRank("words", "cat", normalization=Value(1).bitor(32), weights=(0, 0, 0, 1), cover_density=True),
     f"ts_rank_cd('{{0,0,0,1}}', words, {PLAIN}, 33)", FLOAT4),
    (SearchRank(SearchVector("body", config=F("language")), "Katze"),
     "ts_rank(to_tsvector(language::regconfig, coalesce(body, '')), plainto_tsquery(language::regconfig, 'Katze'))",
     FLOAT4),
    (SearchHeadline("body", "rat"), "ts_headline(body, plainto_tsquery('rat'))", TEXT),
    (SearchHeadline("body", SearchQuery("rat"), config="english"),
     "ts_headline('english', body, plainto_tsquery('rat'))", TEXT),
    (SearchHeadline("body", "Katze", config=F("language"), start_sel="*"),
     "ts_headline(language::regconfig, body, plainto_tsquery(language::regconfig, 'Katze'), 'StartSel=*')", TEXT),
    (SearchHeadline("body", "cat", max_words=5, min_words=2, short_word=1, highlight_all=False, max_fragments=2,
                    fragment_delimiter=" … ", start_sel="[", stop_sel="]"),
     f"ts_headline(body, {PLAIN}, 'MaxWords=5, MinWords=2, ShortWord=1, HighlightAll=false, MaxFragments=2, "
     "FragmentDelimiter=\" … \", StartSel=[, StopSel=]')", TEXT),
    (SearchHeadline("body", "cat", highlight_all=True), f"ts_headline(body, {PLAIN}, 'HighlightAll=true')", TEXT),
    (Func("numnode", "asked", type=INT4), "numnode(asked)", INT4),
]  # fmt: skip


async def test_values(filled: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in VALUES
        if (found := await wrong_about(filled, Page, expression, sql, type_)) is not None
    ]
    assert wrong == []


WORDS = {
    word
    for condition, _ in CONDITIONS
    if isinstance(condition, Q)
    for keyword in condition.keywords
    for word in keyword.split("__")[1:]
}


def names_in(node: Any) -> set[str]:
    own = {node.function.name} if hasattr(node, "function") else set()
    return own.union(*map(names_in, node.children))


async def test_every_function_is_tried() -> None:
    names = set(library.fulltext.__all__)
    assert names - set().union(*(names_in(e) for e, *_ in VALUES)) == {"Lexeme"}
    assert names <= set(functions.__all__)


async def test_where_they_stand(filled: Any) -> None:
    pages = Page.objects
    rank = SearchRank("words", SearchQuery("cat | rat", type="raw", config="english"))
    ranked = (
        await pages.annotate(rank=rank)
        .filter(rank__gt=0)
        .order_by("-rank", "id")
        .values_list("id", flat=True)
    )
    expected = await filled.fetch(
        "SELECT id FROM pages WHERE words @@ 'cat | rat' ORDER BY ts_rank(words, 'cat | rat') DESC, id"
    )
    assert ranked == [row["id"] for row in expected] and len(ranked) == 2
    # As in Django's manual.
    assert await pages.annotate(search=SearchVector("title", "body", config="english")).filter(
        search="cats"
    ).order_by("id").values_list("id", flat=True) == [1, 2]
    assert await Writer.objects.filter(pages__words__search="cat").values_list("name", flat=True) == [
        "Ann Catwright"
    ]
    assert await Writer.objects.filter(pages__body__search="katzen").count() == 1
    groups = pages.values(found=Q(words__search="cat")).annotate(c=Count("*")).order_by("found")
    assert await groups.values_list("found", "c") == [(False, 3), (True, 2)]
    assert await pages.aggregate(n=Count("id", filter=Q(words__search="mat"))) == {"n": 2}
    assert await pages.filter(id=3).update(asked=SearchQuery("Katzen", config="german")) == 1
    assert await pages.values_list("asked", flat=True).get(id=3) == "'katz'"
    assert await pages.filter(id=3).update(asked=None) == 1


async def test_headlines_take_any_mark(filled: Any) -> None:
    for mark in [*HOSTILE, "<b class='x'>", '"', "', StopSel=x", "a=b, c", "", " ", "\\'", "E'x'", "\n"]:
        headline = SearchHeadline(
            "body", SearchQuery("mat"), start_sel=mark, stop_sel=mark, highlight_all=True
        )
        (found,) = await Page.objects.filter(id=1).annotate(x=headline).values_list("x", flat=True)
        assert found == f"A fat cat sat on a {mark}mat{mark} and ate a fat rat"
        column = await Page.objects.filter(id=1).values(x=headline).to_arrow()
        assert column["x"].to_pylist() == [found]


@pytest.mark.parametrize("text", ["a &", "(", "a b", "'", "a <-> ", "!", "a:Z*&"])
async def test_raw_queries_that_are_wrong(filled: Any, text: str) -> None:
    query = Page.objects.filter(words__search=SearchQuery(text, type="raw"))
    for made in (lambda: query.count(), lambda: query.to_arrow()):  # noqa: PLW0108
        with pytest.raises(DataError, match=r'tsquery: .*type="websearch" takes any text'):
            await made()
    assert await Page.objects.filter(words__search=SearchQuery(text, type="websearch")).count() >= 0


@pytest.mark.parametrize(
    "text", [text for text in HOSTILE if text.strip()] + ["a & b", "x:*A", "it''s", "two words"]
)
async def test_lexemes_are_never_wrong(filled: Any, text: str) -> None:
    for prefix in (False, True):
        vector = SearchVector(Value(text), config="simple")
        query = P.filter(vector.lookup("search", Lexeme(text, prefix=prefix, config="simple")))
        words = await filled.fetch("SELECT length(to_tsvector('simple', $1)) AS n", text)
        assert await query.count() == (5 if words[0]["n"] else 0), text
        assert (await query.values("id").to_arrow()).num_rows == (5 if words[0]["n"] else 0)


WRONG: list[tuple[Any, type[Exception], str]] = [
    (SearchVector, FieldError, "takes names of fields"),
    (lambda: SearchVector("title", weight="E"), FieldError, "weights are A, B, C and D, not 'E'"),
    (lambda: SearchVector("title", weight="AB"), FieldError, "weights are A, B, C and D, not 'AB'"),
    (lambda: SearchVector("title", config="english'; DROP"), FieldError, "config= is the name of a text search"),
    (lambda: SearchVector("title", config='"english"'), FieldError, "config= is the name of a text search"),
    (lambda: SearchQuery("x", config=3), FieldError, "config= is the name of a text search"),
    (lambda: SearchQuery("x", type="fuzzy"), FieldError, "type= is one of plain, phrase, raw, websearch, not 'fuzzy'"),
    (lambda: SearchQuery(3), DataError, "takes a text, not 3"),
    (lambda: SearchQuery("x") & "y", FieldError, "joined with each other"),
    (lambda: SearchQuery("x") & Q(id=1), FieldError, "joined with each other"),
    (lambda: SearchQuery("x").followed_by("y", -1), FieldError, "distance= is a whole number from 0"),
    (lambda: Lexeme(" "), DataError, "takes a text that is not empty"),
    (lambda: Lexeme("x", weights="AX"), FieldError, "weights are A, B, C and D, not 'AX'"),
    (lambda: FilterWeights("words", "'"), FieldError, "weights are"),
    (lambda: SearchRank("words", "x", weights=[1, 2]), DataError, "four numbers"),
    (lambda: SearchRank("words", "x", weights={"E": 1}), DataError, "four numbers"),
    (lambda: SearchRank("words", "x", weights="abcd"), DataError, "four numbers"),
    (lambda: SearchHeadline("body", "x", start="<"), FieldError, "has the options start_sel, .*, not 'start'"),
    (lambda: SearchHeadline("body", "x", max_words="5, StartSel=x"), DataError, "max_words= is of class int"),
    (lambda: SearchHeadline("body", "x", max_words=True), DataError, "max_words= is of class int"),
    (lambda: P.values(x=Strip("title")), FieldError, r"search vector .* not Page.title, which is text"),
    (lambda: P.values(x=SearchRank("words", F("title"))), FieldError, "takes a search query"),
    (lambda: P.filter(words__search=F("number")), FieldError, "a text or a SearchQuery, not for Page.number"),
    (lambda: P.filter(SearchQuery("x")), FieldError, "only boolean values are conditions"),
    (lambda: P.filter(words__search=3), DataError, "words"),
    (lambda: P.filter(words__search="a\0b"), DataError, "words"),
    (lambda: P.values(x=SearchRank("words", "cat", normalization="2; DROP")), FieldError, "no field"),
    (lambda: P.values(x=SearchHeadline("body", "cat", max_words=1, min_words=9)), DataError, "MinWords"),
    (lambda: P.filter(SearchVector("title", config="klingon") == "x"), DatabaseError, '"klingon" does not exist'),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
async def test_what_they_do_not_take(filled: Any, case: int) -> None:
    made, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        await made()


async def test_one_shape_for_all_texts(filled: Any) -> None:
    statements = Page.__table__.statements
    statements.clear()
    for text in ("cat", "'; --", "a & b"):
        Page.objects.filter(words__search=Lexeme(text, prefix=True)).order_by(
            SearchRank("words", text)
        ).to_sql()
    assert len(statements) == 1
    assert SearchVector("title", config="english").shape([]) != SearchVector("title", config="simple").shape(
        []
    )


async def test_an_index_helps(filled: Any) -> None:
    async with filled.transaction(settings={"enable_seqscan": "off"}):
        for query in (P.filter(words__search="cat"), P.filter(ENGLISH == "cat")):
            plan = str(await query.explain())
            assert "Index Cond" in plan and "@@" in plan
