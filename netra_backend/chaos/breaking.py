"""Carries a plan out on a running stack: breaks what each step names, and heals it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from netra_backend.chaos.faults import Direction, Refusal
from netra_backend.chaos.plan import Step
from netra_backend.chaos.proxy import FaultProxy
from netra_backend.domain.ports import Clock
from netra_backend.embedded import EmbeddedError
from netra_backend.stack.local import LocalStack
from netra_backend.stack.process import NetraProcess, StackError
from netra_backend.stack.stores import EmbeddedStore

AGAIN_S = 60.0
"""Seconds in which a process must start again, counted from its heal: a store may be away meanwhile."""
PAUSE_S = 0.5
"""Seconds between attempts to start it."""
SLOW_LATENCY_S = 0.3
"""Of each piece on its way to or from a slow PostgreSQL: a transaction takes some of them."""
SLOW_BYTES_PER_S = 3_000
"""What a slow client takes: less than live text of one run."""

Say = Callable[[str], None]
Heal = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What stands between the parts of a stack.

    Attributes:
        clients: one for each gateway, for most users.
        frail: one for each gateway, for the users with bad networks.
    """

    postgres: FaultProxy
    valkey: FaultProxy
    clients: Sequence[FaultProxy]
    frail: Sequence[FaultProxy]


@dataclass(slots=True, kw_only=True)
class Outage:
    """A fault that was made.

    Attributes:
        name: of the process concerned; empty for anything else.
        began: monotonic seconds; `wall` is the same by the clock that events are stamped with.
        healed: monotonic seconds; None while it lasts.
    """

    step: Step
    name: str
    began: float
    wall: datetime
    healed: float | None = None


class Breaker:
    """Makes faults.

    Args:
        stack: it runs.
        proxies: its stores and its clients are reached through them.
        clock: names the moment of a fault as events are stamped.
        say: told of each fault in a line.

    Attributes:
        outages: in order of time.
        troubles: what did not come back, in words.
    """

    def __init__(self, stack: LocalStack, proxies: Proxies, *, clock: Clock, say: Say) -> None:
        self._stack = stack
        self._proxies = proxies
        self._clock = clock
        self._say = say
        self._locks = {process.name: asyncio.Lock() for process in stack.processes}
        self._out: dict[str, int] = {process.name: 0 for process in stack.processes}
        self.outages: list[Outage] = []
        self.troubles: list[str] = []
        self._how: Mapping[str, Callable[[Step], Awaitable[Heal | None]]] = {
            "kill": self._kill,
            "term": self._terminate,
            "pause": self._pause,
            "valkey": self._break_valkey,
            "postgres": self._break_postgres,
            "clients": self._break_clients,
        }

    def holds(self, process: NetraProcess) -> bool:
        """Whether the process is meant to be out."""
        return self._out[process.name] > 0

    async def carry_out(self, plan: Sequence[Step], *, began: float) -> None:
        """Make all faults of `plan`, counted from `began` (monotonic seconds); returns when all are healed."""
        async with asyncio.TaskGroup() as group:
            for step in plan:
                group.create_task(self._make(step, began), name=f"chaos-{step.kind}")

    async def start_again(self, process: NetraProcess) -> None:
        """Start a process that has ended; one that cannot be started is a trouble."""
        deadline = asyncio.get_running_loop().time() + AGAIN_S
        async with self._locks[process.name]:
            while not process.alive:
                try:
                    await process.start()
                except StackError as error:
                    process.kill()
                    await process.ended()
                    if asyncio.get_running_loop().time() > deadline:
                        self.troubles.append(str(error))
                        return
                    await asyncio.sleep(PAUSE_S)

    async def _make(self, step: Step, began: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, began + step.at - loop.time()))
        process = self._process(step)
        name = process.name if process is not None else ""
        outage = Outage(step=step, name=name, began=loop.time(), wall=self._clock.now())
        self.outages.append(outage)
        self._say(
            f"{step.kind}{f' {name}' if name else ''}" + (f" for {step.hold_s:g} s" * bool(step.hold_s))
        )
        try:
            if process is not None:
                self._out[name] += 1
            heal = await self._how[step.kind.partition("-")[0]](step)
            await asyncio.sleep(step.hold_s)
            if heal is not None:
                await heal()
        except (StackError, EmbeddedError, OSError) as error:
            self.troubles.append(f"{step.kind}: {error}")
        finally:
            outage.healed = loop.time()
            if process is not None:
                self._out[name] -= 1

    def _process(self, step: Step) -> NetraProcess | None:
        if step.kind.endswith("-worker"):
            return self._stack.workers[step.target]
        if step.kind.endswith("-gateway"):
            return self._stack.gateways[step.target]
        return None

    def _known(self, step: Step) -> NetraProcess:
        process = self._process(step)
        if process is None:
            raise ValueError(f"{step.kind} is not about a process.")
        return process

    async def _kill(self, step: Step) -> Heal:
        process = self._known(step)
        process.kill()
        await process.ended()
        return lambda: self.start_again(process)

    async def _terminate(self, step: Step) -> Heal:
        process = self._known(step)
        process.terminate()
        # Of this life: by the time of the heal another fault may have ended it, and its heal begun a new one.
        ending = asyncio.create_task(process.ended(), name=f"{process.name} drains")

        async def heal() -> None:
            await ending
            await self.start_again(process)

        return heal

    async def _pause(self, step: Step) -> Heal:
        process = self._known(step)
        process.pause()

        async def resume() -> None:
            process.resume()

        return resume

    async def _break_valkey(self, step: Step) -> Heal | None:
        match step.kind:
            case "valkey-emptied":
                await self._empty()
                return None
            case "valkey-killed":
                return await self._kill_store(self._stack.valkey)
            case _:
                self._proxies.valkey.refuse(Refusal.NOT_LISTENING)
                self._proxies.valkey.cut()
                return self._proxies.valkey.heal

    async def _empty(self) -> None:
        client = Redis.from_url(self._stack.valkey_url)
        with contextlib.suppress(RedisError):  # another fault may have it just now
            await client.flushall()
        await client.aclose()

    async def _break_postgres(self, step: Step) -> Heal | None:
        match step.kind:
            case "postgres-killed":
                return await self._kill_store(self._stack.postgres)
            case "postgres-slow":
                self._proxies.postgres.slow(latency_s=SLOW_LATENCY_S, jitter_s=SLOW_LATENCY_S)
                return self._proxies.postgres.heal
            case _:
                self._proxies.postgres.cut()
                return None

    async def _kill_store(self, store: EmbeddedStore | None) -> Heal | None:
        if store is None:
            return None
        await store.kill()
        return store.start

    async def _break_clients(self, step: Step) -> Heal | None:
        frail = self._proxies.frail
        match step.kind:
            case "clients-cut":
                self._proxies.clients[step.target].cut()
                return None
            case "clients-half-open":
                for proxy in frail:
                    proxy.blackhole()
            case _:
                for proxy in frail:
                    proxy.slow(Direction.TO_CLIENT, bytes_per_s=SLOW_BYTES_PER_S)

        async def heal() -> None:
            for proxy in frail:
                await proxy.heal()

        return heal
