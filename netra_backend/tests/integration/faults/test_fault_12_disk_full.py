"""Fault 12: the disk of PostgreSQL is full: refused with an error, reads work, and it recovers by itself.

Everybody can make PostgreSQL say so. Whoever may mount, which takes root, also fills a small file system: no
limit on a process ends in the error that a full disk does (a file that may not grow is EFBIG, not ENOSPC).
"""

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from netra_backend.chaos.recording import RecordingClient, Sent
from netra_backend.tests.integration.faults.scenes import (
    PATIENCE_S,
    Scene,
    Stage,
    attempts,
    frames,
    ready,
    within,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

DISK_MB = 400
LARGE = "x" * 60_000
"""Too large for a page: it needs new ones in the file."""
TABLES = ("messages", "runs", "events")
REFUSE = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file'; END $$;
""" + "".join(
    f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION disk_is_full();" for table in TABLES
)
ALLOW = "DROP FUNCTION IF EXISTS disk_is_full CASCADE"


@pytest.fixture(scope="module")
def data(made_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder, on a disk of its own that is soon full if we may have one."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "netra-faults", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words
    away = ["umount", "--lazy", str(disk)] if mounted else ["rm", "-rf", str(disk)]
    try:
        subprocess.run(["cp", "-a", str(made_data), str(disk / "data")], check=True)  # noqa: S603, S607 - keeps owners
        yield disk / "data"
    finally:
        subprocess.run(away, check=True)  # noqa: S603 - lazily: a failed test may have left a process


@asynccontextmanager
async def said_to_be_full(stage: Stage) -> AsyncIterator[None]:
    """PostgreSQL refuses every new row with the error of a full disk."""
    connection = await asyncpg.connect(stage.stack.owner_url)
    try:
        await connection.execute(REFUSE)
        yield
    finally:
        await connection.execute(ALLOW)
        await connection.close()


@asynccontextmanager
async def filled(stage: Stage) -> AsyncIterator[None]:
    """There is no room on PostgreSQL's disk."""
    if not stage.stack.data_dir.parent.is_mount():
        pytest.skip("A disk that is really full needs a small file system, and only root may mount one.")
    ballast = stage.stack.data_dir / "ballast"
    try:
        fill(ballast)
        yield
    finally:
        ballast.unlink(missing_ok=True)


@pytest.mark.parametrize("full", [said_to_be_full, filled])
async def test_fault_12_a_full_disk_refuses_and_recovers(
    stage: Stage, scene: Scene, full: Callable[[Stage], AbstractAsyncContextManager[None]]
) -> None:
    """What cannot be stored is `degraded` and not accepted; afterwards the same message is, once."""
    user = await scene.user()
    client = await scene.client(user)
    before = await client.say("echo before")
    await scene.ended(client, before)
    running = await client.say(f"wait {scene.name}")
    await stage.waits(scene.name)
    async with full(stage):
        refused = await refusal(client)
        stage.let(scene.name)  # it ends now, and its end cannot be stored
        headers = {"Authorization": f"Bearer {user.token}"}
        for url in stage.urls:
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as http:
                answer = await http.get(f"/api/threads/{before.thread_id}/messages")
                assert [message["role"] for message in answer.json()["messages"]] == ["user", "assistant"]
            assert await ready(url) == (200, "ready")
        assert not refused.done.is_set()
    await within(refused.done.wait())
    await scene.ended(client, refused, running)
    assert attempts(await scene.events(refused)) == [1]
    if full is said_to_be_full:  # to keep a lease takes room as well, so it may lapse where there is none
        assert attempts(await scene.events(running)) == [1]
    assert await asyncio.to_thread(lambda: stage.postgres.alive)
    await scene.kept()


async def refusal(client: RecordingClient) -> Sent:
    """Say things until one is refused, for the right reason."""
    for number in itertools.count():
        sent = client.post(f"echo {number} {LARGE}")
        await within(client.until(partial(answered, client, sent)))
        if codes(client):
            assert set(codes(client)) == {"degraded"}
            return sent
    raise AssertionError


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with path.open("wb", buffering=0) as file:
        room = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
        os.posix_fallocate(file.fileno(), 0, room)


def answered(client: RecordingClient, sent: Sent) -> bool:
    """Whether it was accepted or anything refused."""
    return sent.done.is_set() or codes(client) != []


def codes(client: RecordingClient) -> list[str]:
    """The codes of the errors so far."""
    return [frame["payload"]["code"] for frame in frames(client, "error")]
