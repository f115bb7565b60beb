"""Models: classes that declare tables and whose instances are rows."""

from chakra.models.database import Database
from chakra.models.fields import Field, field
from chakra.models.instance import Model
from chakra.models.named import RelatedManager, declared
from chakra.models.relations.many import ManyToMany
from chakra.models.relations.specs import ForeignKey, OneToOne, foreign_key, many_to_many, one_to_one
from chakra.models.version import Version

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
