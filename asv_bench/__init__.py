"""Benchmarks of Chakra: `harness/` measures, `benchmarks/` is what asv runs, `decisions/` are single questions."""
