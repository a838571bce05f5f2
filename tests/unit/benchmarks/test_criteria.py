"""The success criteria: every planted defect is counted, and what nothing measured is not met."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.criteria.__main__ import code
from benchmarks.criteria.counting import FIVE, Page, Told, all_five, failures, leaks, whole_histories
from benchmarks.criteria.criterion import Criterion, share
from benchmarks.criteria.crowd import Crowd
from benchmarks.criteria.judging import of_chat, of_crowd
from benchmarks.criteria.kept import coverage, migration
from netra_backend.chaos.facts import EventFact, MessageFact, RunFact, UserFacts
from netra_backend.chaos.verdict import Verdict, Violation
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_migrate.domain.verification import Check, Finding, Verification

ADA = Owner(TenantId("acme"), UserId("ada"))
BOB = Owner(TenantId("acme"), UserId("bob"))
TOLD = [Told(ADA, "one", "t1", "r1"), Told(ADA, "two", "t1", "r2")]
TALK = [("user", "one"), ("assistant", "You said: one"), ("user", "two"), ("assistant", "You said: two")]


def facts(
    *, kinds: Sequence[str] = FIVE, status: str = "completed", answer: str = "You said: two"
) -> Mapping[Owner, UserFacts]:
    """What is stored of two runs; the arguments change the second."""
    user = UserFacts()
    for run, each, end, text in (("r1", FIVE, "completed", "You said: one"), ("r2", kinds, status, answer)):
        user.events += [EventFact(len(user.events) + n, kind, "t1", run, {}) for n, kind in enumerate(each)]
        user.messages.append(MessageFact(0, f"answer-{run}", "t1", run, "assistant", text, None))
        user.runs.append(RunFact(run, "t1", f"answer-{run}", end))
    return {ADA: user}


def page(talk: Sequence[tuple[str, str]] = TALK) -> Page:
    """The thread as it is read."""
    messages: list[Mapping[str, Any]] = [{"role": role, "content": text} for role, text in talk]
    return Page(ADA, "t1", messages)


def crowd(**changes: Any) -> Crowd:
    """A crowd of which all is well, but for the changes."""
    good: dict[str, Any] = {
        "logins": [0.1, 0.2],
        "told": TOLD,
        "pages": [page()],
        "facts": facts(),
        "verdict": Verdict(frames=10),
        "took_s": 1.0,
    }
    return Crowd(**(good | changes))


def missed(found: Sequence[Criterion]) -> list[str]:
    """The first words of what is not met."""
    return [" ".join(each.name.split()[:2]) for each in found if not each.met]


def test_all_is_well() -> None:
    """A crowd that nothing happened to meets all six."""
    found = of_crowd(crowd(), wanted=2)
    assert (missed(found), len(found)) == ([], 6)


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (FIVE[:2] + FIVE[3:], "one is missing"),
        ((*FIVE[:1], FIVE[2], FIVE[1], *FIVE[3:]), "two are swapped"),
        ((*FIVE, FIVE[-1]), "one came twice"),
        ((), "there are none"),
    ],
)
def test_dropped_event_is_missed(kinds: Sequence[str], why: str) -> None:
    """Five events, once each and in order, for every run."""
    assert all_five(facts(kinds=kinds)) == (1, 2), why
    assert missed(of_crowd(crowd(facts=facts(kinds=kinds)), wanted=2)) == ["runs with"]


@pytest.mark.parametrize("change", [{"status": "failed"}, {"answer": "You said: one"}, {"answer": ""}])
def test_failed_message_is_missed(change: dict[str, str]) -> None:
    """A run that failed, and one with the answer to another message."""
    assert failures(TOLD, facts(**change)) == 1
    assert missed(of_crowd(crowd(facts=facts(**change)), wanted=2)) == ["message processing"]


def test_message_that_was_never_accepted_failed() -> None:
    """Also one that nobody could send any more."""
    assert failures([*TOLD, Told(ADA, "three", "", "")], facts()) == 1
    assert missed(of_crowd(crowd(), wanted=3)) == ["message processing"]


def test_message_of_another_user_is_no_success() -> None:
    """The right answer in somebody else's run is a failure."""
    assert failures([Told(BOB, "one", "t1", "r1")], facts()) == 1


@pytest.mark.parametrize("talk", [TALK[:3], [*TALK[2:], *TALK[:2]], [*TALK, TALK[3]], []])
def test_broken_history_is_missed(talk: list[tuple[str, str]]) -> None:
    """Something missing, out of order, or doubled."""
    assert whole_histories(TOLD, [page(talk)]) == (0, 1)
    assert missed(of_crowd(crowd(pages=[page(talk)]), wanted=2)) == ["threads whose"]


def test_leak_is_missed_and_nothing_else() -> None:
    """A frame with another user's word."""
    verdict = Verdict(frames=10, violations=[Violation("I5", "wrong", "acme/ada", "another's word")])
    assert leaks(verdict) == 1
    assert missed(of_crowd(crowd(verdict=verdict), wanted=2)) == ["leakage between"]


def test_other_violations_and_trouble_are_missed() -> None:
    """What no criterion names by itself must not pass unseen."""
    lost = Verdict(frames=10, violations=[Violation("I7", "lost", "acme/ada", "event 3")])
    assert missed(of_crowd(crowd(verdict=lost), wanted=2)) == ["other promises"]
    assert missed(of_crowd(crowd(verdict=Verdict(frames=1, unfinished=1)), wanted=2)) == ["other promises"]
    assert missed(of_crowd(crowd(trouble=["too late"]), wanted=2)) == ["other promises"]


def test_slow_logins_and_answers_are_missed() -> None:
    """Under two and under ten seconds: the figure itself is too much."""
    assert missed(of_crowd(crowd(logins=[0.1, 2.0]), wanted=2)) == ["login answered,"]
    assert not of_chat([1.0, 10.0]).met
    assert of_chat([1.0, 9.9]).met


def test_nothing_proves_nothing() -> None:
    """A load that never happened meets no criterion of messages."""
    empty = of_crowd(crowd(told=[], pages=[], facts={}, verdict=Verdict()), wanted=2)
    assert missed(empty) == ["runs with", "message processing", "threads whose", "leakage between"]
    assert share(0, 0) is None


def test_exit_codes() -> None:
    """Missed is worse than not measured."""
    met = of_chat([1.0])
    late, unknown = of_chat([11.0]), msgspec.structs.replace(met, value=None)
    assert [code([met]), code([met, late, unknown]), code([met, unknown])] == [0, 1, 2]


def test_coverage_is_read(tmp_path: Path) -> None:
    """The report of the last `make test`; without one it is said how to make it."""
    assert (coverage(tmp_path).value, "make test" in coverage(tmp_path).note) == (None, True)
    summary = {"covered_lines": 94, "num_statements": 100}
    file = {"summary": summary, "missing_lines": [7], "missing_branches": []}
    report = {"files": {"netra_backend/websocket_core/handlers.py": file}}
    (tmp_path / ".coverage.json").write_text(json.dumps(report), encoding="utf-8")
    assert (coverage(tmp_path).value, coverage(tmp_path).met) == (94.0, False)
    (tmp_path / ".coverage.json").write_text("{", encoding="utf-8")
    assert coverage(tmp_path).value is None


def test_migration_is_read(tmp_path: Path) -> None:
    """The last verification; a legacy import that was left is a finding, a warning is none."""
    assert migration(tmp_path).value is None
    left = Finding(path="a.py", line=1, sentence="imports the legacy module")
    doubt = Finding(path="a.py", line=2, sentence="mentions it", warning=True)
    file = tmp_path / "verify.json"
    for findings, value in (((), 0.0), ((doubt,), 0.0), ((left, left), 2.0)):
        file.write_bytes(
            msgspec.json.encode(
                Verification(checks=(Check(name="imports", sentence="None.", findings=findings),))
            )
        )
        assert migration(tmp_path, file).value == value
    file.write_text("[]", encoding="utf-8")
    assert migration(tmp_path, file).value is None
