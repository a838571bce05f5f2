"""
WebSocket message handlers.

Every message that a browser sends is handled by one of the classes in this module:

    start_agent          StartAgentHandler
    user_message         UserMessageHandler
    get_thread_history   ThreadHistoryHandler
    stop_agent           StopAgentHandler

`MessageHandlerService` owns one instance of each and gives messages to them. It also serves the socket
itself: it is an ASGI application that is mounted at `/ws`.

A handler gets the id of the user and a dictionary with everything that the message had:

    {"type": ..., "client_id": ..., "thread_id": ..., and the fields of the message's payload}

It returns nothing. What it has to say is sent to the user's sockets with `send_to_user`.
"""

import json
import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.websockets import WebSocket, WebSocketDisconnect

from chat import tokens
from chat.connections import connections
from chat.registry import CLAIMS, register_handler

if TYPE_CHECKING:
    from chat.agents.supervisor import Supervisor

logger = logging.getLogger(__name__)

# Every message type that is answered here. `ping` is answered by the service itself.
SUPPORTED_MESSAGE_TYPES = (
    "start_agent",
    "user_message",
    "get_thread_history",
    "stop_agent",
    "ping",
)

# Longest text that is taken; the database would take more, but the model would not.
MAX_TEXT_LENGTH = 8000

# How many messages `get_thread_history` sends at most.
DEFAULT_HISTORY_LIMIT = 50
MAX_HISTORY_LIMIT = 500

# Characters of the first message that become the title of its thread.
TITLE_LENGTH = 60

# Close code for a socket without a usable token.
POLICY_VIOLATION = 1008

SUBPROTOCOL = "netra.v1"

DbSessionFactory = Callable[[], Any]


# ---------------------------------------------------------------------------
# Frames
# ---------------------------------------------------------------------------


def make_frame(
    frame_type: str,
    payload: dict[str, Any],
    *,
    reply_to: str | None = None,
    thread_id: str | None = None,
    run_id: str | None = None,
) -> dict[str, Any]:
    """
    Build a frame.

    Args:
        frame_type: what the browser switches on.
        payload: the frame's own fields.
        reply_to: the id of the message that this answers, if it had one.
        thread_id: the thread that it is about, if it is about one.
        run_id: the run that it is about, if it is about one.
    """
    frame: dict[str, Any] = {"type": frame_type, "payload": payload}
    if reply_to is not None:
        frame["reply_to"] = reply_to
    if thread_id is not None:
        frame["thread_id"] = thread_id
    if run_id is not None:
        frame["run_id"] = run_id
    return frame


def accepted_frame(
    payload: dict[str, Any], *, thread_id: str, run_id: str, message_id: str
) -> dict[str, Any]:
    """Build the frame that tells the browser that its message came."""
    return make_frame(
        "accepted",
        {"message_id": message_id, "duplicate": False, "queue_position": 0},
        reply_to=payload.get("client_id"),
        thread_id=thread_id,
        run_id=run_id,
    )


def failure_frame(error: Exception, *, reply_to: str | None = None) -> dict[str, Any]:
    """Build the frame that tells the browser that something went wrong."""
    return make_frame("error", {"message": f"Something went wrong: {error}"}, reply_to=reply_to)


def message_view(row: Any) -> dict[str, Any]:
    """Build what the browser sees of a stored message."""
    view = {
        "id": str(row["id"]),
        "role": row["role"],
        "content": row["content"],
        "created_at": row["created_at"].isoformat(),
    }
    if row["run_id"] is not None:
        view["run_id"] = str(row["run_id"])
    return view


def title_from_text(text: str) -> str:
    """Build the title of a thread from its first message."""
    title = " ".join(text.split())
    if len(title) > TITLE_LENGTH:
        title = title[: TITLE_LENGTH - 1].rstrip() + "…"
    return title or "New conversation"


# ---------------------------------------------------------------------------
# Reading messages
# ---------------------------------------------------------------------------


def flatten(frame: dict[str, Any]) -> dict[str, Any]:
    """
    Put everything that a frame has into one dictionary.

    Handlers were written for frames without a `payload`; the browsers' new frames have one, so it is
    unpacked here. Fields of the payload do not replace those of the frame.
    """
    inner = frame.get("payload")
    flat: dict[str, Any] = dict(inner) if isinstance(inner, dict) else {}
    flat["type"] = frame.get("type")
    flat["client_id"] = frame.get("id")
    flat["thread_id"] = frame.get("thread_id", flat.get("thread_id"))
    return flat


def token_of(scope: dict[str, Any]) -> str | None:
    """
    Find the token of an upgrade request.

    It is in the `Authorization` header, or in the address as `?token=`, because browsers cannot set
    headers on a WebSocket.
    """
    for name, value in scope.get("headers", ()):
        if name.lower() == b"authorization":
            text: str = value.decode("latin-1")
            return text.removeprefix("Bearer ").strip()
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    found = query.get("token") or query.get("access_token")
    return found[0] if found else None


# ---------------------------------------------------------------------------
# Handlers
# ---------------------------------------------------------------------------


class BaseMessageHandler(ABC):
    """
    Base class of all message handlers.

    A handler is made once and used for all users; it must not keep anything of one of them.
    """

    @abstractmethod
    def get_message_type(self) -> str:
        """Return the message type that this handler handles."""

    @abstractmethod
    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """
        Handle a message.

        Args:
            user_id: who sent it.
            payload: everything that the message had.
        """

    async def send(self, user_id: str, frame: dict[str, Any]) -> None:
        """Send a frame to the user, on all sockets that are open."""
        await connections.send_to_user(user_id, frame)


class _AgentHandler(BaseMessageHandler):
    """What the two handlers share that start an agent."""

    def __init__(self, supervisor: "Supervisor", db_session_factory: DbSessionFactory) -> None:
        """
        Remember what is needed.

        Args:
            supervisor: runs the agents; shared by all handlers and users.
            db_session_factory: gives a connection to the database, for an `async with`.
        """
        self.supervisor = supervisor
        self.db_session_factory = db_session_factory

    async def _find_thread(self, user_id: str, payload: dict[str, Any], title: str) -> str:
        """Return the thread that the message names, or make one."""
        thread_id = payload.get("thread_id")
        if thread_id:
            async with self.db_session_factory() as session:
                await session.execute(
                    "UPDATE chat.threads SET updated_at = clock_timestamp() WHERE id = $1",
                    uuid.UUID(thread_id),
                )
            return str(thread_id)
        made = uuid.uuid4()
        async with self.db_session_factory() as session:
            await session.execute(
                "INSERT INTO chat.threads (id, user_id, title) VALUES ($1, $2, $3)", made, user_id, title
            )
        return str(made)

    async def _load_history(self, thread_id: str) -> list[Any]:
        """Return the thread's messages, oldest first, for the agent."""
        async with self.db_session_factory() as session:
            rows = await session.fetch(
                "SELECT id, run_id, role, content, created_at FROM chat.messages"
                " WHERE thread_id = $1 ORDER BY created_at",
                uuid.UUID(thread_id),
            )
        return [StoredMessage(row) for row in rows]

    async def _store_message(self, thread_id: str, run_id: str, message_id: str, text: str) -> None:
        """Keep what the user said."""
        async with self.db_session_factory() as session:
            await session.execute(
                "INSERT INTO chat.messages (id, thread_id, run_id, role, content)"
                " VALUES ($1, $2, $3, 'user', $4)",
                uuid.UUID(message_id),
                uuid.UUID(thread_id),
                uuid.UUID(run_id),
                text,
            )

    async def _run_agent(self, user_id: str, payload: dict[str, Any], text: str) -> None:
        """
        Answer the browser, store the message and start the agent.

        The browser is told first: users complained that the spinner came late.
        """
        run_id = str(uuid.uuid4())
        message_id = str(uuid.uuid4())
        thread_id = await self._find_thread(user_id, payload, title_from_text(text))
        await self.send(
            user_id,
            accepted_frame(payload, thread_id=thread_id, run_id=run_id, message_id=message_id),
        )
        history = await self._load_history(thread_id)
        await self._store_message(thread_id, run_id, message_id, text)
        self.supervisor.configure(
            user_id=user_id,
            thread_id=thread_id,
            run_id=run_id,
            agent_name=payload.get("agent"),
            history=history,
            db_session_factory=self.db_session_factory,
            requested_by=self,
        )
        self.supervisor.start(text)


class StoredMessage:
    """A message of the history, as agents see it."""

    def __init__(self, row: Any) -> None:
        """Take what agents need of a row."""
        self.id = str(row["id"])
        self.role = row["role"]
        self.content = row["content"]
        self.created_at = row["created_at"]


class StartAgentHandler(_AgentHandler):
    """
    Handler of `start_agent`: gives an agent a task.

    Fields:
        query: the task.
        agent: the name of the agent, or nothing for the default one.
        thread_id: the thread to go on with, or nothing for a new one.
    """

    def get_message_type(self) -> str:
        """Return the message type."""
        return "start_agent"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Start the agent with the query."""
        try:
            query = self._query_of(payload)
            if not query:
                logger.info("start_agent of %s without a query", user_id)
                return
            logger.info("start_agent of %s (%d characters)", user_id, len(query))
            await self._run_agent(user_id, payload, query)
        except Exception as e:
            logger.error("start_agent of %s failed: %s", user_id, e)
            await self.send(user_id, failure_frame(e))

    def _query_of(self, payload: dict[str, Any]) -> str:
        """Return the task; older browsers call it `user_request`, or send it inside `request`."""
        for name in ("query", "user_request"):
            value = payload.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        request = payload.get("request")
        if isinstance(request, dict):
            value = request.get("query")
            if isinstance(value, str):
                return value.strip()
        return ""


class UserMessageHandler(_AgentHandler):
    """
    Handler of `user_message`: stores what the user said and lets the agent answer.

    Fields:
        text: what the user said.
        references: what it is about, not used yet.
        agent: the name of the agent, or nothing for the default one.
        thread_id: the thread to go on with, or nothing for a new one.
    """

    def get_message_type(self) -> str:
        """Return the message type."""
        return "user_message"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Store the message and start the agent."""
        try:
            text = self._text_of(payload)
            if not text:
                logger.info("user_message of %s without text", user_id)
                return
            if len(text) > MAX_TEXT_LENGTH:
                raise ValueError(f"text of {len(text)} characters")
            logger.info("user_message of %s (%d characters)", user_id, len(text))
            await self._run_agent(user_id, payload, text)
        except Exception as e:
            logger.error("user_message of %s failed: %s", user_id, e)
            await self.send(user_id, failure_frame(e))

    def _text_of(self, payload: dict[str, Any]) -> str:
        """Return the text; older browsers call it `content`."""
        for name in ("text", "content"):
            value = payload.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return ""


class ThreadHistoryHandler(BaseMessageHandler):
    """
    Handler of `get_thread_history`: sends the messages of the user's thread.

    Fields:
        limit: how many messages to send at most, the newest ones.
    """

    def __init__(self, db_session_factory: DbSessionFactory) -> None:
        """
        Remember what is needed.

        Args:
            db_session_factory: gives a connection to the database, for an `async with`.
        """
        self.db_session_factory = db_session_factory

    def get_message_type(self) -> str:
        """Return the message type."""
        return "get_thread_history"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """Send the messages of the thread that the user is in."""
        try:
            limit = self._limit_of(payload)
            thread_id = await self._latest_thread(user_id)
            if thread_id is None:
                await self._send_history(user_id, payload, None, [], has_more=False)
                return
            rows = await self._load_messages(thread_id, limit + 1)
            has_more = len(rows) > limit
            rows = rows[:limit]
            rows.reverse()
            await self._send_history(user_id, payload, thread_id, rows, has_more=has_more)
        except Exception as e:
            logger.error("get_thread_history of %s failed: %s", user_id, e)

    def _limit_of(self, payload: dict[str, Any]) -> int:
        """Return how many messages are wanted; anything strange means the default."""
        try:
            limit = int(payload.get("limit", DEFAULT_HISTORY_LIMIT))
        except (TypeError, ValueError):
            return DEFAULT_HISTORY_LIMIT
        if limit < 1:
            return DEFAULT_HISTORY_LIMIT
        return min(limit, MAX_HISTORY_LIMIT)

    async def _latest_thread(self, user_id: str) -> uuid.UUID | None:
        """
        Return the thread that the user used last, which is the one on the screen.

        The payload has a `thread_id` since the new browsers, but old ones do not send it.
        """
        async with self.db_session_factory() as session:
            row = await session.fetchrow(
                "SELECT id FROM chat.threads WHERE user_id = $1 ORDER BY updated_at DESC LIMIT 1", user_id
            )
        if row is None:
            return None
        found: uuid.UUID = row["id"]
        return found

    async def _load_messages(self, thread_id: uuid.UUID, limit: int) -> list[Any]:
        """Return the newest messages of a thread, newest first."""
        async with self.db_session_factory() as session:
            rows = await session.fetch(
                "SELECT id, run_id, role, content, created_at FROM chat.messages"
                " WHERE thread_id = $1 ORDER BY created_at DESC LIMIT $2",
                thread_id,
                limit,
            )
        return list(rows)

    async def _send_history(
        self,
        user_id: str,
        payload: dict[str, Any],
        thread_id: uuid.UUID | None,
        rows: list[Any],
        *,
        has_more: bool,
    ) -> None:
        """Send the frame."""
        await self.send(
            user_id,
            make_frame(
                "thread_history",
                {"messages": [message_view(row) for row in rows], "has_more": has_more},
                reply_to=payload.get("client_id"),
                thread_id=str(thread_id) if thread_id is not None else None,
            ),
        )


class StopAgentHandler(BaseMessageHandler):
    """
    Handler of `stop_agent`: tells the browser that the agent is stopped.

    Fields:
        run_id: the run to stop.
    """

    def __init__(self, supervisor: "Supervisor", db_session_factory: DbSessionFactory | None = None) -> None:
        """
        Remember what is needed.

        Args:
            supervisor: runs the agents.
            db_session_factory: not needed any more; kept for callers that give it.
        """
        self.supervisor = supervisor
        self.db_session_factory = db_session_factory

    def get_message_type(self) -> str:
        """Return the message type."""
        return "stop_agent"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """
        Tell the browser that the agent is stopped.

        TODO: the supervisor cannot stop an agent yet. Its answer is ignored by the browser, which has
        hidden the run by then.
        """
        run_id = payload.get("run_id") or self.supervisor.run_id
        logger.info("stop_agent of %s for %s", user_id, run_id)
        await self.send(
            user_id,
            make_frame(
                "agent_stopped",
                {"status": "stopped"},
                reply_to=payload.get("client_id"),
                run_id=run_id,
            ),
        )


# ---------------------------------------------------------------------------
# The service
# ---------------------------------------------------------------------------


class MessageHandlerService:
    """
    Owns the handlers and gives every message to the one that claims its type.

    Handlers are looked up in `chat.registry`, where each module claims the types of its classes when it
    is imported. So a type can be handled elsewhere by importing the other module afterwards.
    """

    def __init__(self, supervisor: "Supervisor", db_session_factory: DbSessionFactory) -> None:
        """
        Make one handler for each type.

        Args:
            supervisor: runs the agents; shared by all handlers and users.
            db_session_factory: gives a connection to the database, for an `async with`.
        """
        self.supervisor = supervisor
        self.db_session_factory = db_session_factory
        self.handlers: dict[str, Any] = {}
        for message_type, handler in CLAIMS.items():
            self.handlers[message_type] = self._make(handler)

    def _make(self, handler: type) -> Any:
        """Make a handler; most want the supervisor, some only the database."""
        if handler is ThreadHistoryHandler:
            return handler(self.db_session_factory)
        return handler(self.supervisor, self.db_session_factory)

    # -- messages ---------------------------------------------------------

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """
        Give a message to its handler.

        A message that fails must not end the socket of the user, so nothing is raised.
        """
        message_type = payload.get("type")
        if message_type == "ping":
            await self._pong(user_id, payload)
            return
        handler = self.handlers.get(str(message_type))
        if handler is None:
            logger.debug("message of unknown type %r", message_type)
            return
        try:
            await handler.handle(user_id, payload)
        except Exception as e:
            logger.warning("%s of %s failed: %s", message_type, user_id, e)

    async def _pong(self, user_id: str, payload: dict[str, Any]) -> None:
        """Answer a sign of life."""
        await connections.send_to_user(
            user_id, make_frame("pong", {"head": 0}, reply_to=payload.get("client_id"))
        )

    def get_handler(self, message_type: str) -> Any:
        """Return the handler of a type, or None."""
        return self.handlers.get(message_type)

    def get_supported_types(self) -> list[str]:
        """Return the types that are handled."""
        return sorted(self.handlers)

    # -- sockets ----------------------------------------------------------

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one socket, as an ASGI application."""
        websocket = WebSocket(scope, receive, send)
        token = token_of(scope)
        who = tokens.user_of(token) if token else None
        reply_to = None
        await self._accept(websocket)
        if who is None and token:
            await websocket.close(POLICY_VIOLATION)
            return
        if who is None:
            who, reply_to = await self._authenticate(websocket)
            if who is None:
                return
        user_id, tenant_id = who
        await self._serve(websocket, user_id, tenant_id, reply_to)

    async def _accept(self, websocket: WebSocket) -> None:
        """Accept the socket, with the subprotocol that the new browsers ask for."""
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)

    async def _authenticate(self, websocket: WebSocket) -> tuple[tuple[str, str] | None, str | None]:
        """Read the token from the first message; None if there is none that is good."""
        try:
            first = flatten(await websocket.receive_json())
            who = tokens.user_of(str(first.get("token", "")))
        except (WebSocketDisconnect, ValueError, TypeError, AttributeError, KeyError):
            return None, None
        if who is None:
            await websocket.close(POLICY_VIOLATION)
        return who, first.get("client_id")

    async def _serve(
        self, websocket: WebSocket, user_id: str, tenant_id: str, reply_to: str | None
    ) -> None:
        """Read messages until the socket is closed."""
        connections.add(user_id, websocket)
        logger.info("socket of %s opened (%d are open)", user_id, connections.count())
        try:
            await self._greet(websocket, user_id, tenant_id, reply_to)
            while True:
                text = await websocket.receive_text()
                payload = self._read(text)
                if payload is not None:
                    await self.handle(user_id, payload)
        except WebSocketDisconnect:
            logger.info("socket of %s closed", user_id)
        except Exception as e:
            logger.warning("socket of %s failed: %s", user_id, e)
        finally:
            connections.remove(user_id, websocket)

    async def _greet(
        self, websocket: WebSocket, user_id: str, tenant_id: str, reply_to: str | None
    ) -> None:
        """Tell the browser who it is."""
        await websocket.send_json(
            make_frame(
                "connected",
                {
                    "user_id": user_id,
                    "tenant_id": tenant_id,
                    "server_time": datetime.now(UTC).isoformat(),
                },
                reply_to=reply_to,
            )
        )

    def _read(self, text: str) -> dict[str, Any] | None:
        """Read a message; what cannot be read is dropped."""
        try:
            frame = json.loads(text)
        except ValueError:
            logger.warning("message that is not JSON")
            return None
        if not isinstance(frame, dict):
            logger.warning("message that is not an object")
            return None
        return flatten(frame)


# ---------------------------------------------------------------------------
# Claims
# ---------------------------------------------------------------------------

HANDLER_CLASSES: dict[str, type] = {
    "start_agent": StartAgentHandler,
    "user_message": UserMessageHandler,
    "get_thread_history": ThreadHistoryHandler,
    "stop_agent": StopAgentHandler,
}


def claim_all() -> None:
    """Claim the types of the classes above; the last claim of a type counts."""
    for message_type, handler in HANDLER_CLASSES.items():
        register_handler(message_type, handler)


claim_all()
