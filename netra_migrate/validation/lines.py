"""Test results in the words that commands print: unittest's, pytest's summary, and those of their like."""

import re
from collections.abc import Iterator

from netra_migrate.validation.results import MESSAGE_LIMIT, Case, Outcome, merged, printable

_WORDS = {
    "FAILED": Outcome.FAILED,
    "FAIL": Outcome.FAILED,
    "ERROR": Outcome.ERROR,
    "ok": Outcome.PASSED,
    "PASSED": Outcome.PASSED,
    "PASS": Outcome.PASSED,
    "expected failure": Outcome.PASSED,
    "unexpected success": Outcome.FAILED,
}
_UNITTEST_NAME = r"(?P<name>\w+ \([\w.]+\)(?: \[.*\]| \(.*\))?)"
_UNITTEST_RED = re.compile(rf"(?P<word>FAIL|ERROR): {_UNITTEST_NAME}$")
_UNITTEST_VERBOSE = re.compile(
    rf"{_UNITTEST_NAME} \.\.\. (?P<word>ok|FAIL|ERROR|expected failure|unexpected success|skipped .*)$"
)
_SUMMARY = re.compile(r"(?P<word>FAILED|ERROR|PASSED) (?P<name>[^\s(:]\S*)(?: - (?P<message>.*))?$")
_DASHED = re.compile(r"\s*--- (?P<word>FAIL|PASS): (?P<name>\S+)")
_FORMS = (_UNITTEST_RED, _UNITTEST_VERBOSE, _SUMMARY, _DASHED)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
_LINE_LIMIT = 2000
"""Longer lines are data, and the patterns are not to be tried on them."""


def plain(output: bytes) -> str:
    """What a command printed, without colours and cursor movements, and nothing that a terminal obeys."""
    text = _ESCAPE.sub("", output.decode("utf-8", "replace"))
    return printable(text.replace("\r\n", "\n").replace("\r", "\n"))


def read_lines(text: str) -> dict[str, Case]:
    """The tests that `text` names with a result; failures in every form, passes only in verbose ones."""
    return merged(_found(text))


def _found(text: str) -> Iterator[tuple[str, Case]]:
    for line in text.splitlines():
        if len(line) > _LINE_LIMIT:
            continue
        for form in _FORMS:
            if match := form.match(line):
                parts = match.groupdict()
                outcome = _WORDS.get(parts["word"], Outcome.SKIPPED)
                message = (parts.get("message") or "")[:MESSAGE_LIMIT]
                yield parts["name"], Case(outcome=outcome, message=message)
                break
