"""`python -m chakra.cli`, for when the console script is not on PATH."""

from __future__ import annotations

from chakra.cli import main

main()
