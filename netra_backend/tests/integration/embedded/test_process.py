import asyncio
import os
import signal
from pathlib import Path

import pytest

from netra_backend.embedded import EmbeddedError
from netra_backend.embedded.postgres import PostgresAddress
from netra_backend.embedded.privileges import ServerUser
from netra_backend.embedded.process import (
    Command,
    ServerProcess,
    child_environment,
    end_left_overs,
    last_lines,
    run_tool,
    running_in,
    to_its_end,
)
from netra_backend.embedded.tcp import free_port, is_free
from netra_backend.embedded.valkey import ValkeyAddress

SELF = ServerUser(os.geteuid(), os.getegid(), drops=False)


def command(folder: Path, *arguments: str) -> Command:
    """A program that runs as ourselves."""
    return Command(arguments, folder, SELF, signal.SIGTERM)


@pytest.fixture
async def sleeper(tmp_path: Path) -> ServerProcess:
    """A started process that would run for long."""
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    process = ServerProcess(command(tmp_path, "/bin/sleep", "600"), log)
    await process.start()
    os.close(log)
    return process


async def test_stop_ends_the_process(sleeper: ServerProcess) -> None:
    """The polite signal is enough; afterwards nothing more is sent to the pid."""
    await sleeper.stop([(signal.SIGTERM, 10.0)])
    assert not sleeper.alive
    sleeper.send(signal.SIGKILL)


async def test_stop_kills_what_ignores_it(sleeper: ServerProcess) -> None:
    """A process that does not end is killed, stopped ones too."""
    sleeper.send(signal.SIGSTOP)
    await sleeper.stop([(signal.SIGTERM, 0.0)])
    assert not sleeper.alive


async def test_left_overs_are_known_by_their_folder(sleeper: ServerProcess, tmp_path: Path) -> None:
    """Neither another program in the folder nor the program in another folder is ended."""
    other = tmp_path / "other"
    other.mkdir()
    await asyncio.to_thread(lambda: None)
    assert running_in(other, "sleep", recorded=sleeper.pid) == []
    await end_left_overs(tmp_path, "postgres", leader=sleeper.pid, polite=signal.SIGTERM)
    await end_left_overs(other, "sleep", leader=sleeper.pid, polite=signal.SIGTERM)
    assert sleeper.alive
    while not running_in(tmp_path, "sleep", recorded=None):  # noqa: ASYNC110 - until the launcher has become it
        await asyncio.sleep(0.001)
    await end_left_overs(tmp_path, "sleep", leader=sleeper.pid, polite=signal.SIGTERM)
    assert await sleeper.exit(10.0)


def test_a_missing_folder_runs_nothing(tmp_path: Path) -> None:
    """Before the first start there is nothing to find."""
    assert running_in(tmp_path / "missing", "postgres", recorded=1) == []


def test_a_tools_output(tmp_path: Path) -> None:
    """It reads what it is given and runs in its folder."""
    assert (
        run_tool(command(tmp_path, "/bin/sh", "-c", "cat; pwd"), text="in ", seconds=10) == f"in {tmp_path}\n"
    )


def test_a_failing_tool_is_quoted(tmp_path: Path) -> None:
    """The error holds its words."""
    with pytest.raises(EmbeddedError, match=r"^sh failed: correct what it says, then retry: no \| room$"):
        run_tool(command(tmp_path, "/bin/sh", "-c", "printf 'no\\n\\nroom\\n' >&2; exit 3"), seconds=10)


def test_a_hanging_tool_is_ended(tmp_path: Path) -> None:
    """A start is bounded."""
    with pytest.raises(EmbeddedError, match=r"^sleep did not finish in 0 s"):
        run_tool(command(tmp_path, "/bin/sleep", "600"), seconds=0.2)


def test_children_learn_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys nor settings of other servers are passed on."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    assert not {"OPENAI_API_KEY", "PGDATA"} & set(child_environment())
    assert child_environment()["LC_ALL"] == "C"


def test_last_lines() -> None:
    """The end of a log, on one line."""
    assert last_lines("1\n2\n\n 3 \n", 2) == "2 | 3"
    assert last_lines("") == "(it said nothing)"


async def test_cancelled_work_is_waited_for() -> None:
    """A cancelled start never leaves a thread that still changes the folder."""
    entered, leave = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    done: list[str] = []

    def work() -> None:
        loop.call_soon_threadsafe(entered.set)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
        done.append("done")

    task = asyncio.ensure_future(to_its_end(work))
    await entered.wait()
    task.cancel()
    loop.call_soon(leave.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["done"]


def test_addresses_hide_their_passwords() -> None:
    """An address in a log or a traceback gives nothing away."""
    assert (
        repr(PostgresAddress("postgresql://a:b@h/d", "postgresql://c:d@h/d", 1)) == "PostgresAddress(port=1)"
    )
    assert repr(ValkeyAddress("redis://:a@h/0", 2)) == "ValkeyAddress(port=2)"


def test_free_ports_are_free() -> None:
    """What is picked can be used; a port nobody may use is never free."""
    assert is_free(free_port())
    assert not is_free(1) or os.geteuid() == 0
