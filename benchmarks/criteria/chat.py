"""Simple questions to the real small model, over the shipped client, as a person would ask them."""

import tempfile
import time
from pathlib import Path
from typing import Final

from netra_client.client import NetraClient
from netra_client.messages import AgentCompleted

from benchmarks.processes import BenchmarkError
from netra_backend.app import core
from netra_backend.stack.local import LocalStack

QUESTIONS: Final = (
    "What is the capital of France?",
    "Name three colours.",
    "What do bees make?",
    "Say hello in Spanish.",
    "What is water made of?",
    "How many days has a week?",
    "Name a planet.",
    "What is the opposite of hot?",
    "Who wrote Hamlet?",
    "What is 17 * 23?",
    "Name an ocean.",
    "What do cows drink?",
    "Write a short greeting.",
    "What is snow?",
    "Name a musical instrument.",
)


async def ask() -> list[float]:
    """Seconds from sending each question to the end of its answer; each in a thread of its own.

    Raises:
        BenchmarkError: an answer is empty, or its run did not complete.
        StackError, EmbeddedError, SettingsError: the stack cannot start; without the model's packages neither.
    """
    with tempfile.TemporaryDirectory(prefix="netra-criteria-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with LocalStack(
            data_dir=folder / "data", gateways=1, workers=1, model="local", cwd=folder
        ) as stack:
            async with core(stack.settings(), stack.addresses) as parts:
                user = await parts.auth.users.add("ada@example.com", tenant="acme", password="not guessed")  # noqa: S106 - of a stack that is gone in a minute
                token = (await parts.auth.issue(user)).access_token
            async with NetraClient(stack.gateways[0].url, token=token) as client:
                return [await _ask(client, question) for question in QUESTIONS]


async def _ask(client: NetraClient, question: str) -> float:
    began = time.perf_counter()
    async for event in client.run(question):
        if isinstance(event, AgentCompleted):
            message = event.payload.message
            if event.payload.status != "completed" or message is None or not message.content.strip():
                raise BenchmarkError(f"The model did not answer {question!r}: {event.payload.status}.")
    return time.perf_counter() - began
