"""When a process is started again, and what is said about its end."""

import pytest

from netra_backend.stack.keeper import how_it_ended, next_wait


def test_a_process_that_keeps_ending_is_started_ever_more_rarely() -> None:
    """Half a second, doubled each time, up to half a minute."""
    waits = [0.0]
    for _ in range(8):
        waits.append(next_wait(waits[-1], lived_s=1))
    assert waits[1:] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_one_that_lived_long_starts_from_the_beginning() -> None:
    """Its end is news."""
    assert next_wait(30, lived_s=31) == 0.5


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (2, "ended with exit code 2"),
        (-9, "was ended by SIGKILL"),
        (-63, "was ended by signal 63"),
    ],
)
def test_the_end_is_said_in_words(code: int, said: str) -> None:
    """Signals by name, where they have one."""
    assert how_it_ended(code) == said
