"""Stored things as clients see them: the one translation from domain to wire and JSON views."""

from msgspec import UNSET

from netra_backend.domain.threads import Message, Thread
from netra_backend.protocol.payloads import MessageView, ThreadView


def message_view(message: Message) -> MessageView:
    """A message without what it does not have: unset fields stay off the wire."""
    return MessageView(
        id=message.id,
        role=message.role,
        content=message.content,
        created_at=message.created_at,
        run_id=message.run_id if message.run_id is not None else UNSET,
        client_id=message.client_id if message.client_id is not None else UNSET,
        references=list(message.references) if message.references else UNSET,
    )


def thread_view(thread: Thread) -> ThreadView:
    """A thread's line in a listing."""
    return ThreadView(
        id=thread.id,
        title=thread.title,
        archived=thread.archived,
        created_at=thread.created_at,
        updated_at=thread.updated_at,
    )
