"""Faults 1 and 2: a worker is killed, or stands still for too long, in the middle of runs."""

import asyncio

import pytest

from netra_backend.tests.integration.faults.scenes import (
    LEASE_S,
    PATIENCE_S,
    Scene,
    Stage,
    attempts,
    end_of,
    timed,
    within,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

RECOVERY_S = LEASE_S + 5
CROWD = 12


async def test_fault_01_a_killed_worker_is_succeeded(stage: Stage, scene: Scene) -> None:
    """Within the lease and five seconds another worker begins the run again; it ends once."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"wait {scene.name}")
    first = await stage.waits(scene.name)
    stage.worker(first).kill()
    async with timed() as since:
        second = await stage.waits(scene.name, attempt=2)
        assert since() < RECOVERY_S
    assert second != first
    stage.let(scene.name)
    await scene.ended(client, sent)
    events = await scene.events(sent)
    assert attempts(events) == [1, 2]
    assert end_of(events)["message"]["content"] == "first last"
    assert end_of(events)["attempts"] == 2
    await scene.kept()


async def test_fault_01_a_crowd_of_runs_survives_its_worker(stage: Stage, scene: Scene) -> None:
    """Whatever a killed worker held ends elsewhere, each run once, and the rest is not touched."""
    users = await scene.users(CROWD)
    clients = [await scene.client(user) for user in users]
    names = [f"{scene.name}-{number}" for number in range(CROWD)]
    sents = await asyncio.gather(
        *(client.say(f"wait {name}") for client, name in zip(clients, names, strict=True))
    )
    pids = await asyncio.gather(*(stage.waits(name) for name in names))
    victim = pids[0]
    stage.worker(victim).kill()
    for name in names:
        stage.let(name)
    async with timed() as since:
        for client, sent in zip(clients, sents, strict=True):
            await scene.ended(client, sent)
        assert since() < RECOVERY_S
    for sent, pid in zip(sents, pids, strict=True):
        assert attempts(await scene.events(sent)) == ([1, 2] if pid == victim else [1])
    await scene.kept()


async def test_fault_01_a_worker_that_stood_still_is_fenced(stage: Stage, scene: Scene) -> None:
    """It wakes after its successor has begun: nothing that it writes counts, and it harms nobody."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"wait {scene.name}")
    first = stage.worker(await stage.waits(scene.name))
    first.pause()
    await stage.waits(scene.name, attempt=2)
    lost = first.output.expect(lambda event: event["event"] == "run_lost")
    stage.let(scene.name)
    first.resume()  # its agent sees the file and ends, in the belief that the run is still its own
    await scene.ended(client, sent)
    await within(lost)
    events = await scene.events(sent)
    assert attempts(events) == [1, 2]
    assert end_of(events)["attempts"] == 2
    assert first.alive
    await scene.kept()


async def test_fault_01_serve_is_killed_with_the_run_that_it_accepted(stage: Stage, scene: Scene) -> None:
    """A run that `netra serve` gave to its own worker at acceptance, past the queue, is succeeded as well."""
    serve = stage.beside("serve-killed")
    await serve.start()
    try:
        client = await scene.client(await scene.user(), urls=[serve.url, *stage.urls])
        sent = await client.say(f"wait {scene.name}")
        assert await stage.waits(scene.name) == serve.pid
        serve.kill()
        async with timed() as since:
            assert await stage.waits(scene.name, attempt=2) in [worker.pid for worker in stage.stack.workers]
            assert since() < RECOVERY_S
        stage.let(scene.name)
        await scene.ended(client, sent)
        assert attempts(await scene.events(sent)) == [1, 2]
        assert max(client.recording.times_back()) < 2
        await scene.kept()
    finally:
        await serve.stop(PATIENCE_S)


async def test_fault_02_the_next_attempt_has_the_same_key(stage: Stage, scene: Scene) -> None:
    """Killed between deed and record: the call is closed as `unknown`, and its key is the same again."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"charge {scene.name}")
    stage.worker(await stage.waits(scene.name)).kill()
    await stage.waits(scene.name, attempt=2)
    stage.let(scene.name)
    await scene.ended(client, sent)
    first, second = stage.deeds(scene.name)
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["key"] == second["key"]
    events = await scene.events(sent)
    calls = [event for event in events if event.type.startswith("tool_")]
    assert [call.payload.get("status") for call in calls] == [None, "unknown", None, "ok"]
    assert calls[0].payload["tool_call_id"] != calls[2].payload["tool_call_id"]
    await scene.kept()


async def test_fault_02_what_may_act_only_once_is_not_called_again(stage: Stage, scene: Scene) -> None:
    """The run fails and says which tool it was; nothing is done a second time."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"charge-once {scene.name}")
    stage.worker(await stage.waits(scene.name)).kill()
    stage.let(scene.name)
    await scene.ended(client, sent)
    assert len(stage.deeds(scene.name)) == 1
    events = await scene.events(sent)
    calls = [event for event in events if event.type.startswith("tool_")]
    assert [call.payload.get("status") for call in calls] == [None, "unknown"]
    assert end_of(events)["status"] == "failed"
    assert end_of(events)["error"]["code"] == "called_before"
    assert "charge" in end_of(events)["error"]["message"]
    await scene.kept()


async def test_fault_02_an_agent_may_decide_what_to_do_about_it(stage: Stage, scene: Scene) -> None:
    """It is told that the outcome is not known, and may ask a person."""
    client = await scene.client(await scene.user())
    sent = await client.say(f"charge-and-ask {scene.name}")
    stage.worker(await stage.waits(scene.name)).kill()
    stage.let(scene.name)
    await scene.ended(client, sent)
    assert len(stage.deeds(scene.name)) == 1
    assert end_of(await scene.events(sent))["message"]["content"] == "please look: unknown"
    await scene.kept()
