import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from netra_migrate.domain.references import Form, Side
from tests.estate.generate import LEAST, generate
from tests.estate.truth import Truth


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """The smallest estate, and its truth."""
    folder = tmp_path_factory.mktemp("estate")
    return folder, generate(folder, files=LEAST, seed=3)


def digest(folder: Path) -> str:
    """One value for every name and byte below a folder."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()


def test_the_same_seed_gives_the_same_bytes(small: tuple[Path, Truth], tmp_path: Path) -> None:
    """Tree and truth are a function of the seed and the number of files."""
    folder, _ = small
    generate(tmp_path / "again", files=LEAST, seed=3)
    generate(tmp_path / "other", files=LEAST, seed=4)
    assert digest(tmp_path / "again") == digest(folder)
    assert digest(tmp_path / "other") != digest(folder)


def test_it_has_the_numbers_of_the_issue(small: tuple[Path, Truth]) -> None:
    """27 files import legacy in every form that binds, 202 import canonical, the module is as long as theirs."""
    folder, truth = small
    legacy = {each.form for each in truth.references if each.side is Side.LEGACY}
    assert (len(truth.legacy_importers), len(truth.canonical_importers)) == (27, 202)
    assert legacy == set(Form)
    module = folder / "tree/app/services/websocket/message_handler.py"
    assert len(module.read_text().splitlines()) == 710


def test_it_has_as_many_files_as_were_asked_for(small: tuple[Path, Truth]) -> None:
    """Those that a scan leaves out are counted as well; links are not."""
    folder, truth = small
    written = [each for each in (folder / "tree").rglob("*") if each.is_file() and not each.is_symlink()]
    left_out = sum(number for reason, number in truth.excluded.items() if reason != "outside")
    assert len(written) == LEAST == truth.files + truth.data_files + left_out


def test_every_reference_stands_where_the_truth_says(small: tuple[Path, Truth]) -> None:
    """The line has the last part of the module's name, or the name of what is taken from it."""
    folder, truth = small
    for each in truth.references:
        content = (folder / "tree" / each.path).read_bytes().decode("latin-1").replace("\r\n", "\n")
        lines = content.replace("\r", "\n").split("\n")
        shown = "".join(lines[each.line - 1 : each.line + 1])  # a statement may go on in the next line
        assert any(name in shown for name in (each.module.rpartition(".")[2], *(each.symbols or ()))), each


def test_no_mark_is_left_in_the_tree(small: tuple[Path, Truth]) -> None:
    """Marks are for the truth only."""
    folder, _ = small
    for file in (folder / "tree").rglob("*.py"):
        if not file.is_symlink():
            assert "§".encode() not in file.read_bytes(), file


def test_the_truth_is_written_beside_the_tree(small: tuple[Path, Truth]) -> None:
    """As JSON, with the words of the kit."""
    folder, truth = small
    written = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert written["files"] == truth.files
    assert {each["form"] for each in written["references"]} == set(Form)


@pytest.mark.parametrize(("files", "reason"), [(10, "too few"), (LEAST, "not empty")])
def test_what_cannot_be_made_is_refused(tmp_path: Path, files: int, reason: str) -> None:
    """Fewer files than the special ones, or a folder with something in it."""
    (tmp_path / "something").write_text("x")
    with pytest.raises(ValueError, match=reason):
        generate(tmp_path, files=files)


def test_the_importers_own_tests_pass(small: tuple[Path, Truth], tmp_path: Path) -> None:
    """The validation command of its `migration.toml` is green before anything is migrated."""
    folder, _ = small
    command = tomllib.loads((folder / "tree/migration.toml").read_text())["validation"]["command"]
    assert command[0] == "python"
    arguments = [each.replace("{junit}", str(tmp_path / "results.xml")) for each in command[1:]]
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-B", *arguments], cwd=folder / "tree", check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_repository_has_one_commit_and_nothing_left_over(tmp_path: Path) -> None:
    """With `git`, all that is not ignored is committed."""
    generate(tmp_path, files=LEAST, git=True)
    status = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607 - whichever git is there
        cwd=tmp_path / "tree",
        check=True,
        capture_output=True,
        text=True,
    )
    assert status.stdout == ""
    assert (tmp_path / "tree/.git/refs/heads/main").exists()
