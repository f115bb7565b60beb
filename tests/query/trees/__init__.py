"""Random typed expressions, each said twice: with Chakra's words, and as SQL text that is put together here."""
