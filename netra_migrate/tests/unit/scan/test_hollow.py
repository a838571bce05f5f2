from textwrap import indent

import pytest

from netra_migrate.scan.handlers import read_handlers
from netra_migrate.tests.scanning import CONFIGURATION, names, tree


def is_hollow(body: str, *, rest: str = "", around: str = "") -> bool:
    """Whether a method with this body is; `rest` is in its class, `around` in its module."""
    text = (
        "class H:\n"
        "    async def handle_message(self, user_id, websocket, message):\n"
        f"{indent(body, '        ')}\n{indent(rest, '    ')}\n{around}\n"
    )
    (found,) = read_handlers(
        tree(text), path="x.py", module="x", resolve=names(), configuration=CONFIGURATION
    )
    return found.methods[0].hollow


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "...",
        '"""Handles it."""',
        "return True",
        "return None",
        'logger.info("got %s", message)\nreturn True',
        "self._logger.debug(f'{user_id}')",
        "logging.getLogger(__name__).info('x')",
        "await asyncio.sleep(0)\nreturn True",
        "_ = message\nreturn True",
        "try:\n    logger.info('x')\nexcept Exception:\n    pass\nreturn True",
        "try:\n    logger.info('x')\nfinally:\n    logger.info('y')",
        "kind = message.payload.get('kind', '')\nif kind == 'x':\n    return False\nreturn True",
        "result = {}\nresult['ok'] = True\nreturn bool(result)",
        "for each in message.payload.items():\n    print(each)\nreturn True",
        "with contextlib.suppress(Exception):\n    started = time.monotonic()\nreturn True",
        "from app import store\nreturn True",
        "assert user_id\nreturn not None",
        "return await self._later()",
        "nothing()\nreturn True",
        "count = 0\ncount += 1\ndel count",
        "match message:\n    case None:\n        return False\n    case _:\n        return True",
        "def inner():\n    self.store.save(1)\nreturn True",
    ],
)
def test_bodies_that_do_nothing(body: str) -> None:
    """Logging, constants, sleeping for no time, and calls of own code that does no more."""
    rest = "async def _later(self):\n    return self._last()\ndef _last(self):\n    return True\n"
    assert is_hollow(body, rest=rest, around="def nothing():\n    pass\n")


@pytest.mark.parametrize(
    "body",
    [
        "await websocket.send_json({})\nreturn True",
        "raise NotImplementedError",
        "self.seen = message\nreturn True",
        "self.seen[user_id] = message",
        "message.done = True",
        "state = self.state\nstate['x'] = 1",
        "state = {}\nstate = self.state\nstate['x'] = 1",
        "return await self._work(message)",
        "do(message)",
        "await self.queue.get()",
        "await queue.get()",
        "self.catalog.info('x')",
        "self.dialog.error('x')",
        "logger.info(await self.store.save(message))",
        "if await self.store.save(message):\n    pass",
        "try:\n    await self.store.save(message)\nexcept Exception:\n    pass\nreturn True",
        "for self.x in message:\n    pass",
        "yield message",
        "return [await save(each) for each in message.parts]",
        "await super().handle_message(user_id, websocket, message)",
        "save()['x'].get('y')",
    ],
)
def test_bodies_that_do_something(body: str) -> None:
    """Anything that may change something outside, or that is not known."""
    rest = "async def _work(self, message):\n    await self.store.save(message)\n"
    assert not is_hollow(body, rest=rest, around="def do(message):\n    store.save(message)\n")


def test_abstract_methods_are_declarations() -> None:
    """A base class promises nothing by its empty method."""
    text = "class H:\n    @abc.abstractmethod\n    def handle(self, user_id, payload): ...\n"
    (found,) = read_handlers(
        tree(text), path="x.py", module="x", resolve=names(), configuration=CONFIGURATION
    )
    assert not found.methods[0].hollow


def test_two_methods_that_only_call_each_other_are_hollow() -> None:
    """No effect anywhere, however long the way round."""
    assert is_hollow("self._a()", rest="def _a(self):\n    self._b()\ndef _b(self):\n    self._a()\n")
