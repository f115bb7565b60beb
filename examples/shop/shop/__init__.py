"""A small shop: docs/tutorial-shop.md goes through it file by file."""
