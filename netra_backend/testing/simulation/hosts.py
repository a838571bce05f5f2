"""One process, gateway or worker or both: the real classes, wired to the simulated stores as `app.py` wires them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from netra_backend.agents.runner import Agents, RunTask
from netra_backend.agents.worker import Worker
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import ConnectionId, IdSource, MessageId, Owner, TenantId, UserId, WorkerId
from netra_backend.domain.runs import Run
from netra_backend.events.watch import HeadWatch
from netra_backend.protocol.session import Limits
from netra_backend.testing.memory import Memory
from netra_backend.testing.simulation.agents import Effect, agents
from netra_backend.testing.simulation.feed import SimulatedFeed, SimulatedLiveText, Valkey
from netra_backend.testing.simulation.link import Commits, Link
from netra_backend.testing.simulation.loop import Process, VirtualLoop
from netra_backend.testing.simulation.parts import Parts
from netra_backend.testing.simulation.plan import serves, works
from netra_backend.testing.simulation.stores import DistantLog, DistantQueue, DistantStore
from netra_backend.testing.simulation.weather import Weather
from netra_backend.testing.simulation.wire import Wire
from netra_backend.websocket_core.connection import Terms
from netra_backend.websocket_core.factory import HandlerFactory
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.server import Gateway
from netra_backend.websocket_core.uvicorn_socket import BURST

HEARTBEAT_S = 4.0
RUN_TIMEOUT_S = 8.0
POLL_S = 2.0
DRAIN_S = 0.5
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """The `Clock` of a process; its wall clock may be wrong."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        """Virtual time, plus the process's error."""
        return EPOCH + timedelta(seconds=self._process.loop.time() + self._process.skew)

    def monotonic(self) -> float:
        """Virtual time."""
        return self._process.loop.time()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all hosts share."""

    loop: VirtualLoop
    stores: Process
    memory: Memory
    weather: Weather
    valkey: Valkey
    parts: Parts
    new_id: IdSource
    effects: list[Effect]
    outbox_bytes: int
    lease_s: float
    slots: int
    complain: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """The adapters of one process, which its gateway and its worker share."""

    clock: "Clock"
    link: Link
    store: DistantStore
    log: DistantLog
    live: SimulatedLiveText


class Host:
    """A place for one process after another. `crash` is what its agents may do to it."""

    process: Process
    feed: SimulatedFeed

    def __init__(self, name: str, site: Site, crash: Callable[["Host"], None]) -> None:
        self.name = name
        self._site = site
        self._crash = crash
        self._gateway: Gateway | None = None
        self._worker: Worker | None = None

    def start(self) -> None:
        """Begin a new process with nothing in its memory."""
        site = self._site
        self._gateway = self._worker = None
        self.process = site.loop.process(self.name)
        self.feed = SimulatedFeed(self.process, site.valkey)
        self.process.soon(self._begin)

    @property
    def worker_id(self) -> WorkerId | None:
        """Who works here just now."""
        return None if self._worker is None else self._worker.worker_id

    def free_slots(self) -> int | None:
        """How many slots acceptance could set aside just now, or None if it never starts anything here."""
        worker = self._worker
        if worker is None or self._gateway is None or not self.process.alive:
            return None
        probes = [MessageId(f"probe-{number}") for number in range(self._site.slots + 1)]
        had = [probe for probe in probes if worker.reserve(None, probe) is not None]
        for probe in had:
            worker.release(probe)
        return len(had)

    def serve(self, wire: Wire, owner: Owner, *, burst: bool) -> None:
        """Give the gateway a socket."""
        scope: dict[str, Any] = {"type": "websocket", "token": f"{owner.tenant_id}/{owner.user_id}"}
        if burst:
            scope["extensions"] = {BURST: {}}
        self.process.spawn(self._serve(wire, scope), "socket")

    async def drain(self) -> None:
        """SIGTERM."""
        gateway, worker = self._gateway, self._worker
        drains = [part.drain(DRAIN_S) for part in (gateway, worker) if part is not None]
        await asyncio.gather(*drains)

    async def _serve(self, wire: Wire, scope: dict[str, Any]) -> None:
        assert self._gateway is not None  # noqa: S101 - begun before any socket can come
        try:
            await self._gateway(scope, wire.receive, wire.send)
        except OSError:
            return  # the tab left while it was let in; uvicorn takes it like this

    def _begin(self) -> None:
        core = self._core()
        if works(self.name):
            self._start_worker(core)
        if serves(self.name):
            self._start_gateway(core)
            if self._worker is not None:
                core.store.start_with(self._worker)

    def _core(self) -> _Core:
        site, clock = self._site, Clock(self.process)
        commits = Commits(site.memory)
        link = Link(self.process, stores=site.stores, weather=site.weather, commits=commits, feed=self.feed)
        store = site.parts.store(site.memory, commits)
        acceptor = site.parts.acceptor(
            site.memory,
            store,
            link=link,
            commits=commits,
            feed=self.feed,
            clock=clock,
            new_id=site.new_id,
            complain=site.complain,
        )
        return _Core(
            clock=clock,
            link=link,
            store=DistantStore(store, link, acceptor),
            log=DistantLog(site.parts.log(site.memory, commits), link),
            live=site.parts.live(self.feed),
        )

    def _start_gateway(self, core: _Core) -> None:
        site, clock, log = self._site, core.clock, core.log
        desk = _Desk(clock, core.link)
        services = Services(
            store=core.store, feed=self.feed, verify=desk.verify, new_id=site.new_id, refused=_ignore
        )
        self._gateway = Gateway(
            credentials=desk,
            factory=HandlerFactory(services),
            feed=self.feed,
            terms=Terms(
                log=log,
                live=core.live,
                clock=clock,
                heartbeat_s=HEARTBEAT_S,
                start_silence_s=1.0,
                max_frame_bytes=65536,
                outbox_bytes=site.outbox_bytes,
                server_version="simulated",
                slow=_ignore,
                resumed=_ignore,
                sent=_ignore,
            ),
            limits=Limits(),
            meter=_Meter(),
            new_id=site.new_id,
            auth_timeout_s=5.0,
            connections_per_user=50,
            visits=_Everybody(),
        )
        watch = HeadWatch(log, self.feed, heartbeat_s=HEARTBEAT_S)
        self.process.spawn(watch.run(), "head-watch")

    def _start_worker(self, core: _Core) -> None:
        site = self._site
        named = agents(site.effects, lambda: self._crash(self), site.loop.create_future)
        found = Agents(default=named["quick"], default_name="quick", named=named)

        def task(run: Run) -> RunTask:
            return RunTask(
                run,
                agents=found,
                events=core.log,
                live=core.live,
                clock=core.clock,
                new_id=site.new_id,
                timeout_s=RUN_TIMEOUT_S,
                ended=_ignore,
            )

        self._worker = site.parts.worker(
            WorkerId(site.new_id()),
            queue=DistantQueue(site.parts.queue(site.memory), core.link),
            feed=self.feed,
            task=task,
            slots=site.slots,
            lease_s=site.lease_s,
            poll_s=POLL_S,
            first_start=found.first_start,
        )
        self.process.spawn(self._worker.run(), "worker")


class _Desk:
    """`server.Credentials`: a token is `tenant/user`, looked up in the stores."""

    def __init__(self, clock: Clock, link: Link) -> None:
        self._clock = clock
        self._link = link

    def admit(self, scope: Mapping[str, Any]) -> str | None:
        token: str = scope["token"]
        return token

    async def verify(self, token: str) -> Principal:
        return await self._link.call(lambda: self._look_up(token))

    async def _look_up(self, token: str) -> Principal:
        tenant, _, user = token.partition("/")
        return Principal(
            owner=Owner(TenantId(tenant), UserId(user)),
            roles=frozenset(),
            expires_at=self._clock.now() + timedelta(days=1),
            session_id=None,
            issuer="simulation",
        )


class _Everybody:
    """`server.Visits` and `server.Allowed`: everybody may come and say anything."""

    def enter(self, owner: Owner, connection_id: ConnectionId, evict: Callable[[], None]) -> "_Everybody":
        """Nobody is turned away."""
        return self

    def leave(self, owner: Owner, connection_id: ConnectionId) -> None:
        """Not counted."""

    def take(self, now: float) -> float:
        """Not counted."""
        return 0.0


class _Meter:
    """A `server.Meter` that counts nothing."""

    def opened(self) -> None:
        """Not counted."""

    def closed(self) -> None:
        """Not counted."""

    def received(self, message_type: str) -> None:
        """Not counted."""

    def refused(self, code: str) -> None:
        """Not counted."""


def _ignore(*_: object) -> None:
    """Not counted."""
