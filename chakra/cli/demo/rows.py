"""Questions asked in rows: filter, order, get, create, update, delete, and along foreign keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax

import chakra
from chakra.cli.demo.models import Airline, Airport, Flight, Plane

__all__ = ["ask"]


async def ask(db: chakra.Database, console: Console) -> None:
    """Ask, and print each question beside its answer."""

    def show(code: str, answer: Any) -> None:
        console.print(Syntax(code, "python", background_color="default", word_wrap=True))
        console.print(Padding(f"[green]{escape(str(answer))}[/]", (0, 0, 1, 2)))

    console.print("[bold]Rows[/]: model instances, typed, on asyncpg\n")
    united = await Airline.objects.get(carrier="UA")
    show('await Airline.objects.get(carrier="UA")', united.name)

    late = (
        await Flight.objects.filter(Flight.dep_delay > 900).select_related("carrier").order_by("-dep_delay")
    )
    show(
        "await Flight.objects.filter(Flight.dep_delay > 900)\n"
        '    .select_related("carrier").order_by("-dep_delay")',
        "\n".join(f"{f.carrier.name} {f.flight} to {f.dest}: {f.dep_delay} min late" for f in late[:3]),
    )

    boeing = await Flight.objects.filter(
        plane__manufacturer="BOEING", destination__name__icontains="honolulu"
    ).count()
    show(
        'await Flight.objects.filter(plane__manufacturer="BOEING",\n'
        '    destination__name__icontains="honolulu").count()',
        f"{boeing:,} flights",
    )

    first = await Flight.objects.earliest("time_hour", "sched_dep_time")
    airport = await first.origin
    show(
        'first = await Flight.objects.earliest("time_hour", "sched_dep_time")\nawait first.origin',
        f"the first flight of the year left {airport.name}, {airport.alt} feet above the sea",
    )

    june = Flight.objects.filter(
        time_hour__range=(datetime(2013, 6, 1, tzinfo=UTC), datetime(2013, 7, 1, tzinfo=UTC))
    )
    count, cancelled = await june.count(), await june.filter(dep_time__isnull=True).count()
    show(
        "june = Flight.objects.filter(time_hour__range=(…))\n"
        "await june.count(), await june.filter(dep_time__isnull=True).count()",
        f"{count:,} flights in June, {cancelled:,} of them cancelled",
    )

    async with db.transaction():
        glider = await Plane.objects.create(
            tailnum="N0CHAKRA",
            type="Glider",
            manufacturer="ICARUS",
            model="WAX",
            engines=0,
            seats=1,
            engine="None",
        )
        glider.seats = 2
        await glider.save()
        renamed = await Airport.objects.filter(faa="JFK").update(name="Idlewild")
        name = (await Airport.objects.get(faa="JFK")).name
        await Airport.objects.filter(faa="JFK").update(name="John F Kennedy Intl")
        deleted = await Plane.objects.filter(tailnum=glider.tailnum).delete()
    show(
        "create, save, update and delete, in one transaction",
        f"created {glider.manufacturer} {glider.model} with {glider.seats} seats; {renamed} airport was "
        f"{name} for a moment; {deleted} plane deleted",
    )
    try:
        await Airline.objects.get(carrier="??")
    except Airline.DoesNotExist as error:
        show('await Airline.objects.get(carrier="??")', f"{type(error).__qualname__}: {error}")
