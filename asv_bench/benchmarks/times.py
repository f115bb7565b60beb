"""Absolute times and peak memory of Chakra alone: to be compared on one quiet machine only."""

from __future__ import annotations

from benchmarks.common import Timed

from asv_bench.harness import targets


class Get(Timed):
    target, calls = targets.Get, 100

    def time_100_gets(self) -> None:
        self.run()


class CreateOne(Timed):
    target, calls = targets.CreateOne, 100

    def time_100_creates(self) -> None:
        self.run()


class Build(Timed):
    target, calls = targets.Build, 100

    def time_100_builds(self) -> None:
        self.run()


class BuildNew(Timed):
    target, case, calls = targets.Build, "chakra, new", 10

    def time_10_builds(self) -> None:
        self.run()


class Acquire(Timed):
    target, calls = targets.Acquire, 100

    def time_100_acquires(self) -> None:
        self.run()


class Instances(Timed):
    target = targets.Instances

    def time_10k_instances(self) -> None:
        self.run()

    def peakmem_10k_instances(self) -> None:
        self.run()


class BulkCreate(Timed):
    target = targets.BulkCreate
    number, repeat, warmup_time = 1, 5, 0.0

    def time_bulk_create(self) -> None:
        self.run()


class InsertThousand(Timed):
    target = targets.InsertThousand
    number, repeat, warmup_time = 1, 5, 0.0

    def time_insert_1000(self) -> None:
        self.run()


class ToArrow(Timed):
    target = targets.ToArrowUsers

    def time_to_arrow(self) -> None:
        self.run()

    def peakmem_to_arrow(self) -> None:
        self.run()


class ToPolars(Timed):
    target = targets.ToPolars

    def time_to_polars(self) -> None:
        self.run()


class BulkInsert(Timed):
    target = targets.BulkInsert
    number, repeat, warmup_time = 1, 3, 0.0

    def time_bulk_insert(self) -> None:
        self.run()

    def peakmem_bulk_insert(self) -> None:
        self.run()


class SelectRelated(Timed):
    target = targets.SelectRelated

    def time_10k_with_partners(self) -> None:
        self.run()

    def peakmem_10k_with_partners(self) -> None:
        self.run()


class PrefetchRelated(Timed):
    target = targets.PrefetchRelated

    def time_1000_with_ten_partners(self) -> None:
        self.run()


class PrefetchMany(Timed):
    target = targets.PrefetchMany

    def time_1000_with_ten_over_a_table_between(self) -> None:
        self.run()


class BuildTyped(Timed):
    target, calls = targets.BuildTyped, 100

    def time_100_builds_of_four_conditions(self) -> None:
        self.run()


class EveryOperation(Timed):
    target, calls = targets.EveryOperation, 10

    def time_10_reads_of_a_level(self) -> None:
        self.run()
