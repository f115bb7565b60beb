"""Figures of every row: ratios and differences to what was measured beside it in the same process."""

from __future__ import annotations

from benchmarks.common import figures, measured

from asv_bench.harness import targets


@figures(targets.Get)
class Get:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Get)


@figures(targets.Instances)
class Instances:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Instances)


@figures(targets.CreateOne)
class CreateOne:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.CreateOne)


@figures(targets.BulkCreate)
class BulkCreate:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.BulkCreate)


@figures(targets.InsertThousand)
class InsertThousand:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.InsertThousand)


@figures(targets.InsertWhole)
class InsertWhole:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.InsertWhole)


@figures(targets.Build)
class Build:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Build)


@figures(targets.Acquire)
class Acquire:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Acquire)


@figures(targets.ToArrowUsers)
class ToArrowUsers:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ToArrowUsers)


@figures(targets.ToArrowLineItem)
class ToArrowLineItem:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ToArrowLineItem)


@figures(targets.ToPolars)
class ToPolars:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ToPolars)


@figures(targets.BulkInsert)
class BulkInsert:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.BulkInsert)


@figures(targets.ObjectMemory)
class ObjectMemory:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ObjectMemory)


@figures(targets.ConnectionMemory)
class ConnectionMemory:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ConnectionMemory)


@figures(targets.ColumnMemory)
class ColumnMemory:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ColumnMemory)


@figures(targets.ImportTime)
class ImportTime:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ImportTime)


@figures(targets.FirstRead)
class FirstRead:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.FirstRead)


@figures(targets.Growth)
class Growth:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Growth)


@figures(targets.SelectRelated)
class SelectRelated:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.SelectRelated)


@figures(targets.PrefetchRelated)
class PrefetchRelated:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.PrefetchRelated)


@figures(targets.PrefetchMany)
class PrefetchMany:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.PrefetchMany)


@figures(targets.BuildTyped)
class BuildTyped:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.BuildTyped)


@figures(targets.EveryOperation)
class EveryOperation:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.EveryOperation)


@figures(targets.Profiled)
class Profiled:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Profiled)


@figures(targets.Load)
class Load:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.Load)


@figures(targets.ByType)
class ByType:
    def setup_cache(self) -> dict[str, float | None]:
        return measured(targets.ByType)
