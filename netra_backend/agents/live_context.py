"""The real `Context` of a run, on its emitter."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import msgspec

from netra_backend.agents.context import CalledBefore, ToolCall, ToolError
from netra_backend.agents.earlier import EarlierCall
from netra_backend.agents.emitter import Emitter
from netra_backend.agents.jsonable import jsonable
from netra_backend.domain.ids import RunId, TenantId, ThreadId, UserId
from netra_backend.domain.ports import Clock
from netra_backend.domain.runs import Run
from netra_backend.domain.threads import Message, storable
from netra_backend.protocol import payloads as p

MAX_ERROR = 500
"""Characters of a tool's error that go into its event."""


class LiveToolCall:
    """A tool call around a block; see `context.Context.tool` and `context.ToolCall`."""

    __slots__ = (
        "_before",
        "_began",
        "_clock",
        "_emitter",
        "_name",
        "arguments",
        "id",
        "idempotency_key",
        "result",
    )

    def __init__(
        self,
        name: str,
        arguments: Any,
        *,
        call_id: str,
        idempotency_key: str,
        emitter: Emitter,
        clock: Clock,
        before: EarlierCall | None,
    ) -> None:
        self.id = call_id
        self.idempotency_key = idempotency_key
        self.arguments = arguments
        self.result: Any = None
        self._name = name
        self._emitter = emitter
        self._clock = clock
        self._before = before
        self._began = 0.0

    async def __aenter__(self) -> ToolCall:
        """Enter once `tool_executing` is stored: what a tool did is never without a trace."""
        if self._before is not None:
            raise CalledBefore(self._name, status=self._before.status, result=self._before.result)
        self._emitter.emit(
            p.ToolExecutingPayload(tool_call_id=self.id, tool=self._name, arguments=jsonable(self.arguments))
        )
        await self._emitter.stored()
        self._began = self._clock.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Report how the call ended; the exception goes on."""
        if error is None:
            self._close("ok", result=jsonable(self.result))
        elif isinstance(error, asyncio.CancelledError):
            self._close("cancelled")
        else:
            shown = (
                str(error) if isinstance(error, ToolError) else f"The tool failed ({type(error).__name__})."
            )
            self._close("error", error=storable(shown[:MAX_ERROR]))

    def _close(
        self,
        status: p.ToolStatus,
        *,
        result: Any = msgspec.UNSET,
        error: str | msgspec.UnsetType = msgspec.UNSET,
    ) -> None:
        self._emitter.emit(
            p.ToolCompletedPayload(
                tool_call_id=self.id,
                tool=self._name,
                status=status,
                duration_ms=round((self._clock.monotonic() - self._began) * 1000),
                result=result,
                error=error,
            )
        )


class LiveContext:
    """See `context.Context`."""

    def __init__(self, run: Run, emitter: Emitter, clock: Clock) -> None:
        self._run = run
        self._emitter = emitter
        self._clock = clock
        self._calls: Counter[str] = Counter()
        self._usage: tuple[int, int] | None = None
        self.text = run.text
        self.history: Sequence[Message] = run.history
        self.input: Mapping[str, Any] = run.input

    @property
    def tenant_id(self) -> TenantId:
        """See the interface."""
        return self._run.owner.tenant_id

    @property
    def user_id(self) -> UserId:
        """See the interface."""
        return self._run.owner.user_id

    @property
    def thread_id(self) -> ThreadId:
        """See the interface."""
        return self._run.thread_id

    @property
    def run_id(self) -> RunId:
        """See the interface."""
        return self._run.id

    @property
    def attempt(self) -> int:
        """See the interface."""
        return self._run.attempt

    @property
    def usage(self) -> p.Usage | None:
        """The tokens counted so far."""
        return (
            None
            if self._usage is None
            else p.Usage(input_tokens=self._usage[0], output_tokens=self._usage[1])
        )

    async def think(self, text: str) -> None:
        """See the interface."""
        self._emitter.emit(p.AgentThinkingPayload(text=storable(text)))
        await self._emitter.relieve()

    async def write(self, text: str) -> None:
        """See the interface."""
        await self._emitter.write(text)

    def count_usage(self, *, input_tokens: int, output_tokens: int) -> None:
        """See the interface."""
        before = self._usage or (0, 0)
        self._usage = (before[0] + input_tokens, before[1] + output_tokens)

    def tool(
        self, name: str, arguments: Any, *, call_id: str | None = None, once: bool = False
    ) -> AbstractAsyncContextManager[ToolCall]:
        """See the interface."""
        self._calls[name] += 1
        # The same call of every attempt: the run, the tool and how often it was called before.
        key = hashlib.sha256(f"{self._run.id}/{name}/{self._calls[name]}".encode()).hexdigest()[:32]
        return LiveToolCall(
            name,
            arguments,
            call_id=call_id or f"{key[:12]}-{self._run.attempt}",
            idempotency_key=key,
            emitter=self._emitter,
            clock=self._clock,
            before=self._emitter.earlier.get((name, self._calls[name])) if once else None,
        )
