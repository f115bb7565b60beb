"""Certificates made by the ``openssl`` program, and a relay that speaks TLS to clients of a server that has none."""

from __future__ import annotations

import asyncio
import shlex
import ssl
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SSL_REQUEST = (80877103).to_bytes(4)  # manual, section 54.7

_LEAF = "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


@dataclass(frozen=True)
class Certificates:
    """Files: an authority, what it signed for the server ``localhost`` and a client, an authority nobody asked."""

    root: Path
    other_root: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make them; the server's is good for the name ``localhost`` and not for the address 127.0.0.1."""

    def openssl(words: str) -> None:
        command = ["openssl", *shlex.split(words)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)

    key = "-newkey rsa:2048 -nodes -config /dev/null"
    for authority in ("root", "other"):
        openssl(
            f"req -x509 {key} -days 2 -subj '/CN=Chakra tests {authority}' -addext basicConstraints=critical,CA:TRUE "
            "-addext keyUsage=critical,keyCertSign,cRLSign -addext subjectKeyIdentifier=hash "
            f"-keyout {authority}.key -out {authority}.crt"
        )
    for name, subject, more in (
        ("server", "/CN=localhost", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n"),
        ("client", "/CN=postgres", "extendedKeyUsage=clientAuth\n"),
    ):
        (folder / f"{name}.ext").write_text(_LEAF + more)
        openssl(f"req {key} -subj {subject} -keyout {name}.key -out {name}.csr")
        openssl(
            f"x509 -req -in {name}.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2 -extfile {name}.ext "
            f"-out {name}.crt"
        )
        (folder / f"{name}.key").chmod(0o600)
    names = ("root.crt", "other.crt", "server.crt", "server.key", "client.crt", "client.key")
    return Certificates(*(folder / name for name in names))


class TlsRelay:
    """Answers SSLRequest with a handshake and relays what is inside; a client without TLS is turned away.

    Attributes:
        port: on 127.0.0.1.
    """

    def __init__(self, address: Any, certificates: Certificates, *, ask_client: bool = False) -> None:
        self.address = address
        self.port = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.server_key)
        if ask_client:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(certificates.root)
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> TlsRelay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._writers.add(to_client)
        to_server = None
        try:
            if (await client.readexactly(8))[4:] != SSL_REQUEST:
                return
            to_client.write(b"S")
            await to_client.start_tls(self._context)
            if isinstance(self.address, str):
                server, to_server = await asyncio.open_unix_connection(self.address)
            else:
                server, to_server = await asyncio.open_connection(*self.address)
            self._writers.add(to_server)
            done, rest = await asyncio.wait(
                {
                    asyncio.create_task(_copy(client, to_server)),
                    asyncio.create_task(_copy(server, to_client)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in rest:
                task.cancel()
            await asyncio.wait(done | rest)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for writer in filter(None, (to_client, to_server)):
                self._writers.discard(writer)
                writer.transport.abort() if writer is to_server else writer.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
