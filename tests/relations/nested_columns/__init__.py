"""Prefetched relations as columns: ``to_arrow(nested=True)``."""
