"""Answers of HTTP/1.1 that stream server-sent events in chunks, cut into events. No I/O.

Takes only what the measured products send: a status line, headers, chunks, and events with one data line each.
"""

from typing import Final, NamedTuple

from benchmarks.frames import FrameError

_END_OF_HEAD: Final = b"\r\n\r\n"
_END_OF_EVENT: Final = b"\n\n"
_NAME: Final = b"event: "
_DATA: Final = b"data: "


class Event(NamedTuple):
    """One event; the `END` of an answer has neither name nor data."""

    name: bytes
    data: bytes


END: Final = Event(b"", b"")


class EventReader:
    """Cuts what came over one connection; answers follow each other on it."""

    def __init__(self) -> None:
        self._bytes = b""
        self._text = b""
        self._in_body = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, and `END` after the last of an answer.

        Raises:
            FrameError: the answer is not a stream of events.
        """
        self._bytes += data
        found: list[Event] = []
        while self._head() if not self._in_body else self._chunk(found):
            continue
        return found

    def _head(self) -> bool:
        head, separator, rest = self._bytes.partition(_END_OF_HEAD)
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 200") or b"transfer-encoding: chunked" not in head.lower():
            raise FrameError(f"Not a stream of events: {head[:80]!r} {rest[:200]!r}.")
        self._bytes, self._in_body = rest, True
        return True

    def _chunk(self, found: list[Event]) -> bool:
        line, separator, rest = self._bytes.partition(b"\r\n")
        if not separator:
            return False
        size = int(line, 16)
        if len(rest) < size + 2:
            return False
        self._bytes = rest[size + 2 :]
        if size:
            self._cut(rest[:size], found)
            return True
        if self._text:
            raise FrameError(f"An answer ended within an event: {self._text[:80]!r}.")
        self._in_body = False
        found.append(END)
        return bool(self._bytes)

    def _cut(self, chunk: bytes, found: list[Event]) -> None:
        *events, self._text = (self._text + chunk).split(_END_OF_EVENT)
        for event in events:
            name, separator, data = event.partition(b"\n")
            if event.startswith(b":"):  # a comment that keeps the connection open
                continue
            if not separator or not name.startswith(_NAME) or not data.startswith(_DATA):
                raise FrameError(f"Not an event with a name and data: {event[:80]!r}.")
            found.append(Event(name.removeprefix(_NAME), data.removeprefix(_DATA)))
