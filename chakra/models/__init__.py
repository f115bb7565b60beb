"""Models: classes that declare tables and whose instances are rows."""

from chakra.models.database import Database
from chakra.models.fields import Field, field
from chakra.models.instance import Model
from chakra.models.relations import ForeignKey, OneToOne, foreign_key, one_to_one

__all__ = ["Database", "Field", "ForeignKey", "Model", "OneToOne", "field", "foreign_key", "one_to_one"]
