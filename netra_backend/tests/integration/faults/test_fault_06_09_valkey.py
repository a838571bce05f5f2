"""Faults 6 to 9: Valkey is emptied, restarted, away for long, read-only, or out of memory.

Valkey may vanish at any moment: messages are accepted and every event arrives without it, and live
text, which needs it between processes, comes back with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio

from netra_backend.chaos.faults import Refusal
from netra_backend.chaos.recording import RecordingClient, Sent
from netra_backend.testing.client import connected
from netra_backend.tests.integration.faults.scenes import (
    Scene,
    Stage,
    User,
    end_of,
    frames,
    ready,
    timed,
    within,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_AWAY_S = 5.0
"""Seconds in place of a minute: beyond every patience (2 s) and every pause between attempts (0.2 s), of
which there is none that grows."""
ACCEPTED_S = 2.0
BACK_S = 5.0
NEVER_S = "60"
"""Seconds between heartbeats: beyond the patience of these tests, so that none of them is saved by one."""
READ_ONLY: Sequence[Sequence[tuple[str, ...]]] = (
    [("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")],
    [("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")],
    [("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")],
)


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """See `conftest`."""
    return {"NETRA_HEARTBEAT_S": NEVER_S}


@asynccontextmanager
async def at_the_server(stage: Stage) -> AsyncIterator[Callable[..., Any]]:
    """Commands to Valkey itself, past the proxy."""
    client = redis.asyncio.from_url(stage.stack.valkey_url)
    try:
        yield client.execute_command
    finally:
        await client.aclose()


class Story:
    """One user with a tab at each gateway, and an answer in three parts between which things happen."""

    def __init__(self, scene: Scene, user: User, tabs: Sequence[RecordingClient], sent: Sent) -> None:
        self.scene = scene
        self.user = user
        self.tabs = tabs
        self.sent = sent

    @classmethod
    async def begun(cls, scene: Scene) -> "Story":
        """Both tabs are connected and show the first part."""
        user, urls = await scene.user(), scene.stage.urls
        tabs = [await scene.client(user, urls=each) for each in (urls, urls[::-1])]
        story = cls(scene, user, tabs, await tabs[0].say(f"parts {scene.name}"))
        await story.waits(1)
        await story.shows("part 1 ")
        return story

    async def waits(self, part: int) -> None:
        """Wait until the agent has written the part."""
        await self.scene.stage.waits(f"{self.scene.name}-{part}")

    def let(self, part: int) -> None:
        """Let the agent go on after the part."""
        self.scene.stage.let(f"{self.scene.name}-{part}")

    async def shows(self, text: str) -> None:
        """Wait until the tab that asked has this live text, whichever frames brought it."""
        tab = self.tabs[0]
        await within(tab.until(lambda: shown(tab, self.sent) == text), BACK_S)

    async def snapshot(self, url: str) -> str:
        """The live text that a tab gets which begins to follow just now."""
        async with connected(url, self.user.token) as tab:
            await tab.ask("follow", thread_id=self.sent.thread_id)
            frame = await tab.until(lambda frame: frame["type"] == "message_snapshot")
            return str(frame["payload"]["text"])

    async def ends(self) -> None:
        """Both tabs see the end with the whole answer, and what they recorded is sound."""
        for tab in self.tabs:
            await self.scene.ended(tab, self.sent)
        answer = end_of(await self.scene.events(self.sent))["message"]["content"]
        assert answer == "part 1 part 2 part 3 "
        await self.scene.kept()


def shown(tab: RecordingClient, sent: Sent) -> str:
    """The live text of a run's answer as a client has it."""
    text = ""
    for frame in frames(tab, "message_delta", "message_snapshot"):
        if frame["thread_id"] == sent.thread_id:
            payload = frame["payload"]
            if frame["type"] == "message_snapshot":
                text = payload["text"]
            elif payload["offset"] == len(text):
                text += payload["text"]
    return text


async def until_ready(url: str) -> None:
    """Wait until a gateway says that its stores are all there."""
    async with asyncio.timeout(BACK_S):
        while await ready(url) != (200, "ready"):
            pass  # each answer is asked of the stores: nothing is slept away


async def test_fault_06_valkey_is_emptied_in_the_middle_of_an_answer(stage: Stage, scene: Scene) -> None:
    """The next addition puts the whole text back: who follows then has all of it."""
    story = await Story.begun(scene)
    async with at_the_server(stage) as command:
        await command("FLUSHALL")
    story.let(1)
    await story.waits(2)
    await story.shows("part 1 part 2 ")
    for url in stage.urls:
        assert await story.snapshot(url) == "part 1 part 2 "
    story.let(2)
    story.let(3)
    await story.ends()


async def test_fault_07_valkey_is_killed_and_restarted(stage: Stage, scene: Scene) -> None:
    """What it did not carry is shown from the log, and within seconds the live text is whole again."""
    story = await Story.begun(scene)
    await stage.valkey.kill()
    sent = await within(story.tabs[0].say("echo meanwhile"))
    story.let(1)
    await story.waits(2)
    await stage.valkey.start()
    for gateway in stage.stack.gateways:
        await until_ready(gateway.url)
    async with timed() as since:
        for tab in story.tabs:
            await scene.ended(tab, sent)
        story.let(2)
        await story.waits(3)
        await story.shows("part 1 part 2 part 3 ")
        assert since() < BACK_S
    story.let(3)
    await story.ends()


@pytest.mark.parametrize("how", ["gone", "silent"])
async def test_fault_08_valkey_is_away_for_long(stage: Stage, scene: Scene, how: str) -> None:
    """Messages are accepted and answered, `/readyz` says degraded, and live text is back afterwards."""
    story = await Story.begun(scene)
    loop = asyncio.get_running_loop()
    back_at = loop.time() + LONG_AWAY_S
    if how == "gone":
        stage.cache.do(lambda proxy: proxy.refuse(Refusal.NOT_LISTENING))
        stage.cache.do(lambda proxy: proxy.cut())
    else:
        stage.cache.do(lambda proxy: proxy.blackhole())
    story.let(1)
    await story.waits(2)
    for gateway in stage.stack.gateways:
        assert await ready(gateway.url) == (200, "degraded")
    sents = []
    while loop.time() < back_at:
        for tab in story.tabs:
            sent = await within(tab.say("echo without"))
            assert sent.acceptance_s is not None
            assert sent.acceptance_s < ACCEPTED_S
            await within(tab.ended(sent.run_id), 10)
            sents.append(sent)
    assert len(sents) >= 2
    stage.cache.heal()
    for gateway in stage.stack.gateways:
        await until_ready(gateway.url)
    story.let(2)
    await story.waits(3)
    await story.shows("part 1 part 2 part 3 ")
    story.let(3)
    await story.ends()


@pytest.mark.parametrize(("fault", "end"), READ_ONLY, ids=["replica", "no-replicas", "out-of-memory"])
async def test_fault_09_valkey_takes_no_writes(
    stage: Stage, scene: Scene, fault: tuple[str, ...], end: tuple[str, ...]
) -> None:
    """As good as away: messages and events need it not, and afterwards live text is back."""
    story = await Story.begun(scene)
    async with at_the_server(stage) as command:
        await command(*fault)
        try:
            story.let(1)
            await story.waits(2)
            for tab in story.tabs:
                sent = await within(tab.say("echo without"))
                assert sent.acceptance_s is not None
                assert sent.acceptance_s < ACCEPTED_S
                await scene.ended(tab, sent)
        finally:
            await command(*end)
    story.let(2)
    await story.waits(3)
    await story.shows("part 1 part 2 part 3 ")
    story.let(3)
    await story.ends()


async def test_fault_09_nobody_may_publish(stage: Stage, scene: Scene) -> None:
    """A gateway that published nothing lost nothing itself: it is told to compare when all is well again."""
    story = await Story.begun(scene)
    async with at_the_server(stage) as command:
        await command("ACL", "SETUSER", "default", "-spublish")
        try:
            for part in (1, 2, 3):
                story.let(part)
            await within(stored(story))
        finally:
            await command("ACL", "SETUSER", "default", "+spublish")
    await story.ends()


async def stored(story: Story) -> None:
    """Wait until the end is in the log."""
    while not any(event.type == "agent_completed" for event in await story.scene.events(story.sent)):
        pass  # each look is a query: nothing is slept away
