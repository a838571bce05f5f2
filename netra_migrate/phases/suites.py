"""Runs the suites that go with a migration, on the subject of a phase, and asks them for their records."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from netra_migrate.configuration import Suites
from netra_migrate.domain.outcomes import ConfigurationError, MigrationError, TreeError
from netra_migrate.phases.records import SHOWN, Record, read
from netra_migrate.validation import Command, Ending, Result, clean_environment, run, run_command


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the placeholders stand for: the tree that is migrated, and the folder of its `migration.toml`."""

    root: Path
    here: Path

    def filled(self, text: str, subject: str) -> str:
        """`text` without placeholders."""
        words = {"root": str(self.root), "here": str(self.here), "subject": subject}
        for name, value in words.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def command(suites: Suites, place: Place, *, subject: str) -> Command:
    """The suites' command on one subject."""
    return Command(
        arguments=tuple(place.filled(each, subject) for each in suites.command),
        folder=_folder(suites, place, subject),
        timeout_s=suites.timeout_s,
        environment=_environment(suites, place, subject),
    )


def _folder(suites: Suites, place: Place, subject: str) -> Path:
    folder = place.root / place.filled(suites.folder, subject)
    if not folder.is_dir():
        raise ConfigurationError(
            f"suites.folder: there is no folder {str(folder)!r}; name the one to run in."
        )
    return folder.resolve()


def _environment(suites: Suites, place: Place, subject: str) -> Mapping[str, str]:
    return {name: place.filled(value, subject) for name, value in suites.environment.items()}


def ran(command: Command, tests: Sequence[str], *, on_start: Callable[[int], None]) -> Result:
    """One run.

    Raises:
        MigrationError: it did not end properly, so that nothing can be told from it.
    """
    result = run(command, tests=tests, on_start=on_start)
    if result.ending is not Ending.EXITED:
        last = "\n".join(result.output.strip().splitlines()[-5:])
        raise MigrationError(f"suites.command: {result.reason}.\n{last}".rstrip())
    return result


def recorded(suites: Suites, place: Place) -> tuple[Record, ...] | None:
    """How each test ends on each subject, as the suites say it; None where nothing is configured.

    Raises:
        MigrationError: the command or the file does not say it.
    """
    if suites.expected_file is not None:
        file = place.root / place.filled(suites.expected_file, "")
        try:
            return read(file.read_text(encoding="utf-8"), source="suites.expected_file")
        except (OSError, UnicodeDecodeError) as error:
            raise TreeError(f"suites.expected_file: {file} cannot be read ({error}).") from error
    return _asked(suites, place) if suites.expected else None


def _asked(suites: Suites, place: Place) -> tuple[Record, ...]:
    arguments: list[str] = []
    for each in suites.expected:
        arguments += suites.tests if each == "{tests}" else [place.filled(each, "")]
    try:
        ended = run_command(
            arguments,
            folder=_folder(suites, place, ""),
            environment=clean_environment(os.environ, _environment(suites, place, "")),
            timeout_s=suites.timeout_s,
        )
    except OSError as error:
        raise ConfigurationError(f"suites.expected: it cannot be started ({error}).") from error
    said = ended.output.decode("utf-8", "replace")
    if ended.code != 0 or ended.cut:
        raise ConfigurationError(f"suites.expected: it ended with {ended.code}: {said.strip()[-SHOWN:]!r}.")
    return read(said, source="suites.expected")
