"""What the journal of `apply` says, step by step: states, times, diffs, failures. Reads; never writes."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from netra_migrate.apply.records import (
    Began,
    Cause,
    Checking,
    Closed,
    Committed,
    Declined,
    Done,
    Entry,
    Kind,
    Noted,
    Opened,
    Undone,
)
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.report.causes import Failure
from netra_migrate.report.material import CaseView, State, StepView
from netra_migrate.validation.lines import read_lines

Fetch = Callable[[str, str], bytes]
"""A content by its fingerprint; with the path where it may stand if it is not kept."""

OUTPUT_LINES: Final = 40
"""The end of what a command printed: where it says why."""

_CAUSES = {Cause.FAILED: State.ROLLED_BACK, Cause.INTERRUPTED: State.WAITING, Cause.STOPPED: State.WAITING}
"""What was only interrupted is taken up again."""


class Journey:
    """The sum of a journal for people.

    Attributes:
        steps: by number, as far as the journal or the plan names them.
        tests, failures, refusals: in the order in which they came.

    `diffs`: by step, of what was taken back, which stands nowhere any more.
    """

    def __init__(
        self, steps: Iterable[StepView], *, fetch: Fetch, diffs: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.steps = {step.number: step for step in steps}
        self.tests: list[CaseView] = []
        self.failures: list[Failure] = []
        self.refusals: dict[int, tuple[Refusal, ...]] = {}
        self._fetch, self._diffs = fetch, diffs
        self._began: dict[int, Began] = {}
        self._numbers: dict[int, int] = {}
        """Of the steps as this start of `apply` counts them, to those of the plan: it counts what is left."""
        self._counted: dict[int, int] = {}
        """Of actions, to their step as the journal counts it."""

    def add(self, noted: Noted) -> None:
        """Take one record in."""
        match noted.record:
            case Opened() as record:
                self._open(record)
            case Began() as record:
                self._begin(record)
            case Done() as record:
                self._done(record)
            case Undone() as record:
                self._undone(record)
            case Declined() as record:
                self._declined(record)
            case Checking() | Committed() | Closed():
                pass
            case other:
                assert_never(other)

    def _open(self, record: Opened) -> None:
        for counted, paths in enumerate(record.steps, start=1):
            self._numbers[counted] = self._step_of(paths)

    def _step_of(self, paths: Sequence[str]) -> int:
        """The step of these files; the next one if there is none yet."""
        found = next((number for number, step in self.steps.items() if set(step.paths) & set(paths)), None)
        if found is None:
            found = max(self.steps, default=0) + 1
            self.steps[found] = StepView(number=found, paths=tuple(paths))
        return found

    def _begin(self, record: Began) -> None:
        self._counted[record.action] = record.number
        if record.kind is Kind.STEP:
            number = self._numbers.get(record.number, record.number)
            record = msgspec.structs.replace(record, number=number)
        if record.kind is Kind.REMOVAL:
            # The removal has no number in the journal; here it is the step of its files, the plan's last.
            paths = tuple(entry.path for entry in record.entries)
            record = msgspec.structs.replace(record, number=self._step_of(paths))
        self._began[record.action] = record
        self._set(record.number, record.kind, state=State.WORKING, reason="")

    def _set(self, number: int, kind: Kind, **news: object) -> None:
        if kind is not Kind.ROLLBACK and number in self.steps:
            self.steps[number] = msgspec.structs.replace(self.steps[number], **news)

    def _done(self, record: Done) -> None:
        began = self._began[record.action]
        if began.kind is Kind.ROLLBACK:
            self._taken_back(began)
            return
        self.refusals.pop(began.number, None)
        seconds = record.checking_seconds + record.own_seconds
        self._set(
            began.number,
            began.kind,
            state=State.DONE,
            seconds=seconds,
            diff=self._diff(began.entries),
            new_failures=(),
            reason="",
        )
        if record.tests:
            word = f"all {record.tests} tests as before or better"
            self._case(began, word, "passed", good=True, seconds=record.checking_seconds)
        for name in record.fixed:
            self._case(began, name, "fixed", good=True)

    def _taken_back(self, began: Began) -> None:
        for undo in began.undoes:
            earlier = self._began[undo.action]
            self._set(
                earlier.number, earlier.kind, state=State.WAITING, reason="Rolled back by command.", diff=""
            )

    def _undone(self, record: Undone) -> None:
        began = self._began[record.action]
        failed = record.cause is Cause.FAILED
        self._set(
            began.number,
            began.kind,
            state=_CAUSES[record.cause],
            seconds=record.checking_seconds + record.own_seconds,
            diff=self._diffs.get(str(self._counted[record.action]), "") if failed else "",
            new_failures=record.new_failures,
            reason=record.reason,
        )
        messages = read_lines(record.output)
        for name in record.new_failures:
            self._case(began, name, "failed", good=False)
            case = next((case for known, case in messages.items() if alike(known, name)), None)
            said = case.message if case is not None else ""
            self.failures.append(Failure(place=name, message=said or record.reason or "failed"))
        for name in record.disappeared:
            self._case(began, name, "gone", good=False)
            self.failures.append(
                Failure(place=name, message="The test passed before and does not run any more.")
            )
        if failed and not (record.new_failures or record.disappeared):
            place = began.entries[0].path if began.entries else f"step {began.number}"
            said = "\n".join(record.output.splitlines()[-OUTPUT_LINES:])
            self.failures.append(Failure(place=place, message=f"{record.reason}\n{said}".rstrip()))

    def _declined(self, record: Declined) -> None:
        reason = record.refusals[0].reason if record.refusals else ""
        number = self._numbers.get(record.number, record.number)
        self._set(number, Kind.STEP, state=State.REFUSED, reason=reason)
        self.refusals[number] = record.refusals

    def _case(self, began: Began, name: str, outcome: str, *, good: bool, seconds: float = 0.0) -> None:
        self.tests.append(CaseView(test=name, outcome=outcome, good=good, step=began.number, seconds=seconds))

    def _diff(self, entries: Sequence[Entry]) -> str:
        return "".join(diff(self._fetch, entry) for entry in entries)


def alike(printed: str, name: str) -> bool:
    """Whether a test id of the terminal (`a/test_b.py::T::t`) and one of JUnit (`a.test_b.T::t`) are the same."""

    def dotted(text: str) -> str:
        return text.replace(".py::", ".").replace("/", ".").replace("::", ".")

    one, other = dotted(printed), dotted(name)
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def diff(fetch: Fetch, entry: Entry) -> str:
    """What an action made of a file, as a unified diff; empty where a content is not kept any more."""
    try:
        before = fetch(entry.before, entry.path) if entry.before else b""
        after = fetch(entry.after, entry.path) if entry.after else b""
    except OSError:
        return ""
    return unified(entry.path, before, after)


@lru_cache(maxsize=512)
def unified(path: str, before: bytes, after: bytes) -> str:
    """Both contents as text; what is not UTF-8 is spelled."""
    one, other = (content.decode("utf-8", "backslashreplace").splitlines() for content in (before, after))
    lines = difflib.unified_diff(one, other, f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in lines)
