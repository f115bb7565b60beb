"""Tables of the API reference that are no docstrings: functions, lookups, types, words of Meta, commands, settings."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import apidocs

from chakra.config.settings import SECTIONS, Settings
from chakra.errors import FieldError
from chakra.pg.types import PgType

LETTERS = "abcdefgh"


def cell(text: str) -> str:
    """Text within a row of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def families() -> dict[str, tuple[str, list[str]]]:
    """By module of the library, its first sentence and the names of ``chakra.functions`` that it has."""
    functions = importlib.import_module("chakra.functions")
    library = importlib.import_module("chakra.expressions.library")
    left = dict.fromkeys(functions.__all__)
    found: dict[str, tuple[str, list[str]]] = {}
    for module in sorted(pkgutil.iter_modules(library.__path__), key=lambda each: each.name):
        its = importlib.import_module(f"chakra.expressions.library.{module.name}")
        has = [
            name
            for name in sorted(left)
            if getattr(its, name, None) is getattr(functions, name) and not name.startswith("register_")
        ]
        for name in has:
            del left[name]
        if has:
            found[module.name] = (apidocs.summary(its), has)
    found["own"] = ("Functions of your own.", sorted(left))
    return found


def function_rows(names: list[str]) -> str:
    """Those names that are rows of the table of functions, as a table."""
    functions = importlib.import_module("chakra.functions")
    rows = []
    for name in names:
        function = getattr(functions, name)
        if not hasattr(function, "takes"):
            continue
        least = len(function.takes) if function.least is None else function.least
        taken = [
            f"{LETTERS[at]}: {kind.name}" if at < least else f"[{LETTERS[at]}: {kind.name}]"
            for at, kind in enumerate(function.takes)
        ]
        sql = " or ".join(f"`{cell(each)}`" for each in _templates(function))
        gives = function.type.sql if isinstance(function.type, PgType) else "as its arguments"
        word = f"`__{function.word}`" if function.word else ""
        called = f'<span id="{name}"></span>`{name}`'
        rows.append(
            f"| {called} | {cell(', '.join(taken))}{', …' if function.more else ''} | {sql} | {gives} | {word} |"
        )
    if not rows:
        return ""
    return "\n".join(["| Function | takes | SQL | gives | in paths |", "|---|---|---|---|---|", *rows])


def _templates(function: Any) -> list[str]:
    """Its SQL, once for each way it is written, with letters for the arguments."""
    written = list(function.sql.values()) if isinstance(function.sql, Mapping) else [function.sql]
    every = ", ".join(LETTERS[: len(function.takes)]) + (", …" if function.more else "")
    shown = dict.fromkeys(
        re.sub(r"\{(\d)(?:\|[^}]*)?\}", lambda found: LETTERS[int(found[1])], template.replace("{*}", every))
        for template in written
    )
    return sorted(shown, key=lambda sql: (len(sql), sql))[:3]  # tables made of sets have no order


def lookups() -> str:
    """Every word that compares, by what it is asked of."""
    from chakra.expressions.calls import TRANSFORMS
    from chakra.expressions.lookups import CONTAINER_LOOKUPS, LOOKUPS

    lines = ["| Word | SQL | the right side is |", "|---|---|---|"]
    lines += [
        f"| `__{word}` | `{cell(_sides(rule.sql))}` | {_right(rule)} |" for word, rule in LOOKUPS.items()
    ]
    own = ["| Word | of | SQL | the right side is |", "|---|---|---|---|"]
    own += [
        f"| `__{word}` | {of} | `{cell(_sides(rule.sql))}` | {_right(rule)} |"
        for (word, of), rule in CONTAINER_LOOKUPS.items()
    ]
    parts = ["| Word | is |", "|---|---|"]
    parts += [
        f"| `__{word}` | {', '.join(_call(each.name) for each in functions)} |"
        for word, functions in sorted(TRANSFORMS.items())
    ]
    return "\n\n".join(
        [
            "## Of any value { #lookups }",
            "\n".join(lines),
            "## Of some types { #lookups-of-types }",
            "Where a word stands above as well, this is what it means there.",
            "\n".join(own),
            "## Parts of values { #transforms }",
            "A word that gives a part of a value, or a value made of it, may be followed by another one, or by one "
            'that compares: `filter(created_at__year__gte=2020, name__lower="ann")`.',
            "\n".join(parts),
        ]
    )


def _call(name: str) -> str:
    functions = importlib.import_module("chakra.functions")
    return f"[`{name}`](functions.md#{name})" if name in functions.__all__ else f"`{name}`"


def _sides(sql: str) -> str:
    for mark, shown in (("{l}", "a"), ("{r}", "b"), ("{r0}", "b₁"), ("{r1}", "b₂")):
        sql = sql.replace(mark, shown)
    return sql.replace("{{", "{").replace("}}", "}")


RIGHTS = {
    "same": "a value of the same type",
    "array": "several values, or a query of one column",
    "pair": "a pair (low, high)",
    "text": "a text",
    "member": "an element, or a range",
    "span": "a range of the same family",
    "span of": "a range of such values",
    "query": "a text, or a search query",
}


def _right(rule: Any) -> str:
    if rule.right == "given" and rule.given is not None:
        return str(rule.given.sql)
    return RIGHTS.get(rule.right, "a value")


def types() -> str:
    """Every type of ``chakra.types`` that is a name alone."""
    from chakra.columnar.types import arrow_type

    module = importlib.import_module("chakra.types")
    lines = ["| Type | PostgreSQL | Python | Arrow |", "|---|---|---|---|"]
    for name in module.__all__:
        type_ = getattr(module, name)
        if not isinstance(type_, PgType):
            continue
        try:
            arrow = f"`{arrow_type(type_)}`"
        except FieldError:
            arrow = "[by its modifier](../types.md)"
        python = getattr(type_.python, "__name__", str(type_.python))
        lines.append(f'| <span id="{name}"></span>`{name}` | `{type_.sql}` | `{python}` | {arrow} |')
    return "\n".join(lines)


def constructors() -> list[str]:
    """The names of ``chakra.types`` that make types."""
    module = importlib.import_module("chakra.types")
    return [name for name in module.__all__ if not isinstance(getattr(module, name), PgType)]


META = {
    "abstract": ("no table: a base whose fields other models have, too", "models.md"),
    "comment": ("a comment of the table", "tables.md"),
    "constraints": ("`Check`, `Unique`, `Exclude`", "schema.md"),
    "indexes": ("`Index`", "schema.md"),
    "managed": ("`False`: `create_tables` and migrations leave the table alone", "tables.md"),
    "materialized": ("the view is a materialized one", "tables.md"),
    "ordering": ("the order of queries that name none", "models.md"),
    "partition_by": ("how the table is partitioned", "tables.md"),
    "policies": ("`Policy`, row security", "tenants.md"),
    "primary_key": ("the fields of the key, in the order it has in the database", "models.md"),
    "proxy": ("another class for the table of the base", "models.md"),
    "row_security": ("whether policies count, and whether for the owner", "tenants.md"),
    "schema": ("the schema of the table", "tables.md"),
    "storage": ("storage parameters", "tables.md"),
    "table": ("its name; `table=` in the class line says the same", "models.md"),
    "tablespace": ("where the server keeps it", "tables.md"),
    "triggers": ("`Trigger`", "schema.md"),
    "unique_together": ("sets of fields that are unique together", "schema.md"),
    "unlogged": ("no write-ahead log: faster, and empty after a crash", "tables.md"),
    "view": ("the query of a view", "tables.md"),
}


def meta() -> str:
    """What ``class Meta`` takes."""
    from chakra.models.declare import META_OPTIONS

    said = {word: META.get(word, ("", "models.md")) for word in sorted(META_OPTIONS)}
    lines = [
        f"| `{word}` | {text} | [{page.removesuffix('.md')}](../{page}) |"
        for word, (text, page) in said.items()
    ]
    return "\n".join(["| Word | says | more |", "|---|---|---|", *lines])


def commands() -> str:
    """Every command with its arguments and options, as ``--help`` has them."""
    from chakra.cli.group import chakra_command

    return "\n\n".join(_command("chakra", chakra_command, None))


def _command(path: str, command: Any, parent: Any) -> Iterator[str]:
    import click

    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    anchor = path.replace(" ", "-")
    yield f"## {path} {{ #{anchor} }}"
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```"
    help_ = re.sub(r"(?m)^\s*\x08\s*$", "", inspect.cleandoc(command.help or ""))
    yield "\n\n".join(_paragraph(each) for each in help_.split("\n\n") if each.strip())
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or "--help" in record[0]:
            continue
        names, said = record
        rows.append(f"| `{cell(names)}` | {cell(re.sub(r'  +', ' ', said))} |")
    if rows:
        yield "\n".join(["| Option | |", "|---|---|", *rows])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                yield from _command(f"{path} {name}", found, context)


def _paragraph(text: str) -> str:
    """A paragraph of help; lines that are set off are examples."""
    if all(line.startswith("  ") for line in text.splitlines()):
        return "```text\n" + textwrap.dedent(text) + "\n```"
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"`\1`", " ".join(text.split()))


MORE = {
    "database.url": "[The URL](connections.md#the-url)",
    "database.columnar_rows": "[Objects out of columns](bulk.md#objects-out-of-columns)",
    "database.pgbouncer": "[Behind PgBouncer](#behind-pgbouncer)",
    "database.keepalives": "[Silent connections](connections.md#silent-connections)",
    "pool.reset": "[What a connection carries on](#what-a-connection-carries-on)",
    "replicas.urls": "[Replicas](deployment.md#replicas)",
    "debug.n_plus_one": "[N+1 queries](debugging.md)",
    "debug.telemetry": "[Traces, measurements, logs](telemetry.md)",
    "debug.show_values": "[Security](security.md#values-that-are-not-shown)",
    "migrations.models": "[Migrations](migrations.md)",
}
"""Where more is said of a setting."""


def settings() -> str:
    """Every setting with its default and what it means, from the docstrings of the settings."""
    parts = []
    for section, kind in SECTIONS.items():
        said = attributes(kind)
        lines = [
            f"### `[{section}]` {{ #{section} }}",
            "",
            "| Setting | Default | Meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{section}.{each.name}` | {_shown(each)} "
            f"| {cell(said[each.name])}{_more(f'{section}.{each.name}')} |"
            for each in dataclasses.fields(kind)
        ]
        parts.append("\n".join(lines))
    assert isinstance(Settings(), Settings)
    return "\n\n".join(["", *parts, "", ""])


def _more(name: str) -> str:
    return f": {MORE[name]}" if name in MORE else ""


def _shown(each: Any) -> str:
    value = each.default
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g} s" if value else "0"
    return f"`{value}`" if isinstance(value, str) else str(value)


def attributes(kind: type) -> dict[str, str]:
    """What the section ``Attributes`` of a docstring says of each, in Markdown."""
    lines = apidocs.docstring(kind.__doc__ or "", lambda name: None).partition("**Attributes**")[2]
    found = {}
    for item in re.findall(r"^- (.*)$", lines, re.M):
        names, _, text = item.partition(": ")
        for name in re.findall(r"`(\w+)`", names):
            found[name] = text.strip().rstrip(".")
    return found


def layouts() -> str:
    """Which layout each type of the codec has: how many bytes, and which module reads and writes it."""
    from chakra.columnar.types import COLUMN_TYPES, VARLEN
    from chakra.pg.types import BY_NAME

    widths: dict[tuple[str, str], list[str]] = {}
    for name, row in COLUMN_TYPES.items():
        known = BY_NAME.get(name)
        fixed = known is not None and known.size > 0 and row.layout != VARLEN
        size = str(known.size) if known is not None and fixed else "as the field"
        widths.setdefault((row.family, size), []).append(f"`{name}`")
    for family, names in (
        ("array", "arrays"),
        ("range", "ranges"),
        ("multirange", "multiranges"),
        ("composite", "composites"),
        ("enum", "enums"),
    ):
        widths.setdefault((family, "as the field"), []).append(names)
    lines = ["| Types | Bytes | read and written by |", "|---|---|---|"]
    for (family, size), names in widths.items():
        lines.append(f"| {', '.join(names)} | {size} | `chakra/columnar/families/{family}.py` |")
    return "\n".join(["", *lines, "", ""])
