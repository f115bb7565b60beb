"""One public thing as Markdown: its signature, and its docstring with the sections as lists and the names as links.

Knows nothing of pages; ``ci/reference.py`` says what stands where.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chakra.query.verbs import is_running

SECTION = re.compile(r"(Args|Parameters|Attributes|Raises|Returns|Yields|Keywords):$")
TITLES = {"Args": "Parameters", "Keywords": "Parameters"}
ITEM = re.compile(r"(?P<name>[*\w][\w*., ]*?)(?: \([^)]*\))?: (?P<text>.*)$")
CODE = re.compile(r"``(.+?)``", re.S)
ROLE = re.compile(r":(?:func|class|meth|data|mod|attr|exc|obj):`~?([^`]+)`")
CODED = re.compile(r"(?<!\[)`([A-Za-z_][\w.]*)(\(\))?`(?!\])")
WIDTH = 88
INHERITED = ("builtins", "abc", "typing", "enum", "asyncpg", "collections", "contextlib", "dataclasses")
"""Modules whose methods are nobody's documentation here."""

Link = Callable[[str], str | None]


def summary(thing: Any) -> str:
    """The first sentence of a docstring, on one line; nothing where there is none of its own."""
    text = inspect.cleandoc(own_doc(thing)).split("\n\n")[0]
    line = " ".join(text.split()).removesuffix(":").strip()
    return re.split(r"(?<=[^.][.])\s+(?=[A-Z`])", line, maxsplit=1)[0]


def own_doc(thing: Any) -> str:
    """The docstring a thing was given; nothing for one that it has of ``object`` or its type alone."""
    thing = plain(thing)
    doc = getattr(thing, "__doc__", None) or ""
    if is_descriptor(thing):
        return str(doc)
    if not (inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, property)):
        return "" if doc == type(thing).__doc__ else str(doc)
    if inspect.isclass(thing) and dataclasses.is_dataclass(thing) and doc.startswith(f"{thing.__name__}("):
        return ""
    return str(doc)


def is_descriptor(thing: Any) -> bool:
    """Whether it is what gives an attribute, of a class of Chakra's own, whose docstring says which."""
    kind = type(thing)
    return kind.__module__.startswith("chakra.") and hasattr(kind, "__get__") and not inspect.isclass(thing)


def plain(thing: Any) -> Any:
    """The function behind a static method, class method, decorator or fixture."""
    thing = getattr(thing, "__func__", thing)
    wrapped = getattr(thing, "_get_wrapped_function", None)  # a fixture of pytest's
    if wrapped is not None:
        return wrapped()
    return getattr(thing, "fget", None) if isinstance(thing, property) else thing


def linked(text: str, link: Link) -> str:
    """Names in backticks as links where they have a place."""

    def replaced(match: re.Match[str]) -> str:
        target = link(match[1])
        return f"[{match[0]}]({target})" if target else match[0]

    return CODED.sub(replaced, text)


def inline(text: str, link: Link) -> str:
    """reStructuredText within a line as Markdown."""
    return linked(CODE.sub(_as_code, ROLE.sub(lambda m: f"`{m[1].rpartition('.')[2]}`", text)), link)


def _as_code(match: re.Match[str]) -> str:
    inside = " ".join(match[1].split())
    return f"`` {inside} ``" if "`" in inside else f"`{inside}`"


def docstring(doc: str, link: Link) -> str:
    """A docstring as Markdown; what it says of its own parameters are no links."""
    lines = inspect.cleandoc(doc).splitlines()
    own = _parameters_of(lines)
    every = link

    def link(name: str) -> str | None:
        return None if name in own else every(name)

    parts: list[str] = []
    at = 0
    while at < len(lines):
        found = SECTION.match(lines[at])
        end = at + 1
        if found:
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" ")):
                end += 1
            title = TITLES.get(found[1], found[1])
            parts += [f"**{title}**", *_section(lines[at + 1 : end], link, errors=title == "Raises")]
        else:
            while end < len(lines) and not SECTION.match(lines[end]):
                end += 1
            parts += _prose(lines[at:end], link)
        at = end
    return "\n\n".join(part for part in parts if part)


def _parameters_of(lines: list[str]) -> frozenset[str]:
    """The names that the sections list, but not those of errors."""
    own: set[str] = set()
    section = ""
    for line in lines:
        found = SECTION.match(line)
        section = found[1] if found else section if line.startswith(" ") or not line else ""
        item = ITEM.match(line.strip())
        if section in ("Args", "Parameters", "Attributes", "Keywords") and item:
            own.update(name.strip(" *") for name in item["name"].split(","))
    return frozenset(own)


def _section(lines: list[str], link: Link, *, errors: bool) -> Iterator[str]:
    """The items of a section as a list; one that is a sentence stays one."""
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    items: list[str] = []
    for line in lines:
        text = line[depth:]
        if text.strip() and (not text.startswith(" ") or not items):
            items.append(text.strip())
        elif text.strip():
            items[-1] += " " + text.strip()
    if items and not any(ITEM.match(item) for item in items):
        yield inline(" ".join(items), link)
        return
    shown = []
    for item in items:
        found = ITEM.match(item)
        if found is None:
            shown.append(f"- {inline(item, link)}")
        else:
            names = ", ".join(f"`{name.strip()}`" for name in found["name"].split(","))
            shown.append(f"- {linked(names, link) if errors else names}: {inline(found['text'], link)}")
    yield "\n".join(shown)


def _prose(lines: list[str], link: Link) -> Iterator[str]:
    """Paragraphs; what is set off by spaces is a block of code, and ``::`` says that one follows."""
    for paragraph in "\n".join(lines).strip("\n").split("\n\n"):
        if all(line.startswith("    ") or not line for line in paragraph.splitlines()):
            code = inspect.cleandoc(paragraph)
            yield f"```py\n{code}\n```"
        else:
            text = re.sub(r"::$", ":", paragraph.strip())
            yield inline("\n".join(line.strip() for line in text.splitlines()), link)


def signatures(name: str, thing: Any, *, bound: bool = False) -> list[str]:
    """How a thing is called, one text for each overload; none where nothing is called."""
    function = plain(thing)
    if isinstance(thing, property):
        gives = inspect.signature(function).return_annotation
        return [f"{name}{_annotation(gives, ': ')}"]
    if inspect.isclass(function):
        if typing.is_typeddict(function) or getattr(function, "_is_protocol", False):
            return []
        start = function.__init__ if "__init__" in _own(function) else None
        if start is None and not dataclasses.is_dataclass(function):
            return []
        return [_signature(name, inspect.signature(function), first=False, gives=False)]
    if not inspect.isfunction(function):
        return []
    overloads = typing.get_overloads(function)
    shown = overloads if 0 < len(overloads) <= 5 else [function]
    awaited = "async " if _is_awaited(function) else ""
    return [awaited + _signature(name, inspect.signature(one), first=bound) for one in shown]


def _is_awaited(function: Any) -> bool:
    """Whether a call is awaited: a coroutine, or a verb of a queryset that is no stream."""
    if inspect.iscoroutinefunction(function):
        return True
    gives = str(inspect.signature(function).return_annotation)
    return is_running(function) and not gives.startswith("Stream")


def _own(cls: type) -> frozenset[str]:
    return frozenset(
        name
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in INHERITED and base is not object
        for name in vars(base)
    )


def _signature(name: str, found: inspect.Signature, *, first: bool, gives: bool = True) -> str:
    """A signature over one line, or a line for each parameter where it is long."""
    parameters = list(found.parameters.values())[1 if first else 0 :]
    pieces: list[str] = []
    for position, each in enumerate(parameters):
        before = parameters[position - 1] if position else None
        if (
            before is not None
            and before.kind is each.POSITIONAL_ONLY
            and each.kind is not each.POSITIONAL_ONLY
        ):
            pieces.append("/")
        if each.kind is each.KEYWORD_ONLY and (
            before is None or before.kind not in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        ):
            pieces.append("*")
        pieces.append(_parameter(each))
    if parameters and parameters[-1].kind is inspect.Parameter.POSITIONAL_ONLY:
        pieces.append("/")
    back = _annotation(found.return_annotation, " -> ") if gives else ""
    line = f"{name}({', '.join(pieces)}){back}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){back}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    annotation = _annotation(parameter.annotation, ": ")
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{annotation}"
    equals = " = " if annotation else "="
    return f"{stars}{parameter.name}{annotation}{equals}{_default(parameter.default)}"


def _default(value: Any) -> str:
    """A default as it is written; ``…`` for what has no text of its own."""
    simple = value is None or isinstance(value, bool | int | float | str | bytes | tuple | frozenset)
    shown = repr(value)
    return shown if simple and " at 0x" not in shown else "…"


def _annotation(annotation: Any, before: str) -> str:
    if annotation is inspect.Signature.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b(typing|collections\.abc|builtins)\.", "", text)
    return before + re.sub(r"\bchakra(\.\w+)*\.(?=\w)", "", text).replace('"', "")


def members(cls: type, hidden: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class that have a docstring, those of its own bases too, by their name."""
    own = _own(cls)
    for name in sorted(own):
        if name.startswith("_") or name in hidden:
            continue
        found = inspect.getattr_static(cls, name)
        function = plain(found)
        if (inspect.isroutine(function) or is_descriptor(found)) and own_doc(found):
            yield name, found


def owner_of(cls: type, name: str) -> type:
    """The class of which a class has a method."""
    return next(base for base in cls.__mro__ if name in vars(base))


def entry(
    name: str, anchor: str, thing: Any, level: int, link: Link, *, bound: bool = False, called: bool = True
) -> list[str]:
    """Heading, signature and text of one thing."""
    lines = signatures(name.rpartition(".")[2] if bound else name, thing, bound=bound) if called else []
    block = "```py\n" + "\n".join(lines) + "\n```" if lines else ""
    heading = f"{'#' * level} {name} {{ #{anchor} }}"
    return [part for part in (heading, block, docstring(own_doc(thing), link)) if part]


def options(kind: type, link: Link) -> list[str]:
    """What a ``TypedDict`` of options has, beside what it has from others."""
    bases = _bases(kind)
    above: Mapping[str, Any] = {name: each for base in bases for name, each in _keys(base).items()}
    lines = ["| Option | takes |", "|---|---|"]
    for name, annotation in _keys(kind).items():
        if name not in above:
            text = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
            shown = _annotation(text, "").replace("|", "\\|")
            lines.append(f"| `{name}` | `{shown}` |")
    more = [base.__name__ for base in bases]
    also = f"And those of {', '.join(linked(f'`{name}`', link) for name in more)}." if more else ""
    return ["\n".join(lines) if len(lines) > 2 else "", also]


def _bases(kind: type) -> list[type]:
    """What a ``TypedDict`` has options from, by its source: before Python 3.12 the class does not know."""
    module = sys.modules[kind.__module__]
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            named = [getattr(module, base.id) for base in node.bases if isinstance(base, ast.Name)]
            return [base for base in named if typing.is_typeddict(base)]
    return []


def _keys(kind: Any) -> dict[str, Any]:
    return dict(getattr(kind, "__annotations__", {})) if typing.is_typeddict(kind) else {}
