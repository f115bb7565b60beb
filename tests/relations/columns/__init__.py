"""Columns of everything that is asked across relations."""
