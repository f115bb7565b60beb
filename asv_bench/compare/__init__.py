"""Two commits beside each other in one session: who is slower, for certain. ``ci/bench.sh BASE HEAD`` runs it.

``watched`` says what is measured, ``worker`` measures it in a process for each side, ``session`` lets them take turns,
``statistic`` decides, ``counts`` counts Python calls, which need no statistic.
"""
