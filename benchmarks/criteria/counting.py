"""Counts what a load came to, from what clients recorded and what is stored. Pure: measures nothing.

Every count is of things that happened, over things that should have; a load of nothing proves nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from benchmarks.criteria.agent import answer_to
from netra_backend.chaos.facts import Facts, RunFact, UserFacts
from netra_backend.chaos.verdict import Verdict
from netra_backend.domain.ids import Owner

FIVE: Final = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


class Told(NamedTuple):
    """A message that a user sent: the text, and where it was accepted; empty ids if it was not."""

    owner: Owner
    text: str
    thread_id: str
    run_id: str


class Page(NamedTuple):
    """A thread as its user reads it over HTTP."""

    owner: Owner
    thread_id: str
    messages: Sequence[Mapping[str, Any]]


def all_five(facts: Facts) -> tuple[int, int]:
    """Runs that have the five events, once each and in order; and all runs."""
    runs = [(user, run) for user in facts.values() for run in user.runs]
    kinds = {id(user): _kinds(user) for user in facts.values()}
    return sum(kinds[id(user)].get(run.id, ()) == FIVE for user, run in runs), len(runs)


def failures(told: Sequence[Told], facts: Facts) -> int:
    """Messages without a run that is completed with the only right answer."""
    good = {
        (owner, run.id): answer
        for owner, user in facts.items()
        for answers in (_answers(user),)
        for run in user.runs
        if (answer := _completed(run, answers)) is not None
    }
    return sum(good.get((each.owner, each.run_id)) != answer_to(each.text) for each in told)


def whole_histories(told: Sequence[Told], pages: Sequence[Page]) -> tuple[int, int]:
    """Threads that read as they were talked: each text, then its answer, in order; and all threads."""
    expected: dict[tuple[Owner, str], list[tuple[str, str]]] = {}
    for each in told:
        if each.thread_id:
            talk = expected.setdefault((each.owner, each.thread_id), [])
            talk += [("user", each.text), ("assistant", answer_to(each.text))]
    read = {
        (page.owner, page.thread_id): [(each["role"], each["content"]) for each in page.messages]
        for page in pages
    }
    return sum(read.get(thread) == talk for thread, talk in expected.items()), len(expected)


def leaks(verdict: Verdict) -> int:
    """Frames, messages and events of one user that reached another (I5)."""
    return sum(each.amount for each in verdict.violations if each.invariant == "I5")


def _kinds(user: UserFacts) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for event in user.events:
        if event.run_id is not None and event.type in FIVE:
            found[event.run_id] = (*found.get(event.run_id, ()), event.type)
    return found


def _answers(user: UserFacts) -> Mapping[str, str]:
    return {message.id: message.content for message in user.messages if message.role == "assistant"}


def _completed(run: RunFact, answers: Mapping[str, str]) -> str | None:
    return answers.get(run.answer_id) if run.status == "completed" else None
