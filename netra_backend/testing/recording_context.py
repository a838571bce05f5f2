"""A `Context` that records what an agent reports, in order, for tests of agents without a server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from netra_backend.agents.context import AgentFailed, AgentFunction, CalledBefore
from netra_backend.domain.ids import MessageId, RunId, TenantId, ThreadId, UserId
from netra_backend.domain.threads import Message, Role
from netra_backend.protocol.payloads import ToolStatus

Report = tuple[Any, ...]
"""What was reported: its wire name or `write`, then what it carries."""


@dataclass
class RecordedCall:
    """A tool call of a `RecordingContext`."""

    id: str
    idempotency_key: str
    result: Any = None


class RecordingContext:
    """Records every report as a tuple and checks the rules that the real context has.

    `events` holds, in order, `("agent_thinking", text)`, `("write", text)`,
    `("tool_executing", id, tool, arguments)` and `("tool_completed", id, status, result or error)`.
    `run` adds `("agent_started",)` and `("agent_completed", status, answer)`. With `on_report`, each
    report is awaited there first, as a store would be. A `once` call of a tool in `called_before`
    is refused, as after the loss of a worker.
    """

    def __init__(
        self,
        text: str,
        *,
        history: Sequence[tuple[Role, str]] = (),
        input: Mapping[str, Any] | None = None,
        attempt: int = 1,
        on_report: Callable[[Report], Any] | None = None,
        called_before: Mapping[str, ToolStatus] | None = None,
    ) -> None:
        self.text = text
        self.history = tuple(said(role, content) for role, content in history)
        self.input: Mapping[str, Any] = input or {}
        self.tenant_id = TenantId("acme")
        self.user_id = UserId("ada")
        self.thread_id = ThreadId("11111111-1111-7111-8111-111111111111")
        self.run_id = RunId("22222222-2222-7222-8222-222222222222")
        self.attempt = attempt
        self.events: list[Report] = []
        self.usage = (0, 0)
        self.open_calls: set[str] = set()
        self._on_report = on_report
        self._called_before = called_before or {}
        self._ended = False
        self._calls = 0

    @property
    def written(self) -> str:
        """The live text."""
        return "".join(event[1] for event in self.events if event[0] == "write")

    @property
    def names(self) -> list[str]:
        """The names of the lifecycle events, in order, without the live text."""
        return [event[0] for event in self.events if event[0] != "write"]

    async def think(self, text: str) -> None:
        """Record a thought."""
        if not text.strip():
            raise AssertionError("A thought must have text.")
        await self._report("agent_thinking", text)

    async def write(self, text: str) -> None:
        """Record live text."""
        if not text:
            raise AssertionError("Live text must not be empty.")
        await self._report("write", text)

    def count_usage(self, *, input_tokens: int, output_tokens: int) -> None:
        """Add to `usage`, a pair of input and output tokens."""
        self.usage = (self.usage[0] + input_tokens, self.usage[1] + output_tokens)

    def tool(
        self, name: str, arguments: Any, *, call_id: str | None = None, once: bool = False
    ) -> AbstractAsyncContextManager[RecordedCall]:
        """Record both events of a tool call; it must be left before the run ends."""
        if once and name in self._called_before:
            raise CalledBefore(name, status=self._called_before[name])
        self._calls += 1
        return self._tool(name, arguments, call_id or f"call-{self._calls}", f"{self.run_id}:{self._calls}")

    @asynccontextmanager
    async def _tool(self, name: str, arguments: Any, call_id: str, key: str) -> AsyncIterator[RecordedCall]:
        if call_id in self.open_calls:
            raise AssertionError(f"The tool call {call_id} is open already.")
        await self._report("tool_executing", call_id, name, arguments)
        self.open_calls.add(call_id)
        call = RecordedCall(call_id, key)
        outcome: tuple[str, Any] = ("cancelled", None)
        try:
            yield call
            outcome = ("ok", call.result)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            outcome = ("error", str(error))
            raise
        finally:
            self.open_calls.discard(call_id)
            await self._report("tool_completed", call_id, *outcome)

    async def run(self, agent: AgentFunction) -> str | None:
        """Run an agent as a worker does. Returns the answer; raises what the agent raises.

        Raises:
            AssertionError: a tool call was left open, or something was reported after the end.
        """
        await self._report("agent_started")
        status, answer = "failed", None
        try:
            returned = await agent(self)
            status, answer = "completed", self.written if returned is None else returned
        except asyncio.CancelledError:
            status = "stopped"
            raise
        except AgentFailed as failure:
            answer = failure.code
            raise
        finally:
            left_open = set(self.open_calls)
            await self._report("agent_completed", status, answer)
            self._ended = True
        if left_open:
            raise AssertionError(f"Tool calls were left open: {sorted(left_open)}.")
        return answer

    async def _report(self, *event: Any) -> None:
        if self._ended:
            raise AssertionError(f"{event[0]} came after the end of the run.")
        if self._on_report is not None:
            await self._on_report(event)
        self.events.append(event)


def said(role: Role, content: str, *, run_id: RunId | None = None) -> Message:
    """A message of a conversation."""
    return Message(
        id=MessageId(f"{role}: {content}"),
        role=role,
        content=content,
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        run_id=run_id,
    )
