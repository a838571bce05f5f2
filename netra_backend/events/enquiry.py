"""Questions that every process answers for itself, for operators: asked through Valkey, answered in parts.

An answer is what a process knows just now. Whoever does not answer in time is missing from it, and
the asker is told who did answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from netra_backend.events.feed import ValkeyFeed

log = structlog.get_logger(__name__)

PATIENCE_S = 0.3
"""Seconds in which every process must answer. How many there are is known to nobody."""

Answerer = Callable[..., Any]
"""Gets the question's arguments, all text, and returns what JSON can hold; must be quick."""


class ProcessName(msgspec.Struct, frozen=True):
    """Which process answers."""

    id: str
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Part:
    """The answer of one process."""

    process: ProcessName
    value: Any


@dataclass(frozen=True, slots=True)
class Answers:
    """All parts, this process's first. `everywhere` is false if only this process could be asked."""

    parts: Sequence[Part]
    everywhere: bool


_question = msgspec.json.Decoder(list[str])
_part = msgspec.json.Decoder(tuple[ProcessName, Any])


class Enquiry:
    """Asks and answers for one process.

    Args:
        feed: carries questions and answers.
        process: this one's name.
    """

    def __init__(self, feed: ValkeyFeed, *, process: ProcessName) -> None:
        self._feed = feed
        self._process = process
        self._answerers: dict[str, Answerer] = {}
        feed.on_question(self._answer)

    def answer(self, topic: str, answerer: Answerer) -> None:
        """Answer questions about `topic` (at start-up only); about others this process knows nothing."""
        self._answerers[topic] = answerer

    async def ask(self, topic: str, *arguments: str) -> Answers:
        """Ask every process, this one too."""
        own = Part(self._process, self._know(topic, arguments))
        others = await self._feed.ask(msgspec.json.encode([topic, *arguments]), patience_s=PATIENCE_S)
        parts = [own, *(Part(*_part.decode(each)) for each in others)]
        known = [part for part in parts if part.value is not None]
        return Answers(known, everywhere=self._feed.healthy)

    def _answer(self, question: bytes) -> bytes:
        try:
            topic, *arguments = _question.decode(question)
            value = self._know(topic, arguments)
        except Exception:
            log.exception("enquiry_failed")  # the feed's reader must live
            value = None
        return msgspec.json.encode((self._process, value))

    def _know(self, topic: str, arguments: Sequence[str]) -> Any:
        answerer = self._answerers.get(topic)
        return answerer(*arguments) if answerer is not None else None
