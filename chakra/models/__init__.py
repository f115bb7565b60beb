"""Models: classes that declare tables and whose instances are rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chakra._late import exported

if TYPE_CHECKING:
    from chakra.models.database import Database
    from chakra.models.fields import Field, field
    from chakra.models.instance import Model
    from chakra.models.named import RelatedManager, declared
    from chakra.models.relations.many import ManyToMany
    from chakra.models.relations.specs import ForeignKey, OneToOne, foreign_key, many_to_many, one_to_one
    from chakra.models.version import Version
else:
    __getattr__, __dir__ = exported(
        __name__,
        {
            "chakra.models.database": "Database",
            "chakra.models.fields": "Field field",
            "chakra.models.instance": "Model",
            "chakra.models.named": "RelatedManager declared",
            "chakra.models.relations.many": "ManyToMany",
            "chakra.models.relations.specs": "ForeignKey OneToOne foreign_key many_to_many one_to_one",
            "chakra.models.version": "Version",
        },
    )

__all__ = [
    "Database",
    "Field",
    "ForeignKey",
    "ManyToMany",
    "Model",
    "OneToOne",
    "Version",
    "RelatedManager",
    "declared",
    "field",
    "foreign_key",
    "many_to_many",
    "one_to_one",
]
