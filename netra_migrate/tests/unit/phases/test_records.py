"""What the plan expects of a test, and what is made of what it did."""

import pytest

from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.phases.records import Record, complaints, judged, of_subject, read
from netra_migrate.validation import Case, Outcome

FAILING = Record(test="a::test", phase="legacy", outcome="failed", reasons=("nothing came", "too late"))


def case(outcome: Outcome, message: str = "") -> Case:
    """A result."""
    return Case(outcome=outcome, message=message)


@pytest.mark.parametrize(
    ("record", "found", "met"),
    [
        (FAILING, case(Outcome.FAILED, "AssertionError: nothing\n came"), True),
        (FAILING, case(Outcome.ERROR, "it was too late"), True),
        (FAILING, case(Outcome.FAILED, "TypeError: no such argument"), False),
        (FAILING, case(Outcome.PASSED), False),
        (FAILING, case(Outcome.SKIPPED, "nothing came"), False),
        (Record(test="a::test", phase="legacy", outcome="failed"), case(Outcome.FAILED, "whatever"), True),
        (Record(test="a::test", phase="legacy"), case(Outcome.PASSED), True),
        (Record(test="a::test", phase="legacy"), case(Outcome.FAILED, "nothing came"), False),
        (Record(test="a::test", phase="legacy"), case(Outcome.SKIPPED), False),
    ],
)
def test_outcome_and_reason_both_count(record: Record, found: Case, met: bool) -> None:
    """A failure for another reason is not the one that was meant, and a skipped test says nothing."""
    assert record.met_by(found) is met


def test_a_test_without_a_record_is_to_pass_and_one_with_a_record_is_to_run() -> None:
    """Nothing that is not expected is overlooked."""
    found = judged("baseline", {"b::new": case(Outcome.FAILED, "boom")}, {"a::test": FAILING})
    assert found == (
        PhaseOutcome(
            phase="baseline",
            test="a::test",
            outcome="missing",
            expected="failed",
            reason="it did not run",
            ok=False,
        ),
        PhaseOutcome(
            phase="baseline", test="b::new", outcome="failed", expected="passed", reason="boom", ok=False
        ),
    )
    assert complaints(found) == (
        "a::test: was to be failed, and is missing: it did not run",
        "b::new: was to be passed, and is failed: boom",
    )


def test_another_reason_is_told_beside_the_one_that_was_meant() -> None:
    """So that people can see which of both is wrong."""
    (found,) = judged("baseline", {"a::test": case(Outcome.FAILED, "TypeError")}, {"a::test": FAILING})
    assert (found.ok, found.reason) == (
        False,
        "it was to name 'nothing came' or 'too late', and said: TypeError",
    )


def test_records_are_the_last_line_of_what_a_command_prints() -> None:
    """It may say something before."""
    text = 'collected 1 item\n[{"test": "a::b", "phase": "legacy", "outcome": "failed", "reasons": ["x"]}]\n'
    expected = (Record(test="a::b", phase="legacy", outcome="failed", reasons=("x",)),)
    assert read(text, source="suites.expected") == expected


@pytest.mark.parametrize(
    "text", ["", "[]", "no tests ran", '[{"test": "a", "phase": "b", "outcome": "bad"}]']
)
def test_no_records_are_a_mistake_and_not_an_empty_plan(text: str) -> None:
    """Else everything would be as planned."""
    with pytest.raises(ConfigurationError, match=r"^suites\.expected: this is no list of records"):
        read(text, source="suites.expected")


def test_a_subject_of_which_nothing_is_said_is_a_mistake() -> None:
    """Such as a misspelled one."""
    with pytest.raises(ConfigurationError, match="no record names 'migratd'; there are legacy"):
        of_subject((FAILING,), "migratd")
