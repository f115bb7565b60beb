"""Where and how to connect: a URL, the environment and the settings as arguments for the driver; opens nothing."""

from __future__ import annotations

import os
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from chakra.config import DatabaseSettings
from chakra.db.parameters import PARAMETERS, read_parameter
from chakra.db.url import read_url, with_defaults
from chakra.errors import ConfigError

# Files and options of TLS that the driver takes only as part of a URL.
_IN_URL = (
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
_STRONG = ("require", "verify-ca", "verify-full")

_ROLES = frozenset({"primary", "standby", "read-write", "read-only"})

PasswordSource: TypeAlias = Callable[[], str | Awaitable[str]]
"""Gives the password of one new connection."""

Password: TypeAlias = str | PasswordSource


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """What TCP does to find out that the other side is gone (tcp(7)); 0 = the system's own value.

    Attributes:
        idle, interval: seconds before the first probe and between probes.
        count: probes without an answer that end the connection.
        user_timeout: milliseconds for which data may stay without acknowledgement.
    """

    on: bool
    idle: int
    interval: int
    count: int
    user_timeout: int

    def apply(self, raw: Any) -> None:
        """Set it on a socket; on one that is not TCP nothing is. Options the system lacks are left out."""
        if raw is None or raw.family not in (socket.AF_INET, socket.AF_INET6):
            return
        wanted = [("TCP_USER_TIMEOUT", self.user_timeout)]
        if self.on:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            idle = (
                "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
            )  # the latter on macOS
            wanted += [(idle, self.idle), ("TCP_KEEPINTVL", self.interval), ("TCP_KEEPCNT", self.count)]
        for name, value in wanted:
            option = getattr(socket, name, None)
            if option is not None and value:
                with suppress(OSError):
                    raw.setsockopt(socket.IPPROTO_TCP, option, value)


@dataclass(frozen=True)
class Address:
    """A database as the driver is told of it.

    Attributes:
        where: host, port and name for messages; no user, no password.
        timeout: seconds one attempt may take, for each host.
        keepalive: what to set on the socket.
        arguments: for ``asyncpg.connect``; secrets are among them.
        shuffled: try the hosts in any order.
        role: what the server has to be (``target_session_attrs``).
        password: gives the password of a new connection, in place of the one among the arguments.
    """

    where: str
    timeout: float
    keepalive: KeepAlive
    shuffled: bool
    role: str
    arguments: Mapping[str, Any] = field(repr=False)
    password: PasswordSource | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: object, settings: DatabaseSettings, password: Password | None = None) -> Address:
        """Read a URL, and beside it the environment variables and the service file of libpq.

        Args:
            password: one that goes before all of these, or what gives one for each new connection.

        Raises:
            ConfigError: the URL, a parameter or a file it names cannot be used; never shows a password.
        """
        if password is not None and not isinstance(password, str) and not callable(password):
            raise ConfigError(
                f"password= takes a text or a function that gives one, not a value of type {type(password).__name__}"
            )
        given = with_defaults(read_url(url))
        values = {
            name: read_parameter(name, text, source)
            for name, (text, source) in given.items()
            if name in PARAMETERS
        }
        hosts, ports = _hosts(values)
        keepalives = values.get("keepalives")
        return cls(
            where=_where(hosts, ports, values),
            timeout=values.get("connect_timeout", settings.connect_timeout),
            keepalive=KeepAlive(
                settings.keepalives if keepalives is None else bool(keepalives),
                values.get("keepalives_idle", _whole(settings.keepalives_idle)),
                values.get("keepalives_interval", _whole(settings.keepalives_interval)),
                values.get("keepalives_count", settings.keepalives_count),
                values.get("tcp_user_timeout", round(settings.tcp_user_timeout * 1000)),
            ),
            shuffled=values.get("load_balance_hosts") == "random",
            role=values.get("target_session_attrs") or "any",
            password=password if callable(password) else None,
            arguments={
                "host": list(hosts) or None,
                "port": list(ports) or None,
                "user": values.get("user"),
                "password": password if isinstance(password, str) else values.get("password"),
                "passfile": values.get("passfile"),
                "database": values.get("dbname"),
                "target_session_attrs": values.get("target_session_attrs"),
                "krbsrvname": values.get("krbsrvname"),
                "gsslib": values.get("gsslib"),
                "server_settings": _session_settings(values, given, settings),
                **_tls(values, tcp=not hosts or any(not host.startswith("/") for host in hosts)),
            },
        )

    @property
    def asks_for_role(self) -> bool:
        """Whether the server has to be a primary, or a standby."""
        return self.role in _ROLES

    def attempts(self) -> list[Attempt]:
        """What to try one after the other until a connection is there, as libpq does (manual, section 34.1.1.3)."""
        hosts, ports = self.arguments["host"], self.arguments["port"]
        if not hosts:
            return [Attempt(self.where, {**self.arguments, "target_session_attrs": self.role})]
        pairs = list(zip(hosts, (ports or [5432]) * (len(hosts) if len(ports or ()) < 2 else 1), strict=True))
        if self.shuffled:
            random.shuffle(pairs)
        roles = ("standby", "any") if self.role == "prefer-standby" else (self.role,)
        return [
            Attempt(
                self.where if len(pairs) == 1 else host_and_port(host, port),
                {**self.arguments, "host": [host], "port": [port], "target_session_attrs": role},
            )
            for role in roles
            for host, port in pairs
        ]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One host.

    Attributes:
        where: it, for messages.
        arguments: for ``asyncpg.connect``.
    """

    where: str
    arguments: Mapping[str, Any] = field(repr=False)


def host_and_port(host: str, port: int | None) -> str:
    """A host as messages call it."""
    if host.startswith("/"):
        return f"the socket {host}/.s.PGSQL.{port or 5432}"
    return (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")


def _whole(seconds: float) -> int:
    """Seconds as the system takes them; a fraction is not none."""
    return max(1, round(seconds)) if seconds else 0


def _hosts(values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    hosts, ports = values.get("host", ()), values.get("port", ())
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ConfigError(f"port: {len(ports)} ports for {len(hosts)} hosts; give one, or one for each host")
    return hosts, ports


def _where(hosts: tuple[str, ...], ports: tuple[int, ...], values: Mapping[str, Any]) -> str:
    shown: list[str] = []
    for position, host in enumerate(hosts):
        shown.append(host_and_port(host, ports[min(position, len(ports) - 1)] if ports else None))
    name = values.get("dbname") or ""
    if ":" in name or "@" in name:  # part of another URL, perhaps with its password
        name = ""
    before = ", database " if any(host.startswith("/") for host in hosts) else "/"
    return (", ".join(shown) or "the local server") + (before + name if name else "")


def _session_settings(
    values: Mapping[str, Any], given: Mapping[str, tuple[str, str]], settings: DatabaseSettings
) -> dict[str, str]:
    """What to ask of the session in the startup message; the URL's own choice stands."""
    name = values.get("application_name")
    default = type(settings)().application_name
    from_environment = "application_name" in given and "environment" in given["application_name"][1]
    if settings.application_name != default and (name is None or from_environment):
        name = settings.application_name
    name = name or values.get("fallback_application_name") or settings.application_name
    wanted = {key: text for key, (text, _) in given.items() if key not in PARAMETERS}
    wanted["application_name"] = name
    if values.get("options"):
        wanted["options"] = values["options"]
    return wanted


def _tls(values: Mapping[str, Any], *, tcp: bool) -> dict[str, Any]:
    """TLS as the driver takes it, its files looked at first: the driver's errors do not say which file."""
    mode = values.get("sslmode")
    if mode is None and values.get("requiressl") is not None:
        mode = "require" if values["requiressl"] else "prefer"
    if mode is None and values.get("ssl") is not None:
        mode = "require" if values["ssl"] == "true" else "prefer"
    system = values.get("sslrootcert") == "system"
    if system:
        mode = mode or "verify-full"
        if mode != "verify-full":
            raise ConfigError(
                "sslrootcert=system needs sslmode=verify-full: anybody has a certificate of these"
            )
    direct = values.get("sslnegotiation") == "direct"
    if direct and mode not in _STRONG:
        raise ConfigError("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")
    if mode == "disable" or not tcp:
        return {"ssl": mode}
    context = _checked(values, system, mode in _STRONG)
    arguments: dict[str, Any] = {"ssl": context if system else mode, "direct_tls": direct or None}
    in_url = {name: values[name] for name in _IN_URL if values.get(name) and not system}
    if in_url:
        arguments["dsn"] = "postgresql://?" + urlencode(in_url)
    return arguments


def _checked(values: Mapping[str, Any], system: bool, strong: bool) -> ssl.SSLContext:
    """Load every file of TLS once, those the driver looks for by itself, too; what is made of them is used only with
    the authorities of the operating system.

    Raises:
        ConfigError: names the parameter and the file.
    """
    context = ssl.create_default_context() if system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ssl.HAS_ALPN:
        context.set_alpn_protocols(["postgresql"])
    for name, default in (("sslrootcert", "root.crt"), ("sslcrl", "root.crl")) if strong else ():
        file = values.get(name) or _usual(default)
        if file and file != "system":
            with _naming(name, file):
                context.load_verify_locations(cafile=file)
    certificate = values.get("sslcert") or _usual("postgresql.crt")
    key = values.get("sslkey") or _usual("postgresql.key")
    if certificate:
        for name, file in (("sslcert", certificate), ("sslkey", key)):
            if file:
                with _naming(name, file), open(file, "rb"):
                    pass
        with _naming("sslcert and sslkey", f"{certificate} and {key or 'the same'}"):
            context.load_cert_chain(certificate, key, password=lambda: values.get("sslpassword") or "")
    return context


def _usual(name: str) -> str | None:
    """A file of libpq's folder, if it is there."""
    file = Path.home() / ".postgresql" / name
    return str(file) if os.path.lexists(file) else None


@contextmanager
def _naming(name: str, file: str) -> Iterator[None]:
    """Name parameter and file in what goes wrong; Python's errors of TLS name no file."""
    try:
        yield
    except ssl.SSLError as error:
        raise ConfigError(
            f"{name}: cannot use {file}: not in the form TLS takes (PEM), or they do not belong together "
            f"({error.reason or 'unreadable'})"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{name}: cannot use {file}: {getattr(error, 'strerror', None) or 'it cannot be read'}"
        ) from None


__all__ = ["Address", "Attempt", "KeepAlive", "Password", "PasswordSource"]
