"""Recovery is measured from the fault that interrupted, and from no other."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from netra_backend.chaos.breaking import Outage
from netra_backend.chaos.measure import (
    gateway_recoveries,
    moments,
    percentile,
    run_times,
    worker_recoveries,
)
from netra_backend.chaos.plan import Step
from netra_backend.chaos.tape import Entry, Recording, Span
from netra_backend.domain.ids import Owner, TenantId, UserId

OWNER = Owner(TenantId("acme"), UserId("ada"))
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def outage(kind: str, at: float, *, target: int = 0, lasted: float = 1.0) -> Outage:
    """A fault so many seconds after noon."""
    wall = NOON + timedelta(seconds=at)
    return Outage(step=Step(at, kind, target, lasted), name="", began=at, wall=wall, healed=at + lasted)


def recorded(*events: tuple[float, str, dict[str, object]], delay: float = 0.0) -> Recording:
    """What a client was shown of one run: seconds after noon, type and payload of each event."""
    recording = Recording(owner=OWNER, name="tab", canary="")
    for seq, (at, kind, payload) in enumerate(events, 1):
        ts = (NOON + timedelta(seconds=at)).isoformat().replace("+00:00", "Z")
        frame = {"type": kind, "seq": seq, "run_id": "run", "ts": ts, "payload": payload}
        recording.entries.append(Entry(at + delay, 1, False, json.dumps(frame)))
    return recording


def recoveries(recording: Recording, outages: Sequence[Outage]) -> list[float]:
    """Of the workers, in seconds."""
    return [each.seconds for each in worker_recoveries(moments([recording]), outages)]


def clients_back(recordings: Sequence[Recording], *outages: Outage) -> list[float]:
    """Of the gateways, in seconds."""
    return [each.seconds for each in gateway_recoveries(recordings, outages, ports=PORTS, frail=[11, 12])]


RETRIED = recorded(
    (1.0, "agent_started", {"attempt": 1}),
    (3.0, "agent_thinking", {"text": "…"}),
    (20.0, "tool_completed", {"tool_call_id": "1", "tool": "t", "status": "unknown", "duration_ms": 1}),
    (20.1, "agent_started", {"attempt": 2}),
    (24.0, "agent_completed", {"status": "completed"}),
)


def test_a_run_goes_on_after_its_worker_was_killed() -> None:
    """From the kill to the next attempt; what the successor says about its predecessor is no sign of life."""
    assert recoveries(RETRIED, [outage("kill-worker", 3.4)]) == pytest.approx([16.7])


def test_the_event_of_the_last_moment_may_be_shown_after_the_kill() -> None:
    """Its worker died with it, all the same."""
    assert recoveries(RETRIED, [outage("kill-worker", 2.5)]) == pytest.approx([17.6])


def test_the_first_fault_after_the_last_sign_is_to_blame() -> None:
    """Not a kill before it, not a later one, and none if it was another kind of fault."""
    kills = [outage("kill-worker", 1.5), outage("kill-worker", 3.4), outage("kill-worker", 12.0)]
    assert recoveries(RETRIED, kills) == pytest.approx([16.7])
    assert recoveries(RETRIED, [outage("term-worker", 3.1), outage("kill-worker", 12.0)]) == []
    assert recoveries(RETRIED, [outage("kill-worker", 22.0)]) == []
    harmless = [outage("kill-gateway", 3.1), outage("valkey-killed", 3.2), outage("clients-cut", 3.3)]
    assert recoveries(RETRIED, [*harmless, outage("kill-worker", 3.4)]) == pytest.approx([16.7])


def test_a_run_that_is_given_up_has_recovered_too() -> None:
    """It ended: nobody waits for it any more. One that ends well was not interrupted."""
    given_up = recorded(
        (1.0, "agent_started", {"attempt": 3}), (18.0, "agent_completed", {"status": "failed"})
    )
    ended = recorded(
        (1.0, "agent_started", {"attempt": 1}), (18.0, "agent_completed", {"status": "completed"})
    )
    assert recoveries(given_up, [outage("kill-worker", 1.5)]) == pytest.approx([16.5])
    assert recoveries(ended, [outage("kill-worker", 1.5)]) == []


def test_the_tab_that_was_shown_an_event_first_counts() -> None:
    """A second tab with a bad network does not make a run longer."""
    late = recorded((1.0, "agent_started", {}), (4.0, "agent_completed", {}), delay=9.0)
    soon = recorded((1.0, "agent_started", {}), (4.0, "agent_completed", {}))
    assert run_times(moments([late, soon]), {"run": 0.5}) == [3.5]


def client(*spans: tuple[int, float, float | None, float | None]) -> Recording:
    """A client with connections: port, connected and whole at, ended at."""
    recording = Recording(owner=OWNER, name="tab", canary="")
    for number, (port, connected, back, ended) in enumerate(spans, 1):
        span = Span(number=number, url=f"ws://127.0.0.1:{port}/ws", tried_at=connected - 0.1)
        span.connected_at, span.back_at, span.ended_at = connected, back, ended
        recording.spans.append(span)
    return recording


PORTS = {1: 0, 2: 1, 11: 0, 12: 1}


def test_clients_of_a_killed_gateway_count_until_they_are_whole_again() -> None:
    """A connection without its replay is not back; clients of the other gateway were never away."""
    moved = client((1, 0.0, 0.1, 5.01), (2, 5.2, None, 5.6), (2, 6.0, 6.5, None))
    other = client((2, 0.0, 0.1, 5.3), (1, 5.6, 5.7, None))
    before = client((1, 0.0, 0.1, 3.0), (2, 3.2, 3.3, None))
    assert clients_back([moved, other, before], outage("kill-gateway", 5.0)) == [1.5]


def test_a_bad_network_at_the_same_time_is_not_the_gateways_fault() -> None:
    """Clients behind a half-open connection cannot notice; once it is over they count again."""
    frail = client((11, 0.0, 0.1, 7.0), (12, 7.2, 8.0, None))
    kill, storm = outage("kill-gateway", 5.0), outage("clients-half-open", 4.0, lasted=3.0)
    assert clients_back([frail], kill, storm) == []
    assert clients_back([frail], kill) == [3.0]


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (outage("postgres-killed", 15.0), False),
        (outage("pause-worker", 1.0, lasted=1.2), False),
        (outage("postgres-cut", 25.0), True),
        (outage("kill-gateway", 5.0), True),
        (outage("valkey-away", 5.0, lasted=20.0), True),
    ],
)
def test_a_recovery_is_alone_if_nothing_else_could_delay_it(other: Outage, alone: bool) -> None:
    """The promise is about a kill, not about a kill while the database is away too."""
    outages = [outage("kill-worker", 3.4), other]
    assert [each.alone for each in worker_recoveries(moments([RETRIED]), outages)] == [alone]


def test_a_third_try_is_told_apart() -> None:
    """It may have waited for a worker without another such run; a run that is given up waits for nothing."""
    died_twice = recorded(
        (1.0, "agent_started", {"attempt": 2}),
        (21.0, "agent_started", {"attempt": 3}),
        (22.0, "agent_completed", {"status": "completed"}),
    )
    given_up = recorded(
        (1.0, "agent_started", {"attempt": 3}), (18.0, "agent_completed", {"status": "failed"})
    )
    kills = [outage("kill-worker", 1.5)]
    tried = [worker_recoveries(moments([each]), kills) for each in (died_twice, RETRIED, given_up)]
    assert [[each.third_try for each in found] for found in tried] == [[True], [], [False]]
    (second,) = worker_recoveries(moments([RETRIED]), [outage("kill-worker", 3.4)])
    assert not second.third_try


def test_percentiles_are_values_that_occurred() -> None:
    """The nearest rank; nothing of nothing."""
    values = [float(number) for number in range(1, 201)]
    assert [percentile(values, each) for each in (50, 99, 100)] == [100.0, 198.0, 200.0]
    assert percentile([7.0], 99) == 7.0
    assert percentile([], 50) is None
