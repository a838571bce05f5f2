"""Chainlit with the stub agent, as its documentation sets one up: `chainlit run` on this file.

Says where it listens as Netra does. Imports nothing of Netra: the texts come in by the environment.
"""

# mypy: disable-error-code="import-not-found"
# Chainlit is installed in the peers' environment only, never beside the type checker.

import json
import os
import socket
import threading
import time
from typing import Any

import chainlit as cl
from chainlit.data.sql_alchemy import SQLAlchemyDataLayer

STUB: dict[str, Any] = json.loads(os.environ["PEER_STUB"])


def store() -> SQLAlchemyDataLayer:
    """PostgreSQL, by the layer that the documentation has for it."""
    return SQLAlchemyDataLayer(conninfo=os.environ["PEER_DATABASE"])


def admit(username: str, password: str) -> cl.User | None:
    """Chainlit stores only what a known user says."""
    return cl.User(identifier=username) if password == os.environ["PEER_PASSWORD"] else None


async def answer(message: cl.Message) -> None:
    """Think, use one tool, answer in one piece."""
    del message
    thought = cl.Step(name="thinking", type="llm")
    thought.output = STUB["thought"]
    await thought.send()
    async with cl.Step(name=STUB["tool"], type="tool") as call:
        call.input = STUB["arguments"]
        call.output = STUB["result"]
    await cl.Message(content=STUB["answer"]).send()


def announce() -> None:
    """Say where the server is, as soon as it accepts: it has no hook for that."""
    port = int(os.environ["CHAINLIT_PORT"])
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            print(json.dumps({"event": "ready", "url": f"http://127.0.0.1:{port}"}), flush=True)
            return


if os.environ["PEER_MODE"] == "sqlalchemy":
    cl.data_layer(store)
cl.password_auth_callback(admit)
cl.on_message(answer)
threading.Thread(target=announce, daemon=True).start()
