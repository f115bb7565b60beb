"""The history of the figures as web pages: one of ours that stands by itself, and asv's own site beside it.

``python -m asv_bench.dashboard`` builds both from what ``asv_bench/history`` keeps, in seconds; nothing is measured.
"""
