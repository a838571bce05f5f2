"""Rows of the database as domain objects: the one place that knows column names."""

import json
from datetime import datetime

import msgspec

from netra_backend.domain.events import Event
from netra_backend.domain.ids import MessageId, RunId, ThreadId
from netra_backend.domain.runs import RunRecord
from netra_backend.domain.threads import Message, Thread
from netra_backend.store.database import Row

_history = msgspec.json.Decoder(tuple[Message, ...])


def history_of(messages: str | None) -> tuple[Message, ...]:
    """What `said_before` of the schema answers."""
    return _history.decode(messages) if messages else ()


def message_of(row: Row) -> Message:
    """A message."""
    return Message(
        id=MessageId(row["id"]),
        role=row["role"],
        content=row["content"],
        created_at=row["created_at"],
        run_id=RunId(row["run_id"]),
        client_id=row["client_id"],
        references=tuple(json.loads(row["refs"])) if row["refs"] else (),
    )


def thread_of(row: Row) -> Thread:
    """A thread."""
    return Thread(
        id=ThreadId(row["id"]),
        title=row["title"],
        archived=row["archived"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def thread_of_hit(row: Row) -> Thread:
    """The thread beside a message that a search found."""
    return Thread(
        id=ThreadId(row["thread_id"]),
        title=row["title"],
        archived=row["archived"],
        created_at=row["thread_created_at"],
        updated_at=row["updated_at"],
    )


def run_of(row: Row) -> RunRecord:
    """A run as its owner may see it."""
    return RunRecord(
        id=RunId(row["id"]),
        thread_id=ThreadId(row["thread_id"]),
        message_id=MessageId(row["message_id"]),
        answer_id=MessageId(row["answer_id"]),
        agent=row["agent"],
        status=row["status"],
        attempts=row["attempt"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def events_of(row: Row, ts: datetime) -> list[Event]:
    """The events of that time which `stop_run` of the schema answers, a column each for what they have."""
    columns = (row[name] or () for name in ("types", "payloads", "threads", "runs"))
    return [
        Event(
            seq=seq,
            type=kind,
            payload=payload.encode(),
            thread_id=ThreadId(thread_id),
            run_id=RunId(run_id),
            ts=ts,
        )
        for seq, (kind, payload, thread_id, run_id) in enumerate(
            zip(*columns, strict=True), row["before"] + 1
        )
    ]


def event_of(row: Row) -> Event:
    """A durable event; its payload stays encoded."""
    return Event(
        seq=row["seq"],
        type=row["type"],
        payload=row["payload"].encode(),
        thread_id=ThreadId(row["thread_id"]),
        run_id=RunId(row["run_id"]),
        ts=row["ts"],
    )
