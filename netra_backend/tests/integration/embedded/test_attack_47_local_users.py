"""Attack 47: bundled servers are reachable by no other local user."""

# ruff: noqa: ASYNC240 - a test may look at local files while nothing else runs in its loop

import asyncio
import os
import stat
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey, PostgresAddress, ValkeyAddress
from netra_backend.tests.integration.embedded.support import POSTGRES, VALKEY, Kind, Server

Make = Callable[..., Server]
NOBODY = 65_534
both = pytest.mark.parametrize("kind", [POSTGRES, VALKEY], ids=["postgres", "valkey"])
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another local user")


def passwords_of(address: PostgresAddress | ValkeyAddress) -> list[str]:
    """Every password in an address."""
    urls = [address.url] if isinstance(address, ValkeyAddress) else [address.owner_url, address.app_url]
    return [urlsplit(url).password or "" for url in urls]


@both
async def test_files_are_private(server: Make, kind: Kind, folder: Path) -> None:
    """Folders are 0700, files 0600, the socket's folder included."""
    await server(kind).start()
    paths = [folder, *folder.rglob("*")]
    loose = [path for path in paths if not path.is_socket() and path.lstat().st_mode & 0o077]
    assert loose == []
    assert stat.S_IMODE((folder / "passwords.json").stat().st_mode) == 0o600


@both
async def test_servers_listen_on_loopback_only(server: Make, kind: Kind, folder: Path) -> None:
    """No listening TCP socket of a server is bound to anything but 127.0.0.1."""
    port = (await server(kind).start()).port
    connections = [c for pid in kind.pids(folder) for c in psutil.Process(pid).net_connections("tcp")]
    assert {c.laddr for c in connections if c.status == psutil.CONN_LISTEN} == {("127.0.0.1", port)}


@both
async def test_secrets_show_nowhere(
    server: Make, kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither passwords nor our own keys are in arguments, environments, the log or the address's text."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-a-key")
    address = await server(kind).start()
    seen = [repr(address), str(address), (folder / f"{kind.marker}.log").read_text()]
    for pid in kind.pids(folder):
        seen += [Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
    passwords = passwords_of(address)
    assert all(len(password) >= 40 for password in passwords)
    assert len(set(passwords)) == len(passwords)
    assert [secret for secret in (*passwords, "canary-of-a-key") for text in seen if secret in text] == []


async def test_postgres_lets_nobody_in_without_the_password(public_folder: Path) -> None:
    """Neither over TCP nor over the socket, whatever the role."""
    server = EmbeddedPostgres(public_folder)
    port = (await server.start()).port
    hosts = ("127.0.0.1", str(public_folder / "cluster" / "socket"))
    roles = ("netra_owner", "netra_app", "postgres", "root")
    refusals = set()
    try:
        for host, role, password in product(hosts, roles, (None, "", "guess")):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await asyncpg.connect(
                    host=host, port=port, user=role, password=password, database="netra", passfile="/none"
                )
            refusals.add(refused.value.sqlstate)
    finally:
        await server.stop()
    assert refusals == {"28P01"}


async def test_the_socket_takes_the_password(public_folder: Path) -> None:
    """The refusals above are not for want of a socket."""
    server = EmbeddedPostgres(public_folder)
    address = await server.start()
    try:
        connection = await asyncpg.connect(
            host=str(public_folder / "cluster" / "socket"),
            port=address.port,
            user="netra_app",
            password=urlsplit(address.app_url).password,
            database="netra",
        )
        await connection.close()
    finally:
        await server.stop()


@pytest.mark.parametrize(("name", "password"), [(None, None), (None, "guess"), ("default", "guess")])
async def test_valkey_answers_nobody_without_the_password(
    server: Make, name: str | None, password: str | None
) -> None:
    """Not even PING."""
    port = (await server(VALKEY).start()).port
    once = Retry(NoBackoff(), 0)
    async with redis.asyncio.Redis(
        host="127.0.0.1", port=port, username=name, password=password, retry=once
    ) as client:
        with pytest.raises(redis.exceptions.AuthenticationError):
            await client.ping()


@needs_root
@pytest.mark.parametrize("make", [EmbeddedPostgres, EmbeddedValkey])
async def test_another_user_can_enter_no_folder(
    public_folder: Path, make: type[EmbeddedPostgres] | type[EmbeddedValkey]
) -> None:
    """Another user, and one with the server's own id as well, stands before the data folder's door."""
    server = make(public_folder)
    await server.start()
    try:
        home = public_folder / ("cluster" if make is EmbeddedPostgres else "store")
        ids = {NOBODY, home.stat().st_uid}
        assert len(ids) == 2
        for uid in ids:
            for path in (public_folder, home, public_folder / "passwords.json"):
                listed = await asyncio.to_thread(read_as, uid, path)
                assert listed.returncode != 0
                assert "Permission denied" in listed.stderr
    finally:
        await server.stop()


def read_as(uid: int, path: Path) -> subprocess.CompletedProcess[str]:
    """Try to read a file or list a folder as another user."""
    program = ["/bin/ls", str(path)] if path.suffix == "" else ["/bin/cat", str(path)]
    return subprocess.run(  # noqa: S603 - fixed programs
        program, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, text=True, check=False
    )
