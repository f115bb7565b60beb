"""What the settings of the section ``debug`` switch on and off."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chakra import config
from chakra.config import configure
from chakra.db.hooks import QueryEvent, everywhere
from chakra.debug.call_site import call_site
from chakra.debug.nplusone import watch
from chakra.debug.shown import shape_of, shown_values
from chakra.debug.tags import tagging
from chakra.errors import ConfigError
from chakra.pg.showing import showing

_log = logging.getLogger("chakra.db")
_remove: Callable[[], None] | None = None


_telling: tuple[bool, bool] = (False, False)
_untell: Callable[[], None] | None = None


def log_query(event: QueryEvent) -> None:
    """The hook of ``debug=True``: one line a statement, level DEBUG, without values unless they are shown;
    ``record.chakra`` has the same as a dict.
    """
    if event.phase == "before" or not _log.isEnabledFor(logging.DEBUG):
        return
    site = call_site()
    told = {
        "sql": shape_of(event.sql) if event.sent is None else event.sent,
        "database": getattr(event.chain.database, "name", None),
        "kind": event.kind,
        "seconds": event.duration,
        "rows": event.rows,
        "error": None if event.error is None else type(event.error).__name__,
        "call_site": None if site is None else str(site),
    }
    if event.bytes is not None:
        told["bytes"] = event.bytes
    values = ""
    if event.values:
        told["values"] = shown_values(event.values)
        values = f" with {told['values']}"
    rows = "" if event.rows is None else f", {event.rows} rows"
    failed = f", {told['error']}" if event.error is not None else ""
    where = "" if site is None else f" at {site}"
    _log.debug(
        "%.3f ms%s%s: %s%s%s",
        event.duration * 1e3,
        rows,
        failed,
        told["sql"],
        values,
        where,
        extra={"chakra": told},
    )


def _tell(telemetry: bool, sqlcommenter: bool) -> Callable[[], None] | None:
    """Begin to tell OpenTelemetry, or only to write tags.

    Raises:
        ConfigError: its API is not installed.
    """
    if telemetry:
        try:
            from chakra.debug.telemetry import instrument
        except ImportError as error:
            raise ConfigError(
                'debug.telemetry needs the API of OpenTelemetry: pip install "chakra-orm[telemetry]"'
            ) from error
        return instrument(sqlcommenter=sqlcommenter)
    return everywhere(tagging()) if sqlcommenter else None


def apply(settings: config.Settings) -> None:
    """Do what the settings say, at once and for all databases."""
    global _remove, _telling, _untell
    debug = settings.debug
    if _telling != (debug.telemetry, debug.sqlcommenter):
        untell, _untell = _untell, None
        _telling = (False, False)
        if untell is not None:
            untell()
        _untell = _tell(debug.telemetry, debug.sqlcommenter)
        _telling = (debug.telemetry, debug.sqlcommenter)
    mode = debug.n_plus_one
    if mode == "off" and debug.warn_on_n_plus_one:
        mode = "warn"
    watch.set(mode, debug.n_plus_one_threshold)
    showing.values = debug.show_values
    if debug.debug and _remove is None:
        _remove = everywhere(log_query)
    elif not debug.debug and _remove is not None:
        _remove()
        _remove = None


def listen() -> None:
    """Whoever connects calls it; loading this module is what makes it do what the settings say, then and later."""


config.on_change(apply)

__all__ = ["apply", "configure", "listen", "log_query"]
