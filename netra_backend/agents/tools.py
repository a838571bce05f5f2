"""The two tools that every built-in agent has: the calculator and the search of one's own threads.

Each call is reported through `Context.tool`, so that it is stored before it happens. Errors leave
the block as `ToolError`, whose message is for people and models alike.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from netra_backend.agents.calculator import CalculatorError, Number, calculate, shown
from netra_backend.agents.context import Context, ToolError
from netra_backend.domain.ids import Owner
from netra_backend.domain.threads import Message, Thread, title_of

Search = Callable[[Owner, str, int], Awaitable[Sequence[tuple[Thread, Message]]]]
"""`search(owner, words, limit)`: the owner's newest messages that contain every word."""

SHOWN: Final = 5
"""Found messages that are shown: as many as one reads."""

_ASKED: Final = 4 * SHOWN
"""Found messages that are asked for; the question itself and built-in answers are left out of them."""

_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

_PLAIN: Final = frozenset(
    re.findall(
        r"\w+",
        "a about after again all also am an and any are as at be been before but by can could did do does "
        "earlier find for from had has have hello help her here hey hi his how i if in into is it its "
        "know last let like look make me message messages mine more my no not of ok on one or our out "
        "over please said say search she should show so some talk tell than thank thanks that the their "
        "them then there these they thing this those thread threads to told up us use was we were what "
        "when where which who why will with word would write wrote yes you your",
    )
)


async def use_calculator(ctx: Context, expression: str) -> str:
    """The value of `expression`, for people, reported as a tool call.

    Raises:
        ToolError: it cannot be worked out.
    """
    async with ctx.tool("calculator", {"expression": expression}) as call:
        call.result = work_out(expression)
        return str(call.result["shown"])


async def use_search(ctx: Context, search: Search, words: str) -> list[dict[str, str]]:
    """What `look_up` finds, reported as a tool call."""
    async with ctx.tool("search_threads", {"words": words}) as call:
        found = await look_up(ctx, search, words)
        call.result = {"found": found}
        return found


def work_out(expression: str) -> dict[str, Number | str]:
    """`value` as JSON and `shown` for people.

    Raises:
        ToolError: it cannot be worked out.
    """
    try:
        value = calculate(expression)
    except CalculatorError as error:
        raise ToolError(str(error)) from error
    return {"value": _exact(value), "shown": shown(value)}


def _exact(value: Number) -> Number | str:
    """The value as JSON; an integer that not every reader keeps becomes text."""
    return str(value) if isinstance(value, int) and abs(value) > _SAFE_INTEGER else value


async def look_up(ctx: Context, search: Search, words: str) -> list[dict[str, str]]:
    """What the user wrote earlier that has every one of `words`, newest first, at most `SHOWN`.

    Each has `thread_id`, `thread` (its title), `text` (its beginning) and `written` (ISO 8601).
    The question that is being answered is not among them.
    """
    if not words.strip():
        return []
    found = await search(Owner(ctx.tenant_id, ctx.user_id), words, _ASKED)
    return [_excerpt(thread, message) for thread, message in found if not _is_asked_now(ctx, message)][:SHOWN]


def _is_asked_now(ctx: Context, message: Message) -> bool:
    return message.role != "user" or message.run_id == ctx.run_id or message.content == ctx.text


def _excerpt(thread: Thread, message: Message) -> dict[str, str]:
    return {
        "thread_id": thread.id,
        "thread": thread.title,
        "text": title_of(message.content),
        "written": message.created_at.isoformat(timespec="seconds"),
    }


def key_words(text: str) -> list[str]:
    """The words of a question that are worth searching for, at most six, in order."""
    words = re.findall(r"[^\W_]{2,}", text.lower())
    return list(dict.fromkeys(word for word in words if word not in _PLAIN))[:6]


def found_as_text(found: Sequence[dict[str, Any]]) -> str:
    """Found messages as a markdown list, one a line."""
    return "\n".join(f"- **{item['thread']}**: {item['text']} ({item['written'][:10]})" for item in found)
