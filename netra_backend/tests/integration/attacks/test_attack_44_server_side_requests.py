"""Attack 44: what a user names by address is never fetched by the server (SSRF)."""

import json
from datetime import UTC, datetime

import pytest
from pydantic_ai.messages import UserPromptPart

from netra_backend.agents.adapt_pydantic_ai import as_model_messages
from netra_backend.domain.ids import MessageId
from netra_backend.domain.threads import Message
from netra_backend.testing.client import Client
from netra_backend.tests.integration.attacks.conftest import CANARY, Unharmed
from netra_backend.tests.integration.attacks.test_attack_30_forged_tokens import listener
from netra_backend.tests.subject import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")


def parts(site: str) -> list[object]:
    """Everything that looks like a file or an address, in the forms that model providers know."""
    return [
        f"{site}/{CANARY}",
        f"file:///etc/passwd#{CANARY}",
        {"type": "image_url", "image_url": {"url": f"{site}/image"}},
        {"type": "input_file", "file_url": f"{site}/file"},
        {"kind": "image-url", "url": f"{site}/part", "force_download": True},
        {"kind": "document-url", "url": "http://169.254.169.254/latest/meta-data/"},
        {"url": "gopher://127.0.0.1:6381/_FLUSHALL"},
    ]


async def test_attack_44_references_are_kept_and_never_fetched(subject: Subject, unharmed: Unharmed) -> None:
    """They are data of the user: stored, shown back, asked by nobody."""
    alice = await subject.account()
    async with listener() as (site, asked), unharmed(), subject.connect(alice) as client:
        text = f"Look at {site}/text and ![this]({site}/picture) {CANARY}"
        accepted = await client.say(text, references=parts(site))
        await client.finished(accepted["run_id"])
        shown = await history(client, accepted["thread_id"])
        assert shown[0]["references"] == parts(site)
        assert asked == []


async def test_attack_44_the_model_is_given_text_and_no_parts() -> None:
    """A part with an address would be fetched by the model's client, or by its provider."""
    said = Message(
        id=MessageId("m"),
        role="user",
        content=f"![this](http://192.0.2.1/{CANARY})",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        references=tuple(parts("http://192.0.2.1")),
    )
    (request,) = as_model_messages([said])
    assert [part.content for part in request.parts if isinstance(part, UserPromptPart)] == [said.content]
    assert len(request.parts) == 1


async def history(client: Client, thread_id: str) -> list[dict[str, object]]:
    """The thread's messages."""
    answer = await client.ask("get_thread_history", {}, thread_id=thread_id)
    messages: list[dict[str, object]] = answer["payload"]["messages"]
    return messages


@pytest.mark.parametrize("field", ["file", "files", "attachments", "image_url", "url", "parts"])
async def test_attack_44_there_are_no_other_file_fields(
    subject: Subject, unharmed: Unharmed, field: str
) -> None:
    """A field that would hold files or addresses is refused, in messages and in tasks."""
    alice = await subject.account()
    async with listener() as (site, asked), unharmed(), subject.connect(alice) as client:
        for kind, text in (("user_message", "text"), ("start_agent", "query")):
            refused = await client.ask(kind, {text: "Hi", field: f"{site}/{CANARY}"})
            assert refused["payload"]["code"] == "bad_message"
        task = await client.ask("start_agent", {"query": "Hi", "input": {field: f"{site}/{CANARY}"}})
        await client.finished(task["run_id"])
        assert asked == []
        assert json.dumps(client.of_type("error")).count(CANARY) == 0
