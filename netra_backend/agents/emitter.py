"""Reports one attempt of a run: durable events in legal order, and live text.

Events gather while a write is under way and are written together. Nothing is published that was
not stored, and nothing is stored that the lifecycle machine refuses.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
import structlog

from netra_backend.agents.earlier import EarlierCall, Place, earlier_calls
from netra_backend.domain.errors import Busy, Degraded
from netra_backend.domain.events import Append, Draft, Event
from netra_backend.domain.ids import MessageId
from netra_backend.domain.ports import EventLog, LiveText
from netra_backend.domain.runs import Ending, Run
from netra_backend.domain.threads import storable
from netra_backend.observability.trace import OFF, Trace
from netra_backend.protocol.lifecycle import TYPES, LifecyclePayload, RunLifecycle, State
from netra_backend.protocol.payloads import AgentStartedPayload

log = structlog.get_logger(__name__)

TICK_S = 0.03
"""Seconds in which live text gathers into one delta: below what an eye can tell apart."""
RETRY_S = 0.5
"""Seconds until a store that is away is asked again; the worker's lease bounds how often."""
MAX_WAITING = 256
"""Events that may wait for the log before the agent has to."""


def first_start(agent: str, answer_id: MessageId) -> bytes:
    """The payload of `agent_started` of a run's first attempt."""
    return msgspec.json.encode(AgentStartedPayload(agent=agent, attempt=1, message_id=answer_id))


class Emitter:
    """The reporting side of one attempt. All methods are for the run's own task.

    Attributes:
        earlier: the tool calls of earlier attempts.
        live_until: when the lease may have lapsed, by the loop's time. Events are fenced where they are
            stored; live text is not stored, so whoever may have a successor must not show any.
    """

    def __init__(self, run: Run, *, agent: str, log: EventLog, live: LiveText, trace: Trace = OFF) -> None:
        self._run = run
        self._agent = agent
        self._log = log
        self._live = live
        self._lifecycle = RunLifecycle()
        self._trace = trace
        self._waiting: list[Draft] = []
        self._produced: list[float] = []
        self._ending: Ending | None = None
        self._writing = False
        self._again: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._failure: BaseException | None = None
        self._stored = 0
        self._text = ""
        self._shown = 0
        self._ticker: asyncio.TimerHandle | None = None
        self._durable_start = False
        self.earlier: Mapping[Place, EarlierCall] = {}
        self.live_until = math.inf

    @property
    def text(self) -> str:
        """What was written so far."""
        return self._text

    @property
    def lifecycle(self) -> RunLifecycle:
        """Where the run stands, counting what is not stored yet."""
        return self._lifecycle

    async def start(self) -> None:
        """Report `agent_started`; for a later attempt, close first what the earlier left open."""
        started = AgentStartedPayload(
            agent=self._agent, attempt=self._run.attempt, message_id=self._run.answer_id
        )
        if self._run.started:
            self._lifecycle.apply(started)
            self._stored = 1
            self._durable_start = True
            return
        if self._run.attempt == 1:
            self.emit(started)
            return

        def reopen(events: "list[Event] | tuple[Event, ...]") -> list[Draft]:
            self._stored = len([event for event in events if event.type in TYPES.values()])
            self._lifecycle = RunLifecycle.replay((event.type, event.payload) for event in events)
            self.earlier = earlier_calls((event.type, event.payload) for event in events)
            payloads: list[LifecyclePayload] = [*self._lifecycle.closing("unknown")]
            if not self._run.exhausted or self._lifecycle.state is State.NEW:
                payloads.append(started)  # a dead letter is ended, not tried again
            return [self._draft(payload) for payload in payloads]

        added = await self._log.restart(self._run, lambda events: reopen(list(events)))
        self._stored += len(added)

    def emit(self, payload: LifecyclePayload, *, ending: Ending | None = None) -> None:
        """Queue a durable event; with `ending` it is the last one."""
        if self._failure is not None:
            raise self._failure
        self._waiting.append(self._draft(payload))
        self._produced.append(self._trace.now())
        self._ending = ending
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_soon(self._write)

    async def stored(self) -> None:
        """Wait until everything emitted is stored; raises what prevented it (`Fenced`)."""
        while self._writing:
            # A future of its own for each waiter: a cancelled run must not tear a write apart.
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(written)
            await written
        if self._failure is not None:
            raise self._failure

    async def relieve(self) -> None:
        """Wait if too much is waiting."""
        if len(self._waiting) > MAX_WAITING:
            await self.stored()

    async def write(self, text: str) -> None:
        """Add to the answer and show it, after `agent_started` is stored."""
        if not self._durable_start:
            await self.stored()
            self._durable_start = True
        self._text += storable(text)
        if self._ticker is None:
            self._show()
            self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def finish_text(self) -> None:
        """Show what was not shown yet, before the end is reported."""
        self.close()
        self._show()

    def close(self) -> None:
        """Nothing more is reported, whatever was written."""
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def forget_text(self) -> None:
        """The answer is stored; its live text is not needed any more."""
        if self._text:
            self._live.clear(self._run.owner, self._run.answer_id)

    def _tick(self) -> None:
        self._ticker = None
        if self._show():
            self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _show(self) -> bool:
        new = len(self._text) - self._shown
        if new:
            self._shown = len(self._text)
            run = self._run
            if asyncio.get_running_loop().time() < self.live_until:
                self._live.write(run.owner, run.thread_id, run.answer_id, text=self._text, new=new)
        return bool(new)

    def _draft(self, payload: LifecyclePayload) -> Draft:
        encoded = msgspec.json.encode(payload)  # first: what cannot be encoded must not count as reported
        self._lifecycle.apply(payload)
        return Draft(TYPES[type(payload)], encoded)

    def _write(self) -> None:
        """Write what waits. By callbacks: a run writes two or three times, and needs no task for each."""
        if not self._waiting:
            self._ended()
            return
        drafts, self._waiting = tuple(self._waiting), []
        times, self._produced = self._produced, []
        run = self._run
        append = Append(
            owner=run.owner,
            thread_id=run.thread_id,
            run_id=run.id,
            attempt=run.attempt,
            drafts=drafts,
            ending=self._ending,
        )
        writing = asyncio.ensure_future(self._log.append(append))
        writing.add_done_callback(partial(self._written, append, times))

    def _written(self, append: Append, times: list[float], writing: asyncio.Future[Sequence[Event]]) -> None:
        try:
            events = writing.result()
        except (Busy, Degraded) as error:
            self._again = asyncio.create_task(self._write_again(append, times, error), name="run-writer")
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - raised to the run at its next step
            self._ended(error)
        else:
            self._go_on(append, times, events)

    async def _write_again(self, append: Append, times: list[float], error: Busy | Degraded) -> None:
        doubtful = False
        while True:
            doubtful = doubtful or isinstance(error, Degraded)
            log.warning("log_away", run_id=self._run.id)
            await asyncio.sleep(RETRY_S)
            try:
                known = doubtful and await self._committed_after_all(len(append.drafts))
                events = () if known else await self._log.append(append)
            except (Busy, Degraded) as again:
                error = again
            except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - as above
                self._ended(failure)
                return
            else:
                self._go_on(append, times, events)
                return

    def _go_on(self, append: Append, times: list[float], events: Sequence[Event]) -> None:
        """`events` as they are stored; none if they are, but not known with which numbers."""
        self._stored += len(append.drafts)
        if events:
            self._trace.produced(self._run.owner, events[0].seq, times)
        self._write()

    def _ended(self, failure: BaseException | None = None) -> None:
        """Nothing is being written; those who waited for that go on."""
        self._failure = failure
        self._writing = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _committed_after_all(self, count: int) -> bool:
        """Whether a write whose answer was lost had been committed: then it must not be repeated."""
        events = await self._log.run_events(self._run.owner, self._run.id)
        return len([event for event in events if event.type in TYPES.values()]) >= self._stored + count
