"""`/ws`."""

from starlette.routing import BaseRoute, WebSocketRoute

from chat.runtime import Runtime
from chat.services import MessageHandlerService


def create_routes(runtime: Runtime) -> list[BaseRoute]:
    """The socket, for browsers."""
    service = MessageHandlerService(supervisor=runtime.supervisor, db_session_factory=runtime.session)
    return [WebSocketRoute("/ws", service)]
