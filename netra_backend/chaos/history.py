"""The checker: do all recordings and the database tell one and the same story (I1 to I8)?

Pure functions. It trusts neither side: frames are read from their text, facts from plain rows.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netra_backend.chaos.facts import EventFact, Facts, MessageFact, UserFacts
from netra_backend.chaos.log import check_numbers, check_runs, unfinished
from netra_backend.chaos.memory import MemorySeries, check_memory
from netra_backend.chaos.tape import Recording, Snapshot, foreign_canaries
from netra_backend.chaos.verdict import Verdict, Violation, user_of
from netra_backend.chaos.views import View
from netra_backend.chaos.wire import envelope
from netra_backend.domain.ids import Owner


def judge(
    recordings: Iterable[Recording],
    facts: Facts,
    *,
    memory: Iterable[MemorySeries] = (),
    within_percent: float = 5.0,
) -> Verdict:
    """Hold recordings against facts that were read after the last of them ended.

    Users that have facts and no recording are checked as far as the facts go.

    Args:
        recordings: of all clients; several of one user must agree.
        facts: see `facts.read_database` and `http_facts.read_http`.
        memory: samples of processes; none are needed.
        within_percent: growth that a process may show.
    """
    verdict = Verdict()
    views = _read(recordings, facts)
    for owner in sorted({*views, *facts}):
        _judge_user(verdict, owner, views.get(owner, []), facts.get(owner, UserFacts()))
    canaries = {owner: of_user[0].recording.canary for owner, of_user in views.items()}
    for owner, canary in canaries.items():
        verdict.add(_check_stored_canaries(facts.get(owner, UserFacts()), canary, user_of(owner)))
    verdict.add(check_memory(memory, within_percent=within_percent))
    return verdict


def _read(recordings: Iterable[Recording], facts: Facts) -> dict[Owner, list[View]]:
    owners = {identity: owner for owner, user in facts.items() for identity in _identities(user)}
    views: dict[Owner, list[View]] = {}
    for recording in recordings:
        user = facts.get(recording.owner, UserFacts())
        answers = {run.id: run.answer_id for run in user.runs}
        views.setdefault(recording.owner, []).append(View(recording, owners=owners, answers=answers))
    return views


def _identities(user: UserFacts) -> Iterator[str]:
    for run in user.runs:
        yield run.id
        yield run.thread_id


def _judge_user(verdict: Verdict, owner: Owner, views: Sequence[View], facts: UserFacts) -> None:
    user = user_of(owner)
    asked = {identity for view in views for identity in view.asked}
    accepted = {identity for view in views for identity in view.promises}
    verdict.sent += len(asked)
    verdict.accepted += len(accepted)
    verdict.refused += len({identity for view in views for identity in view.refused} - accepted)
    verdict.unfinished += unfinished(facts)
    verdict.frames += sum(len(view.recording.entries) for view in views)
    verdict.resyncs += sum(view.resyncs for view in views)
    verdict.add(check_numbers(facts, user))
    verdict.add(check_runs(facts, user))
    verdict.add(_check_acceptance(views, facts, user))
    verdict.add(_check_agreement(views, facts, user))
    for view in views:
        verdict.add(view.violations)
        verdict.add(_check_absent(view, facts))
        for snapshot in view.recording.snapshots:
            verdict.add(_check_snapshot(snapshot, view, facts))


# I1: an accepted message is in history once.


def _check_acceptance(views: Sequence[View], facts: UserFacts, user: str) -> Iterator[Violation]:
    stored: dict[str | None, list[MessageFact]] = {}
    for message in facts.messages:
        stored.setdefault(message.client_id, []).append(message)
    created = Counter(_created(event) for event in facts.events if event.type == "message_created")
    copies = Counter(message.content for message in facts.messages if message.role == "user")
    wanted = Counter(text for text in _texts(views).values())
    for view in views:
        for identity, promises in view.promises.items():
            found = stored.get(identity, [])
            yield from _check_promise(view, identity, found, user)
            if found and len({*promises}) > 1:
                text = f"{identity} was accepted as {len({*promises})} different messages"
                yield Violation("I1", "duplicated", user, text)
            if found and created[found[0].id] != 1:
                kind = "lost" if created[found[0].id] == 0 else "duplicated"
                text = f"{identity} has {created[found[0].id]} message_created events"
                yield Violation("I1", kind, user, text)  # type: ignore[arg-type]  # one of two literals
    for content, count in wanted.items():
        if copies[content] > count:
            text = f"a text that was sent {count} times is {copies[content]} times in history"
            yield Violation("I1", "duplicated", user, text, copies[content] - count)


def _check_promise(view: View, identity: str, found: Sequence[MessageFact], user: str) -> Iterator[Violation]:
    promise, asked = view.promises[identity][0], view.asked[identity]
    if not found:
        yield Violation("I1", "lost", user, f"{identity} was accepted and is not in history")
        return
    if len(found) > 1:
        text = f"{identity} is {len(found)} times in history"
        yield Violation("I1", "duplicated", user, text, len(found) - 1)
    message = found[0]
    if (message.id, message.thread_id) != promise[:2] or promise.run_id not in (None, message.run_id):
        yield Violation("I1", "wrong", user, f"{identity} was accepted as other ids than it is stored with")
    if message.content != asked.text:
        yield Violation("I1", "wrong", user, f"{identity} is stored with another text than was sent")


def _texts(views: Sequence[View]) -> dict[str, str]:
    return {identity: asked.text for view in views for identity, asked in view.asked.items()}


def _created(event: EventFact) -> str:
    message = event.payload.get("message")
    return str(message.get("id")) if isinstance(message, dict) else ""


# I2: the same for every viewer, and in the order in which one client was told.


def _check_agreement(views: Sequence[View], facts: UserFacts, user: str) -> Iterator[Violation]:
    log = {event.seq: event for event in facts.events}
    agreed: dict[int, str] = {}
    for view in views:
        name = view.recording.name
        for seq, raw in (*view.events.items(), *view.differing):
            known = agreed.get(seq)
            if known == raw:
                continue
            if known is not None and json.loads(known) != json.loads(raw):
                yield Violation("I2", "wrong", user, f"{name} was shown another event {seq} than before")
            elif not _is(raw, log.get(seq)):
                yield Violation("I2", "wrong", user, f"{name} was shown an event {seq} that the log has not")
            agreed.setdefault(seq, raw)
        yield from _check_order(view, facts, user)


def _is(raw: str, event: EventFact | None) -> bool:
    frame = envelope(raw)
    if frame is None or event is None:
        return False
    told = (frame.type, frame.thread_id, frame.run_id, frame.body())
    return told == (event.type, event.thread_id, event.run_id, event.payload)


def _check_order(view: View, facts: UserFacts, user: str) -> Iterator[Violation]:
    places = {message.client_id: message.seq for message in facts.messages if message.client_id is not None}
    for identity, asked in view.asked.items():
        if asked.after is None or identity not in places or asked.after not in places:
            continue
        if places[identity] < places[asked.after]:
            text = f"{identity} was sent after {asked.after} was accepted, and is stored before it"
            yield Violation("I2", "out_of_order", user, text)


# I7: what a client was never shown, it was told about.


def _check_absent(view: View, facts: UserFacts) -> Iterator[Violation]:
    head = facts.head if view.recording.settled else max(view.events, default=0)
    if view.start is None and not view.recording.settled:
        return
    absent = view.absent(head)
    if absent:
        text = f"{view.recording.name} was never shown event {absent[0]}, nor told to reload"
        if len(absent) > 1:
            text += f"; nor {len(absent) - 1} more up to {absent[-1]}"
        yield Violation("I7", "lost", view.user, text, len(absent))


# I8: thread history plus later events equals fresh history.


def _check_snapshot(snapshot: Snapshot, view: View, facts: UserFacts) -> Iterator[Violation]:
    folded = [_row(message) for message in snapshot.messages]
    known = {row[0] for row in folded}
    for seq in sorted(seq for seq in view.events if seq > snapshot.after):
        row = _brought(view.events[seq], snapshot.thread_id)
        if row is not None and row[0] not in known:
            folded.append(row)
            known.add(row[0])
    fresh = [
        (message.id, message.role, message.content, message.client_id)
        for message in facts.messages
        if message.thread_id == snapshot.thread_id
    ]
    if not view.recording.settled:
        fresh = fresh[: len(folded)]
    if folded != fresh:
        yield Violation(
            "I8", "wrong", view.user, f"{view.recording.name}: {_difference(folded, fresh, snapshot)}"
        )


Row = tuple[str, str, str, str | None]


def _row(message: Mapping[str, Any]) -> Row:
    return message["id"], message["role"], message["content"], message.get("client_id")


def _brought(raw: str, thread_id: str) -> Row | None:
    """The message that a durable frame adds to the thread."""
    if '"message"' not in raw:  # spares decoding most of a long stream
        return None
    frame = envelope(raw)
    if frame is None or frame.thread_id != thread_id:
        return None
    if frame.type not in ("message_created", "agent_completed"):
        return None
    message = frame.body().get("message")
    return _row(message) if isinstance(message, dict) else None


def _difference(folded: Sequence[Row], fresh: Sequence[Row], snapshot: Snapshot) -> str:
    where = f"history of thread {snapshot.thread_id} at {snapshot.after} plus later events"
    if len(folded) != len(fresh):
        return f"{where} has {len(folded)} messages, fresh history {len(fresh)}"
    place = next(n for n, (one, other) in enumerate(zip(folded, fresh, strict=True)) if one != other)
    return (
        f"{where} differs from fresh history at message {place + 1} ({folded[place][0]}, {fresh[place][0]})"
    )


# I5 in what is stored.


def _check_stored_canaries(facts: UserFacts, canary: str, user: str) -> Iterator[Violation]:
    for message in facts.messages:
        if found := foreign_canaries(message.content, canary):
            yield Violation("I5", "wrong", user, f"message {message.id} is stored with {found[0]}")
    for event in facts.events:
        if found := foreign_canaries(json.dumps(event.payload), canary):
            yield Violation("I5", "wrong", user, f"event {event.seq} is stored with {found[0]}")
