"""What stands in front of `.handle(`: a handler is found through the ways in which code passes it on."""

import pytest

from netra_migrate.domain.rewriting import Refused, Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CONFIGURATION, DECISIONS

_HEAD = "from app.services.websocket.message_handler import StartAgentHandler\n\n\n"
_MADE = 'WebSocketMessage(type="start_agent", payload={"a": 1})'


def rewritten(function: str) -> str:
    """The function in a module that knows the legacy handler, after the rewrite."""
    result = rewrite(
        (_HEAD + function).encode(),
        path="app/user.py",
        module="app.user",
        decisions=DECISIONS,
        configuration=CONFIGURATION,
    )
    assert isinstance(result, Rewritten | Refused)
    return result.content.decode() if isinstance(result, Rewritten) else repr(result.refusals)


@pytest.mark.parametrize(
    "container",
    [
        "list(table)",
        "tuple(table)",
        "sorted(table)",
        "reversed(table)",
        "iter(table)",
        "set(table)",
        "list(tuple(table))",
        "table.copy()",
    ],
)
def test_the_elements_of_a_copy_are_those_of_the_original(container: str) -> None:
    """Whatever makes the copy."""
    after = rewritten(
        "async def go(user_id, websocket):\n"
        "    table = [StartAgentHandler()]\n"
        f"    for each in {container}:\n"
        '        await each.handle(user_id, {"a": 1})\n'
    )
    assert f"await each.handle_message(user_id, websocket, {_MADE})" in after


@pytest.mark.parametrize(
    "taken", ["table['k']", "table.get('k')", "table.pop('k')", "table.setdefault('k', None)"]
)
def test_a_value_of_a_table_is_what_was_put_in(taken: str) -> None:
    """Whatever takes it out."""
    after = rewritten(
        "async def go(user_id, websocket):\n"
        '    table = {"k": StartAgentHandler()}\n'
        f"    await {taken}.handle(user_id, {{'a': 1}})\n"
    )
    assert ".handle_message(user_id, websocket, WebSocketMessage(" in after


@pytest.mark.parametrize("loop", ["each in table.values()", "_, each in table.items()"])
def test_a_loop_over_a_table_meets_its_values(loop: str) -> None:
    """By themselves or with their keys."""
    after = rewritten(
        "async def go(user_id, websocket):\n"
        '    table = {"k": StartAgentHandler()}\n'
        f"    for {loop}:\n"
        '        await each.handle(user_id, {"a": 1})\n'
    )
    assert f"await each.handle_message(user_id, websocket, {_MADE})" in after


def test_a_chain_of_assignments_is_followed() -> None:
    """Through an attribute and two names."""
    after = rewritten(
        "class A:\n"
        "    def __init__(self):\n"
        "        made = StartAgentHandler()\n"
        "        self.handler_of = made\n\n"
        "    async def go(self, user_id, websocket):\n"
        "        again = self.handler_of\n"
        "        await again.handle(user_id, {'a': 1})\n"
    )
    assert "await again.handle_message(user_id, websocket, WebSocketMessage(" in after
