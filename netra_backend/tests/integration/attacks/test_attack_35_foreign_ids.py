"""Attacks 35 and 36 on everything that the server publishes, so that a new message or route is not forgotten."""

import json
from typing import Any

import pytest

from netra_backend.attack.probes import NONSENSE, Ids, claim_probes, frame_probes, route_probes
from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.settings import Settings
from netra_backend.testing.client import Client, Frame
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.subject import Account, Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEED_THREAD = {"user_message", "start_agent", "get_thread_history", "follow"}
TENANTS = pytest.mark.parametrize("tenant", ["acme", "other"])


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Room for as many frames as there are to try."""
    room = {"frames_per_second": 1e4, "frames_burst": 10**5}
    more = {f"user_{name}": value for name, value in room.items()}
    return settings.model_copy(update={**room, **more})


async def ids_of(client: Client, text: str, *, agent: str) -> Ids:
    """A thread with a run."""
    accepted = await client.say(text, agent=agent)
    message = accepted["payload"]["message_id"]
    return Ids(thread=accepted["thread_id"], run=accepted["run_id"], message=message, word="mine")


async def answers(client: Client, frame: Frame) -> list[Frame]:
    """What one frame is answered, without the ids that it brought."""
    seen = len(client.frames)
    fields = {name: value for name, value in frame.items() if name not in ("type", "payload", "id")}
    asked = await client.send(frame["type"], frame["payload"], **fields)
    await client.ask("ping")
    mine = [each for each in client.frames[seen:] if each.get("reply_to") == asked]
    return [{k: v for k, v in each.items() if k not in ("reply_to", "thread_id")} for each in mine]


async def document(subject: Subject, name: str) -> Any:
    """What the server says of itself."""
    return (await subject.request(None, "GET", f"/api/{name}.json")).json()


@TENANTS
async def test_attack_35_every_message_with_foreign_ids_is_as_with_nonsense(
    subject: Subject, unharmed: Unharmed, tenant: str
) -> None:
    """Thread, run and message of another in each field of an id, of every message of the union."""
    alice, eve = await subject.account(), await subject.account(tenant=tenant)
    published = await document(subject, "asyncapi")
    async with unharmed(), subject.connect(alice) as hers, subject.connect(eve) as spy:
        own = await ids_of(spy, "Mine", agent="echo")
        await spy.finished(own.run)
        target = await ids_of(hers, CANARY, agent="waiting")
        await hers.until(lambda frame: frame["type"] == "tool_executing")
        kinds = set()
        for foreign in (target.thread, target.run, target.message):
            aimed = frame_probes(published, own=own, target=foreign)
            void = frame_probes(published, own=own, target=NONSENSE)
            for probe, empty in zip(aimed, void, strict=True):
                kinds.add(probe.kind)
                got = await answers(spy, probe.as_frame(""))
                assert got == await answers(spy, empty.as_frame("")), (probe.kind, probe.field)
                codes = [each["payload"].get("code") for each in got if each["type"] == "error"]
                if probe.kind in NEED_THREAD or probe.field != "thread_id":
                    assert codes == ["not_found"], (probe.kind, probe.field)
        assert kinds | {"authenticate"} == set(CLIENT_TYPES)
        stored = await subject.stored(alice)
        assert (stored.run(target.run)["status"], len(stored.messages)) == ("running", 1)
        await hers.ask("ping")
        assert hers.of_type("typing") == []
        heard = json.dumps(spy.frames)
        assert not [mark for mark in (CANARY, alice.owner.user_id) if mark in heard]


async def conversation(subject: Subject, account: Account, text: str) -> Ids:
    """A finished run."""
    async with subject.connect(account) as client:
        ids = await ids_of(client, text, agent="echo")
        await client.finished(ids.run)
        return ids


@TENANTS
async def test_attack_35_every_route_with_foreign_ids_is_as_with_nonsense(
    subject: Subject, unharmed: Unharmed, tenant: str
) -> None:
    """Thread, run and message of another in each parameter of an id, of every route, byte for byte."""
    alice, eve = await subject.account(), await subject.account(tenant=tenant)
    published = await document(subject, "openapi")
    async with unharmed():
        own, target = await conversation(subject, eve, "Mine"), await conversation(subject, alice, CANARY)
        probed = set()
        for foreign in (target.thread, target.run, target.message):
            aimed = route_probes(published, own=own, target=foreign)
            void = route_probes(published, own=own, target=NONSENSE)
            for probe, empty in zip(aimed, void, strict=True):
                probed.add(probe.route)
                got, expected = [
                    await subject.request(
                        eve, each.method, each.path, params=dict(each.query), json=each.body
                    )
                    for each in (probe, empty)
                ]
                where = (probe.name, probe.field)
                assert (got.status_code, got.content) == (expected.status_code, expected.content), where
                assert got.status_code in (403, 404), where
        with_ids = {path for path in published["paths"] if "_id}" in path}
        assert with_ids
        assert with_ids <= probed
        stored = await subject.stored(alice)
        assert (stored.run(target.run)["stop_requested"], len(stored.messages)) == (False, 2)


async def test_attack_36_no_message_may_say_who_its_sender_is(subject: Subject, unharmed: Unharmed) -> None:
    """User, tenant, role and messages of other roles, in every message of the union, beside and inside."""
    alice = await subject.account()
    published = await document(subject, "asyncapi")
    async with unharmed(), subject.connect(alice) as client:
        own = await ids_of(client, "Mine", agent="echo")
        await client.finished(own.run)
        before = await subject.stored(alice)
        for probe in claim_probes(published, own=own):
            (got,) = await answers(client, probe.as_frame(""))
            assert got["payload"]["code"] == "bad_message", (probe.kind, probe.field)
        assert await subject.stored(alice) == before


async def test_attack_36_no_header_says_who_its_sender_is(subject: Subject) -> None:
    """What proxies elsewhere say in headers counts for nothing here."""
    alice, bob = await subject.account(), await subject.account(tenant="other")
    for name, value in (
        ("X-User-Id", bob.owner.user_id),
        ("X-Forwarded-User", bob.email),
        ("Remote-User", bob.owner.user_id),
        ("X-Tenant-Id", bob.tenant),
        ("X-Roles", "operator"),
    ):
        me = (await subject.request(alice, "GET", "/auth/me", headers={name: value})).json()
        assert (me["tenant_id"], me["user_id"], me["roles"]) == (*alice.owner, [])
        assert (await subject.request(None, "GET", "/auth/me", headers={name: value})).status_code == 401
