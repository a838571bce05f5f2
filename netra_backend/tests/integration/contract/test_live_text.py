import pytest

from netra_backend.domain.ids import MessageId, ThreadId
from netra_backend.tests.integration.contract.worlds import ADA, BOB, EVE, Listener, World

pytestmark = pytest.mark.parametrize("world", ["memory", "real", "cluster"], indirect=True)

THREAD = ThreadId("11111111-1111-7111-8111-111111111111")
MESSAGE = MessageId("22222222-2222-7222-8222-222222222222")
OTHER = MessageId("33333333-3333-7333-8333-333333333333")


async def listening(world: World) -> Listener:
    """A listener of Ada's in the other process."""
    listener = Listener()
    await world.two.feed.attach(ADA, listener)
    return listener


def write(world: World, *pieces: str, before: str = "") -> None:
    """Write an answer in pieces."""
    text = before
    for piece in pieces:
        text += piece
        world.one.live.write(ADA, THREAD, MESSAGE, text=text, new=len(piece))


async def test_text_grows_and_each_addition_is_told(world: World) -> None:
    """Offsets count code points: emoji and combining characters are not bytes."""
    listener = await listening(world)
    write(world, "a", "é🦊", "e\u0301", "\n\"'\\ </script>")
    assert await listener.until(4, "delta") == [
        (THREAD, MESSAGE, 0, "a"),
        (THREAD, MESSAGE, 1, "é🦊"),
        (THREAD, MESSAGE, 3, "e\u0301"),
        (THREAD, MESSAGE, 5, "\n\"'\\ </script>"),
    ]
    assert await world.two.live.snapshot(ADA, MESSAGE) == "aé🦊e\u0301\n\"'\\ </script>"


async def test_nothing_is_known_of_others(world: World) -> None:
    """Neither of an unknown message nor of somebody else's."""
    listener = await listening(world)
    write(world, "mine")
    await listener.until(1, "delta")
    assert await world.one.live.snapshot(ADA, OTHER) is None
    for stranger in (BOB, EVE):
        assert await world.one.live.snapshot(stranger, MESSAGE) is None


async def test_a_later_attempt_begins_anew(world: World) -> None:
    """Whatever stood there is replaced."""
    listener = await listening(world)
    write(world, "first try, long")
    write(world, "again", "!")
    assert [call[2:] for call in await listener.until(3, "delta")] == [
        (0, "first try, long"),
        (0, "again"),
        (5, "!"),
    ]
    assert await world.two.live.snapshot(ADA, MESSAGE) == "again!"


async def test_lost_text_is_repaired_by_the_next_addition(world: World) -> None:
    """A store that was emptied in the middle; no addition is told twice."""
    listener = await listening(world)
    write(world, "before ")
    await listener.until(1, "delta")
    await world.empty_live()
    assert await world.two.live.snapshot(ADA, MESSAGE) is None
    write(world, "after", before="before ")
    assert [call[2:] for call in await listener.until(2, "delta")] == [(0, "before "), (7, "after")]
    assert await world.two.live.snapshot(ADA, MESSAGE) == "before after"
    write(world, "!", before="before after")
    assert (await listener.until(3, "delta"))[2] == (THREAD, MESSAGE, 12, "!")
    assert await world.two.live.snapshot(ADA, MESSAGE) == "before after!"


async def test_cleared_text_is_forgotten(world: World) -> None:
    """Only that message's."""
    listener = await listening(world)
    write(world, "gone")
    world.one.live.write(ADA, THREAD, OTHER, text="stays", new=5)
    world.one.live.clear(ADA, MESSAGE)
    world.one.feed.revoke(ADA)
    await listener.until(1, "revoked")
    assert await world.two.live.snapshot(ADA, MESSAGE) is None
    assert await world.two.live.snapshot(ADA, OTHER) == "stays"
