"""Reading a ``postgresql://`` URL into parameters by libpq's grammar; no message repeats any part of the URL's secrets.

A malformed URL often is one whose password holds a character that ends a part. So what stands where is not known, and
messages say which part is wrong and never what is there. Only the names of parameters are repeated, and only where no
``@`` follows, as it would if they were the end of a password. Names that are no parameters are settings of the session,
as for asyncpg; the server refuses those it does not know.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

from chakra.db.parameters import ALIASES, PARAMETERS
from chakra.errors import ConfigError

SCHEMES = ("postgresql", "postgres")
FORM = "postgresql://user:password@host:port/name?parameter=value"
ENCODE = "write special characters of the password (and of other parts) as / %2F, @ %40, : %3A, ? %3F, # %23, % %25"

# Schemes that are named in the message; anything else before "://" may be part of a password.
_KNOWN_SCHEMES = re.compile(
    r"(?:jdbc:)?(?:postgresql|postgres)(?:\+(?:asyncpg|psycopg2?|psycopg_async|psycopg2cffi|pg8000|aiopg))?"
    r"|(?:postgis|cockroachdb|redshift|timescaledb?|mysql|mariadb|sqlite3?|mongodb|redis|rediss|mssql|oracle|duckdb"
    r"|https?|file|embedded)(?:\+\w{1,12})?"
)
_ASSIGNMENT = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_url(url: object) -> dict[str, str]:
    """Parameters of a URL by name, as text.

    Raises:
        ConfigError: it is no such URL; says which part is wrong, and repeats nothing of it.
    """
    if not isinstance(url, str):
        raise ConfigError(f"the database URL is a {type(url).__name__}, expected a text such as {FORM}")
    text = url.strip()
    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() not in SCHEMES:
        raise ConfigError(_no_url(text, scheme if mark else ""))
    if re.search(r"[\x00-\x20\x7f]", rest):
        raise ConfigError(f"the database URL holds a space or a control character: write it as %20 ({FORM})")
    found: dict[str, str] = {}
    at = _end_of_credentials(rest)
    if at >= 0:
        user, colon, password = rest[:at].partition(":")
        if user:
            found["user"] = _decode(user, "the user")
        if colon and password:
            found["password"] = _decode(password, "the password")
    address, ask, query = rest[at + 1 :].partition("?")
    hosts, _, name = address.partition("/")
    if "#" in rest[at + 1 :]:
        raise ConfigError(f"the database URL holds a #: {ENCODE}")
    if "@" in address or "/" in name:
        raise ConfigError(f"the database URL cannot be read after its host: {ENCODE} ({FORM})")
    if hosts:
        _read_hosts(hosts, found)
    if name:
        found["dbname"] = _decode(name, "the name of the database")
    if ask:
        _read_query(query, found)
    return found


def _end_of_credentials(rest: str) -> int:
    """Position of the ``@`` in front of the host, -1 without one.

    The last before the first ``/``, so that ``@`` and ``?`` in a password do no harm; but not behind a ``?`` that
    follows an ``@``, where the query begins.
    """
    zone = rest.partition("/")[0]
    first = zone.find("@")
    query = zone.find("?", first) if first >= 0 else -1
    return zone.rfind("@", 0, query if query >= 0 else len(zone))


def _read_hosts(text: str, found: dict[str, str]) -> None:
    hosts: list[str] = []
    ports: list[str] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]]*)(?::([0-9]{0,5}))?", part)
        if match is None:
            raise ConfigError(
                f"the host and port of the database URL cannot be read: expected host:port with a number, or "
                f"[address]:port for IPv6; {ENCODE}"
            )
        hosts.append(_decode(match[1], "the host"))
        ports.append(match[2] or "")
    if any(hosts):
        found["host"] = ",".join(hosts)
    if any(ports):
        found["port"] = ",".join(port or "5432" for port in ports)


def _read_query(query: str, found: dict[str, str]) -> None:
    secret = "@" in query  # perhaps the end of a password
    for pair in query.split("&"):
        name, mark, value = pair.partition("=")
        name = ALIASES.get(name, name)
        if (secret and name not in PARAMETERS) or not mark or not _SETTING.fullmatch(name):
            if mark or secret or name not in PARAMETERS:
                raise ConfigError(
                    f"the parameters of the database URL (behind its ?) cannot be read: expected name=value, joined "
                    f"by &; {ENCODE}"
                )
            raise ConfigError(f"the parameter {name} in the database URL has no value: expected {name}=value")
        _refuse_misspelt(name)
        found[name] = _decode(value, f"the parameter {name}" if name in PARAMETERS else "a parameter")


def _refuse_misspelt(name: str) -> None:
    """A name that is no parameter goes to the server as a setting of the session, unless a parameter was meant."""
    if name in PARAMETERS or name.startswith("tcp_"):  # tcp_keepalives_idle and others: the server's own end
        return
    close = difflib.get_close_matches(name, PARAMETERS, n=1, cutoff=0.85)
    if close:
        raise ConfigError(
            f"unknown connection parameter {name} in the database URL; did you mean {close[0]}?"
        )


def _decode(text: str, part: str) -> str:
    if _BAD_PERCENT.search(text):
        raise ConfigError(f"{part} in the database URL holds a % that no two digits follow: write it as %25")
    decoded = _utf8(unquote_to_bytes(text))
    if decoded is None:
        raise ConfigError(f"{part} in the database URL is not UTF-8 behind its percent signs")
    if "\0" in decoded:
        raise ConfigError(f"{part} in the database URL holds a NUL character, which cannot be sent")
    return decoded


def _utf8(data: bytes) -> str | None:
    """The text, or ``None``; Python's own error would carry the bytes along, as the context of ours."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _no_url(text: str, scheme: str) -> str:
    if not text:
        return f"the database URL is empty; expected {FORM}"
    if text[0] in "\"'`<":
        return f"the database URL stands in quotes or brackets; leave them out: {FORM}"
    if _ASSIGNMENT.match(text):
        if "://" in text:
            return f"the database URL begins with the name of a variable and =; leave them out: {FORM}"
        return f"a key=value connection string is not a URL; write it as {FORM}"
    if scheme.lower() == "embedded":
        return "embedded: URLs are for chakra.connect(), which starts that server"
    if scheme and _KNOWN_SCHEMES.fullmatch(scheme.lower()):
        return f"the database URL begins with {scheme.lower()}://; Chakra speaks to PostgreSQL: {FORM}"
    return f"the database URL does not begin with postgresql://; expected {FORM}"


# -- service files --------------------------------------------------------------------------------------


def read_service(name: str, file: str | None, environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Parameters of one section of a service file (manual, section 34.17), and how to call it in messages.

    Raises:
        ConfigError: there is no such file or section, or a line of it cannot be read.
    """
    if file is not None:
        files = [Path(file)]
    else:
        files = [Path.home() / ".pg_service.conf"]
        if "PGSYSCONFDIR" in environ:
            files.append(Path(environ["PGSYSCONFDIR"]) / "pg_service.conf")
    for path in files:
        try:
            content = _utf8(path.read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(f"cannot read the service file {path}: {error.strerror}") from None
        if content is None:
            raise ConfigError(f"cannot read the service file {path}: it is not UTF-8")
        found = _section(name, content.splitlines(), path)
        if found is not None:
            return found, f"the service file {path}"
    raise ConfigError(f"no section of the service in {' or '.join(map(str, files))}")


def _section(name: str, lines: list[str], path: Path) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            if line == f"[{name}]":
                found = {}
        elif found is not None:
            key, mark, value = line.partition("=")
            key = ALIASES.get(key, key)
            if not mark or key not in PARAMETERS or key in ("service", "servicefile"):
                raise ConfigError(f"{path}, line {number}: expected a connection parameter as name=value")
            found[key] = value
    return found


def with_defaults(
    found: dict[str, str], environ: Mapping[str, str] | None = None
) -> dict[str, tuple[str, str]]:
    """Add what a service file and the environment say where the URL says nothing: ``{name: (text, source)}``.

    Raises:
        ConfigError: see ``read_service``.
    """
    environ = os.environ if environ is None else environ
    merged = {name: (text, "the database URL") for name, text in found.items()}
    service = found.get("service") or environ.get("PGSERVICE")
    if service:
        parameters, source = read_service(
            service, found.get("servicefile") or environ.get("PGSERVICEFILE"), environ
        )
        for name, text in parameters.items():
            merged.setdefault(name, (text, source))
    for name, parameter in PARAMETERS.items():
        text = environ.get(parameter.env, "") if parameter.env else ""
        if text and name not in merged:
            merged[name] = (text, f"the environment variable {parameter.env}")
    return merged


__all__ = ["ENCODE", "FORM", "read_service", "read_url", "with_defaults"]
