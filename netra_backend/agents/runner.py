"""Runs one claimed run from `agent_started` to `agent_completed`, whatever the agent does."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import structlog
from msgspec import UNSET

from netra_backend.agents.context import AgentFailed, AgentFunction
from netra_backend.agents.emitter import Emitter, first_start
from netra_backend.agents.live_context import LiveContext
from netra_backend.domain.events import Fenced
from netra_backend.domain.ids import IdSource, MessageId
from netra_backend.domain.ports import Clock, EventLog, LiveText
from netra_backend.domain.runs import Ending, EndStatus, Run
from netra_backend.domain.threads import Message, storable
from netra_backend.observability.trace import OFF, Trace
from netra_backend.protocol import payloads as p
from netra_backend.protocol.views import message_view

log = structlog.get_logger(__name__)


class Cancel(Enum):
    """Why a run's task is cancelled. The reason is set before the cancellation."""

    STOP = auto()
    TIMEOUT = auto()
    DRAIN = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The agents that this worker runs: the default one, and others by name."""

    default: AgentFunction
    default_name: str
    named: Mapping[str, AgentFunction]

    def find(self, name: str | None) -> tuple[str, AgentFunction] | None:
        """The name to show and the agent, or None if there is none of that name."""
        if name is None or name == self.default_name:
            return self.default_name, self.default
        agent = self.named.get(name)
        return None if agent is None else (name, agent)

    def first_start(self, name: str | None, answer_id: MessageId) -> bytes | None:
        """The payload of `agent_started` for a run of that agent, or None if there is none."""
        found = self.find(name)
        return None if found is None else first_start(found[0], answer_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    status: EndStatus
    content: str | None
    error: p.RunError | None = None


class RunTask:
    """One run in execution.

    `cancel` may be called once from outside; `execute` returns True unless the run must be handed
    back (a drain) and False then.
    """

    def __init__(
        self,
        run: Run,
        *,
        agents: Agents,
        events: EventLog,
        live: LiveText,
        clock: Clock,
        new_id: IdSource,
        timeout_s: float,
        ended: Callable[[EndStatus, float], None],
        trace: Trace = OFF,
    ) -> None:
        self.run = run
        self._found = agents.find(run.agent)
        self._clock = clock
        self._new_id = new_id
        self._timeout_s = timeout_s
        self._ended = ended
        self._emitter = Emitter(
            run,
            agent=self._found[0] if self._found else run.agent or "",
            log=events,
            live=live,
            trace=trace,
        )
        self._cancel: Cancel | None = Cancel.STOP if run.stop_requested else None
        self._agent_task: asyncio.Task[Any] | None = None
        self._began = clock.monotonic()

    def leased(self, until: float) -> None:
        """The lease is good until then at least, by the loop's time."""
        self._emitter.live_until = until

    def cancel(self, why: Cancel) -> None:
        """Stop the agent: its model call and its tool get `CancelledError`."""
        if self._cancel in (None, Cancel.TIMEOUT) or why is Cancel.LOST:
            self._cancel = why
            if self._agent_task is not None:
                self._agent_task.cancel()

    async def execute(self) -> bool:
        """Run the agent and report its end."""
        try:
            await self._emitter.start()
            context, outcome = await self._run_agent()
            if self._cancel in (Cancel.DRAIN, Cancel.LOST):
                await self._emitter.stored()  # the tool calls that the cancellation closed
                return self._cancel is Cancel.LOST
            await self._report(outcome, context)
        except Fenced:
            log.warning("run_lost", run_id=self.run.id, attempt=self.run.attempt)
        finally:
            self._emitter.close()
        return True

    async def _run_agent(self) -> tuple[LiveContext | None, _Outcome]:
        refusal = self._refusal()
        if refusal is not None:
            return None, refusal
        context = LiveContext(self.run, self._emitter, self._clock)
        return context, await self._guard(context)

    def _refusal(self) -> _Outcome | None:
        if self.run.exhausted:
            message = "The run was given up: the workers that tried it were lost."
            return _failed("dead_letter", message)
        if self._found is None:
            return _failed("unknown_agent", "No agent of this name runs here.")
        if self._cancel is Cancel.STOP:
            return _Outcome(status="stopped", content=None)
        return None

    async def _guard(self, context: LiveContext) -> _Outcome:
        """The agent's outcome; nothing that it raises gets past here but the loss of the run."""
        try:
            answer = await self._call(context)
        except AgentFailed as failure:
            return _failed(failure.code, storable(failure.message), self._emitter.text)
        except Fenced:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._cancel is None or task is None:
                raise
            task.uncancel()  # taken: what follows reports the end and must not be cancelled again
            status: EndStatus = "timed_out" if self._cancel is Cancel.TIMEOUT else "stopped"
            return _Outcome(status=status, content=self._emitter.text)
        except Exception as error:  # noqa: BLE001 - reported to the user by id, and logged
            return self._crashed(error)
        return _Outcome(status="completed", content=self._emitter.text if answer is None else answer)

    async def _call(self, context: LiveContext) -> str | None:
        assert self._found is not None  # noqa: S101 - _refusal has dealt with it
        if self._cancel is not None:
            raise asyncio.CancelledError
        self._agent_task = asyncio.current_task()
        deadline = asyncio.get_running_loop().call_later(self._timeout_s, self.cancel, Cancel.TIMEOUT)
        try:
            return await self._found[1](context)
        finally:
            deadline.cancel()
            self._agent_task = None

    def _crashed(self, error: Exception) -> _Outcome:
        error_id = self._new_id()
        log.error("agent_failed", run_id=self.run.id, error_id=error_id, exc_info=error)
        return _failed("internal", f"Internal error {error_id}.", self._emitter.text)

    async def _report(self, outcome: _Outcome, context: LiveContext | None) -> None:
        emitter = self._emitter
        emitter.finish_text()
        for closing in emitter.lifecycle.closing("cancelled"):
            emitter.emit(closing)
        now = self._clock.now()
        content = storable(outcome.content) if outcome.content else None
        if outcome.status == "completed" and content is None:
            content = ""
        message = None if content is None else self._answer(content, now)
        duration = self._clock.monotonic() - self._began
        usage = context.usage if context else None
        payload = p.AgentCompletedPayload(
            status=outcome.status,
            duration_ms=round(duration * 1000),
            attempts=self.run.attempt - self.run.exhausted,
            message=UNSET if message is None else message_view(message),
            error=outcome.error or UNSET,
            usage=usage or UNSET,
        )
        emitter.emit(payload, ending=Ending(status=outcome.status, content=content, at=now))
        await emitter.stored()
        emitter.forget_text()
        self._ended(outcome.status, duration)

    def _answer(self, content: str, now: datetime) -> Message:
        run = self.run
        return Message(id=run.answer_id, role="assistant", content=content, created_at=now, run_id=run.id)


def _failed(code: str, message: str, content: str | None = None) -> _Outcome:
    return _Outcome(status="failed", content=content or None, error=p.RunError(code=code, message=message))
