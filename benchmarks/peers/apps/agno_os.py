"""Agno AgentOS with the stub agent, as its documentation sets one up. Runs in the environment of the peers.

Says where it listens as Netra does. Imports nothing of Netra: the texts come in by the environment.
"""

# mypy: disable-error-code="import-not-found"
# Agno is installed in the peers' environment only, never beside the type checker.

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from agno.agent import Agent
from agno.db.postgres import AsyncPostgresDb
from agno.job_queue.config import QueueConfig
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.os import AgentOS

AT_ONCE = 100
"""Runs of the job queue at once: all users of the load, so that the queue never holds one back."""
STUB: dict[str, Any] = json.loads(os.environ["PEER_STUB"])


async def lookup(query: str) -> str:
    """The tool: the same result for every question."""
    del query
    return json.dumps(STUB["result"])


async def _answer(model: object, messages: list[Any], **_: Any) -> AsyncIterator[ModelResponse]:
    """Think and call the tool; with the tool's result, answer in one piece."""
    del model
    if messages[-1].role == "tool":
        yield ModelResponse(role="assistant", content=STUB["answer"])
        return
    yield ModelResponse(role="assistant", reasoning_content=STUB["thought"])
    call = {"name": STUB["tool"], "arguments": json.dumps(STUB["arguments"])}
    yield ModelResponse(
        role="assistant", tool_calls=[{"id": f"call-{id(messages)}", "type": "function", "function": call}]
    )


def _never(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("Only the streaming call is measured.")


# Built from functions, because what it overrides is called by Agno only.
Canned = type(
    "Canned",
    (Model,),
    {
        "ainvoke_stream": _answer,
        **dict.fromkeys(
            (
                "invoke",
                "ainvoke",
                "invoke_stream",
                "_parse_provider_response",
                "_parse_provider_response_delta",
            ),
            _never,
        ),
    },
)


def application() -> Any:
    """The server's application, with telemetry off and PostgreSQL as its store."""
    logging.getLogger("agno").setLevel(logging.WARNING)  # else a line for every run
    db = AsyncPostgresDb(id="peers", db_url=os.environ["PEER_DATABASE"])
    agent = Agent(
        id="stub",
        model=Canned(id="canned"),
        tools=[lookup],
        db=db,
        add_history_to_context=True,
        telemetry=False,
    )
    durable = os.environ["PEER_MODE"] == "queue"
    queue = QueueConfig(durable=True, max_concurrency=AT_ONCE) if durable else None
    return AgentOS(id="peers", agents=[agent], db=db, queue=queue, telemetry=False).get_app()


async def serve() -> None:
    """Serve on a free port until a signal, and say where."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = uvicorn.Server(uvicorn.Config(application(), access_log=False, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    if server.started:
        print(
            json.dumps({"event": "ready", "url": f"http://127.0.0.1:{listening.getsockname()[1]}"}),
            flush=True,
        )
    await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
        runner.run(serve())
