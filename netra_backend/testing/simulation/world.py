"""One installation on virtual time: gateways and workers of the real code, stores, tabs, and faults.

It plays a `Plan`, then heals everything, waits until all is quiet, and lets a last visitor read back
what is stored.
"""

import asyncio
from collections.abc import Callable
from random import Random  # noqa: TID251 - seeded by the plan

from netra_backend.domain.ids import Owner, RunId
from netra_backend.testing.memory import Memory
from netra_backend.testing.simulation.agents import Effect
from netra_backend.testing.simulation.feed import Valkey
from netra_backend.testing.simulation.hosts import POLL_S, Clock, Host, Site
from netra_backend.testing.simulation.loop import Process, Restless, VirtualLoop
from netra_backend.testing.simulation.parts import Parts
from netra_backend.testing.simulation.plan import TABS, WORKER_FAULTS, Fault, Plan, serves, works
from netra_backend.testing.simulation.records import Frame, Outcome, Recording
from netra_backend.testing.simulation.tab import Tab
from netra_backend.testing.simulation.weather import Weather
from netra_backend.testing.simulation.wire import Closed, FrameTaken, Wire

HEAL_S = 8.0
"""Virtual seconds after which everything is mended."""
QUIET_S = 200.0
"""Virtual seconds after that in which the world must have come to rest: three lapsed leases, a run's
longest time, and the tabs' patience fit in several times."""
DRAINED_S = 30.0
"""Virtual seconds in which a drain that began just now is over, and a worker has looked at its queue."""
LOOK_S = 0.5
PROMPT_S = POLL_S / 4
"""Seconds within which a run that may begin does, where nothing has gone wrong yet."""
LEASE_S = 3.0

DISTURBING = WORKER_FAULTS | {"feed_drops", "feed_delays", "feed_away"}
"""Faults by which a wake-up can be late."""


class World:
    """See the module; `tab.Scene` is the part of it that tabs see."""

    def __init__(self, plan: Plan, parts: Parts, *, trace: bool) -> None:
        self._plan = plan
        self._chance = Random(f"world {plan.seed}")  # noqa: S311 - a test's dice
        turns = Random(f"turns {plan.seed}")  # noqa: S311 - a test's dice
        self.loop = VirtualLoop(turns)  # type: ignore[abstract] # sockets and signals are not simulated
        self._stores = self.loop.process("stores")
        self.people = self.loop.process("people")
        self.memory = Memory(clock=Clock(self._stores), new_id=self._new_id, lease_s=LEASE_S)
        self._weather = Weather(self._chance)
        self.valkey = Valkey(self._weather)
        self.effects: list[Effect] = []
        self._ids = 0
        self._recordings: list[Recording] = []
        self._visits: dict[Owner, Recording] = {}
        self._said: dict[Owner, list[Frame]] = {}
        self.complaints: list[str] = []
        self.trace: list[str] | None = [] if trace else None
        site = Site(
            loop=self.loop,
            stores=self._stores,
            memory=self.memory,
            weather=self._weather,
            valkey=self.valkey,
            parts=parts,
            new_id=self._new_id,
            effects=self.effects,
            outbox_bytes=2000 if self._chance.random() < 0.3 else 65536,
            lease_s=LEASE_S,
            slots=plan.slots,
            complain=self.complaints.append,
        )
        self._hosts = {name: Host(name, site, self._crash) for name in plan.hosts}
        self._doors = [host for name, host in self._hosts.items() if serves(name)]
        self._workers = [host for name, host in self._hosts.items() if works(name)]
        self._waiting: dict[str, float] = {}
        self._tabs = {name: Tab(self, name, patience=plan.patience) for name in TABS}
        self._over = False

    # The schedule.

    def play(self) -> Outcome:
        """Play the plan; returns what it left behind."""
        harness = self.loop.harness
        for host in self._hosts.values():
            host.start()
        for tab in self._tabs.values():
            self.people.soon(tab.connect, delay=self._chance.random() * 0.2)
        for deed in self._plan.deeds:
            self.people.soon(self._tabs[deed.tab].do, deed, delay=deed.at)
        for fault in self._plan.faults:
            harness.soon(self._strike, fault, delay=fault.at)
        self.people.soon(self._look_around, delay=2.0)
        harness.soon(self._look_for_idleness)
        harness.spawn(self._to_the_end(), "harness")
        try:
            self.loop.run(lambda: self._over)
        except Restless as error:
            self.complaints.append(f"It does not come to rest: {error}.")
        self._gather_accidents()
        self.note("world", f"{self.loop.steps} steps")
        return self._outcome()

    async def _to_the_end(self) -> None:
        await asyncio.sleep(HEAL_S)
        self._heal()
        await self._until(self._quiet, QUIET_S, self._unquiet)
        await self._until(lambda: not self._slots_lost(), DRAINED_S, self._slots_lost, what="Slots")
        visitors = [Tab(self, f"{owner.tenant_id}/{owner.user_id}/visitor") for owner in self._owners()]
        for visitor in visitors:
            visitor.last = 0
            visitor.connect()
            visitor.ask("list_threads", {"limit": 200})
            for thread in self.memory.threads.values():
                if thread.owner == visitor.owner:
                    visitor.ask("get_thread_history", {"limit": 200}, thread_id=thread.thread.id)
        await self._until(
            lambda: all(visitor.settled for visitor in visitors), QUIET_S, lambda: "a visitor got no answer"
        )
        for each in self._recordings:
            if each.tab.endswith("visitor"):  # who may have been closed as too slow, and come again
                visit = self._visits.setdefault(each.owner, Recording(each.tab, each.owner, each.gateway))
                visit.frames += each.frames
        self._over = True

    async def _until(
        self,
        done: Callable[[], bool],
        seconds: float,
        why: Callable[[], str],
        *,
        what: str = "It does not come to rest",
    ) -> None:
        end = self.loop.time() + seconds
        while not done():
            if self.loop.time() > end:
                self.complaints.append(f"{what}: {why()}.")
                return
            await asyncio.sleep(LOOK_S)

    def _quiet(self) -> bool:
        return not any(run.open for run in self.memory.runs.values()) and all(
            tab.settled for tab in self._tabs.values()
        )

    def _unquiet(self) -> str:
        runs = [f"run {run.id} is {run.status}" for run in self.memory.runs.values() if run.open]
        tabs = [
            f"{tab.name} has {tab.last} of {self.head(tab.owner)} and waits for {list(tab.pending)}"
            for tab in self._tabs.values()
            if not tab.settled
        ]
        return "; ".join(runs + tabs)

    def _slots_lost(self) -> str:
        """What acceptance cannot set aside, though nothing runs or waits: it was never given back."""
        free = {host.name: host.free_slots() for host in self._doors}
        slots = self._plan.slots
        lost = [name for name, found in free.items() if found is not None and found != slots]
        return "; ".join(f"{name} has {free[name]} of {slots} slots" for name in lost)

    def _look_for_idleness(self) -> None:
        """While all is well, nothing waits beside workers that all have a free slot."""
        now, runs = self.loop.time(), self.memory.runs.values()
        if now >= self._calm_until():
            return
        idle = all(
            sum(run.status == "running" and run.worker == host.worker_id for run in runs) < self._plan.slots
            for host in self._workers
        )
        first = {run.thread_id: run for run in sorted(runs, key=lambda run: -run.turn) if run.open}
        waiting = [run.id for run in first.values() if idle and run.status == "queued"]
        self._waiting = {run: self._waiting.get(run, now) for run in waiting}
        for run, since in self._waiting.items():
            if now - since > PROMPT_S:
                self.complaints.append(f"Promptness: run {run} waits, and every worker has a free slot.")
        self.loop.harness.soon(self._look_for_idleness, delay=0.1)

    def _calm_until(self) -> float:
        """When the first thing happens that can delay a run."""
        return min(
            [
                HEAL_S,
                *(fault.at for fault in self._plan.faults if fault.kind in DISTURBING),
                *(deed.at for deed in self._plan.deeds if deed.agent == "poison"),
            ]
        )

    def _owners(self) -> list[Owner]:
        return list(dict.fromkeys(tab.owner for tab in self._tabs.values()))

    def _look_around(self) -> None:
        for tab in self._tabs.values():
            tab.look_around()
        self.people.soon(self._look_around, delay=2.0)

    # Faults.

    def _strike(self, fault: Fault) -> None:
        if self.loop.time() >= HEAL_S:
            return
        self.note("fault", str(fault))
        if fault.kind.startswith("store"):
            self._change_weather(fault)
        elif fault.kind.startswith("feed"):
            self._strike_feed(fault)
        elif fault.target in self._hosts:
            self._strike_host(fault, self._hosts[fault.target])
        else:
            self._strike_tab(fault, self._tabs[fault.target])

    def _change_weather(self, fault: Fault) -> None:
        self._weather.set(fault.kind, fault.target, fault.amount)
        self.loop.harness.soon(self._weather.set, fault.kind, fault.target, 0.0, delay=fault.seconds)

    def _strike_feed(self, fault: Fault) -> None:
        if fault.kind == "feed_away":
            self.valkey.go_away()
            self.loop.harness.soon(self.valkey.come_back, delay=fault.seconds)
        elif fault.kind == "feed_emptied":
            self.valkey.texts.clear()
        else:
            self._change_weather(fault)

    def _strike_host(self, fault: Fault, host: Host) -> None:
        process = host.process
        if fault.kind == "skew":
            process.skew = fault.amount
        elif fault.kind == "drain":
            if process.alive:
                process.spawn(self._drain(host, process, fault.seconds), "drain")
        elif fault.kind == "crash":
            process.steps_left, process.trip = int(fault.amount), lambda: self._crash(host, fault.seconds)
        else:
            process.steps_left, process.trip = int(fault.amount), lambda: self._pause(process, fault.seconds)

    def _pause(self, process: Process, seconds: float) -> None:
        self.note("fault", f"{process.name} stops for {seconds:.2f} s")
        process.freeze()
        self.loop.harness.soon(process.thaw, delay=seconds)

    def _crash(self, host: Host, restart_s: float = 0.5) -> None:
        self.note("fault", f"{host.name} dies")
        host.process.kill()
        if host.feed in self.valkey.feeds:
            self.valkey.feeds.remove(host.feed)
        for tab in self._tabs.values():
            wire = tab.wire
            if wire is not None and wire.server is host.process and not wire.half_open:
                self.people.soon(tab.lost, wire, "the server is gone")
        self.loop.harness.soon(self._restart, host, delay=restart_s)

    def _restart(self, host: Host) -> None:
        if not host.process.alive:
            self.note("fault", f"{host.name} starts")
            host.start()

    async def _drain(self, host: Host, process: Process, restart_s: float) -> None:
        await host.drain()
        if host.process is process:
            self._crash(host, restart_s)

    def _strike_tab(self, fault: Fault, tab: Tab) -> None:
        if fault.kind == "cut":
            self.people.soon(tab.leave, "cut")
        elif tab.wire is not None and fault.kind == "half_open":
            tab.wire.lose()
        elif tab.wire is not None:
            tab.wire.stop_reading()
            self.people.soon(tab.wire.read_on, delay=fault.seconds)

    def _heal(self) -> None:
        self.note("world", "heals")
        self._weather.clear()
        if not self.valkey.up:
            self.valkey.come_back()
        for host in self._hosts.values():
            host.process.steps_left, host.process.skew = 0, 0.0
            host.process.thaw()
            self._restart(host)

    # What tabs see (`tab.Scene`).

    def time(self) -> float:
        """See `Scene`."""
        return self.loop.time()

    def note(self, who: str, what: str | bytes) -> None:
        """See `Scene`."""
        if self.trace is not None:
            text = what.decode() if isinstance(what, bytes) else what
            self.trace.append(f"{self.loop.time():9.4f} {who:16} {text}")

    def dial(self, owner: Owner, frame: FrameTaken, closed: Closed) -> Wire | None:
        """See `Scene`."""
        host = self._chance.choice(self._doors)
        if not host.process.alive:
            return None
        wire = Wire(host.process, self.people, frame=frame, closed=closed)
        host.serve(wire, owner, burst=self._chance.random() < 0.5)
        return wire

    def record(self, tab: str, owner: Owner, gateway: str) -> Recording:
        """See `Scene`."""
        self.note(tab, f"dials {gateway}")
        recording = Recording(tab, owner, gateway)
        self._recordings.append(recording)
        return recording

    def head(self, owner: Owner) -> int:
        """See `Scene`."""
        return self.memory.head(owner)

    def stop_accepted(self, owner: Owner, run_id: str) -> None:
        """See `Scene`."""
        run = self.memory.runs[RunId(run_id)]
        if run.owner != owner:
            self.complaints.append(f"Promise 7: {owner} stopped the run {run_id} of {run.owner}.")
        if run.open and not run.stop_requested:
            self.complaints.append(f"Promise 5: the stop of {run_id} was acknowledged before it was durable.")

    def said(self, owner: Owner, frame: Frame) -> None:
        """See `Scene`."""
        self._said.setdefault(owner, []).append(frame)

    def any_said(self, owner: Owner, pick: float) -> Frame | None:
        """See `Scene`."""
        said = self._said.get(owner)
        return said[int(pick * len(said))] if said else None

    def of_others(self, owner: Owner) -> tuple[str, str] | None:
        """See `Scene`."""
        theirs = [run for run in self.memory.runs.values() if run.owner != owner]
        return (theirs[-1].thread_id, theirs[-1].id) if theirs else None

    # What is left.

    def _new_id(self) -> str:
        self._ids += 1
        return f"00000000-0000-7000-8000-{self._ids:012x}"

    def _gather_accidents(self) -> None:
        self.complaints += [f"Unhandled: {accident}." for accident in self.loop.accidents]
        for process in self.loop.processes:
            for task in process.tasks:
                if task.done() and not task.cancelled() and process.alive:
                    error = task.exception()
                    if error is not None and not isinstance(error, OSError):
                        self.complaints.append(
                            f"Unhandled in {task.get_name()} of {process.name}: {error!r}."
                        )

    def _outcome(self) -> Outcome:
        faults, deeds = self._plan.faults, self._plan.deeds
        poisoned = any(deed.agent == "poison" for deed in deeds)
        return Outcome(
            events=self.memory.events,
            messages=self.memory.messages,
            runs={run.id: run for run in self.memory.runs.values()},
            recordings=self._recordings,
            visits=self._visits,
            effects=self.effects,
            undisturbed=not poisoned and not any(fault.kind in WORKER_FAULTS for fault in faults),
            deathless=not poisoned and not any(fault.kind in WORKER_FAULTS - {"drain"} for fault in faults),
            complaints=self.complaints,
        )
