"""Columns in and out of PostgreSQL's binary COPY format: bytes on one side, Arrow buffers on the other; no I/O."""
