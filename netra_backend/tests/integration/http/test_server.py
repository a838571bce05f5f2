import asyncio
import io
import json
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
import uvicorn

from netra_backend.http.app import create_http
from netra_backend.tests.integration.http.conftest import Site

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln"


@pytest_asyncio.fixture
async def address(site: Site) -> AsyncIterator[tuple[str, int]]:
    """A real server on a free port."""
    config = uvicorn.Config(create_http(site.deps), port=0, log_config=None, lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield listening.getsockname()
    server.should_exit = True
    await task
    listening.close()


async def exchange(address: tuple[str, int], request: bytes) -> bytes:
    """What the server answers to these bytes before it closes."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_attack_34_a_real_server_logs_no_token(address: tuple[str, int], logged: io.StringIO) -> None:
    """Neither ours nor the server's own log lines hold it."""
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as client:
        assert (await client.get(f"/api/threads?token={JWT}")).status_code == 400
        answer = await client.get("/api/threads", headers={"Authorization": f"Bearer {JWT}"})
        assert answer.status_code == 401
    assert '"path": "/api/threads"' in logged.getvalue()
    assert JWT[:20] not in logged.getvalue()


async def test_a_chunked_flood_is_cut_off(address: tuple[str, int]) -> None:
    """The server answers 413 and closes though the body has no end yet."""
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = await exchange(address, head + chunk * 9)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"
