"""Whether the end of a handler's body can be reached decides whether it gets a last `return True`."""

import textwrap

import pytest

from netra_migrate.domain.rewriting import Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CONFIGURATION, DECISIONS

_NEVER_BACK = (
    "sys.exit(1)",
    "exit()",
    "quit()",
    "os._exit(1)",
    "os.abort()",
    "assert_never(payload)",
    "typing.assert_never(payload)",
    "pytest.fail('x')",
    "pytest.skip('x')",
    "raise ValueError",
    "assert False",
)
_ENDS = (
    *_NEVER_BACK,
    "while True:\n    await self.go()",
    "while 1:\n    await self.go()",
    "while True:\n    for each in payload:\n        break",
    "while payload:\n    await self.go()\nelse:\n    raise ValueError",
    "if payload:\n    raise ValueError\nelse:\n    raise KeyError",
    "if payload:\n    raise ValueError\nelif user_id:\n    raise OSError\nelse:\n    raise KeyError",
    "try:\n    await self.go()\nfinally:\n    raise ValueError",
    "try:\n    raise ValueError\nexcept OSError:\n    raise KeyError",
    "try:\n    await self.go()\nexcept OSError:\n    raise KeyError\nelse:\n    raise ValueError",
    "with self.lock:\n    raise ValueError",
    "match payload:\n    case 1:\n        raise ValueError\n    case _:\n        raise KeyError",
)
_GOES_ON = (
    "await self.go()",
    "self.exit()",
    "assert payload",
    "while payload:\n    raise ValueError",
    "while True:\n    break",
    "for each in payload:\n    raise ValueError",
    "for each in payload:\n    break\nelse:\n    raise ValueError",
    "if payload:\n    raise ValueError",
    "if payload:\n    raise ValueError\nelse:\n    await self.go()",
    "if payload:\n    await self.go()\nelse:\n    raise ValueError",
    "if payload:\n    raise ValueError\nelif user_id:\n    raise OSError",
    "try:\n    await self.go()\nfinally:\n    await self.go()",
    "with suppress(ValueError):\n    raise ValueError",
    "with pytest.raises(ValueError):\n    raise ValueError",
    "match payload:\n    case 1:\n        raise ValueError",
    "match payload:\n    case 1:\n        raise ValueError\n    case _ if user_id:\n        raise KeyError",
    "match payload:\n    case 1:\n        await self.go()\n    case _:\n        raise KeyError",
    "match payload:\n    case 1:\n        raise ValueError\n    case _:\n        await self.go()",
)


def after(body: str) -> str:
    """The handler with this body, rewritten."""
    source = (
        "class H:\n    async def handle(self, user_id, payload):\n" + textwrap.indent(body, " " * 8) + "\n"
    )
    result = rewrite(
        source.encode(),
        path="app/user.py",
        module="app.user",
        decisions=DECISIONS,
        configuration=CONFIGURATION,
    )
    assert isinstance(result, Rewritten)
    assert b"handle_message" in result.content
    return result.content.decode()


@pytest.mark.parametrize("body", _ENDS)
def test_behind_an_end_nothing_is_written(body: str) -> None:
    """Code that no call reaches would only puzzle its reader."""
    assert not after(body).endswith("        return True\n")


@pytest.mark.parametrize("body", _GOES_ON)
def test_whatever_comes_to_its_end_says_that_it_went_well(body: str) -> None:
    """Once, as its last line."""
    text = after(body)
    assert text.endswith("\n        return True\n")
    assert text.count("return True") == 1
