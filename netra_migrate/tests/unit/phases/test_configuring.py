"""`[suites]` in `migration.toml`: each mistake is a sentence that begins with its key."""

from pathlib import Path

import pytest

from netra_migrate.configuration import Subjects
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.loading import load

BASE = '[legacy]\nmodule = "app.old"\n[canonical]\nmodule = "app.new"\n[suites]\n'


def written(folder: Path, text: str) -> Path:
    """A file with these lines under `[suites]`."""
    place = folder / "migration.toml"
    place.write_text(BASE + text, encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "suites.command: this key is missing"),
        ("command = []", "suites.command: it is empty"),
        ('command = ["a"]\nruns = 0', "suites.runs: 0 is not possible"),
        ('command = ["a"]\neach_file = ["b"]', r"suites.each_file\[0\]: 'b' is none of suites.tests"),
        ('command = ["a"]\nfails_before = ["b"]', r"suites.fails_before\[0\]: 'b' is none of suites.tests"),
        (
            'command = ["a"]\nexpected = ["b"]\nexpected_file = "c"',
            "suites.expected: there is an expected_file",
        ),
        ('command = ["a"]\n[suites.subjects]\nlast = "b"', "suites.subjects.last: there is no such key"),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    """And says what to do."""
    with pytest.raises(ConfigurationError, match=rf"^{sentence}"):
        load(written(tmp_path, text))


def test_without_more_words_the_suites_run_in_all_phases(tmp_path: Path) -> None:
    """All of them after each file, and twice at the end."""
    suites = load(written(tmp_path, 'command = ["a"]')).suites
    assert suites is not None
    assert (suites.each_file, suites.fails_before, suites.runs) == (None, None, 2)
    assert suites.subjects == Subjects(
        baseline="legacy", adapter="adapter", gradual="adapter", final="migrated"
    )
