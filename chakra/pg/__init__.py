"""Facts about PostgreSQL: its types, its wire constants, its quoting; depends on nothing but ``errors``."""
