"""The invariants I1-I5, I7, I8 and the promises 1-7, judged from plain data after a schedule.

Each complaint begins with the name of what was broken. Nothing here knows the code under test but
the wire's order of lifecycle events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec

from netra_backend.domain.ids import Owner
from netra_backend.protocol.frames import event_frame
from netra_backend.protocol.lifecycle import IllegalOrder, RunLifecycle, State
from netra_backend.testing.simulation.agents import mark
from netra_backend.testing.simulation.records import Frame, Outcome, Recording

FOLLOWING = frozenset({"accepted", "followed"})
LIVE = frozenset({"message_delta", "message_snapshot"})


def complaints(outcome: Outcome) -> list[str]:
    """What is wrong, each once; empty if all is well."""
    found = [*outcome.complaints]
    for check in (_log, _runs, _accepted, _seen, _answers, _crossings, _live, _history, _effects):
        found += check(outcome)
    return list(dict.fromkeys(found))


def _log(outcome: Outcome) -> Iterator[str]:
    """I2 in the log itself, I3 and I4: legal lives of runs, each ended once and then silent."""
    lives: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for owner, events in outcome.events.items():
        if [event.seq for event in events] != list(range(1, len(events) + 1)):
            yield f"I2: the numbers of {owner} have gaps."
        for event in events:
            lives[event.run_id or ""].append((event.type, event.payload))
    for run_id in outcome.runs:
        try:
            life = RunLifecycle.replay(lives[run_id])
        except IllegalOrder as error:
            yield f"I3: run {run_id}: {error}."
            continue
        if life.state is not State.ENDED:
            yield f"Promise 4: run {run_id} has no end."


def _runs(outcome: Outcome) -> Iterator[str]:
    """Promises 4 to 6: ends agree with their events; nothing stops without being asked."""
    for owner, events in outcome.events.items():
        for event in events:
            if event.type == "agent_completed" and event.run_id is not None:
                payload = msgspec.json.decode(event.payload)
                yield from _end(outcome, owner, event.run_id, payload)


def _end(outcome: Outcome, owner: Owner, run_id: str, payload: Frame) -> Iterator[str]:
    run = outcome.runs[run_id]
    if payload["status"] != run.status:
        yield f"Promise 4: run {run_id} is {run.status} but was reported {payload['status']}."
    if run.status == "stopped" and not run.stop_requested:
        yield f"Promise 6: run {run_id} was stopped and nobody had asked."
    if run.stop_requested and run.agent == "waiting" and run.status not in ("stopped", "failed"):
        yield f"Promise 5: run {run_id} was to stop and ended as {run.status}."
    if outcome.undisturbed and run.attempt > 1:
        yield f"Leases: run {run_id} was tried {run.attempt} times though its worker lived."
    if outcome.deathless and run.deaths:
        yield f"Drain: run {run_id} was lost {run.deaths} times though no worker died."
    if run.status == "failed" and payload["error"]["code"] == "dead_letter" and run.deaths < 3:
        yield f"Promise 4: run {run_id} was given up after {run.deaths} deaths."
    answers = [row for row in outcome.messages if row.message.id == run.answer_id]
    stored = [row.message.content for row in answers]
    if stored != ([payload["message"]["content"]] if "message" in payload else []):
        yield f"I8: the stored answer of run {run_id} is not the reported one."
    if any(row.owner != owner for row in answers):
        yield f"I5: the answer of run {run_id} is stored for somebody else."


def _accepted(outcome: Outcome) -> Iterator[str]:
    """I1, promises 1 and 2: every accepted message once in the store, one answer for one client id."""
    stored = Counter(
        (row.owner, row.message.client_id) for row in outcome.messages if row.message.role == "user"
    )
    first: dict[tuple[Owner, str], tuple[str, str, str]] = {}
    for recording in outcome.recordings:
        asked = {frame["id"]: frame["type"] for _, frame in recording.sent}
        for _, _, frame in recording.frames:
            if frame["type"] != "accepted" or asked.get(frame["reply_to"]) == "stop_agent":
                continue
            key = (recording.owner, frame["reply_to"])
            answer = (frame["thread_id"], frame["run_id"], frame["payload"]["message_id"])
            if first.setdefault(key, answer) != answer:
                yield f"Promise 2: {key[1]} was answered in two ways."
            if stored[key] != 1:
                yield f"I1: {key[1]} was accepted and is stored {stored[key]} times."
    for key, count in stored.items():
        if count > 1:
            yield f"Promise 2: {key[1]} is stored {count} times."


def _seen(outcome: Outcome) -> Iterator[str]:
    """I2 and I7, promise 3: on every connection the log's own bytes, in order, from the right place."""
    truth = {owner: [event_frame(event) for event in events] for owner, events in outcome.events.items()}
    for recording in outcome.recordings:
        where = f"{recording.tab} on {recording.gateway}"
        log = truth.get(recording.owner, [])
        place: int | None = _start(recording)
        rewound = any(frame["type"] == "resume" for _, frame in recording.sent[1:])
        resumes = {frame["id"] for _, frame in recording.sent if frame["type"] == "resume"}
        for _, raw, frame in recording.frames:
            seq = frame.get("seq")
            if seq is None:
                if frame["type"] == "error" and frame.get("reply_to") in resumes:
                    place = None  # the gap is signalled: the client comes again
                continue
            if seq > len(log) or log[seq - 1] != raw:
                yield f"I2: {where} saw a number {seq} that is not the log's."
            if place is not None and seq > place:
                yield f"I7: {where} saw number {seq} when {place} was due."
            elif place is not None and seq < place and not rewound:
                yield f"Promise 3: {where} saw number {seq} again."
            place = max(place or 0, seq + 1)


def _start(recording: Recording) -> int:
    """The first number that is due: after the first frame's position, or after the greeting's head."""
    head = next(
        (frame["payload"]["head"] for _, _, frame in recording.frames if frame["type"] == "connected"), None
    )
    if recording.sent and recording.sent[0][1]["type"] == "resume":
        return int(recording.sent[0][1]["payload"]["after"]) + 1
    return 0 if head is None else head + 1


def _answers(outcome: Outcome) -> Iterator[str]:
    """One answer a frame; `not_found` for what is somebody else's; never an inside error or a resync."""
    for recording in outcome.recordings:
        asked = Counter(frame["id"] for _, frame in recording.sent)
        frames = {frame["id"]: frame for _, frame in recording.sent}
        for _, _, answer in recording.frames:
            if answer["type"] == "resync":
                yield f"Promise 3: {recording.tab} was told to reload."
            if "reply_to" not in answer:
                continue
            asked[answer["reply_to"]] -= 1
            if answer["type"] == "error":
                code = answer["payload"]["code"]
                if code not in ("degraded", "conflict", "not_found", "busy"):
                    yield f"Wire: {recording.tab} got {code} for {frames[answer['reply_to']]['type']}."
        for frame_id, missing in asked.items():
            if missing < 0:
                yield f"Wire: {frame_id} was answered more often than it was sent."


def _crossings(outcome: Outcome) -> Iterator[str]:
    """I5, promise 7: nothing that is marked for one owner reaches another, nor lies among their rows."""
    marks = {owner: mark(owner).encode() for owner in outcome.visits}
    for recording in outcome.recordings:
        received = b"\n".join(raw for _, raw, _ in recording.frames)
        for owner, text in marks.items():
            if owner != recording.owner and text in received:
                yield f"I5: {recording.tab} received text of {owner.tenant_id}/{owner.user_id}."
    for row in outcome.messages:
        for owner, text in marks.items():
            if owner != row.owner and text.decode() in row.message.content:
                yield f"I5: a message of {row.owner} holds text of {owner}."


def _live(outcome: Outcome) -> Iterator[str]:
    """I3 and promise 4 on every connection: nothing of a run after its end, live text included.

    Only of runs that ended while the connection followed them: of what ended before, it knows nothing,
    and a message that the feed repeats seconds later is a live one to it.
    """
    runs = {run.answer_id: run_id for run_id, run in outcome.runs.items()}
    for recording in outcome.recordings:
        asked = {frame["id"]: frame["type"] for _, frame in recording.sent}
        ended: dict[str, str] = {}
        followed: set[str] = set()
        for _, _, frame in recording.frames:
            kind = frame["type"]
            if kind in FOLLOWING and asked.get(frame["reply_to"]) != "stop_agent":
                followed.add(frame["thread_id"])
            elif kind == "unfollowed":
                followed.discard(frame["thread_id"])
                ended = {run: thread for run, thread in ended.items() if thread in followed}
            elif kind == "agent_completed" and frame["thread_id"] in followed:
                ended[frame["run_id"]] = frame["thread_id"]
            elif kind in LIVE and runs.get(frame["payload"]["message_id"]) in ended:
                yield f"Promise 4: {recording.tab} got {kind} after the run's end."


def _history(outcome: Outcome) -> Iterator[str]:
    """I8: what a last visitor reads as history is what the events tell, and holds each message once."""
    for owner, visit in outcome.visits.items():
        told: dict[str, dict[str, Frame]] = defaultdict(dict)
        for _, _, frame in visit.frames:
            message = frame["payload"].get("message") if "seq" in frame else None
            if message is not None:
                if message["id"] in told[frame["thread_id"]]:
                    yield f"I1: message {message['id']} was told twice."
                told[frame["thread_id"]][message["id"]] = message
        read = {
            frame["thread_id"]: frame["payload"]["messages"]
            for _, _, frame in visit.frames
            if frame["type"] == "thread_history"
        }
        for thread_id in told.keys() | read.keys():
            shown = [_essence(message) for message in read.get(thread_id, [])]
            if shown != [_essence(message) for message in told[thread_id].values()]:
                yield f"I8: history and events of thread {thread_id} of {owner} differ."


def _essence(message: Frame) -> tuple[str, str, str, str | None]:
    return (message["id"], message["role"], message["content"], message.get("client_id"))


def _effects(outcome: Outcome) -> Iterator[str]:
    """The same call of every attempt has the same idempotency key, and no other call has it."""
    keys: dict[str, set[tuple[str, str]]] = defaultdict(set)
    calls: dict[tuple[str, str], set[str]] = defaultdict(set)
    for run_id, number, key in outcome.effects:
        keys[key].add((run_id, number))
        calls[run_id, number].add(key)
    if any(len(found) > 1 for found in keys.values()) or any(len(found) > 1 for found in calls.values()):
        yield "Tools: an idempotency key is not stable, or not unique."
