"""Events on their way to the application. It owns the queues; it never blocks the socket's reader.

A reader that waited for a slow application would also hold back the answers which that application may be
waiting for. So a queue is bounded, and one that overflows is emptied and told so with a `resync`.
"""

import asyncio
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Literal, Self

from netra_client.messages import (
    Durable,
    ErrorFrame,
    Live,
    Reconnect,
    Resync,
    TokenExpiring,
    Typing,
)
from netra_client.payloads import ResyncPayload


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChanged:
    """Not a frame: the client says how the connection is.

    Attributes:
        state: `open`, or `waiting` for the next attempt.
        code: the close code that led to `waiting`, 1006 when there was none.
        reason: for people.
        retry_in_s: seconds until the next attempt, when waiting.
    """

    state: Literal["open", "waiting"]
    code: int | None = None
    reason: str = ""
    retry_in_s: float | None = None


Event = Durable | Live | Typing | TokenExpiring | Reconnect | Resync | ErrorFrame | ConnectionChanged


class Subscription:
    """An async iterator of events, from the moment it was made. Close it, or just let go of it."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._events: deque[Event] = deque()
        self._ready = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    def put(self, event: Event) -> None:
        """Queue one event."""
        if len(self._events) >= self._capacity:
            self._events.clear()
            self._events.append(Resync(payload=ResyncPayload(reason="slow_reader", head=_seq(event))))
        self._events.append(event)
        self._ready.set()

    def end(self, error: Exception | None) -> None:
        """End the iteration after what is queued, with `error` if there is one."""
        self._ended, self._error = True, self._error or error
        self._ready.set()

    def close(self) -> None:
        """Stop listening; what is queued is dropped."""
        self._events.clear()
        self.end(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise self._error or StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._events.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seq(event: Event) -> int:
    return 0 if isinstance(event, ConnectionChanged) or event.seq is None else event.seq


class Broadcast:
    """All subscriptions of one client. It does not keep one alive that the application let go of."""

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._ended: tuple[Exception | None] | None = None

    def subscribe(self) -> Subscription:
        """Return a new subscription; one of a client that has ended is at its end."""
        subscription = Subscription(capacity=self._capacity)
        if self._ended is not None:
            subscription.end(*self._ended)
        self._open.add(subscription)
        return subscription

    def put(self, event: Event) -> None:
        """Give one event to every subscription."""
        for subscription in list(self._open):
            subscription.put(event)

    def end(self, error: Exception | None) -> None:
        """End every subscription, and those made from now on."""
        if self._ended is None:
            self._ended = (error,)
        for subscription in list(self._open):
            subscription.end(error)
