"""How a replay reads the log: in pages, once, up to where the log ends or is not there any more."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from netra_backend.domain.errors import Degraded
from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner
from netra_backend.testing.memory import MemoryEventLog
from netra_backend.tests.unit.websocket_core.gateways import ADA, MESSAGE, THREAD, Client, Hall


class NotedLog(MemoryEventLog):
    """Notes what it is asked; a read waits while `gate` is cleared, and events up to `kept` are deleted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.reads: list[tuple[int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.heads_read = 0
        self.heads_asked, self.heads_gate = asyncio.Event(), asyncio.Event()
        self.heads_gate.set()
        self.asked = asyncio.Event()
        self.deleted = 0
        self.away_after: int | None = None

    async def read(self, owner: Owner, *, after: int, limit: int) -> Sequence[Event]:
        """See the port."""
        self.reads.append((after, limit))
        self.asked.set()
        await self.gate.wait()
        if self.away_after is not None and after >= self.away_after:
            raise Degraded
        return await super().read(owner, after=max(after, self.deleted), limit=limit)

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        self.heads_read += 1
        self.heads_asked.set()
        await self.heads_gate.wait()
        return await super().heads(owners)


def noted() -> tuple[Hall, NotedLog]:
    """A gateway on such a log."""
    hall = Hall(NotedLog)
    assert isinstance(hall.log, NotedLog)
    return hall, hall.log


async def committed(hall: Hall, count: int) -> None:
    """So many events."""
    for _ in range(count):
        await hall.commit()


def resume(client: Client, hall: Hall, after: int, id_: str = "r") -> None:
    """Ask for what came after a position."""
    client.send("resume", {"epoch": hall.memory.epoch, "after": after}, id=id_)


async def test_a_long_replay_reads_pages_of_500() -> None:
    """Each once, and each event is sent once."""
    hall, log = noted()
    await committed(hall, 1001)
    client = await hall.connected()
    resume(client, hall, 0)
    answer = await client.get("resumed")
    assert (answer["reply_to"], answer["payload"]) == ("r", {"head": 1001})
    assert client.seqs() == list(range(1, 1002))
    assert log.reads == [(0, 500), (500, 500), (1000, 500)]
    await client.leave()


async def test_who_missed_nothing_costs_no_read() -> None:
    """Nor is anything sent again that the feed brought before; what comes then is sent."""
    hall, log = noted()
    await committed(hall, 3)
    client = await hall.connected()
    await committed(hall, 1)
    resume(client, hall, 4)
    assert (await client.get("resumed"))["payload"] == {"head": 4}
    await committed(hall, 1)
    await client.until(lambda: client.seqs() == [5])
    assert log.reads == []
    await client.leave()


async def test_who_begins_at_the_head_of_the_greeting_asks_for_no_other() -> None:
    """A second resume does ask; and what the feed lost in between comes with the next heartbeat."""
    hall, log = noted()
    await committed(hall, 3)
    client = await hall.connected()
    hall.other_feed.go_away()
    await committed(hall, 1)
    resume(client, hall, 3)
    assert (await client.get("resumed"))["payload"] == {"head": 3}
    assert (log.heads_read, log.reads, client.seqs()) == (1, [], [])
    hall.feed.beat({ADA: 4})
    await client.until(lambda: client.seqs() == [4])
    resume(client, hall, 4, "again")
    await client.until(lambda: [answer["reply_to"] for answer in client.of("resumed")] == ["r", "again"])
    assert log.heads_read == 2
    await client.leave()


async def test_who_begins_elsewhere_is_told_by_the_log() -> None:
    """Behind the greeting's head there is something to read; ahead of it may be what came since, or nothing."""
    hall, log = noted()
    await committed(hall, 3)
    for after, kind, seqs in ((2, "resumed", [3]), (4, "resync", [])):
        client = await hall.connected()
        before = log.heads_read
        resume(client, hall, after)
        await client.get(kind)
        assert (log.heads_read, client.seqs()) == (before + 1, seqs)
        await client.leave()
    client = await hall.connected()
    hall.other_feed.go_away()
    await committed(hall, 1)
    resume(client, hall, 4)
    assert (await client.get("resumed"))["payload"] == {"head": 4}
    await client.leave()


async def test_what_the_log_has_deleted_is_to_be_reloaded() -> None:
    """Whether that is the whole of it or its beginning; then the stream goes on live."""
    for count, deleted, after in ((3, 3, 2), (1300, 600, 0)):
        hall, log = noted()
        await committed(hall, count)
        log.deleted = deleted
        client = await hall.connected()
        resume(client, hall, after)
        answer = await client.get("resync")
        assert (answer["reply_to"], answer["payload"]) == ("r", {"reason": "retention", "head": count})
        assert log.reads == [(after, 500)]
        await committed(hall, 1)
        assert (await client.get("message_created"))["seq"] == count + 1
        assert client.of("resumed") == []
        await client.leave()


async def test_a_resume_ends_the_own_attempt_at_a_gap() -> None:
    """One reader at a time; and no heartbeat then says that the client is behind."""
    hall, log = noted()
    client = await hall.connected()
    client.send("ping")
    await client.get("pong")
    hall.other_feed.go_away()
    await committed(hall, 1)
    log.gate.clear()
    hall.feed.beat({ADA: 1})
    await asyncio.wait_for(log.asked.wait(), 10)
    log.asked.clear()
    resume(client, hall, 0)
    await asyncio.wait_for(log.asked.wait(), 10)
    log.gate.set()
    await client.get("resumed")
    assert (client.seqs(), log.reads) == ([1], [(0, 500), (0, 500)])
    assert client.of("heartbeat") == []
    await client.leave()


async def test_a_replay_that_breaks_off_keeps_what_it_sent() -> None:
    """The stream goes on behind that, and repeats nothing."""
    hall, log = noted()
    await committed(hall, 700)
    log.away_after = 500
    client = await hall.connected()
    resume(client, hall, 0)
    assert (await client.get("error"))["payload"]["code"] == "degraded"
    assert client.seqs() == list(range(1, 501))
    log.away_after = None
    hall.feed.beat({ADA: None})
    await client.get("heartbeat")
    assert client.seqs() == list(range(1, 701))
    await client.leave()


async def test_nothing_comes_before_the_greeting() -> None:
    """Whatever the feed brings while the head is read; a heartbeat without a head says the known one."""
    hall, log = noted()
    await committed(hall, 2)
    log.heads_gate.clear()
    client = hall.client()
    await asyncio.wait_for(log.heads_asked.wait(), 10)
    hall.feed.beat({ADA: 2})
    hall.feed.typing(ADA, THREAD, "another", active=True)
    await committed(hall, 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.frames == []
    log.heads_gate.set()
    assert (await client.get("connected"))["payload"]["head"] == 3
    hall.feed.beat({ADA: None})
    assert await client.get("heartbeat") == {"type": "heartbeat", "payload": {"head": 3}}
    assert [frame["type"] for frame in client.frames] == ["connected", "heartbeat"]
    await client.leave()


async def test_a_snapshot_that_cannot_be_read_now_is_no_error() -> None:
    """A late delta asks again."""
    hall = Hall()
    client = await hall.connected()
    (connection,) = hall.gateway.connections()
    connection.follow(THREAD)
    connection.on_delta(THREAD, MESSAGE, 3, "def")
    assert (await client.get("message_snapshot"))["payload"] == {"message_id": MESSAGE, "text": ""}
    hall.memory.texts[ADA, MESSAGE] = "abcdef"
    connection.on_delta(THREAD, MESSAGE, 5, "f")
    assert (await client.get("message_snapshot", 2))["payload"]["text"] == "abcdef"
    await client.leave()
