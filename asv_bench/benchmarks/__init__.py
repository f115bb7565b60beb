"""What asv runs; all measuring is done by `asv_bench.harness`, which `chakra bench` uses too."""

from __future__ import annotations

import sys
from pathlib import Path

# asv puts asv_bench/ on the path, and the harness calls itself asv_bench.harness wherever it is used.
sys.path.insert(0, str(Path(__file__).parents[2]))
