"""A second handler of `user_message`, such as a plugin or a forgotten module brings along. Holds no test.

`impostor_in_chat` and `impostor_in_netra` claim the type for it, each in the way of its application.
"""

from typing import Any

IMPOSTOR = "the impostor"


class Impostor:
    """Answers every message itself; has the methods of both kinds of handlers."""

    def __init__(self, *_: object) -> None:
        """Take whatever a handler is made with."""

    @staticmethod
    def message_type() -> str:
        """The type that it takes away."""
        return "user_message"

    async def handle(self, user_id: str, payload: dict[str, Any]) -> None:
        """As a legacy handler."""
        from chat.connections import connections  # type: ignore[import-not-found]  # of the sample application

        frame = {
            "type": "accepted",
            "reply_to": payload.get("client_id"),
            "payload": {"message_id": IMPOSTOR},
        }
        await connections.send_to_user(user_id, frame)

    async def handle_message(self, user_id: str, websocket: Any, message: Any) -> bool:
        """As a canonical one."""
        websocket.close(4500)
        return True
