from pathlib import Path

import pytest

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.loading import load

GOOD = '[legacy]\nmodule = "a.b"\n[canonical]\nmodule = "c.d"\n'


def loaded(text: str, folder: Path) -> Configuration:
    """Loads a file with that text."""
    file = folder / "migration.toml"
    file.write_text(text)
    return load(file)


def test_the_shortest_file_says_which_modules(tmp_path: Path) -> None:
    """All else has defaults."""
    assert loaded(GOOD, tmp_path) == Configuration(
        legacy=LegacySide(module="a.b"), canonical=CanonicalSide(module="c.d")
    )


MISTAKES = {
    GOOD + 'socket_fixture = "a socket"\n': (
        "canonical.socket_fixture: 'a socket' is not a fixture's name; write the name alone."
    ),
    GOOD + 'socket_in_tests = "Fake("\n': (
        "canonical.socket_in_tests: 'Fake(' is not an expression; write one, such as 'FakeSocket()'."
    ),
    GOOD + 'imports_in_tests = ["Fake"]\n': (
        "canonical.imports_in_tests[0]: 'Fake' is not a dotted name; write 'app.testing.FakeSocket'."
    ),
    '[legacy]\nmodul = "a"\n[canonical]\nmodule = "c"\n': "legacy.modul: there is no such key; did you mean 'module'?",
    '[legacy]\nmethod = "a"\n[canonical]\nmodule = "c"\n': "legacy.module: this key is missing; add it.",
    "[legacy]\nmodule = 1\n": "legacy.module: this must be a string, and is a whole number.",
    GOOD.replace("a.b", "a..b"): "legacy.module: 'a..b' is not a module's name; write it as in an import, "
    "such as 'app.handlers'.",
    GOOD.replace("c.d", "a.b"): "canonical.module: 'a.b' is the legacy module too; name the one to go to.",
    GOOD
    + '[project]\nexclude = ["a", "../b"]\n': "project.exclude[1]: '../b' leaves the root; name something "
    "inside of it.",
    GOOD + '[symbols.A]\ndecision = "renamed"\n': "symbols.A.to: this key is missing; say what the symbol is "
    "renamed to.",
    GOOD
    + '[symbols.A]\ndecision = "sam"\n': "symbols.A.decision: 'sam' is none of same, renamed, adapt, none.",
    GOOD + '[symbols.A]\ntoo = "x"\n': "symbols.A.too: there is no such key; did you mean 'to'?",
    GOOD
    + '[symbols.A]\ndrop = ["x"]\nrename = { x = "y" }\n': "symbols.A.drop: 'x' is dropped and renamed too; "
    "decide for one.",
    GOOD
    + "[validation]\ntimeout_s = 0\n": "validation.timeout_s: 0.0 is not possible; give a number above 0.",
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.items())
def test_a_mistake_is_one_sentence_that_starts_with_its_key(text: str, sentence: str, tmp_path: Path) -> None:
    """So that people find the place and the mending."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(text, tmp_path)
    assert str(caught.value) == sentence


def test_no_file_and_no_toml_are_told_apart(tmp_path: Path) -> None:
    """Both by the file's name."""
    with pytest.raises(ConfigurationError, match=r"nothing.toml: No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigurationError, match="this is not TOML"):
        loaded("[", tmp_path)
