"""pgvector: distances, arithmetic, functions, orders that an index has, as rows and columns, against SQL by hand."""

# ruff: noqa: RUF005 - a vector with a literal is no concatenation

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chakra import Avg, Cast, F, Field, Model, Q, Sum, Value, field, functions
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.expressions import library
from chakra.functions import (
    BinaryQuantize,
    CosineDistance,
    HammingDistance,
    InnerProduct,
    JaccardDistance,
    L1Distance,
    L2Distance,
    L2Normalize,
    MaxInnerProduct,
    SubVector,
    VectorDims,
    VectorNorm,
)
from chakra.pg.types import BIT, FLOAT8, HALFVEC, INT4, SPARSEVEC, VECTOR, PgType
from chakra.types import Bit, HalfVec, SparseVec, Vector
from tests.query.search.agree import wrong_about, wrong_rows
from tests.query.search.conftest import SHARED

pytestmark = [SHARED, pytest.mark.needs_extension("vector")]
EXTENSIONS = ("vector",)


class Thing(Model, table="things"):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    embedding: Field[list[float] | None] = field(Vector(3), default=None)
    other: Field[list[float] | None] = field(Vector(3), default=None)
    loose: Field[list[float] | None] = field(Vector, default=None)
    half: Field[list[float] | None] = field(HalfVec(3), default=None)
    sparse: Field[object] = field(SparseVec(5), null=True, default=None)
    bits: Field[object] = field(Bit(4), null=True, default=None)


MODELS = (Thing,)


async def fill() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a", "embedding": [1, 0, 0], "other": [0, 1, 0], "loose": [1, 2], "half": [1, 0, 0],
         "sparse": [0, 1.5, 0, 0, 2], "bits": "1010"},
        {"name": "b", "embedding": np.array([1, 1, 0.5]), "other": np.array([3, 4, 0], dtype="float32"),
         "loose": [3, 4], "half": np.array([0.5, -2, 3], dtype="float16"), "sparse": {1: 3, 5: -1}, "bits": "0011"},
        {"name": "c", "embedding": pa.array([0.25, -1, 2.0]), "other": (1, 1, 1), "loose": [0, 1],
         "half": [0, 0, 1], "sparse": "{2:4}/5", "bits": "1111"},
        {"name": "d", "embedding": "[3,1,2]", "other": [0, 0, 0], "loose": [1, 1],
         "sparse": {"dimensions": 5, "indices": [0, 4], "values": [1, 1]}, "bits": "0000"},
        {"name": "e"},
    ]  # fmt: skip
    for row in rows:
        await Thing.objects.create(**row)


V = "'[3,1,2]'"
LIST = [3, 1, 2]
VALUES: list[tuple[Any, str, PgType | None]] = [
    (L2Distance("embedding", LIST), f"embedding <-> {V}", FLOAT8),
    (L2Distance("embedding", (3, 1, 2)), f"embedding <-> {V}", FLOAT8),
    (L2Distance("embedding", np.array(LIST)), f"embedding <-> {V}", FLOAT8),
    (L2Distance("embedding", pa.array(LIST)), f"embedding <-> {V}", FLOAT8),
    (L2Distance("embedding", Value("[3,1,2]")), f"embedding <-> {V}", FLOAT8),
    (L2Distance(LIST, "embedding"), f"{V} <-> embedding", FLOAT8),
    (L2Distance("embedding", "other"), "embedding <-> other", FLOAT8),
    (L2Distance("loose", [1, 2]), "loose <-> '[1,2]'", FLOAT8),
    (L2Distance("half", LIST), f"half <-> {V}", FLOAT8),
    (L2Distance("sparse", [0, 1, 0, 0, 1]), "sparse <-> '{2:1,5:1}/5'", FLOAT8),
    (L2Distance("sparse", {2: 1, 5: 1}), "sparse <-> '{2:1,5:1}/5'", FLOAT8),
    (L2Distance("sparse", Value("{2:1,5:1}/5")), "sparse <-> '{2:1,5:1}/5'", FLOAT8),
    (CosineDistance("embedding", LIST), f"embedding <=> {V}", FLOAT8),
    (CosineDistance("half", LIST), f"half <=> {V}", FLOAT8),
    (MaxInnerProduct("embedding", LIST), f"embedding <#> {V}", FLOAT8),
    (InnerProduct("embedding", LIST), f"inner_product(embedding, {V})", FLOAT8),
    (L1Distance("embedding", LIST), f"embedding <+> {V}", FLOAT8),
    (L1Distance("sparse", "sparse"), "sparse <+> sparse", FLOAT8),
    (HammingDistance("bits", Value("1001")), "bits <~> '1001'", FLOAT8),
    (JaccardDistance("bits", Value("1001")), "bits <%> '1001'", FLOAT8),
    (HammingDistance(BinaryQuantize("embedding"), Value("101")), "binary_quantize(embedding) <~> '101'", FLOAT8),
    (VectorDims("loose"), "vector_dims(loose)", INT4),
    (VectorNorm("embedding"), "vector_norm(embedding)", FLOAT8),
    (VectorNorm("half"), "l2_norm(half)", FLOAT8),
    (VectorNorm("sparse"), "l2_norm(sparse)", FLOAT8),
    (L2Normalize("embedding"), "l2_normalize(embedding)::vector(3)", VECTOR(3)),
    (L2Normalize("half"), "l2_normalize(half)::halfvec(3)", HALFVEC(3)),
    (L2Normalize("sparse"), "l2_normalize(sparse)::sparsevec(5)", SPARSEVEC(5)),
    (SubVector("embedding", 1, 2), "subvector(embedding, 1, 2)", VECTOR),
    (BinaryQuantize("embedding"), "binary_quantize(embedding)", BIT),
    (F("embedding") + F("other"), "(embedding + other)::vector(3)", VECTOR(3)),
    (F("embedding") - [1, 1, 1], "(embedding - '[1,1,1]')::vector(3)", VECTOR(3)),
    (F("embedding") * np.array([2, 2, 2]), "(embedding * '[2,2,2]')::vector(3)", VECTOR(3)),
    (F("embedding").concat(F("other")), "(embedding || other)::vector(6)", VECTOR(6)),
    (F("half") + F("half"), "(half + half)::halfvec(3)", HALFVEC(3)),
    (Cast("embedding", HalfVec(3)), "embedding::halfvec(3)", HALFVEC(3)),
    (L2Distance(Cast("embedding", HalfVec(3)), LIST), f"embedding::halfvec(3) <-> {V}", FLOAT8),
    (L2Distance(L2Normalize("embedding"), L2Normalize("other")), "l2_normalize(embedding) <-> l2_normalize(other)",
     FLOAT8),
]  # fmt: skip


async def test_values(filled: Any) -> None:
    wrong = [
        (expression, found)
        for expression, sql, type_ in VALUES
        if (found := await wrong_about(filled, Thing, expression, sql, type_)) is not None
    ]
    assert wrong == []
    named = {node.function.name for e, *_ in VALUES for node in (e, *e.children) if hasattr(node, "function")}
    assert set(library.vectors.__all__) - named == set()
    assert set(library.vectors.__all__) <= set(functions.__all__)


CONDITIONS: list[tuple[Any, str]] = [
    (L2Distance("embedding", LIST) < 3, f"(embedding <-> {V}) < 3"),
    (Q(embedding=[1, 0, 0]), "embedding = '[1,0,0]'"),
    (Q(embedding=np.array([1, 0, 0])), "embedding = '[1,0,0]'"),
    (Q(embedding__in=[[1, 0, 0], [3, 1, 2]]), "embedding IN ('[1,0,0]', '[3,1,2]')"),
    (Q(loose__vector_dims=2), "vector_dims(loose) = 2"),
    (Q(embedding__vector_norm__gt=2), "vector_norm(embedding) > 2"),
    (Q(embedding__l2_normalize__vector_norm__lt=2), "vector_norm(l2_normalize(embedding)) < 2"),
    (Q(embedding__binary_quantize=Value("100", Bit(3))), "binary_quantize(embedding) = B'100'"),
    (Q(sparse="{2:4}/5"), "sparse = '{2:4}/5'"),
    (Q(sparse={2: 4}), "sparse = '{2:4}/5'"),
    (Q(sparse__in=[{2: 4}, {1: 3, 5: -1}]), "sparse in ('{2:4}/5', '{1:3,5:-1}/5')"),
    (Q(sparse=[0, 4, 0, 0, 0]), "sparse = '{2:4}/5'"),
]

WORDS = {"vector_dims", "vector_norm", "l2_normalize", "binary_quantize"}


async def test_conditions(filled: Any) -> None:
    wrong = [
        (condition, sql, found)
        for condition, sql in CONDITIONS
        if (found := await wrong_rows(filled, Thing, condition, sql)) is not None
    ]
    assert wrong == []


async def test_aggregates(filled: Any) -> None:
    things = Thing.objects
    (row,) = await filled.fetch("SELECT sum(embedding) AS s, avg(embedding) AS a, sum(half) AS h FROM things")
    found = await things.aggregate(s=Sum("embedding"), a=Avg("embedding"), h=Sum("half"))
    assert found == dict(row.items())
    table = (
        await things.values(g=Q(id__gt=2))
        .annotate(s=Sum("embedding"), a=Avg("half"))
        .order_by("g")
        .to_arrow()
    )
    assert table.schema.field("s").type == pa.list_(pa.float32(), 3)
    assert table.schema.field("a").type == pa.list_(pa.float16(), 3)
    assert table["s"].to_pylist() == [[2, 1, 0.5], [3.25, 0, 4]]


T = Thing.objects
OPERATORS = [
    ("vector_l2_ops", L2Distance), ("vector_ip_ops", MaxInnerProduct), ("vector_cosine_ops", CosineDistance),
    ("vector_l1_ops", L1Distance),
]  # fmt: skip


async def test_an_index_has_the_order(filled: Any) -> None:
    """HNSW and IVFFlat, for every distance, and for an index over a cast."""
    for ops, distance in OPERATORS:
        for method in ("hnsw", "ivfflat"):
            if (method, ops) == ("ivfflat", "vector_l1_ops"):
                continue
            lists = " WITH (lists = 1)" if method == "ivfflat" else ""
            await filled.execute(
                f"CREATE INDEX things_near ON things USING {method} (embedding {ops}){lists}"
            )
            async with filled.transaction(settings={"enable_seqscan": "off", "enable_sort": "off"}):
                query = T.order_by(distance("embedding", LIST))[:2]
                plan = str(await query.explain())
                assert "Index Scan using things_near" in plan and "Order By" in plan, (ops, method, plan)
                assert len(await query) == 2
            await filled.execute("DROP INDEX things_near")
    await filled.execute(
        "CREATE INDEX things_half ON things USING hnsw ((embedding::halfvec(3)) halfvec_l2_ops)"
    )
    await filled.execute("CREATE INDEX things_bits ON things USING hnsw (bits bit_hamming_ops)")
    await filled.execute("CREATE INDEX things_sparse ON things USING hnsw (sparse sparsevec_l2_ops)")
    cases = [
        ("things_half", L2Distance(Cast("embedding", HalfVec(3)), LIST)),
        ("things_bits", HammingDistance("bits", Value("1001"))),
        ("things_sparse", L2Distance("sparse", {1: 1})),
    ]
    async with filled.transaction(
        settings={"enable_seqscan": "off", "enable_sort": "off", "hnsw.ef_search": 100}
    ):
        for name, order in cases:
            assert f"Index Scan using {name}" in str(await T.order_by(order)[:3].explain()), name
    for name, _ in cases:
        await filled.execute(f"DROP INDEX {name}")


async def test_nearest_ones(filled: Any) -> None:
    near = T.filter(embedding__isnull=False).annotate(d=L2Distance("embedding", [1, 0, 0])).order_by("d")
    assert await near.values_list("name", flat=True) == ["a", "b", "c", "d"]
    assert (await near.values("name", "d").to_arrow())["name"].to_pylist() == ["a", "b", "c", "d"]
    assert await near.filter(d__lt=2).count() == 2
    assert await T.filter(name="e").update(embedding=F("embedding") + [1, 1, 1], half=[0, 0, 2]) == 1
    assert await T.filter(name="a").update(loose=F("embedding") - F("other")) == 1
    assert (await T.get(name="a")).loose == [1, -1, 0]
    assert await T.filter(name="e").update(half=None) == 1


async def test_sparse_vectors_are_written_everywhere(filled: Any) -> None:
    values = [[0, 1, 0, 0, 2.5], np.array([1.0, 0, 0, 0, 0]), {3: 1}, "{1:1}/5"]
    texts = ["{2:1,5:2.5}/5", "{1:1}/5", "{3:1}/5", "{1:1}/5"]
    await T.bulk_create([Thing(id=100 + n, sparse=value) for n, value in enumerate(values)])
    assert await T.filter(id__gte=100).order_by("id").values_list("sparse", flat=True) == texts
    await T.filter(id__gte=100).delete()
    await T.bulk_insert([{"id": 100 + n, "name": "", "sparse": value} for n, value in enumerate(values)])
    assert await T.filter(id__gte=100).order_by("id").values_list("sparse", flat=True) == texts
    await T.filter(id__gte=100).delete()


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: T.order_by(L2Distance("embedding", [1, 2])), DataError, r"Thing.embedding.*2 dimensions, and"),
    (lambda: T.values(x=L2Distance("embedding", [1, 2])).to_arrow(), DataError, "2 dimensions, and the column 3"),
    (lambda: T.values(x=F("embedding") + [1]), DataError, r"Thing.embedding.*1 dimensions, and the column 3"),
    (lambda: T.values(x=L2Distance("embedding", [1, None, 2])), DataError, "a vector holds no NULL"),
    (lambda: T.values(x=L2Distance("embedding", ["'", ";", "--"])), DataError, "Thing.embedding"),
    (lambda: T.values(x=L2Distance("embedding", Value("'; DROP"))), DataError, "the text of a vector"),
    (lambda: T.values(x=L2Distance("embedding", 3)), DataError, "expected a list"),
    (lambda: T.values(x=L2Distance("sparse", {6: 1})), DataError, "whole numbers from 1 to 5, not 6"),
    (lambda: T.values(x=L2Distance("sparse", [1, 2])), DataError, "2 dimensions, and the column 5"),
    (lambda: T.values(x=HammingDistance("bits", Value("10"))), DataError, "2 bits, and the column takes 4"),
    (lambda: T.values(x=L2Distance("loose", "embedding")), DataError, "different vector dimensions"),
    (lambda: T.values(x=L2Distance("name", [1])), FieldError, r"L2Distance\(\) takes a vector here, not Thing.name"),
    (lambda: T.values(x=L2Distance("bits", [1])), FieldError, "takes a vector here, not Thing.bits"),
    (lambda: T.values(x=HammingDistance("embedding", LIST)), FieldError, "takes a bit string here"),
    (lambda: T.values(x=VectorNorm("bits")), FieldError, "takes vector, halfvec, sparsevec, not bit"),
    (lambda: L2Distance("embedding"), FieldError, "not 1 arguments"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(WRONG)))
async def test_what_they_do_not_take(filled: Any, case: int) -> None:
    made, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        await made()


async def test_a_database_without_the_extension(filled: Any) -> None:
    for sql in (
        "SELECT '[1]'::vector",
        "SELECT l2_distance('[1]', '[2]')",
        "CREATE TABLE t (v halfvec(3)[])",
    ):
        with pytest.raises(DatabaseError, match=r"with the extension vector, .*: CREATE EXTENSION vector"):
            async with filled.transaction(settings={"search_path": "pg_catalog"}):
                await filled.execute(sql)
