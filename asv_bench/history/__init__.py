"""What each measured commit came out at: one small file a commit in ``commits/``, and the tool that makes them.

``python -m asv_bench.history --help`` says how; ``asv_bench.dashboard`` shows them.
"""
