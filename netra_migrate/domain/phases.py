"""What the four phases of a test plan came to: one test in one phase is one outcome."""

import msgspec


class PhaseOutcome(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One test in one phase.

    Attributes:
        phase: baseline, adapter, gradual, final, or the plan's own words.
        test: the test's id, such as `tests/test_chat.py::test_reply`.
        outcome: what happened: passed, failed, error, skipped.
        expected: the same, as the plan says that it should be.
        reason: of a failure, what it named; of an unexpected one, what stands against it.
        ok: whether outcome and reason are those that the plan expects.
    """

    phase: str
    test: str
    outcome: str
    expected: str
    reason: str = ""
    seconds: float = 0.0
    ok: bool
