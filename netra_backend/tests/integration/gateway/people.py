"""Users of a server in this process, and sockets that are read as slowly as a test wants. Holds no test."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from netra_backend.app import Core, new_id
from netra_backend.domain.ids import Owner
from netra_backend.testing.client import PATIENCE_S
from netra_backend.tests.subject import NO_AUTHORITIES, PASSWORD


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a token."""

    email: str
    owner: Owner
    token: str

    async def get(self, url: str, path: str, *, method: str = "GET") -> httpx.Response:
        """A request of this user."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, verify=NO_AUTHORITIES) as client:
            return await client.request(method, path, headers=headers)


async def person(parts: Core, *, tenant: str = "acme", roles: Collection[str] = ()) -> Person:
    """A new user."""
    email = f"{new_id()}@example.com"
    user = await parts.auth.users.add(email, tenant=tenant, password=PASSWORD, roles=roles)
    return Person(email, user.owner, (await parts.auth.issue(user)).access_token)


class Sluggard:
    """A WebSocket by hand, with a tiny receive buffer; what is not asked for is not read."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)

    async def open(self, url: str, token: str) -> None:
        """Connect, and read until the greeting has come."""
        where = urlsplit(url)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (where.hostname, where.port))
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /ws HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        await loop.sock_sendall(self._socket, head.encode())
        await self.read_until(b'"connected"')

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a frame of less than 126 bytes, masked with zeros."""
        text = json.dumps({"type": kind, **fields}).encode()
        frame = bytes((0x81, 0x80 | len(text))) + bytes(4) + text
        await asyncio.get_running_loop().sock_sendall(self._socket, frame)

    async def read_until(self, wanted: bytes) -> bytes:
        """Read until `wanted` was among what came."""
        seen = b""
        async with asyncio.timeout(PATIENCE_S):
            while wanted not in seen:
                more = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
                assert more, f"The server closed before {wanted!r} came."
                seen += more
        return seen

    async def read_to_the_end(self) -> bytes:
        """Read until the server has closed, or cut."""
        seen = b""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    more = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
                except ConnectionResetError:
                    return seen
                if not more:
                    return seen
                seen += more

    def close(self) -> None:
        """Leave."""
        self._socket.close()
