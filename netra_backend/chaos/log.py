"""What the stored log of one user must look like by itself: numbers (I2), runs (I3) and tool calls (I4)."""

from collections.abc import Iterator, Sequence

from netra_backend.chaos.facts import ENDED, EventFact, RunFact, UserFacts
from netra_backend.chaos.verdict import Invariant, Kind, Violation

LIFECYCLE = frozenset(
    {"agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"}
)


def check_numbers(facts: UserFacts, user: str) -> Iterator[Violation]:
    """I2: 1, 2, 3 without gap or repetition, up to the user's counter."""
    due = 1
    for event in facts.events:
        if event.seq > due:
            text = f"the log has no event {due} before {event.seq}"
            yield Violation("I2", "lost", user, text, event.seq - due)
        elif event.seq < due:
            yield Violation("I2", "duplicated", user, f"the log has event {event.seq} again")
        due = max(due, event.seq + 1)
    if facts.head != due - 1:
        text = f"the counter is at {facts.head} and the log ends at {due - 1}"
        yield Violation("I2", "lost" if facts.head >= due else "wrong", user, text)


def check_runs(facts: UserFacts, user: str) -> Iterator[Violation]:
    """I3 and I4 of every run, known to the runs table or only to the log."""
    events: dict[str, list[EventFact]] = {run.id: [] for run in facts.runs}
    for event in facts.events:
        if event.run_id is not None and event.type in LIFECYCLE:
            events.setdefault(event.run_id, []).append(event)
    runs = {run.id: run for run in facts.runs}
    for identity, of_run in events.items():
        if identity not in runs:
            yield Violation("I3", "wrong", user, f"the log has events of run {identity}, which is not there")
        yield from _check_end(identity, runs.get(identity), of_run, user)
        yield from _check_calls(identity, of_run, user)


def unfinished(facts: UserFacts) -> int:
    """Runs that have not ended."""
    return sum(run.status not in ENDED for run in facts.runs)


def _check_end(
    identity: str, run: RunFact | None, events: Sequence[EventFact], user: str
) -> Iterator[Violation]:
    def broken(kind: Kind, text: str) -> Violation:
        return Violation("I3", kind, user, f"run {identity} {text}")

    ends = [place for place, event in enumerate(events) if event.type == "agent_completed"]
    if len(ends) > 1:
        yield broken("duplicated", f"has {len(ends)} terminal events")
    if ends and ends[0] < len(events) - 1:
        after = events[ends[0] + 1]
        yield broken("wrong", f"has {after.type} ({after.seq}) after its end ({events[ends[0]].seq})")
    if run is None:
        return
    if run.status in ENDED and not ends:
        yield broken("lost", f"is {run.status} and has no terminal event")
    if ends and events[ends[0]].payload.get("status") != run.status:
        yield broken("wrong", f"is {run.status}, its terminal event says otherwise")


def _check_calls(identity: str, events: Sequence[EventFact], user: str) -> Iterator[Violation]:
    def broken(invariant: Invariant, kind: Kind, text: str) -> Violation:
        return Violation(invariant, kind, user, f"run {identity}: {text}")

    open_calls: set[str] = set()
    seen: set[str] = set()
    for event in events:
        call = str(event.payload.get("tool_call_id", ""))
        if event.type == "tool_executing":
            if call in seen:
                yield broken("I4", "duplicated", f"tool call {call} begins again ({event.seq})")
            seen.add(call)
            open_calls.add(call)
        elif event.type == "tool_completed":
            if call not in open_calls:
                kind: Kind = "duplicated" if call in seen else "wrong"
                yield broken("I4", kind, f"tool call {call} ends without being open ({event.seq})")
            open_calls.discard(call)
        elif event.type == "agent_completed" and open_calls:
            yield broken("I4", "lost", f"ended with tool call {min(open_calls)} open")
            open_calls.clear()
