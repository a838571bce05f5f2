"""Fault 14 for both servers: start, attach, take over, left-overs, taken ports."""

# ruff: noqa: ASYNC240 - a test may look at local files while nothing else runs in its loop

import asyncio
import os
import signal
import socket
import stat
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from netra_backend.embedded import EmbeddedError, lifecycle
from netra_backend.embedded.folder import ServerFolder
from netra_backend.embedded.tcp import free_port, is_free
from netra_backend.tests.integration.embedded.support import (
    POSTGRES,
    VALKEY,
    Address,
    Kind,
    Server,
    eventually,
    keep,
    kept,
    other_owner,
)

pytestmark = pytest.mark.parametrize("kind", [POSTGRES, VALKEY], ids=["postgres", "valkey"])
Make = Callable[..., Server]


def listener(port: int = 0) -> socket.socket:
    """Somebody else who uses a port."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


async def test_data_and_address_outlast_a_restart(server: Make, kind: Kind) -> None:
    """A second start finds the data under the same port and passwords."""
    first = server(kind)
    before = await first.start()
    await keep(before, "text")
    await first.stop()
    after = await server(kind).start()
    assert after == before
    assert await kept(after) == "text"


async def test_starting_twice_changes_nothing(server: Make, kind: Kind, folder: Path) -> None:
    """`start` may be called again at any time."""
    running = server(kind)
    first = await running.start()
    leader = kind.leader(folder)
    assert await running.start() == first
    assert kind.leader(folder) == leader


async def test_a_second_owner_attaches(server: Make, kind: Kind, folder: Path) -> None:
    """Another process uses the running server and does not stop it."""
    async with other_owner(kind, folder):
        leader = kind.leader(folder)
        second = server(kind)
        address = await second.start()
        await keep(address, "text")
        await second.stop()
        assert leader in kind.pids(folder)
        assert await kept(address) == "text"


async def test_two_starts_at_once_make_one_server(server: Make, kind: Kind) -> None:
    """Whoever comes second attaches, also while the folder is being made."""
    one, two = server(kind), server(kind)
    starts: list[Awaitable[Address]] = [one.start(), two.start()]
    first, second = await asyncio.gather(*starts)
    assert first == second
    await keep(first, "text")
    assert await kept(second) == "text"


async def test_the_server_ends_with_a_killed_owner(kind: Kind, folder: Path) -> None:
    """`kill -9` of the owner ends its server without anybody's help."""
    async with other_owner(kind, folder) as owner:
        assert kind.pids(folder)
        owner.send_signal(signal.SIGKILL)
        await owner.wait()
        await eventually(lambda: not kind.pids(folder))


async def test_the_next_start_takes_over_at_once(server: Make, kind: Kind, folder: Path) -> None:
    """Right after `kill -9` of the owner the server is ours: our stop ends it, the data is there."""
    async with other_owner(kind, folder) as owner:
        await keep(await server(kind).start(), "text")
        owner.send_signal(signal.SIGKILL)
        await owner.wait()
        heir = server(kind)
        assert await kept(await heir.start()) == "text"
        await heir.stop()
        assert not kind.pids(folder)


async def test_an_orphan_is_ended_and_replaced(server: Make, kind: Kind, folder: Path) -> None:
    """A server that outlived its owner (as it may on macOS) neither blocks the next start nor is adopted."""
    first = server(kind)
    address = await first.start()
    await keep(address, "text")
    binary = psutil.Process(kind.leader(folder)).exe()
    await first.stop()
    orphan = await run_without_owner(kind, folder, binary)
    await eventually(lambda: not is_free(address.port))
    assert await kept(await server(kind).start()) == "text"
    assert await asyncio.wait_for(orphan.wait(), 10) == 0
    assert orphan.pid not in kind.pids(folder)


async def run_without_owner(kind: Kind, folder: Path, binary: str) -> asyncio.subprocess.Process:
    """The same server, started by nobody who holds the folder's lock."""
    home = folder / kind.home
    arguments = ["-D", "/proc/self/cwd"] if kind is POSTGRES else ["/proc/self/cwd/valkey.conf"]
    return await run_as_server_user(home, binary, *arguments)


async def run_as_server_user(home: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Run a program in the server's folder and as the user the server runs as."""
    owner, quiet = home.stat(), asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *arguments, cwd=home, stdout=quiet, stderr=quiet, user=owner.st_uid, group=owner.st_gid
    )


async def test_a_killed_server_can_be_started_again(server: Make, kind: Kind, folder: Path) -> None:
    """The owner's next `start` recovers after `kill -9` of the server; nothing committed is lost."""
    running = server(kind)
    address = await running.start()
    await keep(address, "text")
    if kind is VALKEY:  # "everysec": what is older than a second is on disk
        await eventually(lambda: b"text" in aof(folder))
    for pid in kind.pids(folder):
        os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not kind.pids(folder))
    assert await kept(await running.start()) == "text"


def aof(folder: Path) -> bytes:
    """Everything in the append-only files."""
    return b"".join(file.read_bytes() for file in folder.glob("store/appendonlydir/*.aof"))


async def test_a_left_over_pid_of_a_stranger_is_ignored(server: Make, kind: Kind, folder: Path) -> None:
    """A pid file that names a living process of the same user, which is no server, blocks nothing."""
    first = server(kind)
    address = await first.start()
    await first.stop()
    home = folder / kind.home
    stranger = await run_as_server_user(home, "/bin/sleep", "600")
    try:
        left = f"{stranger.pid}\n{home}\n1\n{address.port}\nsocket\n127.0.0.1\n 1 1\nready\n"
        (home / ("postmaster.pid" if kind is POSTGRES else "valkey.pid")).write_text(left)
        (folder / "running.json").write_text(f'{{"pid": {stranger.pid}, "port": {address.port}}}')
        assert await server(kind).start() == address
        assert stranger.returncode is None
        assert psutil.pid_exists(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_a_recorded_stranger_is_not_attached_to(
    server: Make, kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes while the owner is about to start waits for it, whatever an earlier one recorded."""
    first = server(kind)
    address = await first.start()
    await first.stop()
    (folder / "running.json").write_text(f'{{"pid": {os.getpid()}, "port": {address.port}}}')
    owner = ServerFolder(folder, kind.marker).try_lock()
    assert owner is not None
    monkeypatch.setattr(lifecycle, "_START_SECONDS", 0.1)
    try:
        with pytest.raises(EmbeddedError, match="Another process holds"):
            await server(kind).start()
    finally:
        os.close(owner)


async def test_a_taken_remembered_port_is_replaced(server: Make, kind: Kind) -> None:
    """When somebody took our port another one is chosen and remembered."""
    first = server(kind)
    before = (await first.start()).port
    await first.stop()
    with closing(listener(before)):
        second = server(kind)
        moved = (await second.start()).port
        assert moved != before
        await second.stop()
    third = server(kind)
    assert (await third.start()).port == moved


async def test_a_taken_named_port_is_an_error_that_names_it(server: Make, kind: Kind) -> None:
    """A port the person named is never replaced silently; once free it is used."""
    with closing(listener()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"Port {port} is taken"):
            await server(kind, port=port).start()
    assert (await server(kind, port=port).start()).port == port


async def test_attaching_with_another_named_port_is_refused(server: Make, kind: Kind) -> None:
    """A running server cannot move to a named port."""
    address = await server(kind).start()
    port = free_port()
    with pytest.raises(EmbeddedError, match=f"already runs on this data folder on port {address.port}"):
        await server(kind, port=port).start()


async def test_a_foreign_folder_is_left_alone(server: Make, kind: Kind, folder: Path) -> None:
    """A folder with other people's files is refused and not changed."""
    folder.mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match="holds files that Netra did not make"):
        await server(kind).start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


async def test_a_failed_start_shows_the_log_and_frees_the_folder(
    server: Make, kind: Kind, folder: Path
) -> None:
    """The error holds the server's own words; after the repair the same folder starts."""
    first = server(kind)
    await first.start()
    await first.stop()
    if kind is POSTGRES:
        broken, content = folder / "cluster" / "custom.conf", "nonsense = 1\n"
    else:
        broken = next((folder / "store" / "appendonlydir").glob("*.manifest"))
        content = "nonsense\n"
    sound = broken.read_text()
    broken.write_text(content)
    with pytest.raises(EmbeddedError, match=r"did not start: .*\.log says, then retry: .*(nonsense|AOF)"):
        await server(kind).start()
    broken.write_text(sound)
    assert (await server(kind).start()).port


async def test_a_cancelled_start_leaves_nothing(server: Make, kind: Kind, folder: Path) -> None:
    """Cancelled at the worst moment, start ends its processes and gives the folder back."""
    starting = asyncio.ensure_future(server(kind).start())
    await eventually(lambda: bool(kind.pids(folder)) or bool(kind.pids(folder.parent)))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not kind.pids(folder)
    assert (await server(kind).start()).port


async def test_the_server_outlives_the_thread_that_started_it(server: Make, kind: Kind, folder: Path) -> None:
    """The death signal follows the process, not the short-lived thread and loop of the caller."""
    running = server(kind)
    thread = threading.Thread(target=lambda: asyncio.run(running.start()))
    thread.start()
    await asyncio.to_thread(thread.join)
    leader = kind.leader(folder)
    address = await running.start()
    await keep(address, "text")
    assert leader in kind.pids(folder)


async def test_a_terminals_interrupt_does_not_reach_the_server(
    server: Make, kind: Kind, folder: Path
) -> None:
    """Ctrl-C goes to our process group; the server is in another session."""
    await server(kind).start()
    assert os.getsid(0) not in {os.getsid(pid) for pid in kind.pids(folder)}


async def test_a_long_path_works(server: Make, kind: Kind, folder: Path) -> None:
    """A data folder deeper than the 107 bytes of a socket's path."""
    deep = folder / ("d" * 100) / ("e" * 100)
    address = await server(kind, path=deep).start()
    await keep(address, "text")
    assert await kept(address) == "text"
