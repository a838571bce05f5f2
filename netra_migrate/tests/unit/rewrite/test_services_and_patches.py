"""Places where a name on the other side is not what it is called: services, and objects both sides only import."""

import msgspec

from netra_migrate.domain.plan import Decision, Target
from netra_migrate.domain.rewriting import Decisions, Refused, Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CANONICAL, CONFIGURATION, DECISIONS, LEGACY


def _run(text: str, *targets: Target, importable: frozenset[str] = frozenset()) -> Rewritten | Refused:
    held = {**DECISIONS.targets, **{each.symbol: each for each in targets}}
    decisions = Decisions(
        targets=held,
        modules={LEGACY: {name: name for name in held}},
        importable=DECISIONS.importable | importable,
    )
    return rewrite(
        text.encode(), path="app/user.py", module="app.user", decisions=decisions, configuration=CONFIGURATION
    )


def test_a_replaced_service_is_not_called_as_before() -> None:
    """Its `handle_message` took two arguments and has the name of the canonical method, which takes three."""
    router = Target(
        symbol="MessageHandlerService", decision=Decision.RENAMED, to=f"{CANONICAL}.MessageRouter"
    )
    text = f"""
from {LEGACY} import MessageHandlerService


class Container:
    @property
    def service(self) -> MessageHandlerService:
        return self._service

    async def go(self, user_id, message):
        await self.service.handle_message(user_id, message)
"""
    found = _run(text, router)
    assert isinstance(found, Refused)
    assert [(each.line, "MessageRouter" in each.reason) for each in found.refusals] == [(11, True)]


def test_a_patch_hits_the_name_that_the_canonical_module_uses() -> None:
    """Both modules import `manager`; patched where it comes from, the canonical handlers would not see it."""
    manager = Target(symbol="manager", decision=Decision.RENAMED, to="app.bus.manager")
    text = f'from unittest.mock import patch\n\nwith patch("{LEGACY}.manager.send"):\n    pass\n'
    found = _run(text, manager, importable=frozenset({"app.bus.manager", f"{CANONICAL}.manager"}))
    assert isinstance(found, Rewritten)
    assert f'patch("{CANONICAL}.manager.send")' in found.content.decode()


def test_a_method_that_a_class_does_not_have_stays_a_dead_patch() -> None:
    """Of a class the kit knows the method; anything else of it may be gone."""
    found = _run(f'from unittest.mock import patch\n\npatch("{LEGACY}.UserMessageHandler._inner")\n')
    assert isinstance(found, Refused)
    assert msgspec.json.encode(found.refusals).count(b"dead patch") == 1
