"""Which system user PostgreSQL runs as when we are root; looks, and changes nothing on the system."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chakra.errors import EmbeddedError

__all__ = ["Account", "choose_account", "needs_capability"]

CANDIDATES = ("postgres", "nobody")
"""Users a new cluster may belong to, best first. ``nobody`` is part of every distribution we know."""


@dataclass(frozen=True)
class Account:
    """A system user by numbers and name."""

    uid: int
    gid: int
    name: str


def choose_account(pgdata: Path) -> Account | None:
    """The user to drop to: owner of an existing cluster, else the first candidate; ``None`` when not root.

    Raises:
        EmbeddedError: root, and neither the owner of the cluster nor a candidate can be used.
    """
    if os.geteuid() != 0:
        return None
    if pgdata.exists():
        uid = pgdata.stat().st_uid
        if uid == 0:
            raise EmbeddedError(
                f"{pgdata} belongs to root, and PostgreSQL refuses to run as root; give it to another user: "
                f"chown -R {CANDIDATES[-1]} {pgdata}"
            )
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise EmbeddedError(
                f"{pgdata} belongs to user id {uid}, which this machine does not know"
            ) from None
        return Account(uid, entry.pw_gid, entry.pw_name)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and this machine has none of the users {', '.join(CANDIDATES)} "
        "to run it as; create one, or run as another user"
    )


def needs_capability(paths: Iterable[Path], account: Account) -> bool:
    """Whether mode bits of one of ``paths``, or of a folder above it, keep ``account`` out."""
    return any(
        not _allows(step, account, stat.S_IROTH | stat.S_IXOTH if step == path else stat.S_IXOTH)
        for path in paths
        for step in (path, *path.parents)
    )


def _allows(path: Path, account: Account, bits: int) -> bool:
    info = path.stat()
    if info.st_uid == account.uid:
        bits <<= 6
    elif info.st_gid == account.gid:
        bits <<= 3
    return info.st_mode & bits == bits
