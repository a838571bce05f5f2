"""The migration that all cases of this folder are about: one legacy and one canonical module, and its map."""

from netra_migrate.configuration import Adapter, CanonicalSide, Configuration, LegacySide
from netra_migrate.domain.plan import Decision, Target
from netra_migrate.domain.rewriting import Decisions

LEGACY = "app.services.websocket.message_handler"
CANONICAL = "app.websocket_core.handlers"

CONFIGURATION = Configuration(
    legacy=LegacySide(module=LEGACY, bases=("BaseMessageHandler",), services=("MessageHandlerService",)),
    canonical=CanonicalSide(
        module=CANONICAL,
        base="BaseMessageHandler",
        message_class="WebSocketMessage",
        socket_class="fastapi.WebSocket",
        socket_fixture="a_socket",
        socket_in_tests="FakeSocket()",
        imports_in_tests=("app.testing.FakeSocket",),
        errors={"ValueError": "app.errors.InvalidMessage", "PermissionError": "app.errors.Forbidden"},
    ),
    adapter=Adapter(to_canonical="app.websocket_core.bridge.LegacyHandlerAdapter"),
)

_TARGETS = (
    Target(symbol="BaseMessageHandler", decision=Decision.SAME, to=f"{CANONICAL}.BaseMessageHandler"),
    Target(symbol="UserMessageHandler", decision=Decision.SAME, to=f"{CANONICAL}.UserMessageHandler"),
    Target(
        symbol="StartAgentHandler",
        decision=Decision.RENAMED,
        to=f"{CANONICAL}.AgentHandler",
        message_types=("start_agent",),
    ),
    Target(
        symbol="ThreadHistoryHandler",
        decision=Decision.SAME,
        to=f"{CANONICAL}.ThreadHistoryHandler",
        constructor=("db_session_factory", "limit"),
        drop=("db_session_factory",),
        rename={"limit": "page_size"},
        add={"store": "get_store()"},
        imports=("app.stores.get_store",),
    ),
    Target(
        symbol="TypedHandler",
        decision=Decision.SAME,
        to=f"{CANONICAL}.TypedHandler",
        add={"supported_types": "[self.get_message_type()]"},
    ),
    Target(symbol="create_handler", decision=Decision.RENAMED, to="app.websocket_core.factory.make_handler"),
    Target(symbol="StopAgentHandler", decision=Decision.ADAPT),
    Target(symbol="MessageHandlerService", decision=Decision.NONE, reason="the router takes its place"),
)

_HANDED = {target.symbol: target.symbol for target in _TARGETS}

DECISIONS = Decisions(
    targets={target.symbol: target for target in _TARGETS},
    modules={
        LEGACY: _HANDED,
        "app.services.websocket": {
            "UserMessageHandler": "UserMessageHandler",
            "StartAgentHandler": "StartAgentHandler",
        },
    },
    importable=frozenset(
        {
            CANONICAL,
            f"{CANONICAL}.UserMessageHandler",
            f"{CANONICAL}.UserMessageHandler.handle_message",
            f"{CANONICAL}.AgentHandler",
            f"{CANONICAL}.AgentHandler.handle_message",
            f"{CANONICAL}.logger",
            "app.websocket_core.factory.make_handler",
        }
    ),
    gone={"UserMessageHandler": frozenset({"old_text", "_queue"})},
)
