"""What the settings of the section ``debug`` switch on and off."""

from __future__ import annotations

import logging
from collections.abc import Callable

from chakra import config
from chakra.db.hooks import QueryEvent, everywhere
from chakra.debug.call_site import call_site
from chakra.debug.nplusone import watch
from chakra.debug.shown import shape_of
from chakra.pg.showing import showing

_log = logging.getLogger("chakra.db")
_remove: Callable[[], None] | None = None


def log_query(event: QueryEvent) -> None:
    """The hook of ``debug=True``: one line a statement, level DEBUG, without values; ``record.chakra`` has the same as
    a dict.
    """
    if event.phase == "before" or not _log.isEnabledFor(logging.DEBUG):
        return
    site = call_site()
    told = {
        "sql": shape_of(event.sql),
        "kind": event.kind,
        "seconds": event.duration,
        "rows": event.rows,
        "error": None if event.error is None else type(event.error).__name__,
        "call_site": None if site is None else str(site),
    }
    rows = "" if event.rows is None else f", {event.rows} rows"
    failed = f", {told['error']}" if event.error is not None else ""
    where = "" if site is None else f" at {site}"
    _log.debug(
        "%.3f ms%s%s: %s%s",
        event.duration * 1e3,
        rows,
        failed,
        told["sql"],
        where,
        extra={"chakra": told},
    )


def apply(settings: config.Settings) -> None:
    """Do what the settings say, at once and for all databases."""
    global _remove
    debug = settings.debug
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


config.on_change(apply)

__all__ = ["apply", "log_query"]
