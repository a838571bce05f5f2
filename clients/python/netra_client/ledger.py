"""Frames that were sent and not answered. It owns their futures; it sends nothing.

After a reconnect every frame in here is sent again, unchanged and in order: the server stores a command
with the same id once and gives the same answer, so sending again is always safe.
"""

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from netra_client.errors import MalformedFrame, ServerError
from netra_client.messages import ErrorFrame, ServerFrame

AnswerT = TypeVar("AnswerT", bound=ServerFrame)


@dataclass(slots=True)
class _Entry:
    frame: bytes
    answer: asyncio.Future[ServerFrame]
    waiting: int = 0


class Ledger:
    """Unanswered frames by id, in the order in which they were first sent."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def frames(self) -> list[bytes]:
        """Return what to send again."""
        return [entry.frame for entry in self._entries.values()]

    def enter(self, id_: str, frame: bytes) -> bool:
        """Note a frame; `False` when this id is under way already and must not be sent twice at once.

        Raises:
            ValueError: the id is under way with another content.
        """
        if (entry := self._entries.get(id_)) is not None:
            if entry.frame != frame:
                raise ValueError("This id is in use by another frame that is not answered yet.")
            return False
        self._entries[id_] = _Entry(frame, asyncio.get_running_loop().create_future())
        return True

    async def answer(self, id_: str) -> ServerFrame:
        """Wait for the answer; a caller that stops waiting takes the frame out, unless others wait too.

        Raises:
            ServerError: the answer is `error`.
        """
        entry = self._entries[id_]
        entry.waiting += 1
        try:
            return await asyncio.shield(entry.answer)
        finally:
            entry.waiting -= 1
            if entry.waiting == 0 and self._entries.get(id_) is entry:
                del self._entries[id_]

    def resolve(self, frame: ServerFrame) -> bool:
        """Hand an answer to who waits for it; `False` when nobody does."""
        entry = self._entries.pop(frame.reply_to, None) if frame.reply_to is not None else None
        if entry is None:
            return False
        if isinstance(frame, ErrorFrame):
            entry.answer.set_exception(server_error(frame))
            # A caller that was cancelled never looks; that is not a fault of anybody's.
            entry.answer.exception()
        else:
            entry.answer.set_result(frame)
        return True

    def fail(self, error: Exception) -> None:
        """Give `error` to all who wait."""
        for entry in self._entries.values():
            entry.answer.set_exception(error)
            entry.answer.exception()
        self._entries.clear()


def server_error(frame: ErrorFrame) -> ServerError:
    """Return an `error` frame as an exception."""
    payload = frame.payload
    return ServerError(
        payload.code,
        payload.message,
        retryable=payload.retryable,
        retry_after_ms=payload.retry_after_ms,
        path=None if payload.path is None else str(payload.path),
    )


def expect(frame: ServerFrame, kind: type[AnswerT]) -> AnswerT:
    """Refuse an answer of the wrong type.

    Raises:
        MalformedFrame: `frame` is not a `kind`.
    """
    if not isinstance(frame, kind):
        raise MalformedFrame(f"The server answered with `{type(frame).__name__}`, not `{kind.__name__}`.")
    return frame
