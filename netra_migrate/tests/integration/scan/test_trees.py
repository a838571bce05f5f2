import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from netra_migrate.domain.survey import Survey
from netra_migrate.tests.unit.scan.trees import SIDES, look, plant

USE = "from app.old.talk import Start\n"
FILES = {
    **SIDES,
    ".gitignore": "ignored/\n*.log.py\n",
    "app/use.py": USE,
    "ignored/a.py": USE,
    "app/x.log.py": USE,
    "app/use.py.bak": USE,
    "app/use_backup.py": USE,
    "backups/use.py": USE,
    "node_modules/a/b.py": USE,
}


def git(root: Path, *arguments: str) -> None:
    """Runs git in a tree."""
    settings = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *settings, *arguments], cwd=root, check=True, capture_output=True)  # noqa: S603, S607 -- a test's own tree


def places(survey: Survey) -> list[str]:
    """Files with references."""
    return [each.path for each in survey.references]


@pytest.mark.parametrize("is_git", [True, False])
def test_only_what_belongs_to_the_tree_is_read(is_git: bool, tmp_path: Path) -> None:
    """The same with and without git, and the rest is counted by reason."""
    plant(tmp_path, FILES)
    if is_git:
        git(tmp_path, "init", "-q")
        git(tmp_path, "add", "app/use.py")
    survey = look(tmp_path)
    assert places(survey) == ["app/use.py"]
    assert survey.excluded == {"backup": 3, "ignored": 2, "vendored": 1}


def test_links_out_of_the_root_are_left_out(tmp_path: Path) -> None:
    """And one within the root is another name of the same module."""
    root = plant(tmp_path / "root", {**SIDES, "app/use.py": "from app.link import Start\n"})
    plant(tmp_path / "outside", {"secret.py": USE})
    (root / "app/out.py").symlink_to(tmp_path / "outside/secret.py")
    (root / "app/folder").symlink_to(tmp_path / "outside")
    (root / "app/link.py").symlink_to(root / "app/old/talk.py")
    survey = look(root)
    assert survey.excluded == {"outside": 2}
    assert [(each.path, each.module) for each in survey.references] == [("app/use.py", "app.link")]


def test_a_program_named_in_the_trees_git_settings_does_not_run(tmp_path: Path) -> None:
    """A file system monitor of a hostile repository stays silent."""
    root = plant(tmp_path / "root", {**SIDES, "app/use.py": USE})
    git(root, "init", "-q")
    git(root, "config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    assert places(look(root)) == ["app/use.py"]
    assert not (tmp_path / "ran").exists()


def test_a_cached_scan_equals_a_fresh_one_also_after_an_edit(tmp_path: Path) -> None:
    """Edits, new shims, deletions: the cache is never seen in the result."""
    root, cache = tmp_path / "root", tmp_path / "cache"
    plant(root, {**SIDES, "app/shim.py": "x = 1\n", "app/use.py": "from app.shim import Start\n"})
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: plant(root, {"app/shim.py": USE}),
        lambda: plant(root, {"app/other.py": USE}),
        lambda: (root / "app/shim.py").unlink(),
    ]
    for step in steps:
        step()
        cached = look(root, cache=cache)
        assert cached.references == look(root).references
        assert cached.imports == look(root).imports


def test_same_size_and_times_do_not_hide_an_edit(tmp_path: Path) -> None:
    """The change time cannot be set back, and young files are read again."""
    root, cache = plant(tmp_path / "root", {**SIDES, "app/use.py": USE}), tmp_path / "cache"
    old = (root / "app/use.py").stat()
    assert places(look(root, cache=cache)) == ["app/use.py"]
    (root / "app/use.py").write_text(USE.replace("app", "xpp"))
    os.utime(root / "app/use.py", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert places(look(root, cache=cache)) == []


@pytest.mark.parametrize("content", [b"", b"\xff\x00garbage", b"\x93\xa0\x00\x80"])
def test_a_corrupt_cache_is_as_none(content: bytes, tmp_path: Path) -> None:
    """It is replaced without a word."""
    root, cache = plant(tmp_path / "root", {**SIDES, "app/use.py": USE}), tmp_path / "cache"
    plant(cache, {"scan.msgpack": content})
    assert places(look(root, cache=cache)) == ["app/use.py"]
    assert (cache / "scan.msgpack").read_bytes() != content
    assert (cache / ".gitignore").read_text() == "*\n"


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    """The result does not depend on who read what."""
    files = {
        f"app/use_{number}.py": USE + "class A:\n    def handle(self, user_id, payload): ...\n"
        for number in range(250)
    }
    root = plant(tmp_path, {**SIDES, **files})
    one, two = look(root), look(root, jobs=2)
    assert (one.references, one.handlers, one.imports) == (two.references, two.handlers, two.imports)
    assert len(one.references) == 250
