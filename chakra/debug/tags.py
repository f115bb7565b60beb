"""Tags behind statements, in the form of sqlcommenter: ``/*route='%2Fusers',traceparent='00-…-01'*/``. The server shows
them in ``pg_stat_activity`` and its log, so a statement seen there leads back to the code that sent it.

Format: https://google.github.io/sqlcommenter/spec/: sorted, URL-encoded keys and values, so that nothing in them can
end the comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote

from chakra.db.hooks import Passing, QueryEvent
from chakra.errors import FieldError

Carrier: TypeAlias = Callable[[], Mapping[str, str]]
"""What says the tags of the running trace."""

_tags: ContextVar[Mapping[str, str]] = ContextVar("chakra_tags", default=MappingProxyType({}))


@contextmanager
def query_tags(**tags: str) -> Iterator[None]:
    """Tags for the statements of a block, and of the tasks it starts: ``with query_tags(route="/users/{id}"):``.

    They are sent where the setting ``sqlcommenter`` is on. A statement is prepared once for each combination of tags,
    so give them few different values: the route, not the URL.

    Raises:
        FieldError: a tag that is no text.
    """
    for name, value in tags.items():
        if type(value) is not str:
            raise FieldError(f"query_tags({name}=…) takes a text, not an object of {type(value).__name__}")
        try:
            comment_of({name: value})
        except UnicodeEncodeError:
            raise FieldError(
                f"query_tags({name!a}=…): half of a surrogate pair stands in it, which UTF-8 cannot hold"
            ) from None
    token = _tags.set({**_tags.get(), **tags})
    try:
        yield
    finally:
        _tags.reset(token)


def comment_of(tags: Mapping[str, str]) -> str:
    """The comment, with a blank in front; nothing without tags."""
    if not tags:
        return ""
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in tags.items())
    return " /*" + ",".join(f"{name}='{value}'" for name, value in pairs) + "*/"


def _encoded(text: str) -> str:
    # Safe are letters, digits and -._~ alone: neither quotes nor slashes nor stars are left.
    return quote(text, safe="")


def tagging(carrier: Carrier | None = None) -> Callable[[QueryEvent], None]:
    """The hook that writes tags behind statements.

    What a trace says is new each time. A statement with it is not kept prepared: it is parsed for this one run, which
    costs a round trip, and the ones that are kept stay as they are. So a carrier gives tags only for traces that are
    recorded. Tags of ``query_tags`` come again, and are kept prepared as statements of their own.
    """

    def hook(event: QueryEvent) -> None:
        if event.phase != "before" or event.kind == "transaction" or event.statement.author == "chakra":
            return
        if "/*" in event.sql:  # the format leaves alone what has a comment already
            return
        tags = _tags.get()
        passing = carrier() if carrier is not None else {}
        if passing:
            event.comment = Passing(comment_of({**tags, **passing}))
        elif tags:
            event.comment = comment_of(tags)

    return hook


__all__ = ["Carrier", "comment_of", "query_tags", "tagging"]
