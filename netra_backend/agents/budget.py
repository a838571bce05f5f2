"""Cuts text to what a model can read. Counts bytes: tokens follow bytes in every script."""

from collections.abc import Sequence

from netra_backend.domain.threads import Message


def newest(history: Sequence[Message], *, limit: int) -> list[Message]:
    """The newest messages that fit into `limit` bytes, oldest first, beginning with the user's."""
    kept: list[Message] = []
    for message in reversed(history):
        limit -= len(message.content.encode())
        if limit < 0:
            break
        kept.append(message)
    while kept and kept[-1].role == "assistant":
        kept.pop()
    return kept[::-1]


def cut(text: str, *, limit: int) -> str:
    """The beginning of `text`, at most `limit` bytes of UTF-8."""
    return text.encode()[:limit].decode(errors="ignore")
