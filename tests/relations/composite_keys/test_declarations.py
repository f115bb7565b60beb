"""Declarations of foreign keys of several columns: what they are made of, what they share, what is refused."""

from __future__ import annotations

import enum
import uuid
from typing import Any

import pytest

from chakra import Field, ForeignKey, Index, Model, OneToOne, Unique, field, foreign_key, one_to_one
from chakra.errors import FieldError
from chakra.types import Integer
from tests.relations.composite_keys.models import MODELS, Order


async def test_keys_of_types_that_users_make(db: Any) -> None:
    class Kind(enum.Enum):
        ONE = "one"
        TWO = "two"

    class Thing(Model, table="ck_things"):
        kind: Field[Kind] = field(primary_key=True)
        code: Field[uuid.UUID] = field(primary_key=True)

    class Part(Model, table="ck_parts"):
        id: Field[int] = field(primary_key=True)
        thing: ForeignKey[Thing] = foreign_key(related_name="parts")

    await db.create_tables(Thing, Part)
    code = uuid.UUID(int=5)
    one, two = [await Thing.objects.create(kind=kind, code=code) for kind in Kind]
    await two.parts.create()
    assert await Part.objects.filter(thing=one).count() == 0
    assert await Part.objects.filter(thing__in=[one, two]).count() == 1
    assert await Part.objects.values_list("thing", flat=True) == [(Kind.TWO, code)]
    assert [len(row.parts) for row in await Thing.objects.order_by("kind").prefetch_related("parts")] == [
        0,
        1,
    ]
    assert (await Part.objects.prefetch_related("thing").get()).thing.kind is Kind.TWO


async def test_a_key_of_a_key_and_a_unique_pair(db: Any) -> None:
    class Site(Model, table="ck_sites"):
        tenant: Field[str] = field(primary_key=True)
        name: Field[str] = field(primary_key=True)
        row: Field[int] = field(Integer)
        col: Field[int] = field(Integer)

        class Meta:
            constraints = (Unique("row", "col"),)

    class Camera(Model, table="ck_cameras"):
        site: ForeignKey[Site] = foreign_key(primary_key=True, related_name="cameras")
        place: Field[int] = field(Integer, primary_key=True)

    class Picture(Model, table="ck_pictures"):
        id: Field[int] = field(primary_key=True)
        camera: ForeignKey[Camera] = foreign_key(related_name="pictures")
        at: ForeignKey[Site | None] = foreign_key(to_field=("row", "col"), related_name="pictures")

        class Meta:
            indexes = (Index("at", "id"),)

    assert Camera.__table__.primary_key == ("site_tenant", "site_name", "place")
    assert Camera.__table__.indexes == ()  # the primary key begins with the site
    assert [c.name for c in Picture.__table__.columns][1:] == [
        "camera_site_tenant",
        "camera_site_name",
        "camera_place",
        "at_row",
        "at_col",
    ]
    await db.create_tables(Site, Camera, Picture)
    here = await Site.objects.create(tenant="t", name="here", row=1, col=2)
    there = await Site.objects.create(tenant="t", name="there", row=2, col=1)
    camera = await here.cameras.create(place=3)
    await Picture.objects.create(camera=camera, at=there)
    await Picture.objects.create(camera=camera)
    assert await Picture.objects.filter(camera__site=here).count() == 2
    assert await Picture.objects.filter(camera__site__row=1).count() == 2
    assert await Picture.objects.filter(at=there).count() == 1
    assert await Picture.objects.filter(at=(1, 2)).count() == 0
    assert await there.pictures.count() == 1
    assert [site.name for site in await Site.objects.filter(pictures__isnull=False)] == ["there"]
    found = await Picture.objects.order_by("id").select_related("camera__site", "at")
    assert [(p.camera.site.name, p.at and p.at.name) for p in found] == [("here", "there"), ("here", None)]
    found = await Picture.objects.order_by("id").prefetch_related("camera__site", "at")
    assert [(p.camera.site.name, p.at and p.at.name) for p in found] == [("here", "there"), ("here", None)]


async def test_shared_columns_that_stay(db: Any, server_facts: Any) -> None:
    class Box(Model, table="ck_boxes"):
        id: Field[int] = field(primary_key=True)
        tenant: Field[str]
        order: ForeignKey[Order | None] = foreign_key(fields=("tenant", "order_number"), on_delete="set null")

    (key,) = Box.__table__.foreign_keys
    assert key.set_columns == ("order_number",)
    if server_facts.major < 15:
        with pytest.raises(
            FieldError,
            match=r"Box: on_delete='set null' of the key \(tenant, order_number\) has to leave tenant",
        ):
            await db.create_tables(*MODELS, Box)
        return
    await db.create_tables(*MODELS, Box)
    order = await Order.objects.create(tenant="a", number=9)
    await Box.objects.create(order=order)
    await order.delete()
    box = await Box.objects.get()
    assert (box.tenant, box.order_number) == ("a", None)


def test_a_model_that_comes_later_needs_names() -> None:
    class Early(Model, table="ck_early"):
        id: Field[int] = field(primary_key=True)
        to: ForeignKey["Late"] = foreign_key()  # type: ignore[name-defined]  # noqa: UP037

    class Named(Model, table="ck_named"):
        id: Field[int] = field(primary_key=True)
        to: ForeignKey["Late"] = foreign_key(fields=("to_a", "to_b"))  # type: ignore[name-defined]  # noqa: UP037

    class Late(Model, table="ck_late"):
        a: Field[int] = field(Integer, primary_key=True)
        b: Field[str] = field(primary_key=True)

    says = r'Early\.to refers to Late by its fields a, b, and holds to_id: .* foreign_key\(fields=\("to_a", "to_b"\)\)'
    with pytest.raises(FieldError, match=says):
        _ = Early.__table__
    assert [column.type.name for column in Named.__table__.columns] == ["int8", "int4", "text"]


def test_one_to_one_is_unique() -> None:
    class Seal(Model, table="ck_seals"):
        id: Field[int] = field(primary_key=True)
        order: OneToOne[Order] = one_to_one()

    assert [unique.columns for unique in Seal.__table__.uniques] == [("order_tenant", "order_number")]
    assert Seal.__table__.indexes == ()


def test_models_of_that_name_elsewhere_do_not_count() -> None:
    """A Label with a key of two fields is in another module; the one that is meant comes after its name."""

    class Tin(Model, table="ck_tins"):
        id: Field[int] = field(primary_key=True)
        label: ForeignKey["Label"] = foreign_key()  # type: ignore[name-defined]  # noqa: UP037

    class Label(Model, table="ck_tin_labels"):
        id: Field[int] = field(primary_key=True)

    assert [column.name for column in Tin.__table__.columns] == ["id", "label_id"]
