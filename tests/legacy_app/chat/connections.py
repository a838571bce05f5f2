"""The sockets of every user, for whoever has something to tell them."""

import logging
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class JsonSocket(Protocol):
    """What frames can be sent to."""

    async def send_json(self, data: Any) -> None:
        """Send a frame."""


class Connections:
    """All open sockets, by user."""

    def __init__(self) -> None:
        self._sockets: dict[str, list[JsonSocket]] = {}

    def add(self, user_id: str, websocket: JsonSocket) -> None:
        """A socket was opened."""
        self._sockets.setdefault(user_id, []).append(websocket)

    def remove(self, user_id: str, websocket: JsonSocket) -> None:
        """A socket was closed."""
        sockets = self._sockets.get(user_id, [])
        if websocket in sockets:
            sockets.remove(websocket)
        if not sockets:
            self._sockets.pop(user_id, None)

    async def send_to_user(self, user_id: str, frame: dict[str, Any]) -> None:
        """Send a frame to every socket of a user; those that are gone are skipped."""
        for websocket in list(self._sockets.get(user_id, [])):
            try:
                await websocket.send_json(frame)
            except Exception as e:
                logger.warning("could not send %s to %s: %s", frame.get("type"), user_id, e)

    def has(self, user_id: str) -> bool:
        """Whether a user has a socket open."""
        return bool(self._sockets.get(user_id))

    def count(self) -> int:
        """How many sockets are open."""
        return sum(len(sockets) for sockets in self._sockets.values())


connections = Connections()
