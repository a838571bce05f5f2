"""Real processes for the tests above the packages: a data folder that is ready, and `netra` on it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import Netra

Start = Callable[..., Netra]
"""Starts `netra …` on the test's own data folder; stopped after the test."""


@dataclass(frozen=True, slots=True)
class Template:
    """A data folder as the first start leaves it, and how long that start took."""

    data_dir: Path
    first_start_s: float


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The first start on an empty folder, stopped again."""
    folder = tmp_path_factory.mktemp("template")
    began = time.monotonic()
    server = Netra("serve", "--port", "0", data_dir=folder / "data", cwd=folder).ready()
    first_start_s = time.monotonic() - began
    server.stop()
    return Template(folder / "data", first_start_s)


@pytest.fixture(scope="session")
def copy_data(template: Template) -> Callable[[Path], Path]:
    """Makes a data folder that needs no first start, in the folder named; returns its path."""

    def copy(folder: Path) -> Path:
        copied = folder / "data"
        subprocess.run(["cp", "-a", str(template.data_dir), str(copied)], check=True)  # noqa: S603, S607 - keeps owners, as shutil does not
        return copied

    return copy


@pytest.fixture
def data_dir(copy_data: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A data folder of this test alone."""
    return copy_data(tmp_path)


@pytest.fixture
def start(data_dir: Path, tmp_path: Path) -> Iterator[Start]:
    """Start processes on the test's data folder."""
    started: list[Netra] = []

    def begin(*arguments: str, **environ: str) -> Netra:
        process = Netra(*arguments, data_dir=data_dir, cwd=tmp_path, environ=environ)
        started.append(process)
        return process.ready()

    yield begin
    for process in reversed(started):
        process.stop()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, copy_data: Callable[[Path], Path]) -> Iterator[Netra]:
    """One server with the demo agent for all tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("house")
    server = Netra("serve", "--port", "0", data_dir=copy_data(folder), cwd=folder).ready()
    yield server
    server.stop()
