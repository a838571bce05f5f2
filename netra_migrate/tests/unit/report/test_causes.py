import pytest

from netra_migrate.report.causes import Cause, Failure, causes, normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timeout after 10.5 s", "timeout after 3 s"),
        ("<Handler at 0x7f33aa> is closed", "<Handler at 0x1b2c> is closed"),
        ("cannot import X (/srv/a/b.py:12)", "cannot import X (/home/z/c.py:7)"),
        ("no thread 4f0f7a0e-18f0-4c6f-9e3a-0a4b6f0c9d11", "no thread 00000000-18f0-4c6f-9e3a-0a4b6f0c9d12"),
        ("\n\n  assert 1 == 2\n  more of one", "assert 3 == 4\nmore of the other"),
    ],
)
def test_messages_that_differ_in_values_are_one(one: str, other: str) -> None:
    """Numbers, addresses, paths, ids and everything after the first line say nothing of the cause."""
    assert normalised(one) == normalised(other)


def test_names_tell_causes_apart() -> None:
    """What is not a value stays."""
    assert normalised("cannot import StartAgentHandler") != normalised("cannot import StopAgentHandler")


def test_the_largest_group_comes_first_with_its_first_and_last_place() -> None:
    """One line for all that one cause did."""
    failures = [
        Failure(place="t1", message="KeyError: 'x'"),
        Failure(place="t2", message="Timeout after 1 s"),
        Failure(place="t3", message="Timeout after 2 s"),
    ]
    assert causes(failures) == (
        Cause(message="Timeout after <n> s", example="Timeout after 1 s", count=2, first="t2", last="t3"),
        Cause(message="KeyError: 'x'", example="KeyError: 'x'", count=1, first="t1", last="t1"),
    )
