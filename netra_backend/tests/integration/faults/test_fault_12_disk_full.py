"""Fault 12: the disk of PostgreSQL is full: refused with an error, reads work, and it recovers by itself.

The data folder is on a small file system of its own, which needs the right to mount one: no limit on a
process ends in the error that a full disk does (a file that may not grow is EFBIG, which is not ENOSPC).
"""

import asyncio
import itertools
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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


@pytest.fixture(scope="module")
def data(made_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder on a disk that is soon full."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "netra-faults", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if mounted.returncode != 0:
        pytest.skip(f"A full disk needs a small file system, and mounting is not allowed: {mounted.stderr}")
    try:
        subprocess.run(["cp", "-a", str(made_data), str(disk / "data")], check=True)  # noqa: S603, S607 - keeps owners
        yield disk / "data"
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: S603, S607 - lazily: a failed test may have left a process


async def test_fault_12_a_full_disk_refuses_and_recovers(stage: Stage, scene: Scene) -> None:
    """What cannot be stored is `degraded` and not accepted; afterwards the same message is, once."""
    user = await scene.user()
    client = await scene.client(user)
    before = await client.say("echo before")
    await scene.ended(client, before)
    running = await client.say(f"wait {scene.name}")
    await stage.waits(scene.name)
    ballast = stage.stack.data_dir / "ballast"
    try:
        fill(ballast)
        refused = None
        for number in itertools.count():
            refused = client.post(f"echo {number} {LARGE}")
            await within(client.until(partial(answered, client, refused)))
            if codes(client):
                break
        assert set(codes(client)) == {"degraded"}
        stage.let(scene.name)  # it ends now, and its end cannot be stored
        headers = {"Authorization": f"Bearer {user.token}"}
        for url in stage.urls:
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as http:
                answer = await http.get(f"/api/threads/{before.thread_id}/messages")
                assert [message["role"] for message in answer.json()["messages"]] == ["user", "assistant"]
            assert await ready(url) == (200, "ready")
        assert refused is not None
        assert not refused.done.is_set()
    finally:
        ballast.unlink(missing_ok=True)
    await within(refused.done.wait())
    await scene.ended(client, refused, running)
    assert attempts(await scene.events(refused)) == [1]
    assert await asyncio.to_thread(lambda: stage.postgres.alive)
    await scene.kept()


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
