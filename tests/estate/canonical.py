"""The many importers of the canonical module: short marked heads, each with a body of filler behind it."""

from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded: the same estate every time

from tests.estate.filler import Filler
from tests.estate.pages import Page, page

IMPORTERS = 202
"""Files that import canonical, on the code base that this estate is modelled on."""
NAMES = (
    "StartAgentHandler",
    "UserMessageHandler",
    "ThreadHistoryHandler",
    "StopAgentHandler",
    "MessageRouter",
    "BaseMessageHandler",
    "MessageHandler",
)
SOURCES = (
    "from app.websocket_core.handlers import {a} § from canonical {a}\n\nUSED = {a}\n",
    "from app.websocket_core.handlers import {a}, {b} § from canonical {a},{b}\n\nUSED = ({a}, {b})\n",
    "from app.websocket_core.handlers import ( § from canonical {a},{b}\n    {a},\n    {b},\n)\n\nUSED = ({a}, {b})\n",
    "from app.websocket_core.handlers import {a} as Used § from canonical {a} aliases=Used\n\nUSED = Used\n",
    "from app.websocket_core import handlers § from-package canonical {a}\n\nUSED = handlers.{a}\n",
    "import app.websocket_core.handlers as wh § import canonical {a}\n\nUSED = wh.{a}\n",
    "from ..websocket_core.handlers import {a} § from canonical {a} relative\n\nUSED = {a}\n",
    "from ..websocket_core import handlers § from-package canonical {a} relative\n\nUSED = handlers.{a}\n",
    "from app.websocket_core.api import StartAgentHandler § reexport canonical StartAgentHandler"
    " module=app.websocket_core.api\n\nUSED = StartAgentHandler\n",
    "\n\ndef used():\n    from app.websocket_core.handlers import {a} § from canonical {a} contexts=function\n\n"
    "    return {a}\n",
    "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
    "    from app.websocket_core.handlers import {a} § from canonical {a} contexts=type-checking\n\n"
    "USED: '{a} | None' = None\n",
)
TESTS = (
    "from unittest.mock import patch\n\n"
    "from app.websocket_core.handlers import {a} § from canonical {a}\n\n\n"
    '@patch("app.websocket_core.handlers.{b}") § patch canonical {b} exists=true\n'
    "def test_used(mocked):\n    assert {a} is not mocked\n",
    "from app.websocket_core.handlers import {a} § from canonical {a}\n\n\n"
    "def test_used(monkeypatch):\n"
    '    monkeypatch.setattr("app.websocket_core.handlers.{b}", None) § patch canonical {b} exists=true'
    " contexts=function\n    assert {a} is not None\n",
)
TEST_EVERY = 4


def importers(number: int, filler: Filler, random: Random) -> Iterator[Page]:
    """As many pages; a fourth of them are tests."""
    for index in range(number):
        is_test = index % TEST_EVERY == 0
        template = TESTS[index // TEST_EVERY % len(TESTS)] if is_test else SOURCES[index % len(SOURCES)]
        a, b = random.sample(NAMES, 2)
        head = f'"""Importer {index} of the new side."""\n\n' + template.format(a=a, b=b)
        path = f"tests/canonical/test_user_{index}.py" if is_test else f"app/users/user_{index}.py"
        body = filler.body(filler.size(), word=f"User{index}", tests=False)
        yield page(path, head + body)
