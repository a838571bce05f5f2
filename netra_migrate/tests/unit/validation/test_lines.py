from netra_migrate.validation.lines import plain, read_lines

UNITTEST = """test_a (tests.test_x.TestA.test_a) ... ok
test_b (tests.test_x.TestA.test_b) ... FAIL
test_c (tests.test_x.TestA) ... skipped 'why'
test_d (tests.test_x.TestA.test_d) ... expected failure
======
FAIL: test_b (tests.test_x.TestA.test_b)
ERROR: test_q (unittest.loader._FailedTest.test_q)
ERROR: setUpClass (tests.test_x.TestB)
Ran 5 tests in 0.1s
"""
OTHERS = """FAILED tests/test_x.py::test_a[1 - x] - AssertionError: no
ERROR tests/test_y.py
PASSED tests/test_x.py::test_b
--- FAIL: TestGo (0.00s)
    --- PASS: TestGo/sub (0.00s)
ERROR: cannot connect to anything
FAILED (failures=1)
"""


def test_unittest_is_read_in_both_its_forms() -> None:
    """Verbose lines and headlines of failures; the worse holds."""
    assert {name: test.outcome.value for name, test in read_lines(UNITTEST).items()} == {
        "test_a (tests.test_x.TestA.test_a)": "passed",
        "test_b (tests.test_x.TestA.test_b)": "failed",
        "test_c (tests.test_x.TestA)": "skipped",
        "test_d (tests.test_x.TestA.test_d)": "passed",
        "test_q (unittest.loader._FailedTest.test_q)": "error",
        "setUpClass (tests.test_x.TestB)": "error",
    }


def test_other_runners_summaries_are_read_and_their_logs_not() -> None:
    """An error message is no test."""
    assert {name: test.outcome.value for name, test in read_lines(OTHERS).items()} == {
        "tests/test_x.py::test_a[1": "failed",
        "tests/test_y.py": "error",
        "tests/test_x.py::test_b": "passed",
        "TestGo": "failed",
        "TestGo/sub": "passed",
    }


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    """Colours, titles, cursor movements, bells, and bytes that are no text."""
    assert plain(b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b[2J\x07\r\ny\rz\xff\x9b\tt") == (
        "red x\\x07\ny\nz\ufffd\ufffd\tt"
    )


def test_one_endless_line_takes_no_time() -> None:
    """The patterns are not tried on data."""
    assert read_lines("FAILED " + "x" * 5_000_000) == {}
