import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_backend.protocol import payloads as p
from netra_backend.protocol.lifecycle import TYPES, IllegalOrder, LifecyclePayload, RunLifecycle, State

CALLS = ("a", "b")
TOOLS = ("x", "y")


def started(attempt: int) -> p.AgentStartedPayload:
    """An `agent_started`."""
    return p.AgentStartedPayload(agent="g", attempt=attempt, message_id="m")


END = p.AgentCompletedPayload(status="completed", duration_ms=1, attempts=1)
EVENTS = st.one_of(
    st.builds(started, st.integers(0, 4)),
    st.just(p.AgentThinkingPayload(text="t")),
    st.builds(
        lambda call, tool: p.ToolExecutingPayload(tool_call_id=call, tool=tool, arguments={}),
        st.sampled_from(CALLS),
        st.sampled_from(TOOLS),
    ),
    st.builds(
        lambda call, tool: p.ToolCompletedPayload(tool_call_id=call, tool=tool, status="ok", duration_ms=1),
        st.sampled_from(CALLS),
        st.sampled_from(TOOLS),
    ),
    st.just(END),
)


class Reference:
    """The rules of `docs/protocol.md`, said once more and otherwise: over the whole list of events."""

    def __init__(self) -> None:
        self.events: list[LifecyclePayload] = []

    def open(self) -> dict[str, str]:
        """Tools of calls without an end."""
        calls: dict[str, str] = {}
        for event in self.events:
            if isinstance(event, p.ToolExecutingPayload):
                calls[event.tool_call_id] = event.tool
            elif isinstance(event, p.ToolCompletedPayload):
                calls.pop(event.tool_call_id)
        return calls

    def allows(self, event: LifecyclePayload) -> bool:
        """Whether the event may come now."""
        begun = [each.attempt for each in self.events if isinstance(each, p.AgentStartedPayload)]
        if any(isinstance(each, p.AgentCompletedPayload) for each in self.events):
            return False
        if isinstance(event, p.AgentStartedPayload):
            return event.attempt > max(begun, default=0) and not self.open()
        if isinstance(event, p.ToolExecutingPayload):
            return bool(begun) and event.tool_call_id not in self.open()
        if isinstance(event, p.ToolCompletedPayload):
            return bool(begun) and self.open().get(event.tool_call_id) == event.tool
        return bool(begun) and not (isinstance(event, p.AgentCompletedPayload) and self.open())


@given(st.lists(EVENTS, max_size=14))
def test_exactly_the_legal_orders_are_accepted(events: list[LifecyclePayload]) -> None:
    """I3 and I4; a refusal changes nothing, and the accepted ones replay to the same state."""
    reference, machine = Reference(), RunLifecycle()
    for event in events:
        if reference.allows(event):
            machine.apply(event)
            reference.events.append(event)
        else:
            before = (machine.state, machine.attempt, dict(machine.open_calls))
            with pytest.raises(IllegalOrder, match=TYPES[type(event)]):
                machine.apply(event)
            assert (machine.state, machine.attempt, machine.open_calls) == before
    assert machine.open_calls == reference.open()
    stored = [("message_created", b"{}")] + [
        (TYPES[type(event)], msgspec.json.encode(event)) for event in reference.events
    ]
    again = RunLifecycle.replay(stored)
    assert (again.state, again.attempt, again.open_calls) == (
        machine.state,
        machine.attempt,
        machine.open_calls,
    )


@given(st.lists(EVENTS, max_size=14), st.sampled_from(["cancelled", "unknown"]))
def test_closing_always_leaves_a_legal_end(events: list[LifecyclePayload], status: p.ToolStatus) -> None:
    """And a legal next attempt."""
    machine = RunLifecycle()
    machine.apply(started(1))
    for event in events:
        try:
            machine.apply(event)
        except IllegalOrder:
            continue
    for closing in machine.closing(status):
        assert closing.status == status
        machine.apply(closing)
    assert machine.open_calls == {}
    if machine.state is not State.ENDED:
        machine.apply(started(machine.attempt + 1))
        machine.apply(END)
    assert machine.state is State.ENDED
