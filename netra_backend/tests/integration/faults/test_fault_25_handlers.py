"""Fault 25: an exception in one handler is one error; its socket and all others live."""

import asyncio
from functools import partial

import pytest

from netra_backend.domain.ids import MessageId, Owner, ThreadId
from netra_backend.domain.threads import Message, Page
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.client import Frame, connected
from netra_backend.tests.integration.faults.clients import Users, server, verdict

ASKED_AT_ONCE = 20


def is_answer(asked: str, frame: Frame) -> bool:
    """Whether it answers the frame of that id."""
    return frame.get("reply_to") == asked


async def test_fault_25_an_exception_in_one_handler_leaves_socket_and_siblings_alone(
    settings: Settings, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among frames that work, on sockets that are busy: one answer to each, an id to the broken ones."""
    async with server(settings, addresses) as running:
        people = Users(running.parts)
        ada, bob = await people.add(), await people.add(tenant="globex")
        history = running.parts.store.history

        async def broken(
            owner: Owner, thread_id: ThreadId, *, limit: int, before: MessageId | None = None
        ) -> Page[Message]:
            if limit == 13:
                raise RuntimeError(f"a fault with the secret of {owner.user_id}")
            return await history(owner, thread_id, limit=limit, before=before)

        monkeypatch.setattr(running.parts.store, "history", broken)
        token = await people.token(ada)
        async with (
            people.client(ada, [running.url]) as own_tab,
            people.client(bob, [running.url]) as somebody,
            connected(running.url, token) as client,
            connected(running.url, token) as sibling,
        ):
            thread_id = (await client.say("one"))["thread_id"]
            runs = [await own_tab.say("two"), await somebody.say("three")]
            limits = [13 if n % 2 else 50 for n in range(ASKED_AT_ONCE)]
            ids = [await client.send("get_thread_history", {"limit": n}, thread_id=thread_id) for n in limits]
            assert (await sibling.ask("ping"))["type"] == "pong"
            answers = [await client.until(partial(is_answer, asked)) for asked in ids]
            assert [each["type"] for each in answers] == ["thread_history", "error"] * (ASKED_AT_ONCE // 2)
            for error in answers[1::2]:
                assert error["payload"]["code"] == "internal"
                assert "secret" not in str(error)
            assert len({error["payload"]["message"] for error in answers[1::2]}) == ASKED_AT_ONCE // 2
            replies = [frame["reply_to"] for frame in client.frames if "reply_to" in frame]
            assert len(replies) == len(set(replies)) == ASKED_AT_ONCE + 1
            await client.finished((await client.say("four", thread_id=thread_id))["run_id"])
            await asyncio.gather(own_tab.ended(runs[0].run_id), somebody.ended(runs[1].run_id))
            result = await verdict(addresses, [own_tab, somebody])
            assert result.ok, result
            assert [len(each.recording.spans) for each in (own_tab, somebody)] == [1, 1]
