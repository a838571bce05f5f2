"""What an agent sees while it runs: the fixed, portable interface between Netra and agents.

Nothing here knows the database or the wire; `runner.py` provides the real thing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from netra_backend.domain.ids import RunId, TenantId, ThreadId, UserId
from netra_backend.domain.threads import Message
from netra_backend.protocol.payloads import ToolStatus


class ToolCall(Protocol):
    """A tool call in progress. Set `result` (any JSON value) before leaving the block.

    `idempotency_key` is the same for the same call in every attempt of the run: give it to
    the outside service, so that a retry after a crash does not act twice.
    """

    result: Any

    @property
    def id(self) -> str:
        """The `tool_call_id` of the events."""
        ...

    @property
    def idempotency_key(self) -> str:
        """Stable over attempts."""
        ...


class Context(Protocol):
    """One run. Cancellation arrives as `asyncio.CancelledError` and must not be swallowed."""

    @property
    def text(self) -> str:
        """What the user asks."""
        ...

    @property
    def history(self) -> Sequence[Message]:
        """The thread's earlier messages, oldest first, without `text` itself."""
        ...

    @property
    def input(self) -> Mapping[str, Any]:
        """The `input` object of `start_agent`; empty otherwise."""
        ...

    @property
    def tenant_id(self) -> TenantId:
        """Whose data this is."""
        ...

    @property
    def user_id(self) -> UserId:
        """Whose data this is."""
        ...

    @property
    def thread_id(self) -> ThreadId:
        """The conversation."""
        ...

    @property
    def run_id(self) -> RunId:
        """This run."""
        ...

    @property
    def attempt(self) -> int:
        """1, or more when an earlier worker died."""
        ...

    async def think(self, text: str) -> None:
        """Report a thought (`agent_thinking`)."""
        ...

    def tool(
        self, name: str, arguments: Any, *, call_id: str | None = None, once: bool = False
    ) -> AbstractAsyncContextManager[ToolCall]:
        """Report a tool call around a block.

        `tool_executing` is stored before the block is entered, and `tool_completed` when it is
        left, also by an error or a cancellation.

        `arguments` is any JSON value. `call_id` defaults to an id derived from run and position.
        `once` is for what must not be done twice and knows no idempotency key: if an earlier
        attempt of this run began the same call, the block is not entered.

        Raises:
            CalledBefore: with `once`, an earlier attempt began this call.
        """
        ...

    async def write(self, text: str) -> None:
        """Add `text` to the answer; the user sees it at once."""
        ...

    def count_usage(self, *, input_tokens: int, output_tokens: int) -> None:
        """Add to the token counts shown with the run's end."""
        ...


AgentFunction = Callable[[Context], Awaitable[str | None]]
"""What every agent is adapted to. Returns the answer, or None for what was written."""


class ToolError(Exception):
    """The tool could not do it; the message is for people and models alike.

    Raised out of a `tool` block it is shown in `tool_completed`. Of any other exception only the
    kind is shown, for its text may hold what nobody should read.
    """


class AgentFailed(Exception):
    """The run failed in a way that the user should read about.

    `code` and `message` go to the user as they are: no keys, prompts or inside details.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CalledBefore(AgentFailed):
    """A tool that may act only once was called by an earlier attempt, and is not called again.

    Not caught, it ends the run as `failed`, and the user reads which tool it was.

    Attributes:
        tool: its name.
        status: what is known of the earlier call: `ok`, `error`, `cancelled` in its midst, or
            `unknown` after the worker was lost.
        result: what an `ok` call returned.
    """

    def __init__(self, tool: str, *, status: ToolStatus, result: Any = None) -> None:
        message = f"The tool {tool} was called before this run was begun again (outcome: {status}), and it may act only once."
        super().__init__("called_before", message)
        self.tool = tool
        self.status = status
        self.result = result
