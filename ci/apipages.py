"""Which page of the API reference has which names, and what is written around them; ``ci/reference.py`` makes them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable

import apitables


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PUBLIC = (
    "chakra",
    "chakra.errors",
    "chakra.types",
    "chakra.functions",
    "chakra.columnar",
    "chakra.debug",
    "chakra.debug.telemetry",
    "chakra.debug.pytest_plugin",
    "chakra.embedded",
    "chakra.embedded.pytest_plugin",
    "chakra.sync",
    "chakra.migrations",
    "chakra.db.stats",
    "chakra.contrib.asgi",
)
"""Modules all of whose ``__all__`` is public."""

HELD = words("""
    chakra.db:Transaction chakra.db:Connection chakra.db.streams:Stream chakra.db.retrying:Attempts
    chakra.db.deadlines:Deadline chakra.db.locks:Lock chakra.db.listening:Listener chakra.db.listening:Note
    chakra.db.two_phase:Prepared chakra.db.backoff:Backoff chakra.db.hooks:QueryEvent chakra.db.hooks:HookChain
    chakra.db.hooks:everywhere chakra.db.hooks:log_slow chakra.query:RawQuery chakra.query.tables:TableQuery
    chakra.query.catalogue:Tables chakra.models.relations.reverse:RelatedSet chakra.models.relations.many:ManySet
    chakra.debug.explain:ExplainOptions chakra.expressions.base:Expression chakra.expressions.base:TypedExpression
    chakra.expressions.base:Condition chakra.expressions.base:Order chakra.expressions.aggregates:Aggregate
""")
"""What users hold in their hands without importing it."""

HIDDEN = frozenset(
    words("""
    column_source ask run_cursor cursor_blocks describe_statement held_session current_transaction nest unwind note
    is_harmless run_execute run_fetch run_fetchrow abandon types children rebuild own_shape shape numbered arguments
    says_nothing with_traceback add_note kind template bind copy_out_stream
    """)
)
"""What layers of Chakra call of each other; no names for users."""

NOT_CALLED = frozenset(
    words("""
    Database QuerySet RelatedManager Server Binaries Query Run Page DeleteReport CTE Block Model Expression
    TypedExpression Condition Order Aggregate Warmup InsertResult Operation Function ForeignKey OneToOne ManyToMany
    Field Transaction Connection Stream
    """)
)
"""Classes that users do not call: what makes them is said in their text."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading, and what stands under it.

    Attributes:
        names: of public names, ``name`` of ``chakra`` or ``module:name``; the first of them that claims one has it.
        table: what stands below the names.
    """

    title: str
    text: str = ""
    names: str = ""
    table: Callable[[], str] | None = None


@dataclasses.dataclass(frozen=True)
class Page:
    """One page of the reference."""

    file: str
    title: str
    text: str
    sections: tuple[Section, ...]


def page(file: str, title: str, text: str, *sections: Section) -> Page:
    return Page(f"{file}.md", title, text, sections)


def all_of(module: str) -> str:
    return " ".join(f"{module}:{name}" for name in importlib.import_module(module).__all__)


PAGES = (
    page(
        "connecting",
        "Connecting and transactions",
        "Guides: [transactions and connections](../transactions.md), [deadlines, locks, "
        "notifications](../coordination.md), [deployment](../deployment.md), [settings](../settings.md).",
        Section("Connecting", names="connect configure route Database"),
        Section(
            "Transactions",
            names="transaction on_commit on_rollback retrying retry deadline gather chakra.db:Transaction "
            "chakra.db:Connection chakra.db.streams:Stream chakra.db.retrying:Attempts chakra.db.backoff:Backoff "
            "chakra.db.deadlines:Deadline chakra.db.two_phase:Prepared",
        ),
        Section(
            "Locks and notifications",
            names="chakra.db.locks:Lock chakra.db.listening:Listener chakra.db.listening:Note",
        ),
        Section("Figures", "`chakra.db.stats`: what `db.stats()` gives.", names=all_of("chakra.db.stats")),
        Section(
            "Hooks",
            "`chakra.db.hooks`: functions that see every statement, and never its values.",
            names="chakra.db.hooks:QueryEvent chakra.db.hooks:HookChain chakra.db.hooks:everywhere "
            "chakra.db.hooks:log_slow",
        ),
    ),
    page(
        "models",
        "Models and fields",
        "Guides: [models](../models.md), [relations](../relations.md), [types for checkers](../typing.md), "
        "[pydantic and msgspec](../pydantic.md).",
        Section("Models", names="Model on"),
        Section("Fields", names="Field field Version declared uuid7"),
        Section(
            "Relations",
            names="ForeignKey foreign_key OneToOne one_to_one ManyToMany many_to_many RelatedManager "
            "chakra.models.relations.reverse:RelatedSet chakra.models.relations.many:ManySet",
        ),
        Section("Values", names="JSON_NULL JsonNull Interval"),
        Section("Words of Meta", "What `class Meta` in a model may say.", table=apitables.meta),
    ),
    page(
        "schema",
        "Indexes and constraints",
        "What `Meta` lists. Guides: [indexes, constraints and computed columns](../schema.md), "
        "[tables](../tables.md), [tenants](../tenants.md).",
        Section("Indexes and constraints", names="Index OpClass Unique Check Exclude"),
        Section("Beside tables", names="Identity Sequence Policy Trigger"),
    ),
    page(
        "querysets",
        "Querysets",
        "What `Model.objects` and every query have. Those that are awaited run something. Guides: [asking for "
        "rows](../queries.md), [writing](../writing.md), [bulk reads and writes](../bulk.md).",
    ),
    page(
        "queries",
        "Beside querysets",
        "Guides: [queries in WITH and FROM](../ctes.md), [relations](../relations.md), [tables](../tables.md).",
        Section("Loading along", names="Prefetch prefetch"),
        Section("Queries in queries", names="CTE"),
        Section("Results", names="Page DeleteReport show"),
        Section(
            "SQL of your own, tables without a model",
            names="raw chakra.query:RawQuery chakra.query.tables:TableQuery chakra.query.catalogue:Tables",
        ),
    ),
    page(
        "expressions",
        "Expressions",
        "Guides: [expressions and functions](../expressions.md), [types of expressions](../expression-types.md).",
        Section("Conditions and fields", names="Q F Row All Any"),
        Section(
            "What every expression has",
            names="chakra.expressions.base:Expression chakra.expressions.base:TypedExpression "
            "chakra.expressions.base:Condition chakra.expressions.base:Order",
        ),
        Section("Values", names="Value Case When Coalesce NullIf Greatest Least Cast Collate Func"),
        Section("Queries as values", names="Subquery Exists OuterRef ArraySubquery"),
        Section("Within writes", names="Excluded Old New"),
        Section("More"),
    ),
    page(
        "aggregates",
        "Aggregates and windows",
        "Guides: [aggregates and groups](../aggregates.md), [windows](../windows.md).",
        Section("Aggregates", names="chakra.expressions.aggregates:Aggregate"),
        Section("Statistics, and sorted values"),
        Section("Windows", names="Window Over Frame"),
    ),
    page(
        "functions",
        "Functions",
        '`chakra.functions`. Arguments are names of fields, expressions and plain values; a text is `Value("…")`. '
        'Those in brackets may be left out. *In paths* is the word after a field: `filter(name__lower="ann")`. '
        "What each gives of which types stands in [types of expressions](../expression-types.md); guide: "
        "[expressions and functions](../expressions.md).",
    ),
    page(
        "lookups",
        "Lookups",
        "Words behind `__` in `filter`, `exclude`, `Q` and wherever conditions are said. `a` is what stands before "
        "the word, `b` what it is compared with; values are always parameters. Guides: [asking for "
        "rows](../queries.md), [JSON and arrays](../json-and-arrays.md), [ranges](../ranges.md), "
        "[search](../search.md).",
    ),
    page(
        "types",
        "Types of columns",
        "`chakra.types`: what `field()` takes. Guide: [types](../types.md).",
        Section("Types", table=apitables.types),
        Section(
            "Types that are made",
            names=" ".join(f"chakra.types:{name}" for name in apitables.constructors()),
        ),
    ),
    page(
        "errors",
        "Errors: classes",
        "`chakra.errors`; the common ones are `chakra.NotLoaded` and so on as well. [Errors](../errors.md) says what "
        "each is about, and what to do.",
        Section("Classes", names=all_of("chakra.errors")),
    ),
    page(
        "columnar",
        "The codec alone",
        "`chakra.columnar`: bytes on one side, Arrow on the other. Guides: [the codec alone](../columnar.md), [wire "
        "format](../wire-format.md), [bulk reads and writes](../bulk.md).",
        Section("The codec", names=all_of("chakra.columnar")),
    ),
    page(
        "debug",
        "Watching what runs",
        "Guides: [what runs, and how long it takes](../debugging.md), [traces, measurements, "
        "logs](../telemetry.md), [FastAPI, Litestar and others](../fastapi.md).",
        Section(
            "Profiler and tags",
            "`chakra.debug`.",
            names=f"{all_of('chakra.debug')} chakra.debug.explain:ExplainOptions",
        ),
        Section("OpenTelemetry", "`chakra.debug.telemetry`.", names=all_of("chakra.debug.telemetry")),
        Section("ASGI", "`chakra.contrib.asgi`.", names=all_of("chakra.contrib.asgi")),
    ),
    page(
        "sync",
        "Plain calls",
        "`chakra.sync`: the same words without `await`. Guide: [plain calls](../sync.md).",
        Section("Plain calls", names=all_of("chakra.sync")),
    ),
    page(
        "testing",
        "Tests, and a private server",
        "Guides: [testing your project](../testing.md), [embedded PostgreSQL](../embedded.md).",
        Section(
            "Fixtures for databases",
            '`pytest_plugins = ["chakra.embedded.pytest_plugin"]`',
            names=all_of("chakra.embedded.pytest_plugin"),
        ),
        Section(
            "Fixtures for queries",
            '`pytest_plugins = ["chakra.debug.pytest_plugin"]`',
            names=all_of("chakra.debug.pytest_plugin"),
        ),
        Section("Embedded PostgreSQL", "`chakra.embedded`.", names=all_of("chakra.embedded")),
    ),
    page(
        "migrations",
        "Words of migrations",
        "`chakra.migrations`: what migration files are made of. Guide: [migrations](../migrations.md); the commands: "
        "[`chakra migrate`](cli.md#chakra-migrate).",
        Section("Operations", names=all_of("chakra.migrations")),
    ),
    page(
        "cli",
        "Commands",
        '`pip install "chakra-orm[cli]"` brings `chakra`. Guide: [the command line](../cli.md).',
    ),
)

BY_MODULE = (
    ("chakra.expressions.library.statistics", "aggregates", "Statistics, and sorted values"),
    ("chakra.expressions.library", "aggregates", "Aggregates"),
    ("chakra.expressions.aggregates", "aggregates", "Aggregates"),
    ("chakra.expressions.grouping", "aggregates", "Aggregates"),
    ("chakra.expressions.windows", "aggregates", "Windows"),
    ("chakra.expressions", "expressions", "More"),
    ("chakra.errors", "errors", "Classes"),
    ("chakra.schema", "schema", "Beside tables"),
    ("chakra.models", "models", "Models"),
    ("chakra.pg", "models", "Values"),
    ("chakra.query", "queries", "Results"),
    ("chakra.columnar", "columnar", "The codec"),
    ("chakra.debug", "debug", "Profiler and tags"),
    ("chakra", "connecting", "Connecting"),
)
"""Where names of ``chakra`` stand that no section claims, by the module they are from."""

VERBS = (
    ("Which rows", ("narrowing", "positions")),
    ("What rows hold", ("queryset", "grouping")),
    ("Several queries", ("combining", "joining", "returning")),
    ("Reading", ("reading", "paging")),
    ("Columns", ("columns",)),
    ("Writing", ("writing",)),
    ("More", ("base",)),
)
"""Verbs of querysets by the module they are from."""
