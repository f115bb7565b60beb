"""Models as classes of other libraries: pydantic and msgspec, which are imported when they are asked for."""
