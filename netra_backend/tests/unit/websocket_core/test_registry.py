import pytest

from netra_backend.domain.ids import ConnectionId
from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.tests.unit.websocket_core.gateways import ADA, Hall
from netra_backend.websocket_core.factory import HandlerFactory, Maker, default_registry
from netra_backend.websocket_core.handlers import HANDLERS, PingHandler, TypingHandler
from netra_backend.websocket_core.registry import (
    DuplicateHandlerError,
    HandlerRegistry,
    UnclaimedTypeError,
    UserContext,
)


def test_a_second_handler_is_refused_naming_both() -> None:
    """The first keeps its type; registering it again does no harm."""
    registry: HandlerRegistry[type] = HandlerRegistry()
    registry.register("ping", PingHandler)
    registry.register("ping", PingHandler)
    with pytest.raises(DuplicateHandlerError, match=r"PingHandler.*TypingHandler.*'ping'") as caught:
        registry.register("ping", TypingHandler)
    assert caught.value.message_type == "ping"
    assert registry.makers == {"ping": PingHandler}


def test_unclaimed_types_are_named() -> None:
    """All of them, at start."""
    registry: HandlerRegistry[type] = HandlerRegistry()
    registry.register("ping", PingHandler)
    with pytest.raises(UnclaimedTypeError, match=r"No handler claims resume, typing\."):
        registry.require(["typing", "ping", "resume"])
    registry.require(["ping"])


def test_every_type_of_the_wire_has_one_handler() -> None:
    """And says so itself."""
    assert set(default_registry().makers) == set(CLIENT_TYPES)
    assert sorted(handler.message_type() for handler in HANDLERS) == sorted(CLIENT_TYPES)


async def test_a_factory_makes_new_handlers_for_each_connection() -> None:
    """Nothing is shared; an incomplete registry is refused at start."""
    factory = Hall().gateway.factory
    contexts = [UserContext(ADA, ConnectionId(name), frozenset()) for name in ("one", "two")]
    first, second = [factory.create(context) for context in contexts]
    assert first.context is contexts[0]
    for kind in CLIENT_TYPES:
        assert first.handler(kind) is not second.handler(kind)
        assert first.handler(kind).can_handle(kind)
        assert not first.handler(kind).can_handle("other")
    empty: HandlerRegistry[Maker] = HandlerRegistry()
    with pytest.raises(UnclaimedTypeError):
        HandlerFactory(factory._services, empty)
