"""The same facts by HTTP, for whoever has a user's token and no database: an operator outside, or I8's snapshots."""

from typing import Any
from urllib.parse import quote

import httpx

from netra_backend.chaos.facts import EventFact, MessageFact, RunFact, UserFacts

PAGE = 200
"""The most that a page of history may have."""
TIMEOUT_S = 30.0


async def fetch_history(http: httpx.AsyncClient, thread_id: str) -> list[dict[str, Any]]:
    """All messages of a thread, oldest first, page by page.

    Args:
        http: with the server as `base_url` and the user's token among its headers (`user_http`).
        thread_id: of a thread of the user.

    Raises:
        httpx.HTTPError: the server did not answer, or refused.
    """
    messages: list[dict[str, Any]] = []
    more = True
    while more:
        before = {"before": messages[0]["id"]} if messages else {}
        path = f"/api/threads/{quote(thread_id, safe='')}/messages"
        page = await _get(http, path, limit=PAGE, **before)
        messages, more = page["messages"] + messages, page["has_more"]
    return messages


async def read_http(http: httpx.AsyncClient) -> UserFacts:
    """Everything that one user can see. Archived threads are not listed, so their events look missing.

    Raises:
        httpx.HTTPError: the server did not answer, or refused.
    """
    facts = UserFacts()
    events: dict[int, EventFact] = {}
    for thread in await _threads(http):
        messages = await fetch_history(http, thread["id"])
        runs = dict.fromkeys(message["run_id"] for message in messages if "run_id" in message)
        for run_id in runs:
            run = await _get(http, f"/api/runs/{run_id}")
            facts.runs.append(RunFact(run["id"], run["thread_id"], run["answer_id"], run["status"]))
            events |= {event["seq"]: _event(event) for event in run["events"]}
        facts.messages += [_message(message, thread["id"]) for message in messages]
    facts.events = [events[seq] for seq in sorted(events)]
    places = {_brought(event): event.seq for event in facts.events}
    facts.messages = [message._replace(seq=places.get(message.id, 0)) for message in facts.messages]
    facts.messages.sort(key=lambda message: message.seq)
    facts.head = max(events, default=0)
    return facts


def user_http(url: str, token: str) -> httpx.AsyncClient:
    """A client for one user; use it in `async with`."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S)


async def _threads(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    threads: list[dict[str, Any]] = []
    more = True
    while more:
        before = {"before": threads[-1]["id"]} if threads else {}
        page = await _get(http, "/api/threads", limit=PAGE, **before)
        threads += page["threads"]
        more = page["has_more"]
    return threads


async def _get(http: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await http.get(path, params=query)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def _event(frame: dict[str, Any]) -> EventFact:
    return EventFact(
        frame["seq"], frame["type"], frame.get("thread_id"), frame.get("run_id"), frame["payload"]
    )


def _message(message: dict[str, Any], thread_id: str) -> MessageFact:
    """Without its place, which only events tell."""
    return MessageFact(
        0,
        message["id"],
        thread_id,
        message.get("run_id"),
        message["role"],
        message["content"],
        message.get("client_id"),
    )


def _brought(event: EventFact) -> str:
    message = event.payload.get("message")
    return str(message.get("id")) if isinstance(message, dict) else ""
