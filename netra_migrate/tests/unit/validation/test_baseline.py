from pathlib import Path

import pytest

from netra_migrate.domain.outcomes import ConfigurationError, TreeError
from netra_migrate.validation import (
    COMMAND,
    Baseline,
    Case,
    Comparison,
    Ending,
    Outcome,
    Recorded,
    Result,
    compare,
    load,
    save,
)


def result(**tests: str) -> Result:
    """A run: test name to outcome, all in one file."""
    return Result(tests={f"t.test_x::{name}": Case(outcome=Outcome(value)) for name, value in tests.items()})


def recorded(first: Result, *flaky: str) -> Recorded:
    """A baseline of one run."""
    return Recorded(
        tests=(), arguments=("pytest",), result=first, flaky=tuple(f"t.test_x::{name}" for name in flaky)
    )


BEFORE = recorded(result(good="passed", bad="failed", other="error", idle="skipped", odd="passed"), "odd")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({}, Comparison(tests=5)),
        ({"bad": "error", "other": "failed"}, Comparison(tests=5)),
        ({"bad": "passed"}, Comparison(tests=5, fixed=("t.test_x::bad",))),
        ({"good": "failed"}, Comparison(tests=5, new_failures=("t.test_x::good",))),
        ({"idle": "error"}, Comparison(tests=5, new_failures=("t.test_x::idle",))),
        ({"fresh": "failed"}, Comparison(tests=6, new_failures=("t.test_x::fresh",))),
        ({"fresh": "passed"}, Comparison(tests=6)),
        ({"good": "skipped"}, Comparison(tests=5, disappeared=("t.test_x::good",))),
        ({"good": None}, Comparison(tests=4, disappeared=("t.test_x::good",))),
        ({"bad": None, "idle": None}, Comparison(tests=3)),
        ({"odd": "failed"}, Comparison(tests=5)),
        ({"odd": None}, Comparison(tests=4)),
    ],
)
def test_only_what_got_worse_blocks(now: dict[str, str | None], expected: Comparison) -> None:
    """A suite that was red already blocks nothing new."""
    whole: dict[str, str | None] = {
        "good": "passed",
        "bad": "failed",
        "other": "error",
        "idle": "skipped",
        "odd": "passed",
    }
    run = result(**{name: value for name, value in {**whole, **now}.items() if value is not None})

    comparison = compare(BEFORE, run)

    assert comparison == expected
    assert comparison.good is not bool(expected.new_failures or expected.disappeared)


@pytest.mark.parametrize("ending", [each for each in Ending if each is not Ending.EXITED])
def test_a_command_that_did_not_end_properly_blocks(ending: Ending) -> None:
    """Whatever it printed before."""
    comparison = compare(BEFORE, Result(tests={}, ending=ending, exit_code=None, reason="why"))

    assert (comparison.good, comparison.broken) == (False, "why")


def test_a_file_that_can_no_longer_be_collected_is_one_failure() -> None:
    """Its tests are not listed beside it."""
    now = Result(tests={"t.test_x": Case(outcome=Outcome.ERROR)})

    comparison = compare(BEFORE, now)

    assert (comparison.new_failures, comparison.disappeared) == (("t.test_x",), ())


def test_tests_of_a_file_that_could_not_be_collected_are_no_new_failures() -> None:
    """It was red as a whole; now a part of it is."""
    before = recorded(Result(tests={"t.test_x": Case(outcome=Outcome.ERROR)}))

    assert compare(before, result(good="passed", bad="failed")).good
    assert not compare(before, Result(tests={"t.test_xy::bad": Case(outcome=Outcome.FAILED)})).good


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("t/test_x.py", True),
        ("src/t/test_x.py", True),
        ("test_x.py", True),
        ("t/test_y.py", False),
        ("u/test_x/t.py", False),
        ("t/__init__.py", False),
    ],
)
def test_tests_of_files_deleted_on_purpose_may_be_gone(path: str, good: bool) -> None:
    """Named from our root, which may lie above pytest's; only that file's."""
    assert compare(BEFORE, result(bad="failed"), removed=[path]).good is good


def test_where_only_failures_are_named_nothing_disappears() -> None:
    """Most commands do not list what passed."""
    before = Result(tests={"a": Case(outcome=Outcome.PASSED)}, complete=True)
    now = Result(tests={COMMAND: Case(outcome=Outcome.PASSED)}, complete=False)

    assert compare(recorded(before), now).good


def test_a_baseline_is_saved_and_found_by_command_and_tests(tmp_path: Path) -> None:
    """Another command has none."""
    path = tmp_path / "baseline.json"
    save(Baseline(recorded=(BEFORE,)), path)

    again = load(path)

    assert again.of(["pytest"], []) == BEFORE
    assert again.red == ("t.test_x::bad", "t.test_x::other")
    with pytest.raises(ConfigurationError, match="recorded with another command"):
        again.of(["pytest"], ["t/test_x.py"])


@pytest.mark.parametrize("content", [None, b"", b'{"recorded": 1}'])
def test_a_baseline_that_cannot_be_read_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    """Missing or broken."""
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TreeError, match="baseline"):
        load(path)
