"""JUnit XML, read as what a hostile target may have written: bounded, without DTD or entities, or not at all."""

import os
import stat
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from netra_migrate.validation.results import MESSAGE_LIMIT, Case, Outcome, merged, printable

SIZE_LIMIT = 256 * 1024 * 1024
"""Bytes of a report: 100,000 tests with full tracebacks stay below; a filled disk does not."""
TEST_LIMIT = 1_000_000
_CHUNK = 1024 * 1024
_PIECE_LIMIT = 1000
"""Characters kept of an attribute or text: ids are shorter, and messages are cut anyway."""
_RED = {"failure": Outcome.FAILED, "error": Outcome.ERROR, "skipped": Outcome.SKIPPED}


class UnreadableReport(ValueError):
    """The report is missing, too large, not XML, or defines entities."""


def read_junit(path: Path) -> dict[str, Case]:
    """The tests of a JUnit XML report by id.

    Expat is fed in pieces, so that memory is bounded by the number of tests and not by the report.

    Raises:
        UnreadableReport: with a plain sentence that says why.
    """
    reader = _Reader()
    try:
        with _opened(path) as file:
            while piece := file.read(_CHUNK):
                reader.feed(piece)
        reader.end()
    except OSError as error:
        raise UnreadableReport(f"the report cannot be read ({error.strerror})") from error
    except expat.ExpatError as error:
        raise UnreadableReport(f"the report is not XML ({error})") from error
    return merged(reader.tests)


def _opened(path: Path) -> BinaryIO:
    """The report, if it is a file: a link or a pipe in its place would lead astray or never end."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= SIZE_LIMIT:
        return file
    file.close()
    raise UnreadableReport(f"the report is not a file of at most {SIZE_LIMIT} bytes")


class _Reader:
    """Collects test cases as expat meets them. A class because expat calls back."""

    def __init__(self) -> None:
        self.tests: list[tuple[str, Case]] = []
        self._name: str | None = None
        self._seconds = 0.0
        self._outcome = Outcome.PASSED
        self._message = ""
        self._suites = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        # Every attack by entities (billion laughs, quadratic blow-up, external files) begins with a DTD.
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._finish

    def feed(self, piece: bytes) -> None:
        self._parser.Parse(piece, False)

    def end(self) -> None:
        self._parser.Parse(b"", True)
        if not self._suites:
            raise UnreadableReport("the report holds no test suite")

    def _refuse(self, *_: object) -> None:
        raise UnreadableReport("the report has a document type, which no test runner writes")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "testsuite":
            self._suites += 1
        elif tag == "testcase":
            self._name = _identity(attributes)
            self._seconds = _number(attributes.get("time", "0"))
            self._outcome, self._message = Outcome.PASSED, ""
        elif tag in _RED and self._name is not None:
            self._outcome = _RED[tag]
            self._message = printable(attributes.get("message", "")[:MESSAGE_LIMIT])

    def _finish(self, tag: str) -> None:
        if tag == "testcase" and self._name is not None:
            test = Case(outcome=self._outcome, seconds=self._seconds, message=self._message)
            if len(self.tests) >= TEST_LIMIT:
                raise UnreadableReport(f"the report names more than {TEST_LIMIT} tests")
            self.tests.append((self._name, test))
            self._name = None


def _identity(attributes: dict[str, str]) -> str:
    owner, name = attributes.get("classname", ""), attributes.get("name", "")
    return printable((f"{owner}::{name}" if owner else name)[:_PIECE_LIMIT])


def _number(text: str) -> float:
    """Seconds as written, with the thousands separators of some runners; 0 for anything else."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e9 else 0.0
