"""The supervisor runs agents. There is one for the whole service; every request configures it first."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from chat.connections import connections

if TYPE_CHECKING:
    from chat.services.websocket.message_handler import StartAgentHandler, UserMessageHandler

logger = logging.getLogger(__name__)


class SupervisorContext:
    """What the agent sees. What it reports of itself goes to the activity counter, nowhere else."""

    attempt = 1

    def __init__(self, supervisor: "Supervisor", text: str) -> None:
        self._supervisor = supervisor
        self.text = text
        self.history = supervisor.history
        self.input: dict[str, Any] = {}
        self.written = ""

    @property
    def user_id(self) -> str:
        """For whom the agent runs."""
        return self._supervisor.user_id

    @property
    def tenant_id(self) -> str:
        """Whose tenant that is; there is only one."""
        return "default"

    @property
    def thread_id(self) -> str:
        """The conversation."""
        return self._supervisor.thread_id

    @property
    def run_id(self) -> str:
        """This run."""
        return self._supervisor.run_id

    async def think(self, text: str) -> None:
        """The agent has a thought."""
        await self._supervisor.note("thoughts")

    @asynccontextmanager
    async def tool(self, name: str, arguments: Any, **_: Any) -> AsyncIterator[Any]:
        """The agent uses a tool."""
        await self._supervisor.note(f"tool:{name}")
        yield SimpleNamespace(id=str(uuid.uuid4()), idempotency_key=self.run_id, result=None)

    async def write(self, text: str) -> None:
        """The agent writes a piece of its answer."""
        self.written += text

    def count_usage(self, **_: int) -> None:
        """Tokens are not counted."""


class Supervisor:
    """Runs one agent after the other, for whoever configured it last."""

    def __init__(self, agents: Any, redis: Any) -> None:
        self.agents = agents
        self.redis = redis
        self.user_id = ""
        self.thread_id = ""
        self.run_id = ""
        self.agent_name: str | None = None
        self.history: list[Any] = []
        self.db_session_factory: Callable[[], Any] | None = None
        self.requested_by: StartAgentHandler | UserMessageHandler | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def configure(self, **fields: Any) -> None:
        """Set for whom and in which thread the next run is."""
        for name, value in fields.items():
            setattr(self, name, value)

    def start(self, text: str) -> None:
        """Run the agent beside the socket's loop."""
        task = asyncio.create_task(self.run(text))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run(self, text: str) -> None:
        """Run the agent, store its answer and send it."""
        try:
            found = self.agents.find(self.agent_name)
            context = SupervisorContext(self, text)
            answer = await found[1](context)
            message = await self.store_answer(context.written if answer is None else answer)
        except Exception as e:
            logger.warning("run failed: %s", e)
            return
        await connections.send_to_user(
            self.user_id,
            {
                "type": "agent_completed",
                "thread_id": self.thread_id,
                "run_id": self.run_id,
                "payload": {"status": "completed", "message": message},
            },
        )

    async def store_answer(self, content: str) -> dict[str, Any]:
        """Keep the answer."""
        async with self.db_session_factory() as session:
            row = await session.fetchrow(
                "INSERT INTO chat.messages (id, thread_id, run_id, role, content)"
                " VALUES ($1, $2, $3, 'assistant', $4) RETURNING id, created_at",
                uuid.uuid4(),
                uuid.UUID(self.thread_id),
                uuid.UUID(self.run_id),
                content,
            )
        return {
            "id": str(row["id"]),
            "role": "assistant",
            "content": content,
            "created_at": row["created_at"].isoformat(),
            "run_id": self.run_id,
        }

    async def note(self, what: str) -> None:
        """Count what agents do."""
        await self.redis.hincrby("chat:activity", what, 1)

    async def close(self) -> None:
        """End what still runs."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
