"""Recall and precision of the scan, on an estate whose truth was written down while it was made."""

from pathlib import Path

import msgspec
import pytest

from netra_migrate.configuration import Configuration
from netra_migrate.domain.survey import Survey
from netra_migrate.scan.scanning import scan
from tests.estate.comparing import differences
from tests.estate.generate import generate
from tests.estate.truth import Truth

FILES = 500


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, Survey]:
    """An estate's truth, and what a scan of it found."""
    folder = tmp_path_factory.mktemp("estate")
    truth = generate(folder, files=FILES, seed=7)
    return truth, survey(folder / "tree")


def survey(tree: Path) -> Survey:
    """A scan without a cache."""
    configuration = msgspec.toml.decode((tree / "migration.toml").read_bytes(), type=Configuration)
    return scan(configuration, tree, cache=None, jobs=1, progress=lambda done, total: None)


def test_everything_is_found_with_its_form_and_nothing_is_invented(scanned: tuple[Truth, Survey]) -> None:
    """References, handlers, calls, claims, clashes, cycles, unreadable files and what was left out."""
    truth, found = scanned
    assert differences(truth, found) == []


def test_two_scans_are_equal(scanned: tuple[Truth, Survey], tmp_path: Path) -> None:
    """The same estate made twice gives the same survey, but for where it is and how long it took."""
    _, first = scanned
    generate(tmp_path, files=FILES, seed=7)
    second = survey(tmp_path / "tree")
    assert msgspec.structs.replace(second, root="", seconds=0) == msgspec.structs.replace(
        first, root="", seconds=0
    )
