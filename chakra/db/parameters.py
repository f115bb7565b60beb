"""The connection parameters of libpq as one table: what each does here, or why it is refused; reads no URL.

The manual's list is section 34.1.2, "Parameter Key Words", of PostgreSQL 18. A parameter that can change nothing here
(a pool speaks plain protocol 3.0 over TCP, TLS or a Unix socket) is refused, but for the values that ask for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chakra.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One connection parameter.

    Attributes:
        does: what it does, or why it is refused; a phrase for messages and the docs.
        read: turns its text into its value, or raises ``ValueError`` saying what was expected; ``None`` = refused.
        env: the environment variable libpq reads when it is not given.
        idle: texts a refused parameter may have, since they ask for nothing.
    """

    does: str
    read: Callable[[str], Any] | None = None
    env: str | None = None
    idle: tuple[str, ...] = ()


def _text(text: str) -> str:
    return text


def _number(low: int, high: int, unit: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,10}", text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"expected a whole number of {unit} from {low} to {high}")

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        raise ValueError(f"expected {', '.join(words[:-1])} or {words[-1]}")

    return read


def _utf8(text: str) -> str:
    if text.replace("-", "").replace("_", "").upper() in ("UTF8", "UNICODE", "AUTO"):
        return text
    raise ValueError("Chakra needs UTF8")


def _ports(text: str) -> tuple[int, ...]:
    read = _number(1, 65535, "a port")
    try:
        return tuple(read(port) for port in text.split(","))
    except ValueError:
        raise ValueError(
            "expected a number from 1 to 65535, or one for each host separated by commas"
        ) from None


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.removeprefix("[").removesuffix("]") for host in text.split(","))
    if not all(hosts):
        raise ValueError(
            "expected a name, an address or the folder of a socket, or several separated by commas"
        )
    return hosts


_SWITCH = _number(0, 1, "a switch")
_TLS = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_MANY = 2**31 - 1
_OAUTH = "the driver knows no OAuth"

PARAMETERS: Mapping[str, Parameter] = {
    "host": Parameter("name, address or socket folder of the server; several, in order", _hosts, "PGHOST"),
    "hostaddr": Parameter("give the address as host", None, "PGHOSTADDR"),
    "port": Parameter("its port, or one for each host", _ports, "PGPORT"),
    "dbname": Parameter("the database", _text, "PGDATABASE"),
    "user": Parameter("the role", _text, "PGUSER"),
    "password": Parameter("its password", _text, "PGPASSWORD"),
    "passfile": Parameter("file with passwords, in place of ~/.pgpass", _text, "PGPASSFILE"),
    "require_auth": Parameter("the driver cannot hold the server to a method; use sslmode=verify-full", None,
                              "PGREQUIREAUTH"),
    "channel_binding": Parameter("the driver (asyncpg) knows no channel binding; remove it and use "
                                 "sslmode=verify-full, which tells the server by its certificate", None,
                                 "PGCHANNELBINDING", ("disable", "prefer")),
    "connect_timeout": Parameter("seconds for one attempt at each host, in place of the setting",
                                 _number(1, _MANY, "seconds"), "PGCONNECT_TIMEOUT"),
    "client_encoding": Parameter("UTF8, nothing else", _utf8),
    "options": Parameter("command-line options for the session, such as -c search_path=app", _text, "PGOPTIONS"),
    "application_name": Parameter("what pg_stat_activity shows", _text, "PGAPPNAME"),
    "fallback_application_name": Parameter("the same where nothing else says it", _text),
    "keepalives": Parameter("0 = no TCP keepalive, 1 = keepalive", _SWITCH),
    "keepalives_idle": Parameter("seconds of silence before the first probe; 0 = the system's",
                                 _number(0, 32767, "seconds")),
    "keepalives_interval": Parameter("seconds between probes; 0 = the system's", _number(0, 32767, "seconds")),
    "keepalives_count": Parameter("probes without an answer that end the connection; 0 = the system's",
                                  _number(0, 127, "probes")),
    "tcp_user_timeout": Parameter("milliseconds for which data may stay without acknowledgement; 0 = the system's",
                                  _number(0, _MANY, "milliseconds")),
    "replication": Parameter("replication connections run no queries", None, None, ("false", "off", "no", "0")),
    "gssencmode": Parameter("the driver cannot encrypt with GSSAPI; use TLS (sslmode=verify-full)", None,
                            "PGGSSENCMODE", ("disable", "prefer")),
    "sslmode": Parameter("disable, allow, prefer (default), require, verify-ca or verify-full",
                         _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), "PGSSLMODE"),
    "requiressl": Parameter("1 = sslmode=require, 0 = sslmode=prefer", _SWITCH, "PGREQUIRESSL"),
    "ssl": Parameter("true = sslmode=require, as in JDBC", _one_of("true", "false")),
    "sslnegotiation": Parameter("postgres, or direct (with sslmode=require or stronger)",
                                _one_of("postgres", "direct"), "PGSSLNEGOTIATION"),
    "sslcompression": Parameter("nothing compresses TLS any more", None, "PGSSLCOMPRESSION", ("0",)),
    "sslcert": Parameter("file with the client's certificate", _text, "PGSSLCERT"),
    "sslkey": Parameter("file with its key", _text, "PGSSLKEY"),
    "sslpassword": Parameter("password of the key", _text),
    "sslcertmode": Parameter("the driver sends a certificate if there is one", None, "PGSSLCERTMODE", ("allow",)),
    "sslkeylogfile": Parameter("set the variable SSLKEYLOGFILE instead", None),
    "sslrootcert": Parameter("file with the authorities to trust; system = those of the operating system", _text,
                             "PGSSLROOTCERT"),
    "sslcrl": Parameter("file with certificates that were taken back", _text, "PGSSLCRL"),
    "sslcrldir": Parameter("give one file as sslcrl", None, "PGSSLCRLDIR"),
    "sslsni": Parameter("the driver always names the host", None, "PGSSLSNI", ("1",)),
    "requirepeer": Parameter("the driver does not look who owns the server's process", None, "PGREQUIREPEER"),
    "ssl_min_protocol_version": Parameter("TLSv1, TLSv1.1, TLSv1.2 (default) or TLSv1.3", _TLS,
                                          "PGSSLMINPROTOCOLVERSION"),
    "ssl_max_protocol_version": Parameter("the same", _TLS, "PGSSLMAXPROTOCOLVERSION"),
    "min_protocol_version": Parameter("the driver speaks protocol 3.0", None, "PGMINPROTOCOLVERSION", ("3.0",)),
    "max_protocol_version": Parameter("the driver speaks protocol 3.0", None, "PGMAXPROTOCOLVERSION",
                                      ("3.0", "3.2", "latest")),
    "krbsrvname": Parameter("Kerberos service name", _text, "PGKRBSRVNAME"),
    "gsslib": Parameter("gssapi or sspi", _one_of("gssapi", "sspi"), "PGGSSLIB"),
    "gssdelegation": Parameter("the driver hands no credentials on", None, "PGGSSDELEGATION", ("0",)),
    "scram_client_key": Parameter("give the password", None),
    "scram_server_key": Parameter("give the password", None),
    "service": Parameter("a section of the service file; what it says counts where the URL says nothing", _text,
                         "PGSERVICE"),
    "servicefile": Parameter("that file, in place of ~/.pg_service.conf", _text, "PGSERVICEFILE"),
    "target_session_attrs": Parameter(
        "any, primary, standby, prefer-standby, read-write or read-only: which of several hosts",
        _one_of("any", "primary", "standby", "prefer-standby", "read-write", "read-only"), "PGTARGETSESSIONATTRS",
    ),
    "load_balance_hosts": Parameter("disable, or random: try the hosts in any order", _one_of("disable", "random"),
                                    "PGLOADBALANCEHOSTS"),
    "oauth_issuer": Parameter(_OAUTH, None),
    "oauth_client_id": Parameter(_OAUTH, None),
    "oauth_client_secret": Parameter(_OAUTH, None),
    "oauth_scope": Parameter(_OAUTH, None),
}  # fmt: skip
"""Every parameter by name."""

ALIASES: Mapping[str, str] = {"database": "dbname"}
"""Names other drivers' URLs use."""


def read_parameter(name: str, text: str, source: str) -> Any:
    """The value of one parameter; ``None`` where a refused one asks for nothing.

    Args:
        source: where it stands, for the message, which never repeats the text: it may be part of a password.

    Raises:
        ConfigError: the parameter is refused, or its text cannot be read; names it and the cure.
    """
    parameter = PARAMETERS[name]
    if "\0" in text:
        raise ConfigError(f"{name} in {source}: a NUL character cannot be sent")
    if parameter.read is None:
        if text in parameter.idle:
            return None
        allowed = f" (only {' or '.join(parameter.idle)})" if parameter.idle else ""
        raise ConfigError(f"{name} in {source} is not supported{allowed}: {parameter.does}")
    try:
        return parameter.read(text)
    except ValueError as error:
        raise ConfigError(f"{name} in {source}: {error}") from None


__all__ = ["ALIASES", "PARAMETERS", "Parameter", "read_parameter"]
