"""What models say of their tables, as the server makes it."""
