"""The lifecycle of a run: which event may follow which. Sans-I/O.

    new -> started -> ended      started -> started (a later attempt, all tool calls closed)

The writer applies every event before it is written; an illegal one is a bug of the writer and is
refused there, never stored. Tool calls may overlap and are matched by id.
"""

from collections.abc import Iterable
from enum import Enum, auto

import msgspec

from netra_backend.protocol import payloads as p

LifecyclePayload = (
    p.AgentStartedPayload
    | p.AgentThinkingPayload
    | p.ToolExecutingPayload
    | p.ToolCompletedPayload
    | p.AgentCompletedPayload
)

PAYLOADS: dict[str, type[LifecyclePayload]] = {
    "agent_started": p.AgentStartedPayload,
    "agent_thinking": p.AgentThinkingPayload,
    "tool_executing": p.ToolExecutingPayload,
    "tool_completed": p.ToolCompletedPayload,
    "agent_completed": p.AgentCompletedPayload,
}
"""The five lifecycle events and what they carry."""

TYPES: dict[type[LifecyclePayload], str] = {payload: name for name, payload in PAYLOADS.items()}


class IllegalOrder(Exception):
    """An event that may not come now."""


class State(Enum):
    """Where a run stands."""

    NEW = auto()
    STARTED = auto()
    ENDED = auto()


class RunLifecycle:
    """The state of one run.

    Attributes:
        state: where it stands.
        attempt: the last attempt started; 0 before the first.
        open_calls: tool names by the ids of calls that have not ended.
    """

    def __init__(self) -> None:
        self.state = State.NEW
        self.attempt = 0
        self.open_calls: dict[str, str] = {}

    @classmethod
    def replay(cls, events: Iterable[tuple[str, bytes]]) -> "RunLifecycle":
        """The state after stored events, given as type and JSON payload; other types are skipped."""
        lifecycle = cls()
        for kind, payload in events:
            if kind in PAYLOADS:
                lifecycle.apply(msgspec.json.decode(payload, type=PAYLOADS[kind]))
        return lifecycle

    def apply(self, event: LifecyclePayload) -> None:
        """Take an event.

        Raises:
            IllegalOrder: it may not come now; the state is as before.
        """
        if isinstance(event, p.AgentStartedPayload):
            self._start(event)
            return
        self._require(self.state is State.STARTED, event)
        if isinstance(event, p.ToolExecutingPayload):
            self._require(event.tool_call_id not in self.open_calls, event)
            self.open_calls[event.tool_call_id] = event.tool
        elif isinstance(event, p.ToolCompletedPayload):
            self._require(self.open_calls.get(event.tool_call_id) == event.tool, event)
            del self.open_calls[event.tool_call_id]
        elif isinstance(event, p.AgentCompletedPayload):
            self._require(not self.open_calls, event)
            self.state = State.ENDED

    def closing(self, status: p.ToolStatus) -> list[p.ToolCompletedPayload]:
        """What ends the open tool calls; the caller applies and writes it."""
        return [
            p.ToolCompletedPayload(tool_call_id=call, tool=tool, status=status, duration_ms=0)
            for call, tool in self.open_calls.items()
        ]

    def _start(self, event: p.AgentStartedPayload) -> None:
        self._require(self.state is not State.ENDED, event)
        self._require(event.attempt > self.attempt and not self.open_calls, event)
        self.state = State.STARTED
        self.attempt = event.attempt

    def _require(self, legal: bool, event: LifecyclePayload) -> None:
        if not legal:
            message = f"{TYPES[type(event)]} may not come now ({self.state.name}, {len(self.open_calls)} open calls)"
            raise IllegalOrder(message)
