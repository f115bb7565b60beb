"""Full text search (manual, chapter 12): vectors, queries, ranks, headlines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

from chakra.errors import DataError, FieldError
from chakra.expressions.base import Condition, Expression
from chakra.expressions.calls import STRING, Call, Function, Kind, of_type
from chakra.expressions.rules import TEXT_TYPES
from chakra.expressions.values import Value, as_argument, as_expression
from chakra.pg.quoting import quote_string
from chakra.pg.showing import shown
from chakra.pg.types import FLOAT4, INT4, REGCONFIG, TEXT, TSQUERY, TSVECTOR, array_of

Config: TypeAlias = "str | Expression | None"
Weight: TypeAlias = Literal["A", "B", "C", "D"]
QueryType: TypeAlias = Literal["plain", "phrase", "raw", "websearch"]

_CONFIG_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_CONFIG = Kind("a text search configuration", frozenset({"regconfig"}), REGCONFIG, REGCONFIG)
VECTOR = Kind("a search vector (tsvector)", frozenset({"tsvector"}), TSVECTOR, only=True)
QUERY = Kind("a search query (tsquery)", frozenset({"tsquery"}), TSQUERY, only=True)
_INTEGER, _WEIGHTS = of_type(INT4), Kind("four weights", frozenset(), array_of(FLOAT4))

QUERIES = {
    "plain": "plainto_tsquery",
    "phrase": "phraseto_tsquery",
    "raw": "to_tsquery",
    "websearch": "websearch_to_tsquery",
}
"""How the text of a query is read, and the function that reads it."""

CONFIGS: dict[Function[Any], str | Literal[True] | None] = {}
"""The configuration of functions that make vectors; ``True`` = their second argument, ``None`` = the session's."""


def _named(config: Config, option: str) -> str | Literal[True] | None:
    """A configuration as functions are kept by: its name is written into the statement, where an index needs it.

    Raises:
        FieldError: it is neither a name of plain words nor an expression.
    """
    if config is None or isinstance(config, Expression):
        return None if config is None else True
    if not isinstance(config, str) or _CONFIG_NAME.fullmatch(config) is None:
        raise FieldError(
            f"{option}: config= is the name of a text search configuration, such as 'english' or 'app.german', or an "
            f"expression, not {config!r}"
        )
    return config


def _configured(sql: str, name: str | Literal[True] | None, place: int) -> str:
    """The call of a function that takes a configuration first; ``place`` = which argument an expression for it is."""
    if name is None:
        return sql
    given = f"{{{place}}}" if name is True else f"{quote_string(name)}::regconfig"
    return sql.replace("(", f"({given}, ", 1)


@cache
def _texts(count: int) -> Function[str]:
    sql = " || ' ' || ".join(f"COALESCE({{{place}}}, '')" for place in range(count))
    return Function[str](
        "SearchVector", f"({sql})" if count > 1 else sql, (STRING,), TEXT, least=count, more=True
    )


@cache
def vector_function(name: str | Literal[True] | None) -> Function[str]:
    """The function that makes a vector of a text, and of a configuration if ``name`` is true."""
    takes = (STRING, _CONFIG) if name is True else (STRING,)
    found = Function[str]("SearchVector", _configured("to_tsvector({0})", name, 1), takes, TSVECTOR)
    CONFIGS[found] = name
    return found


@cache
def query_function(type_: str, name: str | Literal[True] | None) -> Function[str]:
    """The function that makes a query of a text, and of a configuration if ``name`` is true."""
    takes = (STRING, _CONFIG) if name is True else (STRING,)
    return Function[str]("SearchQuery", _configured(f"{QUERIES[type_]}({{0}})", name, 1), takes, TSQUERY)


def SearchVector(*values: Any, config: Config = None, weight: Weight | None = None) -> Expression:
    """The words of texts, to be searched: ``SearchVector("title", weight="A") + SearchVector("body")``.

    Args:
        values: names of fields and expressions; NULL is no words.
        config: the text search configuration, by name or as an expression (``F("language")``); without it the one that
            the session has (``default_text_search_config``). A vector that is indexed needs its name.
        weight: ``"A"`` to ``"D"``, which ranks look at.

    Raises:
        FieldError: no value, or the configuration or the weight is none.
    """
    if not values:
        raise FieldError("SearchVector() takes names of fields and expressions")
    text = _texts(len(values))(*values)
    name = _named(config, "SearchVector()")
    found = vector_function(name)(text, *((config,) if name is True else ()))
    return found if weight is None else SetWeight(found, weight)


@cache
def _weighted(weight: str) -> Function[str]:
    return Function[str]("SetWeight", f"setweight({{0}}, {quote_string(weight)})", (VECTOR,), TSVECTOR)


def SetWeight(vector: Any, weight: Weight) -> Call[str]:
    """A vector with one weight for all its words: ``"A"`` to ``"D"``.

    Raises:
        FieldError: there is no such weight.
    """
    return _weighted(_weights(weight, "SetWeight()", 1))(vector)


def _weights(given: Any, option: str, most: int = 4) -> str:
    found = given.upper() if isinstance(given, str) else ""
    if not 1 <= len(found) <= most or not set(found) <= set("ABCD") or len(set(found)) < len(found):
        raise FieldError(f"{option}: weights are A, B, C and D, not {given!r}")
    return found


def config_of(vector: Expression) -> Config:
    """The configuration by which a vector was made; ``None`` = nobody can tell, or it is the session's."""
    if isinstance(vector, Call) and vector.function in CONFIGS:
        name = CONFIGS[vector.function]
        return vector.arguments[1] if name is True else name
    return next((found for found in map(config_of, vector.children) if found is not None), None)


class SearchQuery(Call[str]):
    """What is searched for: ``SearchQuery("fat cats")``; joined by ``&`` and ``|``, denied by ``~``.

    Args:
        text: what a user enters, or an expression.
        config: as for :func:`SearchVector`.
        type: how the text is read: ``"plain"`` = all its words, ``"phrase"`` = one behind the other, ``"websearch"``
            = as search engines do (quotes, ``or``, ``-``), ``"raw"`` = in the language of ``tsquery``
            (``"cat & rat:*"``), in which a text may be wrong.

    Raises:
        FieldError: the type or the configuration is none.
    """

    __slots__ = ()
    __hash__ = Expression.__hash__

    def __init__(self, text: Any, *, config: Config = None, type: QueryType = "plain") -> None:
        if type not in QUERIES:
            raise FieldError(f"SearchQuery(): type= is one of {', '.join(QUERIES)}, not {type!r}")
        if not isinstance(text, str | Expression):
            raise DataError(f"SearchQuery() takes a text, not {shown(text)}")
        name = _named(config, "SearchQuery()")
        value = Value(text, TEXT) if isinstance(text, str) else text
        function = query_function(type, name)
        super().__init__(function, (value, config) if isinstance(config, Expression) else (value,))

    @classmethod
    def of(cls, function: Function[str], *arguments: Expression) -> SearchQuery:
        """A call of any function that gives a query."""
        new = cls.__new__(cls)
        new.function, new.arguments = function, arguments
        return new

    def rebuild(self, children: tuple[Expression, ...]) -> SearchQuery:
        return SearchQuery.of(self.function, *children)

    def __and__(self, other: Any) -> SearchQuery:  # type: ignore[override]
        return self._joined(_AND, other)

    def __or__(self, other: Any) -> SearchQuery:  # type: ignore[override]
        return self._joined(_OR, other)

    def __invert__(self) -> SearchQuery:  # type: ignore[override]
        return SearchQuery.of(_NOT, self)

    def followed_by(self, other: Any, distance: int = 1) -> SearchQuery:
        """What is found where the other one stands right behind it (``<->``), or so many words on.

        Raises:
            FieldError: the distance is no whole number from 0 to 16384.
        """
        if not isinstance(distance, int) or isinstance(distance, bool) or not 0 <= distance <= _MAX_DISTANCE:
            raise FieldError(
                f"followed_by(): distance= is a whole number from 0 to {_MAX_DISTANCE}, not {distance!r}"
            )
        return SearchQuery.of(_PHRASE, self, _query(other, None), Value(distance, INT4))

    def _joined(self, function: Function[str], other: Any) -> SearchQuery:
        if isinstance(other, Condition) or not isinstance(other, Expression):
            raise FieldError(f"search queries are joined with each other by & and |, not with {other!r}")
        return SearchQuery.of(function, self, other)


_MAX_DISTANCE = 2**14  # MAXENTRYPOS, src/include/tsearch/ts_type.h
_AND = Function[str]("SearchQuery", "({0} && {1})", (QUERY, QUERY), TSQUERY)
_OR = Function[str]("SearchQuery", "({0} || {1})", (QUERY, QUERY), TSQUERY)
_NOT = Function[str]("SearchQuery", "(!! {0})", (QUERY,), TSQUERY)
_PHRASE = Function[str]("SearchQuery", "tsquery_phrase({0}, {1}, {2})", (QUERY, QUERY, _INTEGER), TSQUERY)
_LEXEME = str.maketrans({"'": "''", "\\": "\\\\"})


def Lexeme(text: str, *, prefix: bool = False, weights: str = "", config: Config = None) -> SearchQuery:
    """A query for one text as it is, which cannot be wrong: ``Lexeme("cat", prefix=True) & ~Lexeme("dog")``.

    Args:
        text: a word; several are searched one behind the other.
        prefix: whether words that begin with it are found, too.
        weights: only words of these weights: ``"AB"``.
        config: as for :func:`SearchVector`.

    Raises:
        DataError: the text is none, or empty.
        FieldError: a weight is none of A to D.
    """
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"Lexeme() takes a text that is not empty, not {shown(text)}")
    marks = ("*" if prefix else "") + (_weights(weights, "Lexeme()") if weights else "")
    written = f"'{text.translate(_LEXEME)}'" + (f":{marks}" if marks else "")
    return SearchQuery(written, config=config, type="raw")


def _query(given: Any, config: Config) -> Expression:
    """A query; a text is a plain one, in the configuration of the vector that it is about."""
    return SearchQuery(given, config=config) if isinstance(given, str) else as_expression(given)


@cache
def _rank(
    function: str, weights: bool, normalization: bool, name: str | Literal[True] | None
) -> Function[float]:
    first = "{2}, " if weights else ""
    last = f", {{{2 + weights}}}" if normalization else ""
    made = _configured("to_tsvector(COALESCE({0}, ''))", name if name is not True else None, 0)
    sql = {
        "tsvector": f"{function}({first}{{0}}, {{1}}{last})",
        "": f"{function}({first}{made}, {{1}}{last})",
    }
    takes = (Kind("a search vector or a text", TEXT_TYPES | {"tsvector"}, TEXT, TEXT), QUERY)
    more = ((_WEIGHTS,) if weights else ()) + ((_INTEGER,) if normalization else ())
    return Function[float]("SearchRank", sql, takes + more, FLOAT4)


def SearchRank(
    vector: Any,
    query: Any,
    *,
    weights: Sequence[float] | Mapping[str, float] | None = None,
    normalization: Any = None,
    cover_density: bool = False,
) -> Call[float]:
    """How well a query fits a text: ``order_by(SearchRank("vector", "fat cats").desc())``.

    Args:
        vector: a search vector, or a text.
        query: a search query; a text is a plain one.
        weights: what words of the weights D, C, B and A count, in this order, or by name: ``{"A": 1, "B": 0.5}``.
        normalization: what the length of a text does to its rank: a number of the manual, 12.3.3.
        cover_density: whether it counts how near the words are to each other (``ts_rank_cd``).

    Raises:
        DataError: the weights are none.
    """
    given = as_argument(vector)
    config = config_of(given)
    arguments: list[Any] = [given, _query(query, config)]
    if weights is not None:
        arguments.append(Value(_four(weights), array_of(FLOAT4)))
    if normalization is not None:
        arguments.append(as_argument(normalization))
    function = "ts_rank_cd" if cover_density else "ts_rank"
    name = _named(config, "SearchRank()")
    return _rank(function, weights is not None, normalization is not None, name)(*arguments)


_USUAL = {"D": 0.1, "C": 0.2, "B": 0.4, "A": 1.0}  # manual, 12.3.3


def _four(weights: Any) -> list[float]:
    given = weights
    if isinstance(weights, Mapping):
        unknown = [name for name in weights if name not in _USUAL]
        given = [] if unknown else [weights.get(name, usual) for name, usual in _USUAL.items()]
    try:
        found = [float(number) for number in given]
    except (TypeError, ValueError):
        found = []
    if isinstance(given, str) or len(found) != 4:
        raise DataError(
            f"SearchRank(): weights= are four numbers, for D, C, B and A, or a mapping of these, not {shown(weights)}"
        )
    return found


OPTIONS = {
    "start_sel": ("StartSel", str),
    "stop_sel": ("StopSel", str),
    "max_words": ("MaxWords", int),
    "min_words": ("MinWords", int),
    "short_word": ("ShortWord", int),
    "highlight_all": ("HighlightAll", bool),
    "max_fragments": ("MaxFragments", int),
    "fragment_delimiter": ("FragmentDelimiter", str),
}
"""Options of ``ts_headline``: what they are called there, and what they take."""


@cache
def _headline(options: bool, name: str | Literal[True] | None) -> Function[str]:
    last, place = (", {2}", 3) if options else ("", 2)
    takes = (STRING, QUERY, *((STRING,) if options else ()), *((_CONFIG,) if name is True else ()))
    return Function[str](
        "SearchHeadline", _configured(f"ts_headline({{0}}, {{1}}{last})", name, place), takes, TEXT
    )


def SearchHeadline(text: Any, query: Any, *, config: Config = None, **options: str | int | bool) -> Call[str]:
    """A part of a text with the words that a query finds in it marked: ``SearchHeadline("body", "cat")``.

    The text is not escaped: marks in it stay as they are, so HTML of strangers has to be cleaned before it is shown.

    Args:
        text: the name of a field, or an expression.
        query: a search query; a text is a plain one.
        config: as for :func:`SearchVector`.
        options: ``start_sel`` and ``stop_sel`` (what stands around words), ``max_words``, ``min_words``,
            ``short_word``, ``highlight_all``, ``max_fragments``, ``fragment_delimiter``; manual, 12.3.4.

    Raises:
        FieldError: there is no such option.
        DataError: an option has a value of another class.
    """
    name = _named(config, "SearchHeadline()")
    arguments: list[Any] = [as_argument(text), _query(query, config)]
    if options:
        arguments.append(Value(_options(options), TEXT))
    return _headline(bool(options), name)(*arguments, *((config,) if name is True else ()))


def _options(given: Mapping[str, Any]) -> str:
    """The text of options, in the server's notation (``deserialize_deflist`` in ``tsearchcmds.c``)."""
    parts = []
    for option, value in given.items():
        known = OPTIONS.get(option)
        if known is None:
            raise FieldError(f"SearchHeadline() has the options {', '.join(OPTIONS)}, not {option!r}")
        word, kind = known
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise DataError(f"SearchHeadline(): {option}= is of class {kind.__name__}, not {shown(value)}")
        parts.append(f"{word}='{str(value).translate(_LEXEME)}'")
    return ", ".join(parts)


Strip = Function[str]("Strip", "strip({0})", (VECTOR,), TSVECTOR, "strip")
LexemeCount = Function[int]("LexemeCount", "length({0})", (VECTOR,), INT4, "length")
Lexemes = Function[list[str]]("Lexemes", "tsvector_to_array({0})", (VECTOR,), array_of(TEXT))
DeleteLexeme = Function[str]("DeleteLexeme", "ts_delete({0}, {1})", (VECTOR, STRING), TSVECTOR)
NumNode = Function[int]("NumNode", "numnode({0})", (QUERY,), INT4, "numnode")
QueryTree = Function[str]("QueryTree", "querytree({0})", (QUERY,), TEXT)


@cache
def _filtered(weights: str) -> Function[str]:
    names = ", ".join(map(quote_string, weights.lower()))
    return Function[str]("FilterWeights", f'ts_filter({{0}}, ARRAY[{names}]::"char"[])', (VECTOR,), TSVECTOR)


def FilterWeights(vector: Any, weights: str) -> Call[str]:
    """The words of a vector that have one of some weights: ``FilterWeights("vector", "AB")``.

    Raises:
        FieldError: a weight is none of A to D.
    """
    return _filtered("".join(sorted(_weights(weights, "FilterWeights()"))))(vector)


__all__ = [
    "DeleteLexeme", "FilterWeights", "Lexeme", "LexemeCount", "Lexemes", "NumNode", "QueryTree", "SearchHeadline",
    "SearchQuery", "SearchRank", "SearchVector", "SetWeight", "Strip",
]  # fmt: skip
