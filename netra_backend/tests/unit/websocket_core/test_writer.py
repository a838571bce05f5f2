"""What leaves one connection, through a server that writes at once (`uvicorn_socket`) and through others."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random  # noqa: TID251 - with a fixed seed
from typing import Any

from netra_backend.domain.ids import ConnectionId
from netra_backend.domain.traffic import Traffic
from netra_backend.observability.trace import Trace
from netra_backend.protocol.errors import CloseCode
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.testing.simulation.loop import VirtualLoop
from netra_backend.tests.unit.websocket_core.gateways import ADA
from netra_backend.websocket_core.registry import UserContext
from netra_backend.websocket_core.uvicorn_socket import BURST, CUT
from netra_backend.websocket_core.writer import Writer, WriterTerms

HERE = ConnectionId("c1")


class Peer:
    """The server's side of one socket. While `open` is cleared it is behind: it takes nothing at once."""

    def __init__(self) -> None:
        self.written: list[list[bytes]] = []
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False
        self.cuts = 0

    def write(self, frames: Sequence[bytes]) -> bool:
        """See `BURST`."""
        if self.gone:
            raise OSError("gone")
        if self.open.is_set():
            self.written.append(list(frames))
        return self.open.is_set()

    async def send(self, event: dict[str, Any]) -> None:
        """See ASGI."""
        await self.open.wait()
        if self.gone:
            raise OSError("gone")
        self.sent.append(event)

    def cut(self) -> None:
        """See `CUT`."""
        self.cuts += 1


class Desk:
    """A writer, its peer, and what it tells those who count."""

    def __init__(self, *, outbox_bytes: int = 10**6, plain: bool = False) -> None:
        self.peer, self.clock = Peer(), FakeClock()
        self.slow: list[None] = []
        self.counts: list[int] = []
        self.trace = Trace(lambda: 7.0, entries=10)
        terms = WriterTerms(
            clock=self.clock,
            outbox_bytes=outbox_bytes,
            slow=lambda: self.slow.append(None),
            sent=self.counts.append,
            trace=self.trace,
        )
        extensions: dict[str, dict[str, Any]] = (
            {} if plain else {BURST: {"write": self.peer.write}, CUT: {"now": self.peer.cut}}
        )
        context = UserContext(ADA, HERE, frozenset())
        self.writer = Writer(context, send=self.peer.send, terms=terms, extensions=extensions)

    def put(self, *frames: bytes) -> None:
        """Send some frames."""
        for frame in frames:
            self.writer.put(frame)

    def behind(self) -> None:
        """The peer takes nothing more."""
        self.peer.open.clear()

    def traffic(self, **changes: Any) -> Traffic:
        """How a connection does that has sent nothing, but for the changes."""
        nothing = {"frames_sent": 0, "bytes_sent": 0, "bytes_waiting": 0, "waiting_s": 0.0, "slow": False}
        who = {"connection_id": HERE, "user_id": "ada", "connected_s": 0.0}
        return Traffic(**{**who, **nothing, **changes})


def burst(*frames: bytes) -> dict[str, Any]:
    """The message for a peer that is behind."""
    return {"type": BURST, "frames": list(frames)}


def closed(code: int) -> dict[str, Any]:
    """The message that closes."""
    return {"type": "websocket.close", "code": code}


async def turns() -> None:
    """Long enough for whatever waits for nothing but its turn."""
    for _ in range(20):
        await asyncio.sleep(0)


def played(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scene on virtual time."""
    loop = VirtualLoop(Random(1))  # type: ignore[abstract]  # noqa: S311 - sockets are not needed, nor secrets
    task = loop.harness.spawn(scene(), "scene")
    loop.run(task.done)
    task.result()
    loop.bury()


async def test_the_frames_of_one_turn_leave_in_one_write_and_are_counted() -> None:
    """For the metrics, the operators' view of connections, and the trace of durable events."""
    desk = Desk()
    desk.clock.forward(3)
    desk.put(b"a", b"bb")
    desk.writer.mark(4, 5)
    before = desk.writer.traffic()
    await turns()
    assert before == desk.traffic(connected_s=3.0, bytes_waiting=131)
    assert (desk.peer.written, desk.counts) == ([[b"a", b"bb"]], [2])
    assert desk.writer.traffic() == desk.traffic(connected_s=3.0, frames_sent=2, bytes_sent=3)
    assert list(desk.trace.steps(ADA, 1, 9)) == [("written", ADA, 4, 5, 7.0, HERE)]
    desk.put(b"c")
    await turns()
    assert (desk.peer.written[1:], desk.counts, desk.peer.sent) == ([[b"c"]], [2, 1], [])
    assert desk.writer.traffic().bytes_sent == 4


async def test_one_write_takes_64_kib_at_most() -> None:
    """With the cost of each frame after the first; a larger frame goes alone."""
    desk = Desk()
    desk.put(b"a" * 32_768, b"b" * 32_704, b"c" * 70_000, b"d" * 32_768, b"e" * 32_705)
    await turns()
    assert [[len(frame) for frame in write] for write in desk.peer.written] == [
        [32_768, 32_704],
        [70_000],
        [32_768],
        [32_705],
    ]


async def test_a_peer_that_is_behind_gets_everything_in_order_when_it_reads() -> None:
    """The write that is stuck says since when; a second of it counts as slow."""
    desk = Desk()
    desk.behind()
    desk.put(b"a", b"b")
    desk.writer.mark(1, 2)
    await turns()
    desk.put(b"c")
    desk.writer.mark(3, 3)
    desk.clock.forward(1.0)
    await turns()
    assert desk.writer.traffic() == desk.traffic(connected_s=1.0, waiting_s=1.0, bytes_waiting=65)
    desk.clock.forward(0.5)
    assert desk.writer.traffic().slow
    desk.peer.open.set()
    await turns()
    assert desk.peer.sent == [burst(b"a", b"b"), burst(b"c")]
    assert (desk.peer.written, desk.counts) == ([], [2, 1])
    assert desk.writer.traffic() == desk.traffic(connected_s=1.5, frames_sent=3, bytes_sent=3)
    assert [(step.first, step.last) for step in desk.trace.steps(ADA, 1, 9)] == [(1, 2), (3, 3)]
    desk.put(b"d")
    await turns()
    assert desk.peer.written == [[b"d"]]


async def test_what_waits_half_way_to_the_bound_counts_as_slow() -> None:
    """The bound is 1,000 here; a frame costs 64 bytes besides its text."""
    desk = Desk(outbox_bytes=1000)
    desk.put(b"x" * (500 - 64))
    half = desk.writer.traffic()
    desk.put(b"")
    more = desk.writer.traffic()
    assert (half.bytes_waiting, half.slow) == (500, False)
    assert (more.bytes_waiting, more.slow) == (564, True)
    await turns()
    assert not desk.writer.traffic().slow


async def test_beyond_the_bound_the_connection_is_closed_for_it() -> None:
    """Nothing of what waited is sent, and it is counted once."""
    desk = Desk(outbox_bytes=1000)
    desk.behind()
    desk.put(b"first")
    await turns()
    desk.put(b"x" * 2000, b"y", b"z")
    desk.writer.mark(7, 7)
    assert (desk.writer.closing, desk.slow, desk.writer.traffic().bytes_waiting) == (True, [None], 0)
    desk.peer.open.set()
    await turns()
    assert desk.peer.sent == [burst(b"first"), closed(4008)]


async def test_a_close_comes_after_what_waits_and_only_the_first_one_counts() -> None:
    """What is put afterwards is not sent."""
    desk = Desk()
    before = desk.writer.closing
    desk.put(b"a")
    desk.writer.close(CloseCode.RESTART)
    desk.writer.close(CloseCode.TOKEN)
    desk.writer.shut(CloseCode.VIOLATION)
    desk.put(b"late")
    assert (before, desk.writer.closing) == (False, True)
    await turns()
    assert (desk.peer.written, desk.peer.sent) == ([[b"a"]], [closed(1012)])
    await desk.writer.end()


async def test_whoever_is_shut_out_gets_nothing_of_what_waits() -> None:
    """Only the close."""
    desk = Desk()
    desk.put(b"secret")
    desk.writer.shut(CloseCode.TOKEN)
    await turns()
    assert (desk.peer.written, desk.peer.sent) == ([], [closed(4401)])
    await desk.writer.end()


async def test_a_peer_that_has_gone_is_no_error() -> None:
    """Whether it went before a write or in one; what waited is forgotten, and nothing is counted."""
    for plain, behind in ((False, False), (False, True), (True, True)):
        desk = Desk(plain=plain)
        if behind:
            desk.behind()
        desk.peer.gone = not behind
        desk.put(b"a" * 60_000, b"b" * 60_000)
        await turns()
        desk.peer.gone = True
        desk.peer.open.set()
        await turns()
        assert (desk.peer.written, desk.peer.sent, desk.counts) == ([], [], [])
        assert desk.writer.traffic() == desk.traffic()
        await desk.writer.end()


async def test_a_server_without_the_extension_gets_frame_by_frame() -> None:
    """As ASGI says; nothing can be cut there."""
    desk = Desk(plain=True)
    desk.put("é".encode(), b"b")
    desk.writer.close(CloseCode.GOING_AWAY)
    await turns()
    assert desk.peer.sent == [
        {"type": "websocket.send", "text": "é"},
        {"type": "websocket.send", "text": "b"},
        closed(1001),
    ]
    assert (desk.peer.written, desk.counts) == ([], [1, 1])


def test_a_peer_that_does_not_take_the_close_is_cut_off_after_five_seconds() -> None:
    """Not before; one that has left by then is let go."""

    async def scene() -> None:
        stuck, left = Desk(), Desk()
        for desk in (stuck, left):
            desk.behind()
            desk.put(b"a")
            desk.writer.close(CloseCode.RESTART)
        await asyncio.sleep(4.9)
        early = stuck.peer.cuts
        await left.writer.end()
        await asyncio.sleep(0.2)
        assert (early, stuck.peer.cuts, left.peer.cuts) == (0, 1, 0)
        await stuck.writer.end()

    played(scene)


def test_flushing_waits_for_the_peer_but_not_for_ever() -> None:
    """Five seconds; what is queued leaves at once where it can."""

    async def scene() -> None:
        desk, loop = Desk(), asyncio.get_running_loop()
        await desk.writer.flushed()
        desk.put(b"a")
        await desk.writer.flushed()
        assert (desk.peer.written, loop.time()) == ([[b"a"]], 0.0)
        desk.behind()
        desk.put(b"b")
        loop.call_later(2.0, desk.peer.open.set)
        await desk.writer.flushed()
        assert (desk.peer.sent, loop.time()) == ([burst(b"b")], 2.0)
        desk.behind()
        desk.put(b"c")
        await desk.writer.flushed()
        assert (desk.peer.sent[1:], loop.time()) == ([], 7.0)
        await desk.writer.end()

    played(scene)


def test_a_replay_waits_while_half_of_the_bound_waits() -> None:
    """A peer that keeps up costs no turn of the loop."""

    async def scene() -> None:
        desk, loop = Desk(outbox_bytes=1000), asyncio.get_running_loop()
        desk.put(b"x" * 400)
        await desk.writer.room()
        assert desk.peer.written == []
        desk.put(b"y" * 400)
        await desk.writer.room()
        assert desk.peer.written == [[b"x" * 400, b"y" * 400]]
        desk.behind()
        desk.put(b"1")
        await turns()
        desk.put(b"z" * 900)
        loop.call_later(3.0, desk.peer.open.set)
        await desk.writer.room()
        assert (loop.time(), desk.writer.traffic().bytes_waiting) == (3.0, 0)

    played(scene)


async def test_after_its_end_nothing_is_written_and_no_task_is_left() -> None:
    """Neither what was due in this turn nor what was stuck."""
    due, stuck = Desk(), Desk()
    due.put(b"a")
    stuck.behind()
    stuck.put(b"b")
    await turns()
    due.put(b"c")
    before = due.peer.written[:]
    async with asyncio.timeout(10):
        for desk in (due, stuck):
            await desk.writer.end()
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "connection-writer"] == []
    stuck.peer.open.set()
    await turns()
    assert (due.peer.written, stuck.peer.sent, stuck.counts) == (before, [], [])
