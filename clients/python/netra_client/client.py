"""The client: what an application calls. It owns no socket and no state of its own.

async with NetraClient("http://127.0.0.1:8000", email="me@example.org", password="...") as client:
    async for event in client.run("What is 2+2?"):
        ...
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from netra_client.address import parse_address
from netra_client.commands import (
    Empty,
    GetThreadHistory,
    IfRunning,
    ListThreads,
    Payload,
    SetTyping,
    StartAgent,
    StopAgent,
    UserMessage,
    encode,
)
from netra_client.credentials import Credentials, TokenProvider, login
from netra_client.ids import Epoch, MessageId, RunId, ThreadId
from netra_client.ledger import AnswerT, Ledger, expect
from netra_client.link import Link, Options
from netra_client.messages import (
    Accepted,
    Followed,
    Pong,
    ThreadHistory,
    Threads,
    Unfollowed,
)
from netra_client.payloads import ThreadHistoryPayload, ThreadsPayload
from netra_client.runs import RunEvent, events_of_run
from netra_client.session import Replayed, Session
from netra_client.stream import Position
from netra_client.subscription import Broadcast, Subscription


class NetraClient:
    """One user's connection to a Netra server; it comes back by itself and misses nothing.

    Args:
        url: `http(s)://host` or `ws(s)://host/ws`.
        token: a JWT to begin with.
        token_provider: returns a JWT; called when there is none, when it is about to expire, and once
            after the server refused one.
        email, password: make a provider that logs in with the built-in issuer.
        resume_from: where an earlier process stopped; without it the stream begins now.
        options: timeouts, buffer, and the ports that tests replace.

    Raises:
        ValueError: the address is wrong, or there is nothing to authenticate with.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        token_provider: TokenProvider | None = None,
        email: str | None = None,
        password: str | None = None,
        resume_from: Position | None = None,
        options: Options | None = None,
    ) -> None:
        self._options = options or Options()
        if token_provider is None and email is not None and password is not None:
            token_provider = _login_provider(url, email, password)
        self._ledger = Ledger()
        self._broadcast = Broadcast(capacity=self._options.event_buffer)
        self._session = Session(
            position=resume_from,
            ledger=self._ledger,
            broadcast=self._broadcast,
            new_id=self._options.new_id,
        )
        self._link = Link(
            address=parse_address(url),
            credentials=Credentials(token=token, provider=token_provider),
            session=self._session,
            broadcast=self._broadcast,
            options=self._options,
        )

    async def __aenter__(self) -> Self:
        await self._link.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    @property
    def position(self) -> Position | None:
        """The last event received; to survive a crash, store the `seq` of what you have processed instead."""
        return self._session.stream.position

    @property
    def live_text(self) -> Mapping[MessageId, str]:
        """The text so far of every message being written in a followed thread."""
        return self._session.text.texts

    def events(self) -> Subscription:
        """Return all events from now on, as an async iterator; on `Resync` reload what is shown."""
        return self._broadcast.subscribe()

    async def send(
        self,
        text: str,
        *,
        thread_id: ThreadId | None = None,
        client_id: str | None = None,
        references: list[Any] | None = None,
        agent: str | None = None,
        if_running: IfRunning | None = None,
    ) -> Accepted:
        """Send a message and return when it is durable; without `thread_id` it starts a thread.

        The same `client_id` sent again is stored once, also by another process. The thread is followed.

        Raises:
            ServerError: refused; when `retryable`, send again with the same `client_id`.
        """
        payload = UserMessage(text=text, references=references, agent=agent, if_running=if_running)
        accepted = await self._request(
            Accepted, "user_message", payload, thread_id=thread_id, client_id=client_id
        )
        self._session.followed.add(accepted.thread_id)
        return accepted

    async def start_agent(
        self,
        query: str,
        *,
        agent: str | None = None,
        input_: dict[str, Any] | None = None,
        thread_id: ThreadId | None = None,
        client_id: str | None = None,
        if_running: IfRunning | None = None,
    ) -> Accepted:
        """Start a run and return when it is durable. The thread is followed."""
        payload = StartAgent(query=query, agent=agent, input=input_, if_running=if_running)
        accepted = await self._request(
            Accepted, "start_agent", payload, thread_id=thread_id, client_id=client_id
        )
        self._session.followed.add(accepted.thread_id)
        return accepted

    async def stop(self, run_id: RunId, *, client_id: str | None = None) -> Accepted:
        """Stop a run; returns when the intent is durable, before the run's `agent_completed`."""
        return await self._request(Accepted, "stop_agent", StopAgent(run_id), client_id=client_id)

    async def run(
        self,
        text: str,
        *,
        thread_id: ThreadId | None = None,
        client_id: str | None = None,
        agent: str | None = None,
        if_running: IfRunning | None = None,
    ) -> AsyncIterator[RunEvent]:
        """Send a message and yield its run's events and live text, `agent_completed` last.

        Raises:
            ServerError: the message is refused.
            ResyncRequired: events were lost for good; the answer is in `history`.
        """
        with self.events() as events:
            accepted = await self.send(
                text, thread_id=thread_id, client_id=client_id, agent=agent, if_running=if_running
            )
            async for event in events_of_run(accepted, events):
                yield event

    async def history(
        self, thread_id: ThreadId, *, limit: int | None = None, before: MessageId | None = None
    ) -> ThreadHistoryPayload:
        """Return a page of a thread, the newest first page without `before`; `limit` is 1..200, 50 if unset."""
        answer = await self._request(
            ThreadHistory, "get_thread_history", GetThreadHistory(limit, before), thread_id=thread_id
        )
        return answer.payload

    async def threads(self, *, limit: int | None = None, before: ThreadId | None = None) -> ThreadsPayload:
        """Return a page of the user's threads."""
        return (await self._request(Threads, "list_threads", ListThreads(limit, before))).payload

    async def follow(self, thread_id: ThreadId) -> None:
        """Have the live text of a thread, also after reconnects, until `unfollow`."""
        await self._request(Followed, "follow", Empty(), thread_id=thread_id)
        self._session.followed.add(thread_id)

    async def unfollow(self, thread_id: ThreadId) -> None:
        """No longer have the live text of a thread."""
        self._session.followed.discard(thread_id)
        await self._request(Unfollowed, "unfollow", Empty(), thread_id=thread_id)

    def typing(self, thread_id: ThreadId, *, active: bool) -> None:
        """Tell the user's other connections; without a connection it is not sent at all."""
        self._link.send(encode("typing", SetTyping(active), thread_id=thread_id))

    async def ping(self) -> int:
        """Return the server's newest `seq`."""
        return (await self._request(Pong, "ping", Empty())).payload.head

    async def resume(self, epoch: Epoch, after: int) -> Replayed:
        """Deliver every event after `after` again; returns after the last of them, or with a `Resync`."""
        self._link.check(b"")
        future, frame = self._session.rewind(Position(epoch, after))
        self._link.send(frame)
        return await future

    async def _request(
        self,
        kind: type[AnswerT],
        type_: str,
        payload: Payload,
        *,
        thread_id: ThreadId | None = None,
        client_id: str | None = None,
    ) -> AnswerT:
        id_ = client_id or self._options.new_id()
        frame = encode(type_, payload, id_=id_, thread_id=thread_id)
        self._link.check(frame)
        if self._ledger.enter(id_, frame):
            self._link.send(frame)
        return expect(await self._ledger.answer(id_), kind)


def _login_provider(url: str, email: str, password: str) -> TokenProvider:
    async def provide() -> str:
        return (await login(url, email=email, password=password)).access_token

    return provide
