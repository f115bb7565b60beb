"""What ``explain()`` takes, out of a closed set, and the words it becomes."""

from __future__ import annotations

from typing import Any, TypedDict

from chakra.debug.plans import Plan, PlanTree
from chakra.errors import FieldError


class ExplainOptions(TypedDict, total=False):
    """Options of ``explain``; EXPLAIN of the manual says what they show.

    Attributes:
        analyze: run the statement, and show what came beside what was expected. What it writes is rolled back.
        buffers: pages read and written.
        verbose: what each step returns, and names with their schema.
        settings: settings of the planner that are not the server's own.
        wal: what was written ahead; with ``analyze``.
        memory: memory the planner used; PostgreSQL 17.
        serialize: ``"text"`` or ``"binary"``: make the rows ready to be sent, too; with ``analyze``, PostgreSQL 17.
        generic_plan: the plan for any values; not with ``analyze``.
        timing: the time of each step; ``False`` leaves it out, with ``analyze``.
        costs: what the planner expects; ``False`` leaves it out.
        format: ``"text"``, or ``"json"`` for the tree.
    """

    analyze: bool
    buffers: bool
    verbose: bool
    settings: bool
    wal: bool
    memory: bool
    serialize: str
    generic_plan: bool
    timing: bool
    costs: bool
    format: str


_FLAGS = ("analyze", "buffers", "verbose", "settings", "wal", "memory", "generic_plan", "timing", "costs")
_SINCE = {"memory": 17, "serialize": 17}
_RUN = ("wal", "serialize", "timing")
_SERIALIZE = ("text", "binary")
_FORMATS = ("text", "json")


def prefix_of(options: dict[str, Any], server: int) -> str:
    """``EXPLAIN (FORMAT TEXT, ANALYZE) `` of the options.

    Args:
        server: the major version of the server.

    Raises:
        FieldError: an option that is none, a value it does not have, one that this server does not know, or two that
            contradict each other.
    """
    words = []
    analyze = options.get("analyze", False)
    for name, value in options.items():
        if name == "format":
            if type(value) is not str or value not in _FORMATS:
                raise FieldError(f'explain format is "text" or "json", not {value!r}')
            continue
        if name == "serialize":
            if type(value) is not str or value not in _SERIALIZE:
                raise FieldError(f'explain serialize is "text" or "binary", not {value!r}')
        elif name not in _FLAGS:
            known = ", ".join((*_FLAGS, "serialize", "format"))
            raise FieldError(f"explain() has no option {name}; it takes {known}")
        elif type(value) is not bool:
            raise FieldError(f"{name} is True or False, not {value!r}")
        if server < _SINCE.get(name, 0) and value:
            raise FieldError(f"explain({name}=…) needs PostgreSQL {_SINCE[name]}; this server is {server}")
        if name in _RUN and value and analyze is not True:
            raise FieldError(f"explain({name}=…) shows what a run took: add analyze=True")
        if name == "generic_plan" and value and analyze:
            raise FieldError("explain(generic_plan=True) has no values to run it with: leave out analyze")
        if name == "serialize":
            words.append(f"SERIALIZE {str(value).upper()}")
        elif name == "generic_plan":
            continue  # it has a way of its own, chakra.debug.generic_plans
        elif value or name in ("timing", "costs", "buffers"):  # what is off anyway need not be said
            words.append(name.upper() if value else f"{name.upper()} OFF")
    format_ = options.get("format", "text")
    return f"EXPLAIN ({', '.join([f'FORMAT {format_.upper()}', *words])}) "


def explained(rows: Any, options: dict[str, Any], last: str | None = None) -> Plan | PlanTree:
    """What was found, as text or tree.

    Args:
        last: a line for the end of the text.
    """
    if options.get("format") == "json":
        return PlanTree(rows[0][0])
    return Plan([row[0] for row in rows], last)


__all__ = ["ExplainOptions", "explained", "prefix_of"]
