"""The ratchet file."""

from pathlib import Path

import pytest

from netra_migrate.domain.handlers import HandlerClass, Shape
from netra_migrate.domain.outcomes import ConfigurationError, TreeError
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.survey import Survey, Unparsable
from netra_migrate.domain.verification import Ratchet
from netra_migrate.verify.ratchet import counted, read_ratchet, updated, write_ratchet

REFERENCE = Reference(path="a.py", line=1, side=Side.LEGACY, form=Form.FROM, module="app.old")
SURVEY = Survey(
    root=".",
    files=1,
    data_files=0,
    excluded={},
    references=(
        REFERENCE,
        REFERENCE,
        Reference(path="a.py", line=2, side=Side.LEGACY, form=Form.PATCH, module="app.old"),
        Reference(path="a.py", line=3, side=Side.CANONICAL, form=Form.FROM, module="app.new"),
    ),
    handlers=(HandlerClass(path="a.py", line=1, module="a", name="A", shape=Shape.BOTH),),
    calls=(),
    claims=(),
    clashes=(),
    cycles=(),
    imports={},
    legacy=(),
    canonical=(),
    unparsable=(
        Unparsable(path="b.py", line=1, reason="?", found_by_text=(1, 2)),
        Unparsable(path="c.py", line=1, reason="?"),
    ),
)


def test_what_is_left_is_counted_by_form() -> None:
    """References to the legacy module, old handlers, and unreadable files that name it."""
    assert counted(SURVEY) == Ratchet(counts={"from": 2, "handler": 1, "patch": 1, "unparsable": 1})


def test_updating_only_lowers() -> None:
    """A form that rose keeps its old number, one that is new stays at none, unless rising is asked for."""
    old = Ratchet(counts={"from": 5, "patch": 0, "star": 3, "unparsable": 1})
    assert updated(SURVEY, old) == Ratchet(counts={"from": 2, "unparsable": 1})
    assert updated(SURVEY, old, may_rise=True) == counted(SURVEY)
    assert updated(SURVEY, None) == counted(SURVEY)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """One form a line; no file is no ratchet."""
    assert read_ratchet(tmp_path) is None
    write_ratchet(tmp_path, counted(SURVEY))
    assert read_ratchet(tmp_path) == counted(SURVEY)
    assert '\n    "from": 2,\n' in (tmp_path / "migration.ratchet.json").read_text()


@pytest.mark.parametrize("content", ["", "<<<<<<< ours\n", '{"counts": {"from": "2"}}', '{"count": {}}'])
def test_a_damaged_file_is_a_plain_sentence(tmp_path: Path, content: str) -> None:
    """And does not count as no ratchet."""
    (tmp_path / "migration.ratchet.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"^migration\.ratchet\.json: .*verify --update"):
        read_ratchet(tmp_path)


def test_a_file_that_cannot_be_written_is_a_plain_sentence(tmp_path: Path) -> None:
    """A folder of that name, for example."""
    (tmp_path / "migration.ratchet.json").mkdir()
    with pytest.raises(TreeError, match="cannot be written: Is a directory"):
        write_ratchet(tmp_path, counted(SURVEY))
