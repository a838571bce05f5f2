"""The feed on Valkey: sharded channels per owner, and one channel for workers and gateways.

Who listens in this very process is told at once, and everybody else through Valkey: one process
needs no round trip for itself, and works on when Valkey is away. It may lose, repeat and reorder;
whoever listens compares numbers with the log.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from netra_backend.domain.events import Event
from netra_backend.domain.ids import MessageId, Owner, RunId, ThreadId
from netra_backend.domain.ports import Sink
from netra_backend.events.link import Address
from netra_backend.events.names import EVERYBODY, channel, mailbox
from netra_backend.events.outlet import Outlet
from netra_backend.events.topology import Topology
from netra_backend.observability.trace import OFF, Trace
from netra_backend.protocol.frames import event_frame

_delta = msgspec.json.Decoder(tuple[ThreadId, MessageId, int, str])
_typing = msgspec.json.Decoder(tuple[ThreadId, str, bool])


class ValkeyFeed:
    """See `domain.ports.Feed`.

    Args:
        address: of Valkey, or of any server of a Cluster.
        origin: names this process; its own messages are not taken again when they come back.
        trace: notes when Valkey has confirmed a publication.
    """

    def __init__(self, address: Address, *, origin: str, trace: Trace = OFF) -> None:
        self.origin = origin.replace("-", "").encode()
        self._topology = Topology(
            address,
            deliver=self._deliver,
            doubt=lambda: self._doubt(),
            recovered=self._recovered,
        )
        self.outlet = Outlet(self._topology)
        self._sinks: dict[bytes, tuple[Owner, set[Sink]]] = {}
        self._work: Callable[[], None] = _nothing
        self._doubt: Callable[[], None] = _nothing
        self._stop: Callable[[RunId], None] = _nothing
        self._trace = trace
        self._answer: Callable[[bytes], bytes] | None = None
        self._asked: dict[bytes, list[bytes]] = {}
        self._numbers = itertools.count(1)

    @property
    def healthy(self) -> bool:
        """See the port."""
        return all(server.healthy for server in self._topology.servers)

    async def open(self) -> None:
        """Start listening; does not wait for a Valkey that is away, and goes on trying."""
        await self._topology.open()
        for name in (EVERYBODY, mailbox(self.origin)):
            await self._topology.subscribe(name)

    async def close(self) -> None:
        """Send what is queued and stop listening."""
        await self.outlet.settle()
        await self._topology.close()

    async def attach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        name = channel(owner)
        _, sinks = self._sinks.setdefault(name, (owner, set()))
        sinks.add(sink)
        await self._topology.subscribe(name)

    async def detach(self, owner: Owner, sink: Sink) -> None:
        """See the port."""
        name = channel(owner)
        _, sinks = self._sinks.get(name, (owner, set()))
        sinks.discard(sink)
        if not sinks and self._sinks.pop(name, None) is not None:
            self._topology.unsubscribe(name)

    def publish(self, owner: Owner, events: Sequence[Event]) -> None:
        """See the port."""
        if events:
            frames = b"\n".join(event_frame(event) for event in events)
            first, last = events[0].seq, events[-1].seq
            self.tell_here(owner, message := b"E%d\n%s" % (first, frames))

            def published(_: object) -> None:
                self._trace.note("published", owner, first, last)

            self.outlet.send("SPUBLISH", channel(owner), self.origin + message, reply=published)

    def typing(self, owner: Owner, thread_id: ThreadId, source: str, *, active: bool) -> None:
        """See the port."""
        self._tell(owner, b"P" + msgspec.json.encode((thread_id, source, active)))

    def revoke(self, owner: Owner) -> None:
        """See the port."""
        self._tell(owner, b"R")

    def work(self) -> None:
        """See the port."""
        self._work()
        self.outlet.send_once("SPUBLISH", EVERYBODY, self.origin + b"W")

    def stop(self, run_id: RunId) -> None:
        """See the port."""
        self._stop(run_id)
        self._everybody(b"S" + run_id.encode())

    def owners(self) -> Collection[Owner]:
        """See the port."""
        return [owner for owner, _ in self._sinks.values()]

    def beat(self, heads: Mapping[Owner, int | None]) -> None:
        """See the port."""
        for owner, head in heads.items():
            for sink in self._listeners(channel(owner)):
                sink.on_head(head)

    def on_doubt(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._doubt = callback

    def on_work(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._work = callback

    def on_stop(self, callback: Callable[[RunId], None]) -> None:
        """See the port."""
        self._stop = callback

    async def ask(self, question: bytes, *, patience_s: float) -> Sequence[bytes]:
        """Ask all other processes; what they answered in time. Nobody answers while Valkey is away."""
        if not self.healthy:
            return []
        number = b"%016d" % next(self._numbers)
        answers = self._asked[number] = []
        try:
            self._everybody(b"Q" + self.origin + number + question)
            await asyncio.sleep(patience_s)
        finally:
            del self._asked[number]
        return answers

    def on_question(self, answer: Callable[[bytes], bytes]) -> None:
        """Answer questions of other processes (at start-up only)."""
        self._answer = answer

    def tell_here(self, owner: Owner, message: bytes) -> None:
        """Tell who listens in this process."""
        self._to_sinks(channel(owner), message[:1], message[1:])

    def _tell(self, owner: Owner, message: bytes) -> None:
        self.tell_here(owner, message)
        self.outlet.send("SPUBLISH", channel(owner), self.origin + message)

    def _recovered(self) -> None:
        """What was lost concerned the others; that all is well again concerns who watches here as well."""
        self._doubt()
        self._everybody(b"D")

    def _everybody(self, message: bytes) -> None:
        self.outlet.send("SPUBLISH", EVERYBODY, self.origin + message)

    def _deliver(self, name: bytes, data: bytes) -> None:
        if data.startswith(self.origin):
            return  # told already
        message = data[len(self.origin) :]
        if b"{" in name:
            self._to_sinks(name, message[:1], message[1:])
        else:
            self._to_this_process(message[:1], message[1:])

    def _to_this_process(self, kind: bytes, rest: bytes) -> None:
        if kind == b"W":
            self._work()
        elif kind == b"S":
            self._stop(RunId(rest.decode()))
        elif kind == b"D":
            self._doubt()
        elif kind == b"Q":
            self._answer_question(rest)
        elif kind == b"A" and (answers := self._asked.get(rest[:16])) is not None:
            answers.append(rest[16:])

    def _answer_question(self, rest: bytes) -> None:
        if self._answer is not None:
            size = len(self.origin)
            asker, number, question = rest[:size], rest[size : size + 16], rest[size + 16 :]
            answer = self.origin + b"A" + number + self._answer(question)
            self.outlet.send("SPUBLISH", mailbox(asker), answer)

    def _to_sinks(self, name: bytes, kind: bytes, rest: bytes) -> None:
        sinks = self._listeners(name)
        if kind == b"E":
            first, *frames = rest.split(b"\n")
            for sink in sinks:
                sink.on_events(int(first), frames)
        elif kind == b"T":
            delta = _delta.decode(rest)
            for sink in sinks:
                sink.on_delta(*delta)
        elif kind == b"P":
            notice = _typing.decode(rest)
            for sink in sinks:
                sink.on_typing(*notice)
        elif kind == b"R":
            for sink in sinks:
                sink.on_revoked()

    def _listeners(self, name: bytes) -> tuple[Sink, ...]:
        _, sinks = self._sinks.get(name, (None, ()))
        return tuple(sinks)


def _nothing(*_: object) -> None:
    """Nobody has asked to be told."""
