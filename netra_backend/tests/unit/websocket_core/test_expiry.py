"""When a token ends: the notice a minute before, the close, and renewals. On virtual time."""

import asyncio

from netra_backend.tests.unit.websocket_core.gateways import Client, Hall
from netra_backend.tests.unit.websocket_core.test_start_and_end import played


async def passed(hall: Hall, seconds: float) -> None:
    """Time goes by, by the clock and by the loop."""
    hall.clock.forward(seconds)
    await asyncio.sleep(seconds)


def noticed(client: Client) -> list[int]:
    """The seconds left, of every notice."""
    return [frame["payload"]["seconds"] for frame in client.of("token_expiring")]


def test_a_minute_before_its_end_the_client_is_told_and_then_closed() -> None:
    """Neither comes a second early."""

    async def scene() -> None:
        hall = Hall()
        client = await hall.connected("acme/ada#100")
        await passed(hall, 39)
        early = noticed(client)
        await passed(hall, 2)
        assert (early, noticed(client)) == ([], [59])
        await passed(hall, 57)
        assert client.code is None
        await passed(hall, 2)
        assert await client.closed() == 4401

    played(scene())


def test_a_clock_that_was_set_back_puts_the_notice_off() -> None:
    """By what is left then; a difference of one second is let pass."""

    async def scene() -> None:
        hall = Hall()
        one = await hall.connected("acme/ada#100")
        two = await hall.connected("acme/bob#100.5")
        hall.clock.forward(39)
        await asyncio.sleep(41)
        assert (noticed(one), noticed(two)) == ([61], [])
        hall.clock.forward(1.5)
        await asyncio.sleep(2)
        assert (noticed(one), noticed(two)) == ([61], [60])
        for client in (one, two):
            await client.leave()

    played(scene())


def test_the_end_of_a_long_token_is_looked_at_once_a_day() -> None:
    """The machine may have slept; and no event loop takes a timer of any length."""

    async def scene() -> None:
        hall = Hall()
        client = await hall.connected("acme/ada#864000")
        hall.clock.forward(864000 - 30)
        await asyncio.sleep(86_399.5)
        early = noticed(client)
        await asyncio.sleep(1)
        assert (early, noticed(client)) == ([], [30])
        await client.leave()

    played(scene())


def test_a_token_that_has_ended_closes_at_once() -> None:
    """Its holder is told that nothing is left."""

    async def scene() -> None:
        client = Hall().client("acme/ada#-5")
        assert await client.closed() == 4401
        assert [frame["type"] for frame in client.frames] == ["connected", "token_expiring"]
        assert noticed(client) == [0]
        assert asyncio.get_running_loop().time() == 0

    played(scene())


def test_a_renewal_puts_the_close_off() -> None:
    """The earlier token's end is none any more; the later one's is, with its own notice."""

    async def scene() -> None:
        hall = Hall()
        client = await hall.connected("acme/ada#50")
        await client.get("token_expiring")
        client.send("authenticate", {"token": "acme/ada#200"}, id="a")
        await client.get("connected", 2)
        await passed(hall, 139)
        assert (noticed(client), client.code) == ([50], None)
        await passed(hall, 2)
        assert noticed(client) == [50, 59]
        await passed(hall, 60)
        assert await client.closed() == 4401

    played(scene())
