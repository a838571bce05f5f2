"""The reverse proxy of the production-like stack: nginx where it is installed, else a small one of our own.

Both take turns between gateways, pass upgrades on, and say by `X-Forwarded-For` for whom they ask.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HEAD_BYTES = 64 * 1024
CHUNK = 64 * 1024
START_S = 10.0

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $kind {{ default upgrade; '' close; }}
    upstream gateways {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://gateways;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_read_timeout 1h;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $kind;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


@asynccontextmanager
async def front(upstreams: Sequence[str]) -> AsyncIterator[str]:
    """The address of a proxy in front of gateways, as `http://…` like theirs."""
    program = nginx()
    async with behind_nginx(program, upstreams) if program else behind_ours(upstreams) as url:
        yield url


def nginx() -> str | None:
    """The program, where it is installed; Debian puts it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def behind_nginx(program: str, upstreams: Sequence[str]) -> AsyncIterator[str]:
    """Run nginx in the foreground, with a configuration of its own."""
    with tempfile.TemporaryDirectory() as name:
        port, folder = _free_port(), Path(name)
        servers = " ".join(f"server {urlsplit(url).netloc};" for url in upstreams)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, servers=servers, user=user))
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(folder / "nginx.conf"), "-p", name, "-e", str(folder / "error.log")
        )
        try:
            await _listens(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _listens(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until the port answers; each refused attempt is a turn."""
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
    raise AssertionError("nginx ended when it was started.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def behind_ours(upstreams: Sequence[str]) -> AsyncIterator[str]:
    """Our own, on a free port."""
    places = [urlsplit(url).netloc.rpartition(":")[::2] for url in upstreams]
    turns = itertools.cycle(range(len(places)))
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                turn = next(turns)
                await _pass_on(reader, writer, places[turn:] + places[:turn])
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, limit=HEAD_BYTES)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, places: Sequence[tuple[str, str]]
) -> None:
    """One request and its answer, or one upgraded socket."""
    head = await reader.readuntil(b"\r\n\r\n")
    there, back = await _connected(places)
    try:
        back.write(_rewritten(head, writer.get_extra_info("peername")[0]))
        await _both(_copy(reader, back), _copy(there, writer))
    finally:
        back.close()


async def _connected(places: Sequence[tuple[str, str]]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The gateway whose turn it is, or the next one that takes connections."""
    for host, port in places[:-1]:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(host, int(port), limit=CHUNK)
    host, port = places[-1]
    return await asyncio.open_connection(host, int(port), limit=CHUNK)


def _rewritten(head: bytes, client: str) -> bytes:
    """The head with our header, and with one request a connection unless it is an upgrade."""
    first, *lines = head[:-4].split(b"\r\n")
    upgrade = any(line.lower().startswith(b"upgrade:") for line in lines)
    dropped = (b"x-forwarded-for:",) if upgrade else (b"x-forwarded-for:", b"connection:")
    kept = [line for line in lines if not line.lower().startswith(dropped)]
    ours = [b"X-Forwarded-For: " + client.encode()] + ([] if upgrade else [b"Connection: close"])
    return b"\r\n".join([first, *kept, *ours]) + b"\r\n\r\n"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def _both(*ways: Coroutine[Any, Any, None]) -> None:
    """Until either side ends, or breaks."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
