"""Faults 13 and 14: several first starts at once; starts over what a crash, and others, left behind.

The parts of 14 have their own tests in `integration/embedded`; here `netra serve` meets them together.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio

from netra_backend.stack.process import NetraProcess
from netra_backend.store.schema import newest, upgrade
from netra_backend.tests.integration.faults.scenes import PATIENCE_S, Scene, Stage, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 6


@pytest_asyncio.fixture(loop_scope="module")
async def empty(stage: Stage, scene: Scene) -> AsyncIterator[dict[str, str]]:
    """A database without anything in it, as the settings of processes."""
    owner_url, app_url = stage.stack.owner_url, stage.stack.database_url
    admin = await asyncpg.connect(owner_url)
    await admin.execute(f"CREATE DATABASE {scene.name}")
    yield {
        "NETRA_DATABASE_OWNER_URL": f"{owner_url.rpartition('/')[0]}/{scene.name}",
        "NETRA_DATABASE_URL": f"{app_url.rpartition('/')[0]}/{scene.name}",
    }
    await admin.execute(f"DROP DATABASE {scene.name} WITH (FORCE)")
    await admin.close()


async def test_fault_13_many_instances_migrate_at_once(empty: dict[str, str]) -> None:
    """One of them does it, the others find it done."""
    url = empty["NETRA_DATABASE_OWNER_URL"]
    await within(asyncio.gather(*(upgrade(url) for _ in range(AT_ONCE))))
    assert await versions(url) == [newest()]


async def test_fault_13_several_processes_start_first_together(stage: Stage, empty: dict[str, str]) -> None:
    """Each as a process of its own, on a database without a schema; all of them serve."""
    stack, names = stage.stack, ("first-1", "first-2", "first-3")
    environ = {**stack.gateways[0].environ, **empty}
    started = [serve(name, stage.folder, environ, stack.data_dir) for name in names]
    try:
        await within(asyncio.gather(*(process.start() for process in started)))
        assert await versions(empty["NETRA_DATABASE_OWNER_URL"]) == [newest()]
    finally:
        await asyncio.gather(*(process.stop(PATIENCE_S) for process in started))


async def test_fault_14_serve_starts_over_what_a_crash_left(tmp_path: Path, made_data: Path) -> None:
    """Pids of strangers, locks of the dead, taken ports, and data that a kill left in the midst."""
    folder = tmp_path / "data"
    copying = await asyncio.create_subprocess_exec("cp", "-a", str(made_data), str(folder))
    assert await copying.wait() == 0
    process = serve("crashed", tmp_path, {}, folder)
    await process.start()
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in family:  # the servers first: left alone they would end in order
        each.kill()
    await within(process.ended())
    psutil.wait_procs(family[:-1], timeout=PATIENCE_S)
    assert (folder / "postgres" / "cluster" / "postmaster.pid").exists()
    with ExitStack() as taken:
        for name in ("postgres", "valkey"):
            port = int((folder / name / "port").read_text(encoding="ascii"))
            other = taken.enter_context(socket.socket())
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # over what waits in TIME_WAIT
            other.bind(("127.0.0.1", port))
            other.listen()
            running = folder / name / "running.json"
            running.write_text(json.dumps({"pid": os.getpid(), "port": port}), encoding="ascii")
        try:
            await process.start()
            assert process.alive
        finally:
            assert await process.stop(PATIENCE_S) == 0


def serve(name: str, cwd: Path, environ: dict[str, str], data_dir: Path) -> NetraProcess:
    """A `netra serve` of its own."""
    return NetraProcess(
        name,
        ["serve", "--data-dir", str(data_dir)],
        port_option="--port",
        port=0,
        environ=environ,
        cwd=cwd,
        log=cwd / f"{name}.log",
    )


async def versions(url: str) -> list[str]:
    """Which versions the schema says that it has."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT version_num FROM alembic_version")
    finally:
        await connection.close()
    return [row["version_num"] for row in rows]
