import pytest

from netra_backend.tests.outcomes import (
    PASSES,
    Fails,
    Outcome,
    Phase,
    difference,
    expected,
    fails_before,
    outcome,
)

WANTED = Fails("returned None")


@pytest.mark.parametrize(
    ("wanted", "failure", "differs"),
    [
        (PASSES, None, None),
        (PASSES, "AssertionError: no", "It was to pass, and failed: AssertionError: no"),
        (WANTED, "AssertionError: it returned None", None),
        (WANTED, None, "It was to fail (returned None), and passed."),
        (
            WANTED,
            "TimeoutError",
            "It was to fail with 'returned None', and failed otherwise: TimeoutError",
        ),
    ],
)
def test_only_the_named_reason_counts(wanted: Outcome, failure: str | None, differs: str | None) -> None:
    """Any other outcome, and any other reason, is a difference."""
    assert difference(wanted, failure) == differs


def test_a_test_says_what_it_does_in_each_phase() -> None:
    """Nothing said about the end means that it passes; nothing said at all is not compared."""

    @outcome(legacy=WANTED, adapter=PASSES)
    def bridged() -> None: ...

    @fails_before("no events")
    def usual() -> None: ...

    assert [expected(bridged, phase) for phase in Phase] == [WANTED, PASSES, PASSES, PASSES]
    assert [expected(usual, phase) for phase in Phase] == [Fails("no events")] * 2 + [PASSES] * 2
    assert expected(difference, Phase.LEGACY) is None
