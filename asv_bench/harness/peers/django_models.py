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


class Author(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    email = models.TextField()
    country = models.TextField()
    joined = models.DateTimeField()

    class Meta:
        app_label = "bench"
        db_table = "authors"


class Tag(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label = "bench"
        db_table = "tags"


class Post(models.Model):
    id = models.BigAutoField(primary_key=True)
    author = models.ForeignKey(Author, models.DO_NOTHING, related_name="posts")
    title = models.TextField()
    views = models.IntegerField()
    is_published = models.BooleanField()
    score = models.FloatField(null=True)
    created_at = models.DateTimeField()
    tags = models.ManyToManyField(Tag, related_name="posts", db_table="posts_tags")

    class Meta:
        app_label = "bench"
        db_table = "posts"
