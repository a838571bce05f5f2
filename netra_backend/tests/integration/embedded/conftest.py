import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from netra_backend.tests.integration.embedded.support import POSTGRES, VALKEY, Kind, Server


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder that does not exist yet, in a path with a space; nothing may run in it afterwards."""
    path = tmp_path / "a folder" / "data"
    yield path
    left = [pid for kind in (POSTGRES, VALKEY) for pid in kind.pids(path)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "the test left server processes behind"


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A data folder whose parents every local user can walk, unlike pytest's own."""
    parent = Path(tempfile.mkdtemp(prefix="netra-test-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Callable[..., Server]]:
    """Makes servers on the folder and stops them at the end, the last one first."""
    async with AsyncExitStack() as stack:

        def make(kind: Kind, *, port: int | None = None, path: Path = folder) -> Server:
            made = kind.make(path, port=port)
            stack.push_async_callback(made.stop)
            return made

        yield make
