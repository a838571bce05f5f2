"""The mutation runner: what it changes, what it leaves alone, what its figures say."""

import ast
from pathlib import Path

import pytest

from tests.mutants.covering import Cover
from tests.mutants.mutant import mutants, mutated
from tests.mutants.results import Kept, Share, reasons
from tests.mutants.rooms import ROOMS, ROOT
from tests.mutants.running import Job, Outcome


def changed(source: str) -> list[str]:
    """The module with each change made, as text."""
    return [ast.unparse(mutated(source, mutant.number)) for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a < b", ["pass", "a <= b"]),
        ("x = a and (not b)", ["x = a or not b", "x = a and b"]),
        ("x = 7", ["x = 8"]),
        ("x = ''", ["x = 'mutant'"]),
        ("x = f'{a}'", ["x = ''"]),
        ("x.y = 0", ["pass", "x.y = 1"]),
        ("x = min(a)", ["x = max(a)"]),
        ("x = f(a, b=c)", ["x = f(a)"]),
        ("x = [a for a in b if c]", ["x = [a for a in b]"]),
        ("if a:\n    raise b", ["if not a:\n    raise b", "if a:\n    pass"]),
        (
            "try:\n    a\nexcept B:\n    c = d",
            ["try:\n    pass\nexcept B:\n    c = d", "try:\n    a\nexcept B:\n    raise"],
        ),
        ("@a\ndef f():\n    return b", ["def f():\n    return b", "@a\ndef f():\n    return None"]),
        ("class A:\n    b: Annotated[str, Meta(ge=1)]", None),
    ],
)
def test_each_rule_makes_one_change(source: str, wanted: list[str] | None) -> None:
    """Nothing else in the module is different."""
    texts = changed(source)
    if wanted is None:  # a limit in an annotation is code; the type is not
        assert texts == ["class A:\n    b: Annotated[str, Meta(ge=2)]"]
    else:
        assert texts == wanted


@pytest.mark.parametrize(
    "source",
    [
        '"""Text."""',
        "def f(a: list[int]) -> 'B':\n    pass",
        "log.info('event', code=1)",
        "A = NewType('A', str)",
        "B = Literal['a', 'b']",
        "class A:\n    pass",
        "if TYPE_CHECKING:\n    import a",
        "class A(Struct, frozen=True):\n    pass",
    ],
)
def test_what_no_test_should_see_is_left_alone(source: str) -> None:
    """Docstrings, types, logging."""
    assert mutants(source) == []


def test_keys_stay_when_lines_move_and_differ_when_code_is_the_same() -> None:
    """So that a reason given once goes on being found."""
    source = "def f(a):\n    return a + 1 + 1\n"
    keys = [mutant.key for mutant in mutants(source)]
    assert len(set(keys)) == len(keys)
    assert [mutant.key for mutant in mutants("\n\n" + source)] == keys


def test_every_module_of_every_room_has_mutants_that_are_programs() -> None:
    """Each one compiles, so a death is a test's work and no slip of ours."""
    for room in ROOMS:
        for file in room.files()[::4]:
            source = (ROOT / file).read_text(encoding="utf-8")
            for mutant in mutants(source)[::7]:
                compile(mutated(source, mutant.number), file, "exec")


def test_every_reason_is_of_a_mutant_that_there_is() -> None:
    """A reason for code that is gone would hide the next mutant of that name."""
    for file, key in reasons():
        assert key in {mutant.key for mutant in mutants((ROOT / file).read_text(encoding="utf-8"))}, key


def test_a_sample_says_how_sure_it_is() -> None:
    """Wilson's interval, as in the literature's example; and a point when all were tried."""
    low, high = Share(killed=90, tried=100, all=1000).interval
    assert (round(low, 4), round(high, 4)) == (0.8256, 0.9448)
    assert Share(killed=3, tried=4, all=4).interval == (0.75, 0.75)
    assert Share(killed=0, tried=0, all=4).value == 1.0


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Also when its last line was cut; and from the start when anything was changed."""
    (mutant,) = mutants("x = 7")
    job = Job("a.py", mutant, {})
    Kept(tmp_path, ROOMS[0]).add(job, Outcome.SURVIVED)
    (file,) = tmp_path.iterdir()
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole + '["b.py", "cut of', encoding="utf-8")
    assert Kept(tmp_path, ROOMS[0]).known == {("a.py", mutant.key): Outcome.SURVIVED}
    file.write_text(whole.replace('"fingerprint": "', '"fingerprint": "other'), encoding="utf-8")
    assert Kept(tmp_path, ROOMS[0]).known == {}


def test_a_line_that_runs_at_import_is_judged_by_whole_test_modules() -> None:
    """A test may look at a constant and run nothing; other lines are judged by the tests that run them."""
    seconds = {"t.py::runs": 1.0, "t.py::looks": 0.5, "other.py::neither": 0.1}
    cover = Cover(seconds, {"a.py": {3: frozenset({"t.py::runs"})}}, ())
    constant, inside = mutants("x = 7\ndef f():\n    return y\n")
    assert cover.tests("a.py", constant) == {"t.py::runs": 1.0, "t.py::looks": 0.5}
    assert cover.tests("a.py", inside) == {"t.py::runs": 1.0}
    assert cover.tests("tables_only.py", constant) == seconds
