"""What earlier attempts of a run did with their tools, from its stored events. Knows no context and no log."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from netra_backend.protocol.payloads import ToolCompletedPayload, ToolExecutingPayload, ToolStatus

Place = tuple[str, int]
"""A tool, and the how manieth call of it in its attempt, from 1: the same call in every attempt."""


class EarlierCall(NamedTuple):
    """How it ended; `unknown` if its worker was lost."""

    status: ToolStatus
    result: Any = None


def earlier_calls(events: Iterable[tuple[str, bytes]]) -> dict[Place, EarlierCall]:
    """The last call at each place, of events given as type and JSON payload, in order."""
    calls: dict[Place, EarlierCall] = {}
    places: dict[str, Place] = {}
    counts: Counter[str] = Counter()
    for kind, payload in events:
        if kind == "agent_started":
            counts.clear()
        elif kind == "tool_executing":
            begun = msgspec.json.decode(payload, type=ToolExecutingPayload)
            counts[begun.tool] += 1
            place = places[begun.tool_call_id] = (begun.tool, counts[begun.tool])
            calls[place] = EarlierCall("unknown")
        elif kind == "tool_completed":
            ended = msgspec.json.decode(payload, type=ToolCompletedPayload)
            result = None if ended.result is msgspec.UNSET else ended.result
            calls[places[ended.tool_call_id]] = EarlierCall(ended.status, result)
    return calls
