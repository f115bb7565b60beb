"""``validate=True`` of writes of many instances: each is checked, and what is wrong with any of them said at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chakra.errors import FieldError, ValidationError
from chakra.schema import Table


async def validate_all(
    table: Table, verb: str, rows: Iterable[Any], fields: Iterable[str] | None = None
) -> list[Any]:
    """Check instances, without asking the server for other rows: the write itself does that; return them.

    Raises:
        ValidationError: of all of them, by row.
        FieldError: they are no instances.
    """
    instances: list[Any] = [rows] if hasattr(rows, "__arrow_c_stream__") else list(rows)
    names = None if fields is None else list(fields)
    wrong: dict[int, ValidationError] = {}
    for position, instance in enumerate(instances):
        if table.row_class is None or not isinstance(instance, table.row_class):
            raise FieldError(
                f"{verb}(validate=True) checks instances, by what their model says of them; columns, and rows of "
                "tables without a model, are checked by their types alone"
            )
        try:
            await instance.validate(fields=names, unique=False)
        except ValidationError as error:
            wrong[position] = error
    if wrong:
        raise ValidationError.of_rows(wrong, table.title)
    return instances


__all__ = ["validate_all"]
