"""Threads and their messages, as stored and as shown."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

from netra_backend.domain.ids import MessageId, RunId, ThreadId

Role = Literal["user", "assistant"]
T = TypeVar("T")

TITLE_LENGTH = 80
"""Characters of the first message that become a thread's title: one line of a sidebar."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a thread; `content` is markdown."""

    id: MessageId
    role: Role
    content: str
    created_at: datetime
    run_id: RunId | None = None
    client_id: str | None = None
    references: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation of one user."""

    id: ThreadId
    title: str
    archived: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a listing; `has_more` says whether older items exist."""

    items: tuple[T, ...]
    has_more: bool


def fitting(page: Page[Message], max_bytes: int) -> Page[Message]:
    """The newest messages of a page whose text fits, at least one; the others are on the next page."""
    size = 0
    for kept, message in enumerate(reversed(page.items)):
        size += len(message.content.encode())
        if kept and size > max_bytes:
            return Page(page.items[-kept:], has_more=True)
    return page


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Text that the database and UTF-8 can hold: U+0000 and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def title_of(text: str) -> str:
    """The title of a thread that starts with `text`: its first words on one line."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
