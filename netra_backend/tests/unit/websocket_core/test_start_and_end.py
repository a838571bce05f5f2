"""Where a connection's stream starts and a run's live text ends: races that the simulation found."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from random import Random  # noqa: TID251 - with a fixed seed
from typing import Any

from netra_backend.domain.errors import Degraded
from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.testing.memory import MemoryEventLog
from netra_backend.testing.simulation.loop import VirtualLoop
from netra_backend.tests.unit.websocket_core.gateways import Hall
from netra_backend.websocket_core.following import Following

THREAD = ThreadId("t")
OLD, NEW = MessageId("old"), MessageId("new")
SILENCE_S = 1.0


class AskedLog(MemoryEventLog):
    """The answer to a resume takes long, or does not come at all."""

    asked = 0
    away = False

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        self.asked += 1
        if self.asked > 1:
            await asyncio.sleep(5 * SILENCE_S)
            if self.away:
                raise Degraded
        return await super().heads(owners)


class AwayLog(AskedLog):
    """It does not come."""

    away = True


def played(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene on virtual time."""
    loop = VirtualLoop(Random(1))  # type: ignore[abstract]  # noqa: S311 - sockets are not needed, nor secrets
    task = loop.harness.spawn(scene, "scene")
    loop.run(task.done)
    task.result()
    loop.bury()


async def commit(hall: Hall, count: int) -> None:
    """Some durable events."""
    for _ in range(count):
        await hall.commit()


def test_nothing_is_sent_before_a_replay_however_long_the_log_takes() -> None:
    """The silence that opens the stream ends with the resume's arrival, not with its answer."""

    async def scene() -> None:
        hall = Hall(AskedLog, start_silence_s=SILENCE_S)
        await commit(hall, 5)
        client = await hall.connected()
        client.send("resume", {"epoch": hall.memory.epoch, "after": 2}, id="r")
        await asyncio.sleep(2 * SILENCE_S)
        await commit(hall, 1)
        await client.get("resumed")
        assert client.seqs() == [3, 4, 5, 6]

    played(scene())


def test_the_stream_opens_after_a_resume_that_failed() -> None:
    """By silence, as if nothing had been said."""

    async def scene() -> None:
        hall = Hall(AwayLog, start_silence_s=SILENCE_S)
        await commit(hall, 5)
        client = await hall.connected()
        client.send("resume", {"epoch": hall.memory.epoch, "after": 2}, id="r")
        assert (await client.get("error"))["payload"]["code"] == "degraded"
        await commit(hall, 1)
        assert client.seqs() == []
        await asyncio.sleep(2 * SILENCE_S)
        assert client.seqs() == [6]

    played(scene())


def test_a_resume_that_came_while_the_process_stood_still_is_read_first() -> None:
    """Both are due in the same turn of the loop: the frame, and the end of the silence."""

    async def scene() -> None:
        hall = Hall(start_silence_s=SILENCE_S)
        loop = asyncio.get_running_loop()
        resume = {"epoch": hall.memory.epoch, "after": 2}
        client = hall.client()
        loop.call_at(loop.time() + SILENCE_S, lambda: client.send("resume", resume, id="r"))
        await commit(hall, 5)
        await client.get("connected")
        await commit(hall, 1)
        await client.get("resumed")
        assert client.seqs() == [3, 4, 5, 6]

    played(scene())


class StillLog(MemoryEventLog):
    """After its first answer the process that asked stands still for longer than the silence."""

    stood = False

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        heads = await super().heads(owners)
        loop = asyncio.get_running_loop()
        if not self.stood and isinstance(loop, VirtualLoop):
            self.stood = True
            loop.harness.freeze()
        return heads


def test_the_silence_begins_again_for_a_client_that_was_not_greeted_in_time() -> None:
    """The process stood still with `connected` unsent: the client could not say anything."""

    async def scene(hall: Hall) -> None:
        await commit(hall, 5)
        client = await hall.connected()
        client.send("resume", {"epoch": hall.memory.epoch, "after": 2}, id="r")
        await client.get("resumed")
        assert client.seqs() == [3, 4, 5, 6]
        await commit(hall, 1)
        assert (await client.get("message_created", 5))["seq"] == 7

    async def meanwhile(hall: Hall, loop: VirtualLoop) -> None:
        await asyncio.sleep(2 * SILENCE_S)
        await commit(hall, 1)
        loop.harness.thaw()

    loop = VirtualLoop(Random(1))  # type: ignore[abstract]  # noqa: S311 - as above
    hall = Hall(StillLog, start_silence_s=SILENCE_S)
    task = loop.harness.spawn(scene(hall), "scene")
    loop.process("elsewhere").spawn(meanwhile(hall, loop), "meanwhile")
    loop.run(task.done)
    task.result()
    loop.bury()


def started(run_id: str, message_id: MessageId) -> bytes:
    """A frame as the log gives it."""
    return b'{"type":"agent_started","seq":1,"thread_id":"t","run_id":"%s","payload":{"message_id":"%s"}}' % (
        run_id.encode(),
        message_id.encode(),
    )


def ended(run_id: str) -> bytes:
    """An end without an answer."""
    return b'{"type":"agent_completed","seq":2,"thread_id":"t","run_id":"%s","payload":{}}' % run_id.encode()


def test_nothing_of_a_run_follows_its_end() -> None:
    """Neither a late delta nor the snapshot that was being fetched, which would blank the answer."""
    following = Following()
    following.follow(THREAD)
    following.told(started("1", OLD))
    following.fetching(THREAD, OLD)
    following.told(ended("1"))
    assert following.fetched(THREAD, OLD, "") == []
    assert following.delta(THREAD, OLD, 0, "late") == []
    assert following.delta(THREAD, OLD, 9, "late") == []


def test_an_end_that_is_told_again_silences_no_other_run() -> None:
    """A replay repeats old ends while a new run writes."""
    following = Following()
    following.follow(THREAD)
    following.told(started("2", NEW))
    following.told(started("1", OLD))
    following.told(ended("1"))
    assert following.delta(THREAD, NEW, 0, "more") != []
