"""The handlers of every message type: the one import path for them.

Each gets a validated message, does one thing through the ports, and raises domain errors; the base
class turns those into one `error` frame and `False`. No handler holds state shared by users.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import structlog

from netra_backend.domain.errors import Forbidden, NetraError, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import IdSource, MessageId, RunId, ThreadId
from netra_backend.domain.ports import Feed, Store
from netra_backend.domain.runs import Acceptance, Lane, Submission
from netra_backend.domain.threads import fitting
from netra_backend.protocol import messages as m
from netra_backend.protocol import payloads as p
from netra_backend.protocol.errors import CloseCode, error_frame, internal_frame
from netra_backend.protocol.views import message_view, thread_view
from netra_backend.websocket_core.registry import Socket, UserContext

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=m.WebSocketMessage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What handlers may use. `refused` hears of each refusal's code, for the metrics.

    Pages have at most `page_limit` items, and history `page_bytes` of text, whatever is asked for.
    """

    store: Store
    feed: Feed
    verify: Callable[[str], Awaitable[Principal]]
    new_id: IdSource
    refused: Callable[[str], None]
    page_limit: int = 200
    page_bytes: int = 1024 * 1024


class BaseHandler(Generic[M]):
    """Maps errors, in this one place. A subclass implements `handle` for its `message`."""

    message: ClassVar[type[msgspec.Struct]]
    __slots__ = ("context", "services")

    def __init__(self, context: UserContext, services: Services) -> None:
        self.context = context
        self.services = services

    @classmethod
    def message_type(cls) -> str:
        """The wire's name of the type that this handler claims."""
        return str(cls.message.__struct_config__.tag)

    def can_handle(self, message_type: str) -> bool:
        """Whether messages of this type are this handler's."""
        return message_type == self.message_type()

    async def handle_message(self, user_id: str, websocket: Socket, message: M) -> bool:
        """See `registry.MessageHandler`."""
        reply_to = message.id if isinstance(message.id, str) else None
        try:
            self._require_owner(user_id)
            await self.handle(websocket, message)
        except NetraError as error:
            self.services.refused(error.code)
            websocket.send(error_frame(error, reply_to=reply_to))
            self.after_refusal(websocket, error)
        except Exception:
            error_id = self.services.new_id()
            log.exception("handler_failed", error_id=error_id, type=self.message_type())
            self.services.refused("internal")
            websocket.send(internal_frame(error_id, reply_to=reply_to))
        else:
            return True
        return False

    def after_refusal(self, websocket: Socket, error: NetraError) -> None:
        """What follows a refusal besides its `error` frame: nothing, for most."""

    def _require_owner(self, user_id: str) -> None:
        if user_id != self.context.owner.user_id:
            raise Forbidden("This connection is for another user.")

    async def handle(self, websocket: Socket, message: M) -> None:
        """Do what the message asks; raise a `NetraError` to refuse."""
        raise NotImplementedError


class AuthenticateHandler(BaseHandler[m.Authenticate]):
    """Renews the token of an open connection."""

    message = m.Authenticate
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Authenticate) -> None:
        """Only for the same user and tenant."""
        websocket.renew(await self.services.verify(message.payload.token), message.id)

    def after_refusal(self, websocket: Socket, error: NetraError) -> None:
        """Whoever sends a token that is not good is sent away; a store that is away is no reason."""
        if isinstance(error, Unauthenticated):
            websocket.close(CloseCode.TOKEN)


class ResumeHandler(BaseHandler[m.Resume]):
    """Replays what the client missed."""

    message = m.Resume
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Resume) -> None:
        """The answer comes after the replay."""
        websocket.send(await websocket.resume(message.payload.epoch, message.payload.after, message.id))


class UserMessageHandler(BaseHandler[m.UserMessage]):
    """Accepts a user's message durably."""

    message = m.UserMessage
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.UserMessage) -> None:
        """The thread's live text follows on this connection."""
        payload = message.payload
        accepted = await self.services.store.accept(
            Submission(
                owner=self.context.owner,
                client_id=message.id,
                text=payload.text,
                thread_id=_thread_id(message),
                agent=payload.agent or None,
                references=tuple(payload.references or ()),
                if_running=payload.if_running,
            )
        )
        _accept(websocket, accepted, message.id)


class StartAgentHandler(BaseHandler[m.StartAgent]):
    """Accepts a task for an agent durably."""

    message = m.StartAgent
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.StartAgent) -> None:
        """The thread's live text follows on this connection."""
        payload = message.payload
        accepted = await self.services.store.accept(
            Submission(
                owner=self.context.owner,
                client_id=message.id,
                text=payload.query,
                thread_id=_thread_id(message),
                agent=payload.agent or None,
                input=payload.input or None,
                if_running=payload.if_running,
                lane=Lane.NORMAL,
            )
        )
        _accept(websocket, accepted, message.id)


class StopAgentHandler(BaseHandler[m.StopAgent]):
    """Stores the intent to stop a run; its terminal event follows."""

    message = m.StopAgent
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.StopAgent) -> None:
        """`duplicate` says that the run had ended before."""
        run_id = RunId(str(message.payload.run_id))
        stopping = await self.services.store.stop(self.context.owner, run_id)
        websocket.send(
            m.Accepted(
                reply_to=message.id,
                thread_id=stopping.thread_id,
                run_id=run_id,
                payload=p.AcceptedPayload(
                    message_id=stopping.message_id, duplicate=stopping.ended, queue_position=0
                ),
            )
        )


class ThreadHistoryHandler(BaseHandler[m.GetThreadHistory]):
    """Reads a page of a thread's messages."""

    message = m.GetThreadHistory
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.GetThreadHistory) -> None:
        """Oldest first."""
        thread_id = ThreadId(str(message.thread_id))
        before = MessageId(str(message.payload.before)) if message.payload.before else None
        limit = min(message.payload.limit, self.services.page_limit)
        page = fitting(
            await self.services.store.history(self.context.owner, thread_id, limit=limit, before=before),
            self.services.page_bytes,
        )
        views = [message_view(item) for item in page.items]
        websocket.send(
            m.ThreadHistory(
                reply_to=message.id,
                thread_id=thread_id,
                payload=p.ThreadHistoryPayload(messages=views, has_more=page.has_more),
            )
        )


class ListThreadsHandler(BaseHandler[m.ListThreads]):
    """Reads a page of the user's threads."""

    message = m.ListThreads
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.ListThreads) -> None:
        """Last used first."""
        before = ThreadId(str(message.payload.before)) if message.payload.before else None
        limit = min(message.payload.limit, self.services.page_limit)
        page = await self.services.store.threads(self.context.owner, limit=limit, before=before)
        views = [thread_view(item) for item in page.items]
        websocket.send(
            m.Threads(reply_to=message.id, payload=p.ThreadsPayload(threads=views, has_more=page.has_more))
        )


class FollowHandler(BaseHandler[m.Follow]):
    """Starts the live text of a thread."""

    message = m.Follow
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Follow) -> None:
        """After `followed`, a snapshot of each message being written."""
        thread_id = ThreadId(str(message.thread_id))
        runs = await self.services.store.open_runs(self.context.owner, thread_id)
        websocket.follow(thread_id)
        websocket.send(m.Followed(reply_to=message.id, thread_id=thread_id))
        for run in runs:
            if run.status == "running":
                await websocket.show(thread_id, run.answer_id, run.id)


class UnfollowHandler(BaseHandler[m.Unfollow]):
    """Ends the live text of a thread."""

    message = m.Unfollow
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Unfollow) -> None:
        """Also answers for a thread that was not followed."""
        thread_id = ThreadId(str(message.thread_id))
        websocket.unfollow(thread_id)
        websocket.send(m.Unfollowed(reply_to=message.id, thread_id=thread_id))


class TypingHandler(BaseHandler[m.Typing]):
    """Tells the user's other connections; the only message without an answer."""

    message = m.Typing
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Typing) -> None:
        """Only the user's own connections hear it, whatever thread it names."""
        self.services.feed.typing(
            self.context.owner,
            ThreadId(str(message.thread_id)),
            self.context.connection_id,
            active=message.payload.active,
        )


class PingHandler(BaseHandler[m.Ping]):
    """Answers with a sign of life."""

    message = m.Ping
    __slots__ = ()

    async def handle(self, websocket: Socket, message: m.Ping) -> None:
        """With the user's head, so that a client can see that it is behind."""
        websocket.send(m.Pong(reply_to=message.id, payload=p.HeadPayload(head=websocket.head)))


HANDLERS: tuple[type[BaseHandler[Any]], ...] = (
    AuthenticateHandler,
    ResumeHandler,
    UserMessageHandler,
    StartAgentHandler,
    StopAgentHandler,
    ThreadHistoryHandler,
    ListThreadsHandler,
    FollowHandler,
    UnfollowHandler,
    TypingHandler,
    PingHandler,
)
"""One handler for every message type of the wire."""


def _thread_id(message: m.UserMessage | m.StartAgent) -> ThreadId | None:
    return ThreadId(str(message.thread_id)) if message.thread_id else None


def _accept(websocket: Socket, accepted: Acceptance, reply_to: str) -> None:
    websocket.follow(accepted.thread_id)
    websocket.send(
        m.Accepted(
            reply_to=reply_to,
            thread_id=accepted.thread_id,
            run_id=accepted.run_id,
            payload=p.AcceptedPayload(
                message_id=accepted.message_id,
                duplicate=accepted.duplicate,
                queue_position=accepted.queue_position,
            ),
        )
    )
