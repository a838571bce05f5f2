"""The checker passes every right history, and names the right invariant for every single thing planted in one."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from netra_backend.chaos.facts import EventFact
from netra_backend.chaos.history import judge
from netra_backend.chaos.memory import MemorySeries
from netra_backend.chaos.tape import Entry, Recording
from netra_backend.tests.unit.chaos.stories import OWNERS, Story, stories, story

MANY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Mutation = Callable[[Story, st.DataObject], None]


@MANY
@given(stories())
def test_a_right_history_passes(told: Story) -> None:
    """Any cuts, replays, threads, retries and numbers of clients: nothing is found, and the counts are right."""
    verdict = judge(told.recordings, told.facts)
    assert verdict.violations == []
    assert verdict.ok
    asked = sum(len(user.runs) for user in told.facts.values())
    assert (verdict.sent, verdict.accepted, verdict.lost, verdict.unfinished) == (asked, asked, 0, 0)
    assert verdict.frames == sum(len(recording.entries) for recording in told.recordings)


def durable(recording: Recording) -> list[int]:
    """Places of durable frames on the tape."""
    return [
        place
        for place, entry in enumerate(recording.entries)
        if not entry.sent and "seq" in json.loads(entry.raw)
    ]


def one_frame(told: Story, data: st.DataObject) -> tuple[Recording, int]:
    """Any durable frame of any recording."""
    recording = data.draw(st.sampled_from(told.recordings))
    return recording, data.draw(st.sampled_from(durable(recording)))


def changed(entry: Entry, **changes: Any) -> Entry:
    """The frame with other fields."""
    return entry._replace(raw=json.dumps(json.loads(entry.raw) | changes))


def drop_a_frame(told: Story, data: st.DataObject) -> None:
    """A client misses one event."""
    recording, place = one_frame(told, data)
    del recording.entries[place]


def repeat_a_frame(told: Story, data: st.DataObject) -> None:
    """A client gets one event twice, at once or some frames later on the same connection."""
    recording, place = one_frame(told, data)
    entry = recording.entries[place]
    last = max(n for n, each in enumerate(recording.entries) if each.connection == entry.connection)
    recording.entries.insert(data.draw(st.integers(place + 1, last + 1)), entry)


def swap_two_frames(told: Story, data: st.DataObject) -> None:
    """Two consecutive events change places."""
    recording = data.draw(st.sampled_from(told.recordings))
    places = durable(recording)
    pairs = [
        (one, other)
        for one, other in itertools.pairwise(places)
        if recording.entries[one].connection == recording.entries[other].connection
    ]
    assume(pairs)
    one, other = data.draw(st.sampled_from(pairs))
    entries = recording.entries
    entries[one], entries[other] = entries[other], entries[one]


def change_a_frame(told: Story, data: st.DataObject) -> None:
    """One viewer is shown another content than the log has."""
    recording, place = one_frame(told, data)
    recording.entries[place] = changed(recording.entries[place], payload={"text": "something else"})


def cross_a_frame(told: Story, data: st.DataObject) -> None:
    """A client gets an event of another user."""
    recording, place = one_frame(told, data)
    others = [each for each in told.recordings if each.owner != recording.owner]
    stranger = data.draw(st.sampled_from(others))
    entry = stranger.entries[data.draw(st.sampled_from(durable(stranger)))]
    number = recording.entries[place].connection
    recording.entries.insert(place, entry._replace(connection=number))


def lose_a_message(told: Story, data: st.DataObject) -> None:
    """An accepted message is not in the database."""
    facts = told.facts[data.draw(st.sampled_from(list(told.facts)))]
    asked = [message for message in facts.messages if message.client_id is not None]
    facts.messages.remove(data.draw(st.sampled_from(asked)))


def store_a_message_twice(told: Story, data: st.DataObject) -> None:
    """An accepted message is in the database twice, under its id or under none."""
    facts = told.facts[data.draw(st.sampled_from(list(told.facts)))]
    asked = [message for message in facts.messages if message.client_id is not None]
    message = data.draw(st.sampled_from(asked))
    client_id = data.draw(st.sampled_from([message.client_id, None]))
    facts.messages.append(message._replace(id="again", client_id=client_id))


def lose_a_log_row(told: Story, data: st.DataObject) -> None:
    """The log has a hole."""
    facts = told.facts[data.draw(st.sampled_from(list(told.facts)))]
    facts.events.remove(data.draw(st.sampled_from(facts.events)))


def of_kind(told: Story, data: st.DataObject, kind: str) -> tuple[list[EventFact], int]:
    """The place of one event of a kind in a log."""
    facts = told.facts[data.draw(st.sampled_from(list(told.facts)))]
    places = [place for place, event in enumerate(facts.events) if event.type == kind]
    return facts.events, data.draw(st.sampled_from(places))


def end_a_run_twice(told: Story, data: st.DataObject) -> None:
    """A run has a second terminal event, in the place of another event."""
    events, place = of_kind(told, data, "agent_thinking")
    events[place] = events[place]._replace(type="agent_completed", payload={"status": "completed"})


def never_end_a_run(told: Story, data: st.DataObject) -> None:
    """A run is completed and its log has no end."""
    events, place = of_kind(told, data, "agent_completed")
    events[place] = events[place]._replace(type="agent_thinking", payload={"text": "hm"})


def write_after_the_end(told: Story, data: st.DataObject) -> None:
    """Live text of an answer comes after the run's end."""
    recording = data.draw(st.sampled_from(told.recordings))
    ends = [n for n in durable(recording) if '"agent_completed"' in recording.entries[n].raw]
    place = data.draw(st.sampled_from(ends))
    frame = json.loads(recording.entries[place].raw)
    run = next(run for run in told.facts[recording.owner].runs if run.id == frame["run_id"])
    delta = {"message_id": run.answer_id, "offset": 9, "text": "more"}
    raw = json.dumps({"type": "message_delta", "thread_id": run.thread_id, "payload": delta})
    recording.entries.insert(place + 1, Entry(0.0, recording.entries[place].connection, False, raw))


def never_complete_a_call(told: Story, data: st.DataObject) -> None:
    """A tool call begins and does not end."""
    events, place = of_kind(told, data, "tool_completed")
    events[place] = events[place]._replace(type="agent_thinking", payload={"text": "hm"})


def complete_a_call_before_it_begins(told: Story, data: st.DataObject) -> None:
    """The two events of a tool call are in the wrong order."""
    events, place = of_kind(told, data, "tool_executing")
    call = events[place].payload["tool_call_id"]
    end = next(n for n, event in enumerate(events) if n > place and event.payload.get("tool_call_id") == call)
    begun, ended = events[place], events[end]
    events[place], events[end] = begun._replace(type=ended.type), ended._replace(type=begun.type)


def skip_in_the_resume(told: Story, data: st.DataObject) -> None:
    """A client goes on after an event that it was never shown."""
    recording = data.draw(st.sampled_from(told.recordings))
    resumes = [n for n, entry in enumerate(recording.entries) if '"resume"' in entry.raw and n > 1]
    assume(resumes)
    place = data.draw(st.sampled_from(resumes))
    known = json.loads(recording.entries[place].raw)["payload"]["after"]
    assume(known < told.facts[recording.owner].head)
    recording.entries[place] = changed(recording.entries[place], payload={"epoch": "e-1", "after": known + 1})


def forget_in_the_snapshot(told: Story, data: st.DataObject) -> None:
    """HTTP history left a message out that no later event brings."""
    found = [each for recording in told.recordings for each in recording.snapshots]
    assume(found)
    snapshot = data.draw(st.sampled_from(found))
    del snapshot.messages[data.draw(st.integers(0, len(snapshot.messages) - 1))]


PLANTED: list[tuple[str, Mutation]] = [
    ("I7", drop_a_frame),
    ("I2", repeat_a_frame),
    ("I2", swap_two_frames),
    ("I2", change_a_frame),
    ("I5", cross_a_frame),
    ("I1", lose_a_message),
    ("I1", store_a_message_twice),
    ("I2", lose_a_log_row),
    ("I3", end_a_run_twice),
    ("I3", never_end_a_run),
    ("I3", write_after_the_end),
    ("I4", never_complete_a_call),
    ("I4", complete_a_call_before_it_begins),
    ("I7", skip_in_the_resume),
    ("I8", forget_in_the_snapshot),
]


@pytest.mark.parametrize(("invariant", "mutate"), PLANTED, ids=[mutate.__name__ for _, mutate in PLANTED])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(told=stories(), data=st.data())
def test_one_planted_violation_is_found(
    told: Story, data: st.DataObject, invariant: str, mutate: Mutation
) -> None:
    """Whatever the history and wherever it is planted, the invariant that it breaks is named."""
    mutate(told, data)
    verdict = judge(told.recordings, told.facts)
    assert invariant in verdict.by_invariant(), str(verdict)
    assert not verdict.ok


def received(recording: Recording, connection: int, **frame: Any) -> None:
    """Add a frame from the server."""
    recording.entries.append(Entry(99.0, connection, False, json.dumps(frame)))


def test_the_counts_say_what_was_lost_and_doubled() -> None:
    """One message lost, one event repeated, two swapped: one of each is counted."""
    told = story()
    told.facts[OWNERS[0]].messages.pop(0)
    entries = told.recordings[1].entries
    first, second, third = [n for n in durable(told.recordings[1]) if entries[n].connection == 2][-3:]
    entries[first], entries[second] = entries[second], entries[first]
    entries.insert(third + 1, entries[third])
    told.recordings[0].snapshots.clear()
    verdict = judge(told.recordings, told.facts)
    assert (verdict.lost, verdict.duplicated, verdict.out_of_order) == (1, 1, 1)
    assert verdict.by_invariant() == {"I1": 1, "I2": 2}
    assert verdict.as_json()["violations"][0] == {
        "invariant": "I1",
        "kind": "lost",
        "user": "acme/ada",
        "evidence": "c-0 was accepted and is not in history",
        "amount": 1,
    }
    assert str(verdict).startswith("frames ")


def test_a_run_that_goes_on_is_unfinished_and_no_violation() -> None:
    """Whoever reads the facts too early is told so."""
    told = story()
    facts = told.facts[OWNERS[0]]
    facts.runs[-1] = facts.runs[-1]._replace(status="running")
    last = facts.events.pop()
    facts.messages.pop()
    facts.head = last.seq - 1
    for recording in told.of(OWNERS[0]):
        del recording.entries[durable(recording)[-1]]
        recording.settled = False
    verdict = judge(told.recordings, told.facts)
    assert (verdict.violations, verdict.unfinished, verdict.ok) == ([], 1, False)


def test_a_resync_excuses_what_was_skipped() -> None:
    """A client that was told to reload misses nothing; without the word it does."""
    told = story(cuts=())
    (recording, _) = told.recordings
    recording.snapshots.clear()
    head = told.facts[recording.owner].head
    connected, kept = recording.entries[0], durable(recording)[:2]
    sent = [entry for entry in recording.entries if entry.sent or "accepted" in entry.raw]
    recording.entries[:] = [connected, *sent, *(recording.entries[n] for n in kept)]
    resumed = json.dumps({"type": "resume", "id": "r", "payload": {"epoch": "e-1", "after": 2}})
    who = {"user_id": recording.owner.user_id, "tenant_id": recording.owner.tenant_id}
    received(recording, 9, type="connected", payload={**who, "epoch": "e-1", "head": head})
    recording.entries.append(Entry(99.0, 9, True, resumed))
    skipped = judge(told.recordings, told.facts)
    assert skipped.by_invariant()["I7"] == 1
    assert skipped.lost == head - 2
    received(recording, 9, type="resync", reply_to="r", payload={"reason": "ahead", "head": head})
    told_to = judge(told.recordings, told.facts)
    assert (told_to.violations, told_to.resyncs) == ([], 1)


def test_resumed_must_not_leave_the_replay_out() -> None:
    """A server that answers `resumed` and goes on at its head has lost what was between."""
    told = story(cuts=(4,))
    recording = told.recordings[0]
    second = [n for n in durable(recording) if recording.entries[n].connection == 2]
    del recording.entries[second[0] : second[1] + 1]  # both events of the replay
    verdict = judge(told.recordings, told.facts)
    assert [each.evidence for each in verdict.violations if "resumed" in each.evidence] == [
        "ada: connection 2 said resumed to 6, but the replay ended at 4"
    ]


def test_a_later_resume_may_repeat() -> None:
    """Repetition is a fault only if it was not asked for."""
    told = story(cuts=())
    recording = told.recordings[0]
    places = durable(recording)
    again = [recording.entries[n] for n in places[2:]]
    assert not judge(told.recordings, told.facts).violations
    ask = json.dumps({"type": "resume", "id": "later", "payload": {"epoch": "e-1", "after": 2}})
    recording.entries.append(Entry(99.0, 1, True, ask))
    recording.entries += again
    head = told.facts[recording.owner].head
    received(recording, 1, type="resumed", reply_to="later", payload={"head": head})
    assert judge(told.recordings, told.facts).violations == []
    recording.entries += again[-1:]
    assert judge(told.recordings, told.facts).by_invariant() == {"I2": 1}


def test_a_replay_may_repeat_what_came_before_the_resume_was_read() -> None:
    """The client asks while the event is on its way to it: that one comes twice, and no other."""
    told = story(cuts=())
    recording = told.recordings[0]
    last = durable(recording)[-1]
    head = told.facts[recording.owner].head
    event = recording.entries.pop(last)
    ask = json.dumps({"type": "resume", "id": "later", "payload": {"epoch": "e-1", "after": head - 1}})
    recording.entries += [Entry(99.0, 1, True, ask), event, event]
    received(recording, 1, type="resumed", reply_to="later", payload={"head": head})
    assert judge(told.recordings, told.facts).violations == []
    recording.entries.append(event)
    assert judge(told.recordings, told.facts).by_invariant() == {"I2": 1}


def test_messages_must_be_stored_in_the_order_in_which_they_were_accepted() -> None:
    """One sent after another was accepted has the later place."""
    told = story()
    facts = told.facts[OWNERS[0]]
    asked = [n for n, message in enumerate(facts.messages) if message.client_id is not None]
    one, other = facts.messages[asked[0]], facts.messages[asked[1]]
    facts.messages[asked[0]], facts.messages[asked[1]] = (
        one._replace(seq=other.seq),
        other._replace(seq=one.seq),
    )
    verdict = judge(told.recordings, told.facts)
    assert "c-1 was sent after c-0 was accepted, and is stored before it" in str(verdict)
    assert verdict.out_of_order == 1


def test_a_connection_for_somebody_else_is_a_leak() -> None:
    """`connected` names the user that the token is for."""
    told = story()
    entries = told.recordings[0].entries
    body = json.loads(entries[0].raw)["payload"] | {"user_id": "bob"}
    entries[0] = changed(entries[0], payload=body)
    assert judge(told.recordings, told.facts).by_invariant() == {"I5": 1}


def test_another_users_canary_in_the_database_is_a_leak() -> None:
    """Also where no client was shown it."""
    told = story()
    facts = told.facts[OWNERS[0]]
    stolen = told.recordings[1].canary
    facts.messages[1] = facts.messages[1]._replace(content=stolen)
    assert "I5" in judge(told.recordings, told.facts).by_invariant()


def test_growing_memory_is_found() -> None:
    """Ten per cent more at the end is too much; a peak in the middle is not growth."""
    flat = MemorySeries(process="gateway", rss=[50, *[100] * 20, 900, *[100] * 20, 104])
    grown = MemorySeries(process="worker", rss=[50, *(100 + n for n in range(40))])
    told = story()
    verdict = judge(told.recordings, told.facts, memory=[flat, grown])
    assert verdict.by_invariant() == {"I6": 1}
    assert verdict.violations[0].evidence.startswith("worker grew by")
    with pytest.raises(ValueError, match="samples"):
        judge([], {}, memory=[MemorySeries(process="young", rss=[1, 2, 3])])
