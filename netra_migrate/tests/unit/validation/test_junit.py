import os
from pathlib import Path

import pytest

from netra_migrate.validation import Case, Outcome
from netra_migrate.validation.junit import UnreadableReport, read_junit

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"
 errors="2" failures="1" skipped="1" tests="5" time="0.260" hostname="vm">
<testcase classname="" name="tests.test_broken" time="0.000"><error message="collection failure">x</error></testcase>
<testcase classname="tests.test_z" name="test_f[a-1]" time="0.5"><failure message="AssertionError: x&#10;no">long
</failure></testcase>
<testcase classname="tests.test_z.TestA" name="test_g" time="1,000.25"/>
<testcase classname="tests.test_z" name="test_i" time="0.1"><failure message="no">x</failure></testcase>
<testcase classname="tests.test_z" name="test_i" time="0.0"><error message="failed on teardown">x</error></testcase>
<testcase classname="tests.test_z" name="test_s" time="bad"><skipped type="pytest.skip" message="why">x</skipped>
</testcase></testsuite></testsuites>"""


def report(tmp_path: Path, content: bytes) -> Path:
    """A report with this content."""
    path = tmp_path / "junit.xml"
    path.write_bytes(content)
    return path


def test_every_test_is_read_by_its_id(tmp_path: Path) -> None:
    """Collection errors are tests without a class; of two entries for one test the worse holds."""
    assert read_junit(report(tmp_path, PYTEST)) == {
        "tests.test_broken": Case(outcome=Outcome.ERROR, message="collection failure"),
        "tests.test_z::test_f[a-1]": Case(
            outcome=Outcome.FAILED, seconds=0.5, message="AssertionError: x\nno"
        ),
        "tests.test_z.TestA::test_g": Case(outcome=Outcome.PASSED, seconds=1000.25),
        "tests.test_z::test_i": Case(outcome=Outcome.ERROR, message="failed on teardown"),
        "tests.test_z::test_s": Case(outcome=Outcome.SKIPPED, message="why"),
    }


LAUGHS = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><testsuite name="&l9;"/>'.encode(), "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "document type"),
        (b"<testsuite><testcase name='a'>", "not XML"),
        (b"", "not XML"),
        (b"Segmentation fault\n", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        (b"<html></html>", "no test suite"),
    ],
)
def test_a_hostile_or_broken_report_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    """At once, and with a reason."""
    with pytest.raises(UnreadableReport, match=sentence):
        read_junit(report(tmp_path, content))


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe would never end, a link would lead elsewhere."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(report(tmp_path, PYTEST))
    for name in ("pipe", "link", "missing", "."):
        with pytest.raises(UnreadableReport):
            read_junit(tmp_path / name)


def test_a_report_too_large_is_refused_unread(tmp_path: Path) -> None:
    """A sparse file of a terabyte costs nothing to make."""
    path = report(tmp_path, b"")
    os.truncate(path, 1 << 40)

    with pytest.raises(UnreadableReport, match="not a file of at most"):
        read_junit(path)


def test_messages_are_short_and_printable(tmp_path: Path) -> None:
    """They are shown in terminals."""
    content = (
        f'<testsuite><testcase name="a&#x9b;2J"><failure message="{"x" * 9999}"/></testcase></testsuite>'
    )

    ((name, test),) = read_junit(report(tmp_path, content.encode())).items()

    assert (name, len(test.message)) == ("a\\x9b2J", 500)
