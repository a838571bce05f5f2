import asyncio
import gc
import json
import weakref
from collections.abc import Collection, Mapping

import pytest

from netra_backend.domain.errors import Degraded
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.testing.memory import MemoryEventLog
from netra_backend.tests.unit.websocket_core.gateways import ADA, Everybody, Frame, Hall
from netra_backend.tests.unit.websocket_core.test_start_and_end import played
from netra_backend.websocket_core import server
from netra_backend.websocket_core.uvicorn_socket import BURST


async def test_a_token_in_the_request_connects_at_once() -> None:
    """`connected` is the first frame and says where the stream stands."""
    hall = Hall()
    await hall.commit()
    client = hall.client(subprotocols=["other", "netra.v1"])
    greeting = (await client.get("connected"))["payload"]
    assert (greeting["user_id"], greeting["tenant_id"], greeting["head"]) == ("ada", "acme", 1)
    assert client.subprotocol == "netra.v1"
    assert hall.meter.open == 1
    await client.leave()
    assert hall.meter.open == 0
    assert list(hall.feed.owners()) == []
    assert list(hall.gateway.connections()) == []


async def test_a_refused_request_is_never_accepted() -> None:
    """Closed before accept: HTTP 403."""
    client = Hall().client("forbidden")
    assert await client.closed() == 1008
    assert not client.accepted


async def test_where_the_server_can_a_refusal_is_a_status() -> None:
    """403 to whom is not let in; 503 while draining, with the time after which another gateway answers."""
    hall = Hall()
    can: dict[str, Frame] = {"websocket.http.response": {}}
    refused = hall.client("forbidden", extensions=can)
    await refused.closed()
    start = {"type": "websocket.http.response.start", "status": 403, "headers": []}
    assert refused.answer == start | {"body": b""}
    await hall.gateway.drain(0.0)
    late = hall.client(extensions=can)
    await late.closed()
    assert late.answer is not None
    assert (late.answer["status"], late.answer["headers"]) == (503, [(b"retry-after", b"1")])
    assert (refused.code, late.code) == (None, None)
    assert not refused.accepted
    assert not late.accepted


async def test_traffic_is_that_of_one_tenant_and_begins_with_who_waits_longest() -> None:
    """A connection is slow after more than a second in one write."""
    hall = Hall()
    quick, slow, other = [await hall.connected(token) for token in ("acme/ada", "acme/bob", "globex/ada")]
    hall.clock.forward(5.0)
    slow.reading.clear()
    slow.send("ping")
    await _turns()
    for waited, is_slow in ((1.0, False), (1.5, True)):
        hall.clock.forward(waited if waited == 1.0 else 0.5)
        first, second = hall.gateway.traffic("acme")
        assert (first.user_id, first.waiting_s, first.slow) == ("bob", waited, is_slow)
        assert (second.user_id, second.waiting_s, second.slow) == ("ada", 0.0, False)
    assert (second.frames_sent, second.bytes_waiting, second.connected_s) == (1, 0, 6.5)
    assert second.bytes_sent > 0
    assert [each.user_id for each in hall.gateway.traffic("globex")] == ["ada"]
    assert hall.gateway.traffic("nobody") == []
    for client in (quick, slow, other):
        await client.leave()


async def _turns() -> None:
    """Long enough for a frame to go through the gateway's queues, which wait for nothing else."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_first_frame_may_bring_the_token() -> None:
    """Bad frames before it are answered; the answer has its id."""
    hall = Hall()
    client = hall.client(None)
    client.send_raw("nonsense")
    client.send("authenticate", {"token": "acme/ada"}, id="a")
    assert (await client.get("error"))["payload"]["code"] == "bad_message"
    assert (await client.get("connected"))["reply_to"] == "a"
    assert client.subprotocol is None
    await client.leave()


async def test_another_first_frame_is_sent_away() -> None:
    """With one error."""
    client = Hall().client(None)
    client.send("ping", id="p")
    assert await client.closed() == 4401
    assert [(f["reply_to"], f["payload"]["code"]) for f in client.frames] == [("p", "unauthenticated")]


@pytest.mark.parametrize("first_frame", [True, False])
async def test_a_bad_token_is_sent_away(first_frame: bool) -> None:
    """From the request or from the first frame."""
    client = Hall().client(None if first_frame else "nobody")
    if first_frame:
        client.send("authenticate", {"token": "nobody"}, id="a")
    assert await client.closed() == 4401
    (error,) = client.frames
    assert error["payload"]["code"] == "unauthenticated"
    assert error.get("reply_to") == ("a" if first_frame else None)


async def test_silence_before_authentication_ends_the_socket() -> None:
    """After `auth_timeout_s`."""
    client = Hall(auth_timeout_s=0.01).client(None)
    assert await client.closed() == 4401
    assert "in time" in client.frames[0]["payload"]["message"]


@pytest.mark.parametrize("first_frame", [True, False])
def test_a_slow_store_is_no_silence_of_the_client(first_frame: bool) -> None:
    """Who sent a good token in time would take 4401 for the end of the session."""

    async def scene() -> None:
        client = Hall(auth_timeout_s=0.1).client(None if first_frame else "slow/ada")
        if first_frame:
            client.send("authenticate", {"token": "slow/ada"}, id="a")
        assert (await client.get("connected"))["payload"]["tenant_id"] == "slow"

    played(scene())


async def test_repeated_bad_first_frames_end_the_socket() -> None:
    """A protocol violation."""
    client = Hall().client(None)
    for _ in range(3):
        client.send_bytes(b"x")
    assert await client.closed() == 4500
    assert len(client.frames) == 3


async def test_leaving_before_authentication_is_no_error() -> None:
    """Nothing was opened."""
    hall = Hall()
    await hall.client(None).leave()
    assert hall.meter.open == 0


async def test_connections_of_one_user_are_limited() -> None:
    """Another user, and the same name in another tenant, are not."""
    hall = Hall(connections_per_user=1)
    first = await hall.connected()
    assert await hall.client().closed() == 4503
    others = [await hall.connected(token) for token in ("acme/bob", "globex/ada")]
    await first.leave()
    again = await hall.connected()
    for client in (again, *others):
        await client.leave()


async def test_a_connection_too_many_elsewhere_is_closed_and_everybody_leaves() -> None:
    """When the count over all gateways says so, however late."""
    visits = Everybody()
    hall = Hall(visits=visits)
    client = await hall.connected()
    (evict,) = visits.here.values()
    evict()
    assert await client.closed() == 4503
    assert visits.here == {}


async def test_a_user_who_sent_too_much_elsewhere_is_refused() -> None:
    """One error for each frame, and it counts for the metrics."""
    visits = Everybody()
    hall = Hall(visits=visits)
    client = await hall.connected()
    visits.wait_s = 0.5
    client.send("ping", id="p")
    error = await client.get("error")
    assert (error["reply_to"], error["payload"]["code"], error["payload"]["retry_after_ms"]) == (
        "p",
        "rate_limited",
        500,
    )
    assert (client.of("pong"), hall.meter.codes) == ([], ["rate_limited"])
    await client.leave()


async def test_bad_frames_on_an_open_socket() -> None:
    """Each is answered and counted; too many end it, and what comes after is not handled."""
    hall = Hall()
    client = await hall.connected()
    for _ in range(3):
        client.send_raw("{")
    client.send("ping", id="late")
    assert await client.closed() == 4500
    assert hall.meter.codes == ["bad_message"] * 3
    assert hall.refusals == [("acme", "bad_message")] * 3
    assert client.of("pong") == []


async def test_a_drain_asks_to_reconnect_and_takes_nobody_in() -> None:
    """Every socket gets `reconnect` and then 1012."""
    hall = Hall()
    clients = [await hall.connected(token) for token in ("acme/ada", "acme/bob")]
    await hall.gateway.drain(0.01)
    for client in clients:
        assert await client.closed() == 1012
        assert client.of("reconnect")[0]["payload"] == {"retry_after_ms": 5}
    late = hall.client()
    assert await late.closed() == 1008
    assert not late.accepted


async def test_a_sweep_closes_ended_sessions_and_outlives_an_outage() -> None:
    """Without the feed."""
    hall = Hall()
    ada, bob = await hall.connected(), await hall.connected("acme/bob")
    asked: list[int] = []

    async def ended(principals: Collection[Principal]) -> Collection[str]:
        asked.append(len(principals))
        if len(asked) == 1:
            raise Degraded
        return {"session of ada"}

    sweep = asyncio.ensure_future(hall.gateway.sweep(0.001, ended))
    assert await ada.closed() == 4401
    sweep.cancel()
    assert asked[:2] == [2, 2]
    assert bob.code is None
    await bob.leave()


async def test_a_sweep_keeps_no_connection_alive() -> None:
    """What it looked at last is freed as soon as its client has left."""
    hall = Hall()
    client = await hall.connected()
    looked = asyncio.Event()

    async def ended(_: Collection[Principal]) -> Collection[str]:
        looked.set()
        return ()

    sweep = asyncio.ensure_future(hall.gateway.sweep(0.001, ended))
    await looked.wait()
    connection = weakref.ref(next(iter(hall.gateway.connections())))
    await client.leave()
    gc.collect()
    assert connection() is None
    sweep.cancel()


class Away(MemoryEventLog):
    """A log that cannot be asked."""

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """See the port."""
        raise Degraded


async def test_a_store_that_is_away_is_told_and_to_be_tried_again() -> None:
    """No `connected`."""
    client = Hall(Away).client()
    assert await client.closed() == 1012
    assert [frame["payload"]["code"] for frame in client.frames] == ["degraded"]


class Overtaken(MemoryEventLog):
    """A log whose answer is older than what the feed has told meanwhile."""

    hall: Hall

    async def heads(self, owners: Collection[Owner]) -> Mapping[Owner, int]:
        """Commit between the read and its answer, and let the feed be quicker."""
        heads = await super().heads(owners)
        await self.hall.commit()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return heads


async def test_durable_events_start_after_the_greetings_head() -> None:
    """`connected.head + 1`, also when an event overtook the reading of the head."""
    hall = Hall(Overtaken)
    assert isinstance(hall.log, Overtaken)
    hall.log.hall = hall
    client = await hall.connected()
    head = client.of("connected")[0]["payload"]["head"]
    client.send("ping")
    await client.get("pong")
    await hall.commit()
    await client.until(lambda: hall.memory.head(ADA) in client.seqs())
    assert client.seqs() == list(range(head + 1, hall.memory.head(ADA) + 1))
    await client.leave()


async def test_nobody_hears_of_anybody_else() -> None:
    """I5."""
    hall = Hall()
    clients = {token: await hall.connected(token) for token in ("acme/ada", "acme/bob", "globex/ada")}
    for token, client in clients.items():
        client.send("ping")
        tenant, _, user = token.partition("/")
        await hall.commit(Owner(TenantId(tenant), UserId(user)), text=token)
    for token, client in clients.items():
        assert (await client.get("message_created"))["payload"]["message"]["content"] == token
        await client.leave()
        assert len(client.of("message_created")) == 1


async def test_a_store_that_is_away_is_told_to_the_frame_that_asked() -> None:
    """Whether the token cannot be checked or the head cannot be read: come again (1012)."""
    for hall, token in ((Hall(), "away"), (Hall(Away), "acme/ada")):
        client = hall.client(None)
        client.send("authenticate", {"token": token}, id="a")
        assert await client.closed() == 1012
        (error,) = client.frames
        assert (error["reply_to"], error["payload"]["code"]) == ("a", "degraded")
        assert (hall.meter.open, list(hall.feed.owners())) == (0, [])


async def test_one_of_a_users_connections_leaves_the_others_alone() -> None:
    """They are still known, hear what happens, and count."""
    hall = Hall(connections_per_user=2)
    first, second = await hall.connected(), await hall.connected()
    await first.leave()
    assert len(list(hall.gateway.connections())) == 1
    third = await hall.connected()
    assert await hall.client().closed() == 4503
    second.send("ping")
    await hall.commit()
    await second.get("message_created")
    for client in (second, third):
        await client.leave()


async def test_a_server_that_writes_at_once_is_used() -> None:
    """Its extension is handed on."""
    written: list[bytes] = []
    wrote = asyncio.Event()

    def write(frames: list[bytes]) -> bool:
        written.extend(frames)
        wrote.set()
        return True

    hall = Hall()
    client = hall.client(extensions={BURST: {"write": write}})
    await asyncio.wait_for(wrote.wait(), 10)
    assert json.loads(written[0])["type"] == "connected"
    assert client.frames == []
    await client.leave()


async def test_of_two_that_wait_as_long_the_one_with_more_comes_first() -> None:
    """In the operators' view."""
    hall = Hall()
    clients = [await hall.connected(token) for token in ("acme/ada", "acme/bob", "acme/cy")]
    for connection, size in zip(hall.gateway.connections(), (10, 30, 20), strict=True):
        connection.send(b"x" * size)
    assert [each.bytes_waiting - 64 for each in hall.gateway.traffic("acme")] == [30, 20, 10]
    for connection in hall.gateway.connections():
        connection.shut_out()
    assert [await client.closed() for client in clients] == [4401] * 3


async def test_a_sweep_asks_in_parts_and_goes_on_after_one_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that thousands of sessions are no single query."""
    monkeypatch.setattr(server, "SWEEP_CHUNK", 2)
    hall = Hall()
    clients = [await hall.connected(f"acme/{name}") for name in ("ada", "bob", "cy", "dan", "eve")]
    asked: list[list[str]] = []

    async def ended(principals: Collection[Principal]) -> Collection[str]:
        asked.append([each.owner.user_id for each in principals])
        if len(asked) == 2:
            raise Degraded
        return {"session of bob", "session of cy", "session of eve"}

    await hall.gateway._sweep(ended)
    assert asked == [["ada", "bob"], ["cy", "dan"], ["eve"]]
    assert [await clients[number].closed() for number in (1, 4)] == [4401, 4401]
    assert [client.code for client in clients] == [None, 4401, None, None, 4401]
    for number in (0, 2, 3):
        await clients[number].leave()


def test_a_drain_closes_evenly_over_its_time() -> None:
    """So that other gateways are not stormed; the clients come back within half of it."""

    async def scene() -> None:
        hall, loop = Hall(), asyncio.get_running_loop()
        clients = [await hall.connected(f"acme/{name}") for name in ("ada", "bob", "cy", "dan")]
        times = []
        for client in clients:
            client.served.add_done_callback(lambda _: times.append(round(loop.time())))
        await hall.gateway.drain(8.0)
        assert (times, loop.time()) == ([0, 2, 4, 6], 8.0)
        assert [client.of("reconnect")[0]["payload"] for client in clients] == [{"retry_after_ms": 4000}] * 4

    played(scene())
