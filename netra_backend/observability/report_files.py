"""Reads one report: results of tests, the performance gate's, or the journal of a migration.

Results are JUnit XML, or pytest's report log while it grows. Bounded and without entities: whoever wrote a
file may mean no good. None stands for a file that is something else, which is no mistake.
"""

from typing import Any, Final, Literal
from xml.parsers import expat

import msgspec

MAX_NAMED: Final = 50
"""Failures of one report that are named; the rest is counted."""
MAX_NAME: Final = 300
"""Characters of a name: no test's is longer."""

Outcome = Literal["passed", "failed", "skipped"]
StepState = Literal["waiting", "working", "done", "refused", "failed", "rolled back"]


class UnreadableReportError(Exception):
    """The message is a plain sentence that says why."""


class Results(msgspec.Struct, kw_only=True):
    """Tests so far. `finished`: no more will come. `last`: the test that came last."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    finished: bool = False
    failures: list[str] = msgspec.field(default_factory=list)
    last: str = ""

    def add(self, test: str, outcome: Outcome) -> None:
        """Count one test."""
        self.last = test[:MAX_NAME]
        if outcome == "passed":
            self.passed += 1
        elif outcome == "skipped":
            self.skipped += 1
        else:
            self.failed += 1
            if len(self.failures) < MAX_NAMED:
                self.failures.append(self.last)


class Figure(msgspec.Struct, frozen=True):
    """One figure before and now; `ratio`: how many times worse, with its bounds."""

    figure: str
    baseline: float
    candidate: float
    ratio: float
    low: float
    high: float
    judgement: str


class Performance(msgspec.Struct, frozen=True):
    """A report of the performance gate."""

    comparisons: list[Figure]


class Step(msgspec.Struct, kw_only=True):
    """A step of a migration; number 0 is the removal of the legacy module."""

    number: int
    paths: list[str]
    state: StepState = "waiting"


class Migration(msgspec.Struct):
    """The steps of a migration, in order."""

    steps: list[Step]


def read_json(content: bytes) -> Performance | None:
    """A report of the gate, or something else.

    Raises:
        UnreadableReportError: it is no JSON.
    """
    try:
        raw = msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise UnreadableReportError("It is not JSON, or only a part: write it again.") from None
    try:
        return msgspec.convert(raw, Performance)
    except msgspec.ValidationError:
        return None


def read_lines(content: bytes) -> Results | Migration | None:
    """The report log of pytest or the journal of a migration, by their lines; the last may be only a part."""
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    try:
        records = [msgspec.json.decode(line) for line in lines]
    except msgspec.DecodeError:
        raise UnreadableReportError("A line of it is not JSON: remove it.") from None
    records = [record for record in records if isinstance(record, dict)]
    if any("$report_type" in record for record in records):
        return _report_log(records)
    if any(isinstance(record.get("record"), dict) for record in records):
        return _journal([record["record"] for record in records if isinstance(record.get("record"), dict)])
    return None


def _report_log(records: list[dict[str, Any]]) -> Results:
    """A test has up to three lines: setting up, the call, tearing down."""
    results = Results()
    outcomes: dict[str, Outcome] = {}
    for record in records:
        if record["$report_type"] == "TestReport":
            results.seconds += float(record.get("duration", 0))
            _note(outcomes, str(record.get("nodeid", "")), record)
        elif record["$report_type"] == "SessionFinish":
            results.finished = True
    for test, outcome in outcomes.items():
        results.add(test, outcome)
    return results


def _note(outcomes: dict[str, Outcome], test: str, record: dict[str, Any]) -> None:
    outcome = record.get("outcome")
    if outcome == "failed" or outcomes.get(test) == "failed":
        outcomes[test] = "failed"
    elif outcome == "skipped":
        outcomes[test] = "skipped"
    elif record.get("when") == "call":
        outcomes[test] = "passed"


class _Record(msgspec.Struct):
    """What every record of the journal may say."""

    what: str
    action: int = 0
    kind: str = ""
    number: int = 0
    cause: str = ""
    paths: list[str] = []
    steps: list[list[str]] = []
    entries: list[dict[str, Any]] = []
    undoes: list[dict[str, Any]] = []


def _journal(raw: list[dict[str, Any]]) -> Migration:
    try:
        records = msgspec.convert(raw, list[_Record])
    except msgspec.ValidationError:
        raise UnreadableReportError(
            "It is the journal of another version of the kit: show it by `netra migrate dashboard`."
        ) from None
    retold = _Retold()
    for record in records:
        retold.tell(record)
    return Migration(retold.steps)


class _Retold:
    """A journal as what became of each step."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._actions: dict[int, tuple[_Record, Step | None]] = {}

    def tell(self, record: _Record) -> None:
        """Take one record."""
        if record.what == "opened":
            self.steps = [Step(number=n, paths=paths) for n, paths in enumerate(record.steps, start=1)]
        elif record.what == "began":
            self._begin(record)
        elif record.what == "declined":
            self._step(record.number, record.paths).state = "refused"
        elif record.what in ("done", "undone") and record.action in self._actions:
            self._end(record, *self._actions[record.action])

    def _begin(self, record: _Record) -> None:
        paths = [str(entry.get("path", "")) for entry in record.entries]
        step = None if record.kind == "rollback" else self._step(record.number, paths)
        if step is not None:
            step.state = "working"
        self._actions[record.action] = (record, step)

    def _end(self, record: _Record, began: _Record, step: Step | None) -> None:
        if step is not None:
            failed: StepState = "failed" if record.cause == "failed" else "waiting"
            step.state = "done" if record.what == "done" else failed
        elif record.what == "done":
            for undone in {int(undo.get("action", 0)) for undo in began.undoes}:
                _, taken = self._actions.get(undone, (None, None))
                if taken is not None:
                    taken.state = "rolled back"

    def _step(self, number: int, paths: list[str]) -> Step:
        for step in self.steps:
            if step.number == number:
                return step
        self.steps.append(Step(number=number, paths=paths))
        return self.steps[-1]


def read_xml(content: bytes) -> Results | None:
    """JUnit XML, or something else.

    Raises:
        UnreadableReportError: it is no XML, or defines entities.
    """
    reader = _JUnit()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError:
        raise UnreadableReportError("It is not XML, or only a part: write it again.") from None
    return reader.results if reader.is_junit else None


class _JUnit:
    """Counts test cases as expat meets them."""

    def __init__(self) -> None:
        self.results = Results(finished=True)
        self.is_junit = False
        self._test = ""
        self._outcome: Outcome = "passed"
        self.parser = expat.ParserCreate()
        # Every attack by entities begins with a document type.
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._finish

    def _refuse(self, *_: object) -> None:
        raise UnreadableReportError("It has a document type, which no report of tests has: remove it.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("testsuite", "testsuites"):
            self.is_junit = True
        elif name == "testcase":
            where, what = attributes.get("classname", ""), attributes.get("name", "")
            self._test = f"{where}::{what}" if where else what
            self._outcome = "passed"
            self.results.seconds += _seconds(attributes.get("time", "0"))
        elif name in ("failure", "error"):
            self._outcome = "failed"
        elif name == "skipped" and self._outcome != "failed":
            self._outcome = "skipped"

    def _finish(self, name: str) -> None:
        if name == "testcase":
            self.results.add(self._test, self._outcome)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
