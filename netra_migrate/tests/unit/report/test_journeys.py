from collections.abc import Iterable

import pytest

from netra_migrate.apply.records import (
    Began,
    Cause,
    Committed,
    Declined,
    Done,
    Entry,
    Kind,
    Noted,
    Opened,
    Record,
    Undo,
    Undone,
)
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.report.causes import Failure
from netra_migrate.report.journeys import Journey, alike
from netra_migrate.report.material import CaseView, State, StepView

CONTENTS = {"b": b"import legacy\nx = 1\n", "a": b"import canonical\nx = 1\n"}
PLANNED = (
    StepView(number=1, paths=("one.py",), references=4),
    StepView(number=2, paths=("two.py",)),
    StepView(number=3, paths=("three.py",)),
)


def began(action: int, number: int, *, path: str = "one.py") -> Began:
    """A step begins."""
    return Began(
        action=action, kind=Kind.STEP, number=number, entries=(Entry(path=path, before="b", after="a"),)
    )


def journey(records: Iterable[Record]) -> Journey:
    """What these records add up to."""

    def fetch(name: str, _: str) -> bytes:
        if name not in CONTENTS:
            raise FileNotFoundError(name)
        return CONTENTS[name]

    told = Journey(PLANNED, fetch=fetch, diffs={"1": "-a\n+b\n"})
    for record in (Opened(steps=tuple(step.paths for step in PLANNED)), *records):
        told.add(Noted(at="2026-01-01T00:00:00.000+00:00", record=record))
    return told


def states(told: Journey) -> list[State]:
    """The states in order."""
    return [told.steps[number].state for number in sorted(told.steps)]


def test_a_step_that_holds_is_done_with_its_diff_and_time() -> None:
    """Seconds are those of validation and of the kit; references are the plan's."""
    told = journey(
        [began(1, 1), Done(action=1, checking_seconds=2, own_seconds=0.5, tests=9), Committed(action=1)]
    )
    assert told.steps[1] == StepView(
        number=1,
        paths=("one.py",),
        references=4,
        state=State.DONE,
        seconds=2.5,
        diff="--- a/one.py\n+++ b/one.py\n@@ -1,2 +1,2 @@\n-import legacy\n+import canonical\n x = 1\n",
    )
    assert states(told) == [State.DONE, State.WAITING, State.WAITING]


def test_a_step_in_work_is_shown_so() -> None:
    """It has begun and not ended."""
    assert states(journey([began(1, 1), Done(action=1), began(2, 2)])) == [
        State.DONE,
        State.WORKING,
        State.WAITING,
    ]


def test_a_failed_step_says_what_failed_newly_and_why() -> None:
    """The message is taken from what the command printed."""
    output = "FAILED tests/test_a.py::test_reply - ImportError: no X\n"
    failed = Undone(
        action=1,
        cause=Cause.FAILED,
        reason="1 new failure",
        new_failures=("tests.test_a::test_reply",),
        output=output,
    )
    told = journey([began(1, 1), failed])
    assert (told.steps[1].state, told.steps[1].diff) == (State.ROLLED_BACK, "-a\n+b\n")
    assert told.steps[1].new_failures == ("tests.test_a::test_reply",)
    assert told.failures == [Failure(place="tests.test_a::test_reply", message="ImportError: no X")]
    assert told.tests == [CaseView(test="tests.test_a::test_reply", outcome="failed", good=False, step=1)]


def test_a_failure_without_tests_is_a_failure_of_its_file() -> None:
    """A command that hangs names no test."""
    told = journey([began(1, 1), Undone(action=1, cause=Cause.FAILED, reason="ran for more than 900 s")])
    assert told.failures == [Failure(place="one.py", message="ran for more than 900 s")]


@pytest.mark.parametrize("cause", [Cause.INTERRUPTED, Cause.STOPPED])
def test_what_was_interrupted_waits_again(cause: Cause) -> None:
    """It is no failure."""
    told = journey([began(1, 1), Undone(action=1, cause=cause)])
    assert (states(told)[0], told.failures) == (State.WAITING, [])


def test_a_refusal_is_gone_when_the_step_holds_later() -> None:
    """Only what stands is listed."""
    refusal = Refusal(path="one.py", line=3, reason="Decide.")
    declined = Declined(number=1, paths=("one.py",), refusals=(refusal,))
    before, after = journey([declined]), journey([declined, began(1, 1), Done(action=1)])
    assert (before.steps[1].state, before.refusals) == (State.REFUSED, {1: (refusal,)})
    assert (after.steps[1].state, after.steps[1].reason, after.refusals) == (State.DONE, "", {})


def test_a_rollback_sets_its_steps_waiting() -> None:
    """By command, not by failure."""
    back = Began(action=3, kind=Kind.ROLLBACK, entries=(), undoes=(Undo(action=1, path="one.py"),))
    told = journey([began(1, 1), Done(action=1), began(2, 2), Done(action=2), back, Done(action=3)])
    assert states(told) == [State.WAITING, State.DONE, State.WAITING]
    assert told.steps[1].diff == ""


def test_a_run_that_goes_on_counts_what_is_left_from_one() -> None:
    """Its steps are those of their files."""
    told = journey(
        [
            began(1, 1),
            Done(action=1, checking_seconds=0.0, own_seconds=0.0),
            Opened(steps=tuple(step.paths for step in PLANNED[1:])),
            began(2, 1, path=PLANNED[1].paths[0]),
            Done(action=2, checking_seconds=0.0, own_seconds=0.0),
        ]
    )
    assert states(told)[:2] == [State.DONE, State.DONE]


def test_the_removal_is_the_step_of_its_files() -> None:
    """The journal gives it no number; a plan that does not know it gets one step more."""
    known = Began(action=1, kind=Kind.REMOVAL, entries=(Entry(path="three.py", before="b"),))
    other = Began(action=1, kind=Kind.REMOVAL, entries=(Entry(path="old.py", before="b"),))
    assert states(journey([known, Done(action=1)])) == [State.WAITING, State.WAITING, State.DONE]
    assert states(journey([other, Done(action=1)])) == [
        State.WAITING,
        State.WAITING,
        State.WAITING,
        State.DONE,
    ]


def test_contents_that_are_gone_leave_a_step_without_diff() -> None:
    """The report is no reason to fail."""
    lost = Began(
        action=1, kind=Kind.STEP, number=1, entries=(Entry(path="one.py", before="gone", after="a"),)
    )
    assert journey([lost, Done(action=1)]).steps[1].diff == ""


@pytest.mark.parametrize(
    ("printed", "name", "same"),
    [
        ("tests/test_a.py::test_x", "tests.test_a::test_x", True),
        ("tests/test_a.py::TestT::test_x[1]", "tests.test_a.TestT::test_x[1]", True),
        ("test_a.py::test_x", "tests.test_a::test_x", True),
        ("tests/test_a.py::test_x", "tests.test_b::test_x", False),
        ("test_x", "test_xx", False),
    ],
)
def test_ids_of_terminal_and_of_junit_are_matched(printed: str, name: str, same: bool) -> None:
    """The one has slashes, the other dots; either may start deeper."""
    assert alike(printed, name) is same
