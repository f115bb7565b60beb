"""Write the API reference under docs/reference: every public name, with its signature and its docstring.

A name stands on the page that names it in ``ci/apipages.py``, or where its module's names stand: a new public name
has a place without a word here. ``ci/pages.py`` runs this, and with ``--check`` says which pages are stale.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apidocs
import apitables
from apipages import BY_MODULE, HELD, HIDDEN, NOT_CALLED, PAGES, PUBLIC, VERBS, Page

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "reference"
HEAD = "<!-- written by ci/reference.py out of the docstrings -->\n\n"


@dataclasses.dataclass(frozen=True)
class Placed:
    """A public name, and where it stands."""

    module: str
    name: str
    thing: Any
    file: str
    section: str

    @property
    def shown(self) -> str:
        return f"sync.{self.name}" if self.module == "chakra.sync" else self.name

    @property
    def anchor(self) -> str:
        return self.shown


def things() -> Iterator[tuple[str, str, Any]]:
    """Every public name: its module, the name, and what it is. What two modules have stands with the first alone."""
    seen: set[tuple[str, int]] = set()
    for module in PUBLIC:
        for name in importlib.import_module(module).__all__:
            thing = getattr(importlib.import_module(module), name)
            if name != "__version__" and (name, id(thing)) not in seen:
                seen.add((name, id(thing)))
                yield module, name, thing
    for each in HELD:
        module, _, name = each.partition(":")
        yield module, name, getattr(importlib.import_module(module), name)


def places() -> list[Placed]:
    """Every public name with its place."""
    claimed: dict[tuple[str, str], tuple[str, str]] = {}
    for each in PAGES:
        for section in each.sections:
            for text in section.names.split():
                module, _, name = text.rpartition(":")
                claimed.setdefault((module or "chakra", name), (each.file, section.title))
    found = []
    for module, name, thing in things():
        place = claimed.get((module, name)) or _errors_too(name, claimed)
        if module == "chakra" and name == "QuerySet":
            place = ("querysets.md", "")
        elif module == "chakra.functions":
            place = ("functions.md", "")
        elif module == "chakra.types" and place is None:
            place = ("types.md", "Types")
        elif place is None:
            source = getattr(thing, "__module__", module)
            file, section = next(
                (file, section)
                for prefix, file, section in BY_MODULE
                if f"{source}.".startswith(f"{prefix}.") or prefix == "chakra"
            )
            place = (f"{file}.md", section)
        found.append(Placed(module, name, thing, *place))
    return found


def _errors_too(name: str, claimed: dict[tuple[str, str], tuple[str, str]]) -> tuple[str, str] | None:
    """Errors stand with the errors, also those that ``chakra`` has."""
    return claimed.get(("chakra.errors", name))


class Links:
    """Where each name stands, for links from docstrings."""

    def __init__(self, placed: list[Placed]) -> None:
        self.known: dict[str, str] = {}
        self.classes: dict[type, Placed] = {}
        for each in placed:
            target = f"{each.file}#{each.anchor}"
            module = each.module.removeprefix("chakra").lstrip(".")
            for name in (each.name, f"{module}.{each.name}" if module else each.name):
                self.known.setdefault(name, target)
            if inspect.isclass(each.thing):
                self.classes.setdefault(each.thing, each)
                for method, _ in apidocs.members(each.thing, HIDDEN):
                    self.known.setdefault(f"{each.shown}.{method}", f"{each.file}#{each.anchor}.{method}")
        for name in options_kinds():
            self.known.setdefault(name, f"querysets.md#{name}")

    def to(self, cls: type, file: str) -> str:
        """The target of a class, on a page."""
        found = self.classes[cls]
        return f"{'' if found.file == file else found.file}#{found.anchor}"

    def on(self, file: str, itself: str, cls: str = "") -> apidocs.Link:
        """What finds the target of a name, on a page and within the text of one thing."""

        def find(name: str) -> str | None:
            bare = name.removeprefix("chakra.")
            if bare in ("Any", "All", "Time", "Date", "Text", itself) or bare in COMMON:
                return None
            target = (self.known.get(f"{cls}.{bare}") if cls else None) or self.known.get(bare)
            return target.removeprefix(file) if target and target.startswith(f"{file}#") else target

        return find


COMMON = frozenset({"name", "values", "sync", "on", "first", "last", "none", "all", "raw", "table", "field"})
"""Names that mean something else in most sentences."""


def options_kinds() -> dict[str, type]:
    """The classes of options of the verbs."""
    verbs = importlib.import_module("chakra.query.verbs")
    return {name: kind for name, kind in vars(verbs).items() if typing.is_typeddict(kind)}


def written() -> dict[str, str]:
    """The pages: name of the file → text."""
    placed = places()
    links = Links(placed)
    pages = {each.file: _page(each, placed, links) for each in PAGES}
    pages["index.md"] = _index(placed)
    return {name: HEAD + re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n" for name, text in pages.items()}


def _page(each: Page, placed: list[Placed], links: Links) -> str:
    parts = [f"# {each.title}", each.text]
    special = {
        "querysets.md": _querysets,
        "functions.md": _functions,
        "lookups.md": _lookups,
        "cli.md": _cli,
    }.get(each.file)
    if special is not None:
        return "\n\n".join([*parts, *special(placed, links)])
    for section in each.sections:
        names = [one for one in placed if (one.file, one.section) == (each.file, section.title)]
        wanted = section.names.split()
        order = {name.rpartition(":")[2]: at for at, name in enumerate(wanted)}
        names.sort(key=lambda one: order.get(one.name, len(order)))
        if not names and section.table is None:
            continue
        parts.append(f"## {section.title}")
        parts.append(section.text)
        parts.append(section.table() if section.table else "")
        for one in names:
            if one.module != "chakra.types" or one.name in apitables.constructors():
                parts += _thing(one, links)
    return "\n\n".join(part for part in parts if part)


def _thing(one: Placed, links: Links) -> list[str]:
    """One name with its methods, without those it has of another class that is public, too."""
    link = links.on(one.file, one.name, one.shown)
    parts = apidocs.entry(one.shown, one.anchor, one.thing, 3, link, called=_is_called(one))
    if typing.is_typeddict(one.thing):
        return [*parts, *apidocs.options(one.thing, link)]
    if not inspect.isclass(one.thing):
        return parts
    above = [base for base in one.thing.__mro__[1:] if links.classes.get(base, one).thing is not one.thing]
    nearest = [
        base for base in above if not any(issubclass(other, base) for other in above if other is not base)
    ]
    if nearest:
        shown = ", ".join(f"[`{links.classes[base].shown}`]({links.to(base, one.file)})" for base in nearest)
        parts.insert(1, f"Has what {shown} has.")
    for method, found in apidocs.members(one.thing, HIDDEN):
        owner = apidocs.owner_of(one.thing, method)
        if not any(issubclass(base, owner) for base in above):
            name, anchor = f"{one.shown}.{method}", f"{one.anchor}.{method}"
            parts += apidocs.entry(name, anchor, found, 4, link, bound=_is_bound(found))
    return parts


def _is_called(one: Placed) -> bool:
    return one.name not in NOT_CALLED and not one.module.endswith("pytest_plugin")


def _is_bound(found: Any) -> bool:
    return not isinstance(found, staticmethod)


def _querysets(placed: list[Placed], links: Links) -> Iterator[str]:
    one = next(one for one in placed if one.name == "QuerySet" and one.module == "chakra")
    link = links.on(one.file, one.name, one.name)
    yield from apidocs.entry("QuerySet", "QuerySet", one.thing, 2, link)[::2]
    modules = {module: title for title, names in VERBS for module in names}
    groups: dict[str, list[str]] = {title: [] for title, _ in VERBS}
    for method, found in apidocs.members(one.thing, HIDDEN):
        source = apidocs.owner_of(one.thing, method).__module__.rpartition(".")[2]
        groups[modules.get(source, "More")] += apidocs.entry(
            method, f"QuerySet.{method}", found, 3, link, bound=_is_bound(found)
        )
    for title, parts in groups.items():
        if parts:
            yield f"## {title}"
            yield from parts
    yield "## Options of verbs { #options }"
    yield "What the signatures above call `Unpack[…]`: keywords, all of which may be left out."
    for name, kind in options_kinds().items():
        here = links.on(one.file, name)
        yield f"### {name} {{ #{name} }}"
        yield apidocs.docstring(kind.__doc__ or "", here)
        yield from apidocs.options(kind, here)


def _functions(placed: list[Placed], links: Links) -> Iterator[str]:
    functions = {one.name: one for one in placed if one.module == "chakra.functions"}
    for module, (title, names) in apitables.families().items():
        yield f"## {module.capitalize()} {{ #{module} }}"
        yield apidocs.inline(title, links.on("functions.md", ""))
        yield apitables.function_rows(names)
        for name in names:
            one = functions.get(name)
            if one is not None and not hasattr(one.thing, "takes"):
                yield from apidocs.entry(name, name, one.thing, 3, links.on(one.file, name))


def _lookups(placed: list[Placed], links: Links) -> Iterator[str]:
    yield apitables.lookups()


def _cli(placed: list[Placed], links: Links) -> Iterator[str]:
    yield apitables.commands()


HAVE = {
    "querysets.md": (
        "`filter`, `get`, `order_by`, `values`, `annotate`, `create`, `to_arrow` and all other verbs",
    ),
    "functions.md": ("`Lower`, `Round`, `Trunc`, `JsonSet`, `SearchRank`, `CosineDistance` and 200 more",),
    "lookups.md": (
        "`__contains`, `__in`, `__isnull`, `__year`, `__overlap` and the other words of conditions",
    ),
    "cli.md": ("`chakra migrate`, `chakra inspect`, `chakra sql`, `chakra doctor` and the other commands",),
}
"""What the pages have that no six names say."""


def _index(placed: list[Placed]) -> str:
    """All names on one page, by the alphabet, with a sentence each."""
    titles = {each.file: each.title for each in PAGES}
    lines = ["| Page | has |", "|---|---|"]
    for each in PAGES:
        here = [f"`{one.shown}`" for one in placed if one.file == each.file]
        shown = HAVE.get(each.file) or here[:6]
        more = f" and {len(here) - 6} more" if len(here) > 6 and each.file not in HAVE else ""
        lines.append(f"| [{titles[each.file]}]({each.file}) | {', '.join(shown)}{more} |")
    names = ["| Name | from | is |", "|---|---|---|"]
    for one in sorted(placed, key=lambda one: (one.name.lower(), one.module)):
        says = apitables.cell(apidocs.inline(apidocs.summary(one.thing), lambda name: None))
        if hasattr(one.thing, "takes"):
            says = "`" + apitables.cell(apitables._templates(one.thing)[0]) + "`"
        elif not says:
            says = f"`{one.thing.sql}`" if hasattr(one.thing, "sql") else ""
        names.append(f"| [`{one.name}`]({one.file}#{one.anchor}) | `{one.module}` | {says} |")
    return "\n\n".join(
        [
            "# Reference",
            "Every public name with its signature, out of the code's own docstrings. What is not here is no promise.",
            "\n".join(lines),
            "## All names",
            "\n".join(names),
        ]
    )


def stale(write: bool) -> list[str]:
    """Pages that are not what the code says, after writing them if that is wanted."""
    pages = written()
    found = []
    FOLDER.mkdir(exist_ok=True)
    for path in sorted({*FOLDER.glob("*.md"), *(FOLDER / name for name in pages)}):
        fresh = pages.get(path.name)
        if fresh == (path.read_text() if path.exists() else None):
            continue
        found.append(str(path))
        if write and fresh is None:
            path.unlink()
        elif write and fresh is not None:
            path.write_text(fresh)
    return found


if __name__ == "__main__":
    wrong = stale(write="--check" not in sys.argv[1:])
    if wrong and "--check" in sys.argv[1:]:
        sys.exit(f"{', '.join(wrong)}: not what the code says; run {sys.executable} ci/pages.py")
