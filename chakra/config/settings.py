"""The settings as frozen dataclasses, with how each is read; reads no file and no environment itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from chakra.config.units import (
    one_of,
    parse_count,
    parse_duration,
    parse_names,
    parse_secret,
    parse_span,
    parse_switch,
    parse_text,
    parse_urls,
)
from chakra.errors import ConfigError


def _setting(default: Any, parse: Callable[[object], Any], *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"parse": parse})


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Section ``[database]``.

    Attributes:
        url: where to connect when ``connect()`` is called without a URL.
        connect_timeout: seconds one connection attempt may take.
        command_timeout: seconds one statement may take on the client's clock; 0 = no limit.
        application_name: what ``pg_stat_activity`` shows.
        prepared_statements: keep statements prepared on the server; off for poolers that cannot.
        statement_cache_size: prepared statements kept per connection; the least recently used goes first.
        pgbouncer: the server is PgBouncer in transaction mode: turns off everything that outlives a
            transaction on a connection (prepared statements and the reset script).
        columnar_rows: let large results of models be read through binary COPY where that is faster.
        keepalives: let TCP look after a silent connection. These and the next count for TCP only, 0 is the
            system's own value, and the parameters of the same name in the URL come first.
        keepalives_idle: seconds of silence before the first probe.
        keepalives_interval: seconds between probes.
        keepalives_count: probes without an answer that end the connection.
        tcp_user_timeout: seconds for which sent data may stay without acknowledgement.
        naive_datetimes: what a datetime without a zone means for ``timestamptz``, stored or compared: ``utc``,
            ``local`` (the zone of this process), or ``error``: it is refused.
    """

    url: str | None = _setting(None, parse_secret, secret=True)
    connect_timeout: float = _setting(15.0, parse_span)
    command_timeout: float = _setting(0.0, parse_duration)
    application_name: str = _setting("chakra", parse_text)
    prepared_statements: bool = _setting(True, parse_switch)
    statement_cache_size: int = _setting(256, parse_count)
    pgbouncer: bool = _setting(False, parse_switch)
    columnar_rows: bool = _setting(True, parse_switch)
    keepalives: bool = _setting(True, parse_switch)
    keepalives_idle: float = _setting(60.0, parse_duration)
    keepalives_interval: float = _setting(10.0, parse_duration)
    keepalives_count: int = _setting(6, parse_count)
    tcp_user_timeout: float = _setting(60.0, parse_duration)
    naive_datetimes: str = _setting("error", one_of("error", "utc", "local"))


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Section ``[pool]``; all times in seconds.

    Attributes:
        min_connections: connections kept open while nothing happens.
        max_connections: connections open at most.
        max_waiting: borrowers that may queue; the next one is refused at once. 0 = no limit.
        acquire_timeout: how long a borrower waits for a connection before ``PoolTimeout``.
        idle_timeout: an idle connection above ``min_connections`` is closed after this; 0 = never.
        max_lifetime: a connection is replaced at this age when it is next free, each up to a tenth earlier so that
            not all go at once; 0 = never.
        check_after: an idle connection of which nothing was heard for so long is asked whether it still answers,
            behind the scenes; 0 = never.
        close_timeout: how long ``close()`` waits for borrowers before it cuts them off.
        reset: when a connection is reset before it is lent again: ``auto`` (whenever more ran on it than statements
            Chakra compiled over plain tables), ``always``, ``never``.
    """

    min_connections: int = _setting(0, parse_count)
    max_connections: int = _setting(10, parse_count)
    max_waiting: int = _setting(0, parse_count)
    acquire_timeout: float = _setting(30.0, parse_duration)
    idle_timeout: float = _setting(600.0, parse_duration)
    max_lifetime: float = _setting(3600.0, parse_duration)
    check_after: float = _setting(60.0, parse_duration)
    close_timeout: float = _setting(10.0, parse_duration)
    reset: str = _setting("auto", one_of("auto", "always", "never"))

    def __post_init__(self) -> None:
        if self.max_connections < 1:
            raise ConfigError("pool.max_connections must be at least 1")
        if self.min_connections > self.max_connections:
            raise ConfigError(
                f"pool.min_connections ({self.min_connections}) is larger than "
                f"pool.max_connections ({self.max_connections})"
            )


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """Section ``[replicas]``.

    Attributes:
        urls: where the replicas are; what reads on ``db.replica`` is spread over them.
        fallback: who serves when no replica can be reached or has caught up: ``primary`` (by connections of their
            own, which take no writes), or nobody (``error``).
        wait: how long a read waits for a replica to have what the reading task has written, in seconds.
        retry: a replica that could not be reached is tried again after so many seconds, behind the scenes.
    """

    urls: tuple[str, ...] = _setting((), parse_urls, secret=True)
    fallback: str = _setting("primary", one_of("primary", "error"))
    wait: float = _setting(1.0, parse_duration)
    retry: float = _setting(5.0, parse_span)


@dataclass(frozen=True, slots=True)
class DebugSettings:
    """Section ``[debug]``.

    Attributes:
        debug: log every statement (logger ``chakra.db``, level DEBUG, without values); for development.
        warn_on_n_plus_one: ``n_plus_one = "warn"``, where that says nothing.
        n_plus_one: what to do when one relation is awaited row by row for the rows of one result: ``warn`` (logger
            ``chakra.debug``), ``raise`` (``NPlusOneError``), ``peers`` (the first access loads it for all of them),
            or ``off``.
        n_plus_one_threshold: for how many rows, until it counts.
        slow_query: statements slower than this many seconds are logged (logger ``chakra.db``, level
            WARNING, with their SQL and without their values); 0 = none. Read when a database connects.
        telemetry: tell OpenTelemetry of every statement (``chakra.debug.telemetry``); needs
            ``pip install "chakra-orm[telemetry]"``.
        sqlcommenter: write the tags of ``chakra.debug.query_tags``, and with ``telemetry`` the trace, behind statements
            as a comment.
        show_values: let the values of statements and rows stand in errors, logs and reports, constants in SQL of
            your own and those of COPY included; for development.
    """

    debug: bool = _setting(False, parse_switch)
    warn_on_n_plus_one: bool = _setting(False, parse_switch)
    n_plus_one: str = _setting("off", one_of("off", "warn", "raise", "peers"))
    n_plus_one_threshold: int = _setting(3, parse_count)
    slow_query: float = _setting(0.0, parse_duration)
    telemetry: bool = _setting(False, parse_switch)
    sqlcommenter: bool = _setting(False, parse_switch)
    show_values: bool = _setting(False, parse_switch)

    def __post_init__(self) -> None:
        if self.n_plus_one_threshold < 2:
            raise ConfigError(
                f"debug.n_plus_one_threshold is at least 2, not {self.n_plus_one_threshold}: one row is no N+1"
            )


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """Section ``[migrations]``.

    Attributes:
        models: modules that define the models, which are imported to see what the database has to become.
        folder: where the migrations of these models are, from the folder of ``chakra.toml``.
        apps: packages with models of their own (``app.models``) and migrations of their own (``app/migrations``), in
            place of the two above, or beside them.
        lock_timeout: seconds a statement of a migration waits for a lock, and keeps others waiting behind it.
        statement_timeout: seconds one may take that keeps others out; 0 = no limit.
    """

    models: tuple[str, ...] = _setting((), parse_names)
    folder: str = _setting("migrations", parse_text)
    apps: tuple[str, ...] = _setting((), parse_names)
    lock_timeout: float = _setting(2.0, parse_span)
    statement_timeout: float = _setting(60.0, parse_duration)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, one attribute per section of ``chakra.toml``."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    pool: PoolSettings = field(default_factory=PoolSettings)
    replicas: ReplicaSettings = field(default_factory=ReplicaSettings)
    debug: DebugSettings = field(default_factory=DebugSettings)
    migrations: MigrationSettings = field(default_factory=MigrationSettings)
    databases: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """By the name of another database, what is said of it: ``{"section.key": raw value}``."""

    def with_values(self, values: Mapping[str, object], source: str) -> Settings:
        """Return the settings with ``{"section.key": raw value}`` read into them.

        Raises:
            ConfigError: a key is unknown or a value cannot be read; names the key and ``source``.
        """
        sections: dict[str, dict[str, Any]] = {}
        others = {name: dict(said) for name, said in self.databases.items()}
        for name, raw in values.items():
            section, _, key = name.partition(".")
            if section == DATABASES:
                alias, _, keyword = key.partition(".")
                others.setdefault(alias, {})[_of_database(name, keyword, source)] = raw
                continue
            sections.setdefault(section, {})[key] = _parsed(name, name, raw, source)
        try:
            changed: dict[str, Any] = {
                name: replace(getattr(self, name), **new) for name, new in sections.items()
            }
        except ConfigError as error:
            raise ConfigError(f"{error} (in {source})") from None
        if others != self.databases:
            changed["databases"] = others
        found = replace(self, **changed)
        for alias in others:
            found.of(alias, source)
        return found

    def of(self, alias: str, source: str = "the settings") -> Settings:
        """The settings of another database: what is said of it, and of the rest what is said of all but the URLs.

        Raises:
            ConfigError: nothing is said of it, or a value cannot be read.
        """
        if alias not in self.databases:
            known = ", ".join(sorted(self.databases)) or "none"
            raise ConfigError(
                f"no [databases.{shown_alias(alias)}] in the settings, and no URL; known are: {known}"
            )
        plain = replace(self.database, url=None)
        sections: dict[str, dict[str, Any]] = {}
        for name, raw in self.databases[alias].items():
            section, _, key = name.partition(".")
            sections.setdefault(section, {})[key] = _parsed(name, f"databases.{alias}.{key}", raw, source)
        try:
            return replace(
                self,
                database=replace(plain, **sections.get("database", {})),
                pool=replace(self.pool, **sections.get("pool", {})),
                replicas=ReplicaSettings(**sections.get("replicas", {})),
            )
        except ConfigError as error:
            raise ConfigError(f"{error} (databases.{alias} in {source})") from None


def _parsed(name: str, shown: str, raw: object, source: str) -> Any:
    parse = PARSERS.get(name)
    if parse is None:
        raise ConfigError(unknown_setting(name, source))
    try:
        return parse(raw)
    except ValueError as error:
        raise ConfigError(f"{shown} in {source}: {error}") from None


def _of_database(name: str, keyword: str, source: str) -> str:
    """The ``section.key`` of what is said of another database."""
    alias = name.split(".")[1] if "." in name else ""
    if not is_alias(alias):
        raise ConfigError(
            f"the name of a database in {source} cannot be used: letters, digits and _, and none of "
            f"{', '.join(sorted(TAKEN))}"
        )
    found = KEYWORDS.get(keyword, "")
    if found.partition(".")[0] not in ("database", "pool", "replicas"):
        raise ConfigError(unknown_setting(keyword or name, f"{source} (databases.{alias})"))
    return found


def is_alias(alias: str) -> bool:
    """Whether another database can be called so."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", alias) is not None and alias not in TAKEN


def shown_alias(alias: str) -> str:
    """A name for messages; a URL in its place must not show."""
    return alias if re.fullmatch(r"\w{1,63}", alias) else "…"


DATABASES = "databases"
"""The section of other databases, each a table of settings by their bare names."""

TAKEN = frozenset({"default", "replica", "primary"})
"""What no other database can be called."""


SECTIONS: Mapping[str, type] = {
    "database": DatabaseSettings,
    "pool": PoolSettings,
    "replicas": ReplicaSettings,
    "debug": DebugSettings,
    "migrations": MigrationSettings,
}

PARSERS: Mapping[str, Callable[[object], Any]] = {
    f"{section}.{f.name}": f.metadata["parse"] for section, cls in SECTIONS.items() for f in fields(cls)
}
"""How each ``section.key`` is read."""


def _keyword(name: str) -> str:
    section, _, key = name.partition(".")
    if section != "replicas":
        return key
    return section if key == "urls" else f"replica_{key}"


KEYWORDS: Mapping[str, str] = {_keyword(name): name for name in PARSERS}
"""The bare names that ``configure()`` and ``connect()`` take; no two sections share a key."""


def unknown_setting(name: str, source: str) -> str:
    """The message for a setting that does not exist: what is known, and what was probably meant."""
    known = sorted(PARSERS)
    if not re.fullmatch(r"[\w.-]{1,80}", name):  # a URL in place of a name must not show
        return f"a name in {source} is no setting's. Known settings: {', '.join(known)}"
    bare = name.rpartition(".")[2]
    close = difflib.get_close_matches(bare, KEYWORDS, n=1, cutoff=0.6)
    meant = f"; did you mean {KEYWORDS[close[0]]}?" if close else "."
    return f"unknown setting {name} in {source}{meant} Known settings: {', '.join(known)}"


__all__ = [
    "DATABASES",
    "KEYWORDS",
    "PARSERS",
    "SECTIONS",
    "DatabaseSettings",
    "DebugSettings",
    "MigrationSettings",
    "PoolSettings",
    "ReplicaSettings",
    "Settings",
    "is_alias",
    "shown_alias",
    "unknown_setting",
]
