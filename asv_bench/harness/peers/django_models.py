"""Models of the Django peer; can be imported only when Django is configured."""

from __future__ import annotations

from django.db import models


class Columns(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    email = models.TextField()
    age = models.IntegerField()
    is_active = models.BooleanField()
    score = models.FloatField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True
        app_label = "bench"


class User(Columns):
    class Meta(Columns.Meta):
        abstract = False
        db_table = "users"


class NewUser(Columns):
    class Meta(Columns.Meta):
        abstract = False
        db_table = "new_users"
