from pathlib import Path

import pytest
import typer
from rich.text import Text

from netra_migrate.commands.running import Ended, Output, finish, write
from netra_migrate.domain.outcomes import Exit, MigrationError, ValidationFailed
from netra_migrate.report.findings import Finding, Level


def fails(error: BaseException) -> Ended:
    """A use case that ends so."""
    raise error


def code(error: BaseException) -> int:
    """What the program exits with."""
    with pytest.raises(typer.Exit) as exited:
        finish(lambda: fails(error), interrupted="All is as it was.")
    return int(exited.value.exit_code)


def test_mistakes_are_one_sentence_with_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr; control characters of the target are spelled."""
    assert (code(MigrationError("a\x1b[2J.py: mend it.")), code(ValidationFailed("red"))) == (2, 3)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "netra migrate: a\\x1b[2J.py: mend it.\nnetra migrate: red\n")


def test_a_bug_is_a_sentence_and_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Never a raw traceback; the file holds it."""
    assert code(ZeroDivisionError("boom")) == Exit.INTERNAL
    said = capsys.readouterr().err
    assert "Traceback" not in said
    place = Path(said.split()[-1].rstrip("."))
    try:
        assert "ZeroDivisionError: boom" in place.read_text()
    finally:
        place.unlink()


def test_ctrl_c_says_what_state_things_are_in(capsys: pytest.CaptureFixture[str]) -> None:
    """And exits as shells expect."""
    assert code(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "netra migrate: Interrupted. All is as it was.\n"


def test_the_same_outcome_for_people_and_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The diff first, as it is; JSON instead of it if asked; findings to their file."""
    finding = Finding(rule="unparsable", level=Level.ERROR, path="a.py", line=1, message="No.")
    ended = Ended(
        code=Exit.FINDINGS,
        value={"a": 1},
        shown=Text("said"),
        findings=(finding,),
        diff=f"-{'x' * 300}\n+y\n",
    )
    for output in (Output(), Output(as_json=True, sarif=tmp_path / "f.sarif")):
        with pytest.raises(typer.Exit) as exited:
            finish(lambda: ended, output, interrupted="")
        assert exited.value.exit_code == Exit.FINDINGS
    assert capsys.readouterr().out == f"-{'x' * 300}\n+y\nsaid\n" + '{\n  "a": 1\n}\n'
    assert '"unparsable"' in (tmp_path / "f.sarif").read_text()


def test_a_place_that_cannot_be_written_is_a_mistake(tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "file").touch()
    with pytest.raises(MigrationError, match="another place"):
        write(tmp_path / "file" / "below", b"")
