"""Write what docs pages take from elsewhere: types, decisions, settings, the API reference.

`--check` changes nothing and fails when a page is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import apitables
import cookbook
import expression_types
import reference

from chakra.columnar.types import COLUMN_TYPES, arrow_type
from chakra.db.text_types import READ_AS_TEXT
from chakra.errors import FieldError
from chakra.pg.conversion import conversion_of
from chakra.pg.conversion.texts import OPAQUE
from chakra.pg.types import BY_NAME, INT4, NUMERIC, TEXT, PgType, array_of, enum_type, parse_type
from chakra.schema.declared import reading, storing

DOCS = Path(__file__).parents[1] / "docs"
TYPES, DECISIONS, COOKBOOK = DOCS / "types.md", DOCS / "decisions" / "index.md", DOCS / "cookbook.md"
EXPRESSIONS = DOCS / "expression-types.md"
CONTRIBUTING = DOCS / "contributing.md"
SETTINGS, WIRE = DOCS / "settings.md", DOCS / "wire-format.md"
BEGIN, END = "<!-- written by ci/pages.py -->\n", "<!-- until here -->\n"
PAIRS_BEGIN, PAIRS_END = (
    "<!-- declared types, written by ci/pages.py -->\n",
    "<!-- until here: declared types -->\n",
)
TAKEN_BEGIN, TAKEN_END = (
    "<!-- conversions, written by ci/pages.py -->\n",
    "<!-- until here: conversions -->\n",
)
ROWS_BEGIN, ROWS_END = "<!-- row values, written by ci/pages.py -->\n", "<!-- until here: row values -->\n"

MODELS_BEGIN, MODELS_END = "<!-- written by ci/pages.py: models -->\n", "<!-- until here: models -->\n"
QUERIES_BEGIN, QUERIES_END = "<!-- written by ci/pages.py: queries -->\n", "<!-- until here: queries -->\n"

WITH_MODIFIERS = {
    "numeric": ("numeric(12, 2)", "numeric(50, 10)", "numeric"),
    "vector": ("vector(3)",),
    "halfvec": ("halfvec(3)",),
    "sparsevec": ("sparsevec(3)",),
}
"""Types whose Arrow type follows from the modifier: what to show instead of the bare name."""

SPELLED = {"char": '"char"', "bpchar": "char(n)"}


def examples() -> list[tuple[str, PgType]]:
    """What the table shows: every row of COLUMN_TYPES, and one example of every kind."""
    shown = [
        (text, parse_type(text) if name in BY_NAME and name != "char" else PgType(name))
        for name in COLUMN_TYPES
        for text in WITH_MODIFIERS.get(name, (name,))
    ]
    return [
        *shown,
        ("integer[]", array_of(INT4)),
        ("integer[][]", array_of(INT4, 2)),
        ("enum", enum_type("mood", ("sad", "happy"))),
        (
            "composite (a integer, b text)",
            PgType("pair", kind="composite", fields=(("a", INT4), ("b", TEXT))),
        ),
        ("int4range", parse_type("int4range")),
        ("int4multirange", parse_type("int4multirange")),
        ("any other type", PgType("unknown_type")),
    ]


def describe(type_: PgType) -> str:
    """The Arrow type of a column, as text."""
    try:
        return str(arrow_type(type_))
    except FieldError:
        assert type_ == NUMERIC
        return "decimal128(38, s), s from the data; an error in a stream"


def table() -> str:
    """Rows of one Arrow type together, in the order of COLUMN_TYPES."""
    rows: dict[str, list[str]] = {}
    for name, type_ in examples():
        rows.setdefault(describe(type_), []).append(f"`{SPELLED.get(name, name)}`")
    lines = [f"| {', '.join(names)} | `{arrow}` |" for arrow, names in rows.items()]
    return "\n".join(["", "| PostgreSQL | Arrow |", "|---|---|", *lines, "", ""])


PYTHON_OF = {
    "interval": "timedelta, or chakra.Interval",
    "bit": "asyncpg.BitString",
    "varbit": "asyncpg.BitString",
    "timestamptz": "datetime (UTC)",
    "json": "what the JSON says, of `null` `JSON_NULL`",
    "jsonb": "what the JSON says, of `null` `JSON_NULL`",
    "pg_lsn": "int",
}
"""Where the class of the type table does not say it all."""


def row_values() -> str:
    """What a row has for each type, from the type table; what the driver reads as text, from its list."""
    rows: dict[str, list[str]] = {}
    for name, type_ in BY_NAME.items():
        if type_.kind == "base" and name not in ("point", "line", "lseg", "box", "path", "polygon", "circle"):
            shown = PYTHON_OF.get(name) or getattr(type_.python, "__name__", str(type_.python))
            rows.setdefault(shown, []).append(f"`{SPELLED.get(name, name)}`")
    lines = [f"| {', '.join(names)} | {shown} |" for shown, names in rows.items()]
    lines += [
        "| geometric types | asyncpg's `Point`, `Line`, `LineSegment`, `Box`, `Path`, `Polygon`, `Circle` |",
        "| arrays, ranges, multiranges | lists, asyncpg's `Range`, lists of them |",
        "| enums, domains | the member or its label; what their base has |",
        "| composites | records: by position, by name, `dict(value)` |",
        "| types of extensions that are not above | str |",
    ]
    text = ", ".join(f"`{name}`" for name in sorted(READ_AS_TEXT - {"unknown"}))
    return "\n".join(
        [
            "",
            "| PostgreSQL | Python |",
            "|---|---|",
            *lines,
            "",
            f"The server's text is what rows have of {text}.",
            "",
        ]
    )


def conversions() -> str:
    """What each type takes, from the table of conversions."""
    rows: dict[str, list[str]] = {}
    examples_of_kinds = {
        "enums": enum_type("mood", ("sad", "happy")),
        "arrays": array_of(INT4),
        "composites": PgType("pair", kind="composite", fields=(("a", INT4), ("b", TEXT))),
    }
    for name, type_ in BY_NAME.items():
        shown = (
            "ranges"
            if type_.kind == "range"
            else "multiranges"
            if type_.kind == "multirange"
            else f"`{SPELLED.get(name, name)}`"
        )
        names = rows.setdefault(conversion_of(type_).takes, [])
        if shown not in names:
            names.append(shown)
    for shown, type_ in examples_of_kinds.items():
        rows.setdefault(conversion_of(type_).takes, []).append(shown)
    rows.setdefault(OPAQUE.takes, []).append("types of extensions that are not above")
    lines = [f"| {', '.join(names)} | {takes} |" for takes, names in rows.items()]
    return "\n".join(
        ["", "| PostgreSQL | takes; everything else is a `DataError` |", "|---|---|", *lines, "", ""]
    )


def declared() -> str:
    """Which types of a column a declared type can be read from and written to, beside its own."""
    types = {SPELLED.get(name, name): type_ for name, type_ in BY_NAME.items() if type_.kind == "base"}
    types["an enum"] = enum_type("mood", ("sad", "happy"))
    lines = []
    for name, type_ in types.items():
        others = [(other, actual) for other, actual in types.items() if other != name]
        read = [f"`{other}`" for other, actual in others if reading(type_, actual) is not None]
        written = [f"`{other}`" for other, actual in others if storing(type_, actual) is not None]
        if read or written:
            lines.append(f"| `{name}` | {', '.join(read) or '-'} | {', '.join(written) or '-'} |")
    head = "| Declared | reads a column of | is written into a column of |"
    return "\n".join(["", head, "|---|---|---|", *sorted(lines), "", ""]).replace("`an enum`", "an enum")


def decisions() -> str:
    """One line for every decision page, by its own heading."""
    pages = sorted(path for path in DECISIONS.parent.glob("*.md") if path != DECISIONS)
    headings = [(path, path.read_text().splitlines()[0].lstrip("# ").split(maxsplit=1)) for path in pages]
    lines = [f"| {words[0].rstrip(':')} | [{words[1]}]({path.name}) |" for path, words in headings]
    return "\n".join(["", "| | |", "|---|---|", *lines, "", ""])


def contributing() -> str:
    """CONTRIBUTING.md as a page: its links lead from the folder of the pages."""
    text = (DOCS.parent / "CONTRIBUTING.md").read_text()
    return "<!-- written by ci/pages.py out of CONTRIBUTING.md -->\n\n" + re.sub(r"\]\(docs/", "](", text)


def main() -> None:
    stale = []
    if CONTRIBUTING.read_text() != (fresh := contributing()):
        if "--check" in sys.argv[1:]:
            stale.append(str(CONTRIBUTING))
        else:
            CONTRIBUTING.write_text(fresh)
    for page, make, begin, end in (
        (TYPES, table, BEGIN, END),
        (TYPES, declared, PAIRS_BEGIN, PAIRS_END),
        (TYPES, row_values, ROWS_BEGIN, ROWS_END),
        (TYPES, conversions, TAKEN_BEGIN, TAKEN_END),
        (DECISIONS, decisions, BEGIN, END),
        (SETTINGS, apitables.settings, BEGIN, END),
        (WIRE, apitables.layouts, BEGIN, END),
        (COOKBOOK, cookbook.models, MODELS_BEGIN, MODELS_END),
        (COOKBOOK, cookbook.queries, QUERIES_BEGIN, QUERIES_END),
        *(
            (EXPRESSIONS, make, BEGIN.replace(" -->", f": {what} -->"), END.replace(" -->", f": {what} -->"))
            for what, make in (
                ("samples", expression_types.samples),
                ("operators", expression_types.operators),
                ("words", expression_types.words),
            )
        ),
    ):
        text = page.read_text()
        head, rest = text.split(begin)
        fresh = head + begin + make() + end + rest.split(end)[1]
        if fresh != text and "--check" in sys.argv[1:]:
            stale.append(str(page))
        elif fresh != text:
            page.write_text(fresh)
    check = "--check" in sys.argv[1:]
    changed = reference.stale(write=not check)
    stale += changed if check else []
    if stale:
        sys.exit(f"{', '.join(stale)}: not what the sources say; run {sys.executable} ci/pages.py")


if __name__ == "__main__":
    main()
