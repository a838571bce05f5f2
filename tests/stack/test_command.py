"""`netra stack` as people run it: what it says, what it restarts, how it ends, what it leaves behind."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.processes import START_S, STOP_S, Netra
from tests.stack.conftest import ENVIRON

ROW = re.compile(r"^  ([a-z]+(?:-\d)?) +(\d+) +(\S+)$", re.M)
NAMES = ["gateway-1", "gateway-2", "worker-1", "postgres", "valkey"]


class Stack(Netra):
    """A running `netra stack`."""

    def greeted(self) -> "Stack":
        """Wait until everything runs and it has said so."""
        self.said("Ctrl-C stops")
        self.login_link()
        return self

    def said(self, text: str) -> str:
        """Wait for a line with this text."""
        return str(self.log.wait(lambda line: line if text in line else "", seconds=START_S))

    def rows(self) -> dict[str, tuple[int, str]]:
        """Pid and address of each line of the table."""
        return {name: (int(pid), address) for name, pid, address in ROW.findall(self.log.text)}

    def family(self) -> list[psutil.Process]:
        """It and everything below it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these stacks run, one after another."""
    return tmp_path_factory.mktemp("command")


@pytest.fixture(scope="module")
def data(folder: Path, copy_data: Callable[[Path], Path]) -> Path:
    """Their data folder."""
    return copy_data(folder)


@pytest.fixture
def stack(folder: Path, data: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running `netra stack` with one worker and some gateways, ended after the test if it still runs."""
    counts = ("--gateways", str(request.param), "--workers", "1")
    running = Stack("stack", *counts, data_dir=data, cwd=folder, environ=ENVIRON)
    try:
        yield running.greeted()
    finally:
        if running.process.poll() is None:
            running.terminate()
            running.ended()


@pytest.mark.parametrize("stack", [1], indirect=True)
def test_parent_killed_leaves_no_process(stack: Stack) -> None:
    """Not even a paused one: no gateway, no worker, no store outlives the stack."""
    family = stack.family()
    assert {pid for pid, _ in stack.rows().values()} <= {process.pid for process in family}
    os.kill(stack.rows()["worker-1"][0], signal.SIGSTOP)
    stack.kill()
    _, left = psutil.wait_procs(family[1:], timeout=STOP_S)
    assert left == []


@pytest.mark.parametrize("stack", [2], indirect=True)
def test_a_killed_child_comes_back_and_sigterm_drains_in_order(stack: Stack, data: Path) -> None:
    """After a crash of the whole stack too: each kind of child is started again, and told in a line."""
    rows = stack.rows()
    assert list(rows) == NAMES
    assert all(
        os.getsid(pid) == pid for pid, _ in rows.values()
    )  # a terminal's Ctrl-C reaches the stack alone
    for name in ("gateway-2", "worker-1", "valkey", "postgres"):
        os.kill(rows[name][0], signal.SIGKILL)
        pid = int(stack.said(f"{name} runs again").rpartition("pid ")[2].rstrip(").\n"))
        assert pid != rows[name][0]
        assert psutil.pid_exists(pid)
    assert "gateway-2 was ended by SIGKILL; starting it again in 0.5 s." in stack.log.text
    assert httpx.get(f"{rows['gateway-2'][1]}/healthz").status_code == 200
    assert httpx.get(f"{rows['gateway-1'][1]}/readyz", timeout=STOP_S).status_code == 200
    family = stack.family()
    stack.terminate()
    assert stack.ended() == 0
    assert not any(process.is_running() for process in family)
    assert stack.log.text.endswith("Stopping: gateways, then workers, then the stores.\nStopped.\n")
    ends = {name: _times(data / "logs" / f"{name}.log") for name in NAMES[:3]}
    for gateway in ("gateway-1", "gateway-2"):
        assert ends[gateway]["stopped"] <= ends["worker-1"]["draining"]
    secret = stack.login_link().partition("#login=")[2]
    written = [path.read_text(encoding="utf-8") for path in (data / "logs").iterdir()]
    assert not any(secret in text for text in written)


def _times(path: Path) -> dict[str, str]:
    """When each event was logged last."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.search(r'"event": "(\w+)".*"ts": "([^"]+)"', line) for line in lines)
    return {match[1]: match[2] for match in found if match}
