import subprocess
from pathlib import Path

import pytest

from netra_migrate.apply.reading import diff, unreadable


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (b"x = 1\n", True),
        (b"\xef\xbb\xbfx = 1\r\n", True),
        (b"# coding: latin-1\nx = '\xe4'\n", True),
        (b"x = '\\d'\n", True),
        (b"def f[T](x: T) -> T: ...\n", True),  # newer than 3.11: by LibCST
        (b"def (\n", False),
        (b"x = '\xe4'\n", False),
        (b"x\0 = 1\n", False),
        (b"(" * 10_000, False),
    ],
)
def test_python_is_what_some_grammar_reads(content: bytes, good: bool) -> None:
    """The sentence begins with the path."""
    reason = unreadable("a.py", content)

    assert reason is None if good else str(reason).startswith("a.py: is not Python after the rewrite")


def test_other_files_are_always_readable() -> None:
    """A table of names is no code."""
    assert unreadable("handlers.yaml", b"def (") is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\n"),
        (b"a\r\nb\r\n", b"a\r\nB\r\n"),
        (b"a\nb", b"a\nB"),
        (b"a\nb", b"a\nb\n"),
        (b"a\x0cb\n\x1c", b"a\x0cB\n\x1c"),
        (b"\xff\n", b"\xfe\n"),
        (b"gone\n", None),
    ],
)
def test_a_diff_is_one_that_git_applies(tmp_path: Path, old: bytes, new: bytes | None) -> None:
    """Byte by byte, whatever the line ends."""
    (tmp_path / "a.py").write_bytes(old)

    apply = ["git", "apply", "-p1", "-"]
    subprocess.run(apply, cwd=tmp_path, input=diff("a.py", old, new), check=True)  # noqa: S603 - fixed

    assert (tmp_path / "a.py").read_bytes() == new if new is not None else not (tmp_path / "a.py").exists()


def test_a_hostile_name_does_not_reach_the_terminal() -> None:
    """Nor does it make further lines."""
    assert diff("a\x1b[2J\n.py", b"a\n", b"b\n").split(b"\n")[0] == b"--- a/a\\x1b[2J\\n.py"
