"""Names get into SQL through ``chakra.pg.quoting`` alone: what f-strings with SQL in them put in is looked at."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import PACKAGE, files, module_name

QUOTING = PACKAGE / "pg" / "quoting.py"

SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|ADD|SET|COPY|FROM|WHERE|AND|OR|AS|ON|JOIN|VALUES|RETURNING"
    r"|REFERENCES|CONSTRAINT|DEFAULT|NULLS|ANY|IN|ORDER BY|GROUP BY|LIMIT|EXPLAIN|SAVEPOINT|LISTEN|NOTIFY|EXISTS"
    r"|MESSAGE|FOR|WITH|CHECK|UNIQUE|KEY|USING|DISTINCT|FILTER|DO|BEGIN|COLLATE|TYPE|create database|drop database)\b"
    r"|::"
)

# Calls whose result is safe as SQL, and attributes that hold such a result.
SAFE_CALLS = frozenset(
    {"quote_identifier", "quote_qualified", "quote_string", "quote_output", "quote_block", "bare_type", "int"}
)
SAFE_ATTRIBUTES = frozenset({"quoted", "alias"})

REVIEWED: dict[str, set[str]] = {
    # What the user asked for at the terminal.
    "chakra.cli.sql": {"text", "limit + 1"},
    # Statements as people read them.
    "chakra.cli.migrate.common": {
        "step.backfill.table", "step.backfill.assign",
    },
    # The source of a Python file.
    "chakra.migrations.making": {
        "name.strip() or 'Data'", "requires",
    },
    # Names that were quoted, lines of the DDL package, and what messages say.
    "chakra.migrations.online": {
        "full", "' AND '.join(conditions)", "where", "listed", "found", "table.name",
        "', '.join(map(str, columns))", "index.name", "definition", "one", "column", "alter",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.columns": {
        "column_line(line)", "column.db_default", "back", "alter", "storage", "word", "new.db_default",
        "new.type.sql", "quoted_name(new.collation)",
        "using", "words", "options", "start", "text", "sequence", "most", "beyond",
        "drop", "sequence_options(new)", "sequence_options(new, 'SET')", "sequence_options(column)", "name",
        "column.type.sql", "default",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.constraints": {
        "line", "one.condition", "table.name", "one.name", "held", "target", "same", "find",
        "', '.join(one.columns)", "one.target", "listed",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.objects": {
        "self.sequence.type", "_facts(self.sequence)", "sequence.increment", "sequence.minimum",
        "sequence.maximum", "sequence.start", "sequence.cache",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.in_step": {
        "back", "column.type.sql", "forward", "full", "function", "other.type.sql", "sql", "target.type.sql", "there",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.splits": {
        "differ", "drop_sql(table, gone.name)", "new.type.sql", "self.forward", "self.name", "self.new", "self.table",
        "self.value", "work.where",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.swapping": {
        "alter", "before", "column.db_default", "column.type.sql", "full", "new", "options", "said", "sequence",
        "there", "typed", "word",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.tables": {
        "word", "quoted(old)", "schema", "quoted(there)", "kind", "', '.join(gone)",
        "storage_clause(given).removeprefix(' WITH')", "space",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.types": {
        "quoted(key_of(self.name))", "labels", "name", "place", "one", "type_.sql", "self._cast(one, type_)",
        "default", "quoted(where)", "', '.join(words)", "old", "column",
        "dimensions", "text", "given.type", "domain_clauses(words)", "check", "self.domain.default", "alter", "fields",
        "type_",
    },
    # What migrations are written in: SQL of defaults, conditions and types, words of closed sets, quoted names.
    "chakra.migrations.operations.views": {
        "view_kind(table)",
    },
    # Quoted names of steps, and words of a closed set.
    "chakra.migrations.run.locking": {"name", "strongest[name].sql", "max(int(left * 1000), 1)"},
    # Numbers, a quoted name, and SQL of the operation.
    "chakra.migrations.run.backfilling": {
        "name", "where", "work.table", "work.assign", "start", "stop", "work.where", "free",
    },
    # SQL of operations, which the journal keeps.
    "chakra.migrations.run.carry_out": {
        "step.refuse.sql", "step.done",
    },
    # Names that were quoted.
    "chakra.migrations.run.looking": {
        "row['name']", "name",
    },
    # Words of its own, and quoted names.
    "chakra.migrations.stored": {"like", "quoted(where)", "made", "domain.type", "domain_clauses(words)"},
    # Words out of closed sets, numbers, and text the function made of quoted names itself.
    "chakra.sql.render.select": {
        "strength", "of", "wait", "picked", "name", "names", "number", "where[position]", "', '.join(names)", "named",
    },
    # Spellings of types without a binary format, numbered names, and equations between quoted columns.
    "chakra.sql.render.nested": {"cast", "values", "name", "', '.join(names)", "equal(node.around, first, between)",
        "equal(between, second, node.target)", "node.casts[name]"},
    "chakra.sql.render.base": {"term.nulls.upper()"},
    "chakra.sql.render.nodes": {"node.connector"},
    "chakra.sql.render.choices": {"node.type.sql"},
    "chakra.sql.render.inner": {"alias", "', '.join(names)"},
    # Names that were quoted when they were given, and words out of closed sets.
    "chakra.sql.render.ctes": {
        "heads.names[id(cte)]", "names", "kind", "way", "name", "mark", "path", "', '.join(by)",
    },
    "chakra.sql.render.partners": {"kind", "' DESC' if node.descending else ''"},
    # A name of plain words joined by dots, and a type.
    "chakra.sql.render.calls": {"kind.cast.sql", "kind.literal.sql", "cast.sql"},
    "chakra.sql.render.functions": {"node.type.sql", "'dense_rank' if node.linked else 'row_number'"},
    "chakra.sql.partitions": {"shares", "some", "share", "keys"},
    "chakra.sql.upserts": {"conflict.target", "mark"},  # of Target.sql, and of a constant
    "chakra.sql.targets": {"where", "term"},  # of constant_condition and constant_value
    # Quoted columns and what was made of them, words of closed sets, and constants that were quoted.
    "chakra.sql.merging": {"names", "overriding", "source", "check", "fresh", "sets", "matches"},
    "chakra.sql.dml": {
        "alias", "named",  # a constant of Chakra's own
        "names", "picked", "i", "keys", "check", "first", "given",
        "', ' if position else ''", "' AND ' if position else ' WHERE '",
    },
    "chakra.expressions.library.times": {"part"},
    "chakra.expressions.library.fulltext": {"names"},  # of quote_string, of the letters A to D
    "chakra.sql.render.lookups": {"before", "after"},  # the template of a function of Chakra's own
    # A statement of the caller's behind PREPARE, a numbered name, words of closed sets, and NULL for each parameter.
    "chakra.debug.generic_plans": {"sql", "given", "name", "prefix"},
    "chakra.debug.explain": {"', '.join([f'FORMAT {format_.upper()}', *words])"},  # out of closed sets
    "chakra.db.errors": {"extension"},  # a message: an extension out of a table
    # Numbers of arguments in brackets.
    "chakra.expressions.library.arrays": {"row"},
    # Numbers, the spelling of a type, and templates of the table.
    "chakra.expressions.library.documents": {
        "low", "high", "most", "least", "beyond", "number", "base.scale or 0", "to", "sql", "sql.replace('>>', '>')",
    },
    "chakra.expressions.library.texts": {"place", "name"},
    "chakra.sql.render.aggregates": {"end", "node.call_name()", "node.word"},
    "chakra.sql.staging": {
        "default", "drawn", "names", "known", "number", "order", "there", "same", "selected", "matches", "mine", "free",
        "source", "values", "term", "position", "where", "staged", "text",
        "defaults[column.name]", "type_.sql", "c.type.sql", "', '.join(changes)", "unchecked('$4')", "indirect",
        "unsynced", "keys", "', '.join(columns)", "' AND '.join(both)",
    },
    # SQL of conditions and defaults, which declarations are, and types as SQL spells them.
    "chakra.sql.ddl.types": {
        "name", "labels", "array", "message", "hidden", "ignored", "kind", "quoted_name(words.collation)",
        "words.default", "check", "said", "made", "other", "fields", "type_.element.sql",
    },
    # Expressions and types as SQL: written by developers, or by the compiler out of expressions; checked words, and
    # numbers.
    "chakra.sql.ddl.columns": {
        "line", "column.computed", "column.db_default", "options", "quoted_name(column.collation)",
        "word", "storage", "start",
    },
    # SQL of conditions and triggers, which declarations are, and words of closed sets.
    "chakra.sql.ddl.guards": {
        "policy.command.upper()", "policy.using", "policy.check", "line", "body", "made", "word",
    },
    "chakra.sql.ddl.terms": {"quoted_name(term.collation)", "term.nulls.upper()", "names"},
    "chakra.sql.ddl.constraints": {
        "own", "other", "target", "constraint.on_delete.upper()", "constraint.on_update.upper()", "one.condition",
        "body",
        "pairs",
        "nulls", "included", "deferrable", "term_list(table, unique.terms)", "term_sql(table, term)",
        "_operator(operator)", "exclusion.where", "constraint.match.upper()",
    },
    "chakra.sql.ddl.indexes": {
        "'UNIQUE ' if index.unique else ''", "'IF NOT EXISTS ' if if_not_exists else ''", "line",
        "parameter_list(index.with_)", "index.where",
    },
    "chakra.sql.ddl.tables": {
        "names", "statement", "ignored", "' CASCADE' if cascade else ''", "body",
        "'IF NOT EXISTS ' if if_not_exists else ''", "foreign_key(table, constraint)",
    },
    # Names that were quoted, clauses made of such, words of closed sets, numbers that were checked to be some, bounds
    # as the server or the module of literals wrote them, and queries of views, finished or of developers.
    "chakra.sql.ddl.objects": {"quoted"},
    "chakra.sql.ddl.partitions": {
        "bound_clause(part)", "low", "high", "modulus", "remainder", "ending", "', '.join(values)",
        "partition_clause(part.table, part.partition_by)", "storage_clause(part.storage)",
        "tablespace_clause(part.tablespace)",
    },
    "chakra.sql.ddl.sequences": {
        "sequence.type", "sequence.start", "sequence.increment", "sequence.minimum", "sequence.maximum",
        "sequence.cache", "facts", "message", "ignored",
    },
    "chakra.sql.ddl.views": {
        "columns", "options", "tablespace_clause(table.tablespace)", "view.sql", "view_kind(table)",
    },
    # A word that was looked at, and quoted names.
    "chakra.sql.ddl.privileges": {"grant.privilege", "what", "role", "option", "view_kind(table)"},
    "chakra.sql.ddl.words": {"given", "kind", "quoted", "text", "body"},
    # A number behind a fixed word.
    "chakra.db.scope": {"self.savepoint"},
    "chakra.db.transactions": {"self.savepoint"},
    # Names of settings that matched a pattern of plain words, in front of constants that were quoted.
    "chakra.db.local_settings": {
        "name", "', '.join(made)", "', '.join(kept)", "limit", "text",  # of quote_string
        "_set(TIMEOUT, limit)", "_set(TIMEOUT, kept)", "_set(f'{save}_limit', f'pg_catalog.current_setting({name})')",
    },
    "chakra.db.relations": {"_names(_LASTING)", "_names(_LASTING_OF_EXTENSIONS)"},  # words of this module, quoted
    "chakra.db.locks": {"kind", "scope", "'_shared' if self.shared else ''", "self.key"},  # of closed sets, a number
    "chakra.db.reset": {"names", "len(prepared)"},  # one quoted constant of the names we gave
    # Numbers, the statement itself, and constants that were quoted.
    "chakra.db.records": {"relations", "sql", "rows", "guard"},
    "chakra.query.bulk_write": {"count", "first"},
    "chakra.query.loading": {"', '.join(names)"},  # quoted columns
    # Quoted names, and calls of max() or min() over one.
    "chakra.sql.sequences": {"name", "literal", "largest"},
    "chakra.sql.statement": {"number", "position", "names", "self.sql", "picked", "self._cast(position)"},
    "chakra.sql.textual": {
        *("i", "stand_in.sql", "self.names", "self.picked", "sql"),
        *("n", "', '.join(names)", "', '.join(picked)"),  # c0, c1, … and what is made of them
        *("column", "table", "type_", "some"),  # quoted by the caller, who has them of Column and PgType
    },
    "chakra.sql.write_facts": {"names", "unchecked('$2')"},
    "chakra.columnar.write_facts": {"predicate"},
    "chakra.db.copy_in": {"name", "named"},  # of quote_qualified and quote_identifier
    "chakra.db.copy_out": {"self.text", "self.comment"},  # a finished query, and a finished comment
    "chakra.db.guarding": {"guard", "copy"},  # finished statements
    # Names this module numbers itself, OIDs, finished queries, and text the functions made of quoted names.
    "chakra.sql.guards": {
        "name", "', '.join(names)", "found", "query", "row", "rowtype", "check", "relation", "target", "columns",
        "nulls", "condition", "numbers", "type_.oid", "labels", "named", "types", "expected",
        "_check(found, self.oids, self.composites)", "_check(found, oids, composites, same)", "_nowhere(query, names)",
        "_oids(oids)", "_record(type_)",
    },
}  # fmt: skip
"""Other expressions that SQL is made of, by module, each looked at once."""


class _Strings(ast.NodeVisitor):
    """The f-strings of a module that are no error messages."""

    def __init__(self) -> None:
        self.found: list[ast.JoinedStr] = []

    def visit_Raise(self, node: ast.Raise) -> None:
        pass

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if not re.search(r"(Error|Fault|Violation|Cancelled|warning|debug|echo|print)$", name):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self.found.append(node)
        self.generic_visit(node)


def strings(path: Path) -> list[ast.JoinedStr]:
    visitor = _Strings()
    visitor.visit(ast.parse(path.read_text()))
    return visitor.found


def constant(node: ast.JoinedStr) -> str:
    """The text of an f-string with a NUL for each thing put in."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)


def safe(node: ast.expr, module: str) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.JoinedStr):
        return all(safe(p.value, module) for p in node.values if isinstance(p, ast.FormattedValue))
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SAFE_CALLS:
            return True
        if name == "join" and node.args and isinstance(node.args[0], ast.GeneratorExp | ast.ListComp):
            return safe(node.args[0].elt, module)
    if isinstance(node, ast.Attribute) and node.attr in SAFE_ATTRIBUTES:
        return True
    if isinstance(node, ast.IfExp):
        return safe(node.body, module) and safe(node.orelse, module)
    if isinstance(node, ast.Name) and re.fullmatch(r"_?[A-Z][A-Z_]*", node.id):
        return True  # a constant of the module
    return ast.unparse(node) in REVIEWED.get(module, set())


def unreviewed(path: Path) -> Iterator[str]:
    module = module_name(path)
    for node in strings(path):
        text = constant(node)
        if not SQL.search(text):
            continue
        if not re.match(r"chakra\.(sql|expressions)\b", module) and not re.search(
            r"[A-Z]{2,} |::|database ", text
        ):
            continue
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and not safe(part.value, module):
                yield f"{path.name}:{node.lineno}: {ast.unparse(part.value)} in {text!r}".replace(
                    "\\x00", "…"
                )


CODE = [path for path in files() if path != QUOTING]


@pytest.mark.parametrize("path", CODE, ids=module_name)
def test_what_is_put_into_sql_is_quoted(path: Path) -> None:
    found = list(unreviewed(path))
    assert not found, "\n".join(found)


def test_the_list_holds_nothing_else() -> None:
    used: dict[str, set[str]] = {}
    for path in CODE:
        for node in strings(path):
            put_in = (p.value for p in ast.walk(node) if isinstance(p, ast.FormattedValue))
            used.setdefault(module_name(path), set()).update(map(ast.unparse, put_in))
    unused = {m: sorted(names - used.get(m, set())) for m, names in REVIEWED.items()}
    assert not {m: names for m, names in unused.items() if names}


# Quotation marks around something put in: an identifier or a constant quoted by hand.
BY_HAND = re.compile("\"\0\"|'\0'")
DOUBLED = re.compile(r"""replace\((['"])(['"])\1, \1\2\2\1""")
OTHER_LANGUAGES = {
    "chakra.embedded.launch": "a list in postgresql.conf",
    "chakra.columnar.families.textsearch": "the text form of tsvector",
}


@pytest.mark.parametrize("path", CODE, ids=module_name)
def test_nothing_is_quoted_by_hand(path: Path) -> None:
    assert not DOUBLED.search(path.read_text()) or module_name(path) in OTHER_LANGUAGES
    found = [constant(node) for node in strings(path) if BY_HAND.search(constant(node))]
    assert not [text for text in found if SQL.search(text) and 'column "' not in text], found
