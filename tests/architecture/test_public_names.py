"""The public face: what `chakra` and its documented submodules export, and nothing by accident."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import types
from typing import Any

import pytest

PUBLIC = (
    "chakra",
    "chakra.functions",
    "chakra.errors",
    "chakra.types",
    "chakra.embedded",
    "chakra.columnar",
    "chakra.debug",
    "chakra.sync",
)

PROMISED = {
    "chakra": """
        connect configure transaction on_commit on_rollback retry retrying deadline gather raw route __version__
        Model Field field ForeignKey foreign_key OneToOne one_to_one ManyToMany many_to_many Version Prefetch prefetch
        RelatedManager declared show
        Index Unique Check Exclude OpClass Identity Sequence Policy Trigger CTE
        Q F Func Case When Coalesce NullIf Greatest Least Cast Collate Value Subquery Exists OuterRef ArraySubquery
        Excluded Old New JSON_NULL JsonNull uuid7
        Count Sum Avg Min Max ArrayAgg StringAgg JsonAgg StdDev Variance
        BoolAnd BoolOr Every BitAnd BitOr BitXor AnyValue JsonObjectAgg RangeAgg RangeIntersectAgg XmlAgg
        Corr CovarPop CovarSamp RegrAvgX RegrAvgY RegrCount RegrIntercept RegrR2 RegrSlope RegrSXX RegrSXY RegrSYY
        PercentileCont PercentileDisc Mode RankOf DenseRankOf PercentRankOf CumeDistOf Grouping
        Row All Any Over Page DeleteReport
        Window Frame RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
        ChakraError DoesNotExist MultipleObjectsReturned NotLoaded FieldError ConfigError PoolTimeout
        IntegrityError DataError QueryError DeadlineExceeded StaleData
    """,
    "chakra.functions": """
        Lower Upper Length Concat ConcatWS Trim LTrim RTrim Left Right Substr StrIndex LPad RPad Replace Repeat Reverse
        MD5 SHA224 SHA256 SHA384 SHA512 Chr Ord Abs Ceil Floor Round Sqrt Power Mod Exp Ln Log Sign Sin Cos Tan Cot ASin
        ACos ATan ATan2 Degrees Radians Pi Random Now Extract Trunc TruncYear TruncSecond ExtractYear ToChar AtTimeZone
        Age MakeInterval RandomUUID GenerateUUID7 register_function register_lookup register_aggregate
    """,
    "chakra.types": """
        SmallInt Integer BigInt Real Numeric Varchar Char Text Jsonb Json Array Enum Vector Inet Int4Range
        TsVector Interval
    """,
    "chakra.columnar": "decode encode",
    "chakra.debug": "QueryProfiler Query Run",
    "chakra.sync": "connect transaction raw run prefetch default Database Connection QuerySet Stream Transaction Block",
    "chakra.embedded": "start start_async Server resolve_url find_binaries",
    "chakra.errors": """
        ChakraError DoesNotExist MultipleObjectsReturned NotLoaded FieldError ConfigError PoolTimeout
        IntegrityError UniqueViolation ForeignKeyViolation NotNullViolation CheckViolation StaleData
        DataError CopyFormatError ConnectionLost CommitUnknown TransactionError SerializationError EmbeddedError
    """,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_promised_names_are_there(name: str) -> None:
    module = importlib.import_module(name)
    missing = set(PROMISED[name].split()) - set(module.__all__)
    assert not missing, f"{name}.__all__ misses {sorted(missing)}"


@pytest.mark.parametrize("name", PUBLIC)
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__), "a name twice"
    assert not [each for each in module.__all__ if not hasattr(module, each)]


def test_nothing_public_by_accident() -> None:
    import chakra

    accidental = [
        name
        for name, value in vars(chakra).items()
        if not name.startswith("_")
        and name not in chakra.__all__
        and not isinstance(value, types.ModuleType)
        and name not in ("annotations", "TYPE_CHECKING", "Any")
        and not name.endswith("load_ipython_extension")  # IPython looks for them
    ]
    assert not accidental, f"not in __all__ and not private: {accidental}"


HOVERED = [
    (module, name) for module in ("chakra", "chakra.sync") for name in importlib.import_module(module).__all__
]
NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


@pytest.mark.parametrize(("module", "name"), HOVERED)
def test_hover_text(module: str, name: str) -> None:
    """What an editor shows of a public name is a sentence, and of a function its parameters, or where they are said."""
    found = getattr(importlib.import_module(module), name)
    if inspect.isclass(found) or inspect.isfunction(found):
        check_text(name, found, found.__doc__)


def check_text(name: str, found: Any, doc: str | None) -> None:
    text = inspect.cleandoc(doc or "")
    sentence = text.split("\n\n")[0]
    assert len(sentence.split()) > 1 and sentence.rstrip().endswith((".", ":", "``", "…")), (
        f"{name}: {text!r}"
    )
    assert not sentence.startswith(f"{name}("), "made by @dataclass, which says nothing"
    if inspect.isfunction(found) and not any(other in text for other in ELSEWHERE):
        missing = [
            p.name
            for p in inspect.signature(found).parameters.values()
            if p.kind in NAMED and p.name not in text and p.name not in ("self", "cls")
        ]
        assert not missing, f"nothing is said of {missing}"


def test_documented_submodules_need_no_import_of_their_own() -> None:
    """``import chakra`` is enough for the paths that the documentation writes; it loads none of them itself."""
    paths = (
        *(
            "types.Numeric",
            "functions.Lower",
            "columnar.decode",
            "sync.connect",
            "contrib",
            "db.stats.prometheus",
        ),
        *("debug.telemetry.instrument", "debug.query_tags", "db.hooks.everywhere", "errors.LockLost"),
    )
    code = "import operator, sys, chakra\nassert 'chakra.functions' not in sys.modules\n"
    code += f"operator.attrgetter(*{paths})(chakra)\nassert not hasattr(chakra, 'nonsense')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


INNER = (
    *("column_source", "ask", "run_cursor", "cursor_blocks", "describe_statement", "held_session"),
    *("current_transaction", "nest", "unwind"),
)
"""What layers of Chakra call of each other; no names for users."""

ELSEWHERE = ("see ``", "as for ``", "are as for")
METHODS = """
    chakra:Model chakra:QuerySet chakra:Database chakra:CTE chakra:Page
    chakra.query:RawQuery chakra.query.tables:TableQuery
    chakra.models.relations.reverse:RelatedSet chakra.models.relations.many:ManySet
    chakra.db:Transaction chakra.db:Connection chakra.db.streams:Stream
    chakra.sync:Database chakra.sync:Connection chakra.sync:QuerySet chakra.sync:Transaction chakra.sync:Block
    chakra.sync:Stream chakra.debug:QueryProfiler
"""


@pytest.mark.parametrize("where", METHODS.split())
def test_hover_text_of_methods(where: str) -> None:
    """The same of the methods and properties of what users hold in their hands."""
    module, _, kind = where.partition(":")
    cls = getattr(importlib.import_module(module), kind)
    wrong = []
    for name in dir(cls):
        if name.startswith("_") or name in INNER:
            continue
        found = inspect.getattr_static(cls, name)
        found = getattr(found, "__func__", found)
        if not (inspect.isfunction(found) or isinstance(found, property)):
            continue
        try:
            check_text(f"{kind}.{name}", found, found.__doc__)
        except AssertionError as error:
            wrong.append(f"{kind}.{name}: {str(error).splitlines()[0]}")
    assert not wrong, "\n".join(wrong)
