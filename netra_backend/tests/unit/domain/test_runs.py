from netra_backend.domain.ids import MessageId, Owner, RunId, TenantId, ThreadId, UserId
from netra_backend.domain.runs import MAX_ATTEMPTS, Lane, Run


def run(deaths: int) -> Run:
    """A run that some workers died with."""
    return Run(
        id=RunId("r"),
        owner=Owner(TenantId("t"), UserId("u")),
        thread_id=ThreadId("t"),
        message_id=MessageId("m"),
        answer_id=MessageId("a"),
        agent=None,
        text="",
        input={},
        attempt=9,
        deaths=deaths,
    )


def test_deaths_exhaust_a_run_and_attempts_do_not() -> None:
    """A drain raises the attempt only."""
    assert [run(deaths).exhausted for deaths in (0, MAX_ATTEMPTS - 1, MAX_ATTEMPTS)] == [False, False, True]


def test_lanes_are_ordered() -> None:
    """And the lowest overtakes the highest after 20 seconds."""
    assert Lane.CRITICAL < Lane.HIGH < Lane.NORMAL < Lane.LOW == Lane.CRITICAL + 20_000
