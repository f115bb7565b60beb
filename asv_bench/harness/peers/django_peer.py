"""Django 5.2 on psycopg 3, called synchronously on a kept connection: its async methods add a thread switch."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import django
from django.apps import AppConfig
from django.conf import settings

from asv_bench.harness.entries import Operations
from asv_bench.harness.peers import Peer
from asv_bench.harness.peers.urls import address


class Bench(AppConfig):
    """Django finds ways back only of models of an installed app."""

    name, label = "asv_bench.harness.peers", "bench"

    def import_models(self) -> None:
        self.models = self.apps.all_models[self.label]
        self.models_module = import_module("asv_bench.harness.peers.django_models")


class Django(Peer):
    name = "Django"

    async def open(self, url: str) -> None:
        place = address(url)
        # The harness has an event loop running; nothing else uses it while a block of Django runs.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        if not settings.configured:
            settings.configure(
                USE_TZ=True,
                DEBUG=False,
                INSTALLED_APPS=[f"{__name__}.Bench"],
                DATABASES={
                    "default": {
                        "ENGINE": "django.db.backends.postgresql",
                        "HOST": place.host,
                        "PORT": str(place.port),
                        "USER": place.user,
                        "PASSWORD": place.password or "",
                        "NAME": place.database,
                        "CONN_MAX_AGE": None,
                        "OPTIONS": {"server_side_binding": True},
                    }
                },
            )
            django.setup()
        from asv_bench.harness.peers import django_models as models

        self.model = models.User
        self.new = models.NewUser
        self.authors, self.posts = models.Author.objects, models.Post.objects
        models.User.objects.exists()

    async def close(self) -> None:
        from django.db import connections

        connections.close_all()

    def get(self, key: int) -> Any:
        return self.model.objects.get(id=key)

    def many(self, count: int) -> Any:
        return list(self.model.objects.order_by("id")[:count])

    def create(self, row: dict[str, Any]) -> Any:
        return self.new.objects.create(**row)

    def make(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [self.new(**row) for row in rows]

    def bulk_create(self, made: list[Any]) -> Any:
        return self.new.objects.bulk_create(made)

    def related(self, count: int) -> Any:
        return list(self.posts.select_related("author").order_by("id"))

    def prefetched(self, count: int) -> Any:
        return list(self.authors.prefetch_related("posts").order_by("id"))

    def tagged(self, count: int) -> Any:
        return list(self.posts.filter(id__lte=count).prefetch_related("tags").order_by("id"))

    @staticmethod
    def members(row: Any, name: str) -> Any:
        return getattr(row, name).all()

    def operations(self) -> Operations:
        from asv_bench.harness.entries.django_orm import DjangoOperations

        return DjangoOperations()

    def unsent(self, age: int) -> Any:
        return self.model.objects.filter(age__gte=age, is_active=True).order_by("-created_at")[:10]

    def build_known(self, age: int) -> tuple[str, Any]:
        sql, params = self.unsent(age).query.sql_with_params()
        return sql, params

    build_new = build_known


PEER = Django
