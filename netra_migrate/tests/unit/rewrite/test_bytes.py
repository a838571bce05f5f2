"""Encodings, line endings and files that do not concern the migration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_migrate.domain.rewriting import Change, Refusal, Refused, Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CANONICAL, CONFIGURATION, DECISIONS, LEGACY

_HANDLER = f"""from {LEGACY} import UserMessageHandler


class H(UserMessageHandler):
    async def handle(self, user_id, payload):
        \"\"\"Grüße.\"\"\"
        if not payload:
            return
        await self.put(payload)"""
_MIGRATED = f"""from {CANONICAL} import UserMessageHandler


class H(UserMessageHandler):
    async def handle_message(self, user_id, websocket, message):
        \"\"\"Grüße.\"\"\"
        payload = message.payload
        if not payload:
            return True
        await self.put(payload)
        return True"""


def _run(content: bytes) -> Rewritten | Refused:
    return rewrite(
        content, path="app/user.py", module="app.user", decisions=DECISIONS, configuration=CONFIGURATION
    )


def _rewritten(content: bytes) -> bytes:
    result = _run(content)
    assert isinstance(result, Rewritten), result
    return result.content


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "cookie", "encoding"),
    [(b"", "", "utf-8"), (b"\xef\xbb\xbf", "", "utf-8"), (b"", "# -*- coding: latin-1 -*-\n", "latin-1")],
)
def test_encoding_and_line_endings_stay(
    mark: bytes, cookie: str, encoding: str, newline: str, end: str
) -> None:
    """New lines end as the others do, and a file without a last line ending stays without one."""
    before, after = ((cookie + text + end).replace("\n", newline) for text in (_HANDLER, _MIGRATED))

    assert _rewritten(mark + before.encode(encoding)) == mark + after.encode(encoding)


def test_tabs_stay() -> None:
    """New lines are indented as those around them."""
    before, after = (text.replace("    ", "\t").encode() for text in (_HANDLER, _MIGRATED))

    assert _rewritten(before) == after


def test_lines_that_are_not_touched_keep_every_byte() -> None:
    """Trailing blanks, form feeds, odd spacing and mixed line endings are nobody's business."""
    odd = b"x = [ 1,2 ]   \n\x0c\ny=( 'a'\r\n)\t# c \n"

    result = _rewritten(odd + _HANDLER.encode() + b"\n" + odd)

    assert result.startswith(odd)
    assert result.endswith(b"\n" + odd)


@given(st.binary(max_size=300))
def test_any_bytes_without_a_reference_come_back_as_they_were(content: bytes) -> None:
    """What is no text at all is not read."""
    assert _run(content) == Rewritten(content=content)


@given(
    st.lists(
        st.sampled_from(
            [
                "import os",
                "def f(x):\n\treturn x",
                "class A:\n  async def handle(self, request): pass",
                "x = 'ä'",
                "# message_handler",
                '"""UserMessageHandler"""',
                "if x:\r\n    y = 1",
                "\x0c",
                "   ",
                "h.handle(1)",
                "try:\n    pass\nexcept* E:\n    handle()",
                "f'{a!r:>{b}}'",
                "type X[T] = int",
            ]
        )
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_code_without_a_reference_comes_back_as_it_was(lines: list[str], newline: str, mark: bool) -> None:
    """Also where words of the migration stand in it, so that it has to be read."""
    content = (b"\xef\xbb\xbf" if mark else b"") + newline.join(lines).encode()

    result = _run(content)

    assert isinstance(result, Refused) or result == Rewritten(content=content)


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"x = 1\nimport UserMessageHandler\n\xff\n", 3, "read: it is not utf-8: invalid start byte."),
        (b"\xef\xbb\xbfUserMessageHandler\n\xff", 2, "read: it is not utf-8: invalid start byte."),
        (
            b"# coding: ascii\n\n\xffUserMessageHandler",
            3,
            "read: it is not ascii: ordinal not in range(128).",
        ),
        (
            b"# coding: nonsense\nUserMessageHandler\n",
            1,
            "read: its encoding cannot be told: unknown encoding: nonsense.",
        ),
        (
            b"# coding: utf-7\nUserMessageHandler +AGEAYg-\n",
            1,
            "read: it cannot be written back in utf-7 as it was.",
        ),
        (b"UserMessageHandler\nx = \0\n", 2, "read: it has a NUL byte in it."),
        (b"UserMessageHandler\nx = (\n", 2, "parsed: parser error: error at 3:0: expected one of (, ), *, +"),
        (b"UserMessageHandler" + b"(" * 3000, 1, "parsed: it is nested too deeply."),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content: bytes, line: int, told: str) -> None:
    """Wrong bytes, an unknown encoding, a NUL and broken syntax."""
    result = _run(content)

    assert isinstance(result, Refused)
    assert [(each.path, each.line, each.can_adapt) for each in result.refusals] == [
        ("app/user.py", line, False)
    ]
    assert result.refusals[0].reason.startswith(f"the file cannot be {told}")


def test_changes_say_what_was_done() -> None:
    """Each kind of change on its line, with the lines before and after."""
    result = _run(f"from {LEGACY} import StartAgentHandler\n\nx = StartAgentHandler(1)  # one\n".encode())

    assert isinstance(result, Rewritten)
    assert result.changes == (
        Change(
            line=1,
            kind="import",
            before=f"from {LEGACY} import StartAgentHandler",
            after=f"from {CANONICAL} import AgentHandler",
        ),
        Change(
            line=3,
            kind="import",
            before="x = StartAgentHandler(1)  # one",
            after="x = AgentHandler(1)  # one",
        ),
    )


def test_refusals_are_all_told_in_order() -> None:
    """A file is refused with everything that stands against it."""
    result = _run(f"import {LEGACY} as m\nf(m)\nfrom {LEGACY} import Nobody\n".encode())

    assert isinstance(result, Refused)
    assert [each.line for each in result.refusals] == [2, 3]
    assert result.refusals[0] == Refusal(
        path="app/user.py", line=2, reason="`m` is used as a whole: use its names one by one."
    )


def test_the_legacy_module_itself_is_left_alone() -> None:
    """It goes when nothing refers to it; nobody rewrites it."""
    content = b"class UserMessageHandler:\n    async def handle(self, user_id, payload): ...\n"

    result = rewrite(content, path="a.py", module=LEGACY, decisions=DECISIONS, configuration=CONFIGURATION)

    assert result == Rewritten(content=content)
