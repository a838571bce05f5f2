from netra_backend.observability.trace import OFF, Step, Trace

ADA, BOB = ("acme", "ada"), ("acme", "bob")


def test_steps_of_an_owners_events_are_found() -> None:
    """Those that touch the numbers asked for, of that owner only, in the order of their happening."""
    times = iter([10.0, 11.0, 12.0, 13.0])
    trace = Trace(lambda: next(times), entries=10)
    trace.note("stored", ADA, 1, 3)
    trace.note("stored", BOB, 1, 3)
    trace.note("published", ADA, 4, 9)
    trace.note("written", ADA, 2, 3, "c")
    trace.produced(ADA, 2, [8.0, 9.0])
    assert list(trace.steps(ADA, 3, 3)) == [
        Step("stored", ADA, 1, 3, 10.0, ""),
        Step("written", ADA, 2, 3, 13.0, "c"),
        Step("produced", ADA, 3, 3, 9.0, ""),
    ]


def test_memory_is_bounded_and_can_be_switched_off() -> None:
    """The oldest steps go first."""
    trace = Trace(lambda: 0.0, entries=2)
    for seq in range(1, 6):
        trace.note("stored", ADA, seq, seq)
        OFF.note("stored", ADA, seq, seq)
    assert [step.first for step in trace.steps(ADA, 1, 9)] == [4, 5]
    assert list(OFF.steps(ADA, 1, 9)) == []
