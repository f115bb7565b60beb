"""The queries of the cookbook page, out of the files that the tests run: SQL, and what says the same."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "query" / "tpch"


def queries() -> str:
    """Each query: its name, its SQL, and the function that makes it, without what only tests need."""
    source = (FOLDER / "queries.py").read_text()
    parts = [""]
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.FunctionDef) and node.name[1:].isdigit()):
            continue
        title = ast.get_docstring(node)
        number = int(node.name[1:])
        code = ast.get_source_segment(source, node) or ""
        code = code.replace(f'    """{title}"""\n', "").replace(") -> Any:", "):")
        sql = (FOLDER / "sql" / f"{number:02}.sql").read_text()
        parts.append(f"## {number}. {title}\n\n```sql\n{sql}```\n\n```python\n{code}\n```\n")
    return "\n".join([*parts, ""])


def models() -> str:
    """The models that the queries are about."""
    source = (FOLDER / "models.py").read_text()
    classes = [
        ast.get_source_segment(source, n) for n in ast.parse(source).body if isinstance(n, ast.ClassDef)
    ]
    return "\n```python\n" + "\n\n\n".join(map(str, classes)) + "\n```\n\n"


__all__ = ["models", "queries"]
