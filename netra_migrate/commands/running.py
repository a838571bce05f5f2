"""Runs one use case for the command line: what it needs, what it shows, its exit code. Knows no command."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import typer
from rich.console import RenderableType

from netra_migrate.configuration import Configuration, root
from netra_migrate.domain.outcomes import Exit, MigrationError, TreeError
from netra_migrate.loading import load
from netra_migrate.report.escaping import as_json, encoded, visible
from netra_migrate.report.findings import Finding
from netra_migrate.report.tables import console, said
from netra_migrate.sources.state import RESULTS, prepared, state_folder

FILE: Final = "migration.toml"
DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}
INTERRUPTED: Final = 130
"""What a shell reports of a program that Ctrl-C ended."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What every use case starts from. `root` of the tree, absolute; `state`: the kit's folder in it."""

    configuration: Configuration
    file: Path
    root: Path

    @property
    def state(self) -> Path:
        """Journal, checkpoints, cache and results; the target's tools are told to ignore it."""
        return state_folder(self.root)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What a use case came to: the exit code, the value for `--json`, the same for people, findings for SARIF.

    `diff`: comes first, line by line as it is, so that it can be piped into a patch.
    """

    code: Exit
    value: object
    shown: RenderableType
    findings: tuple[Finding, ...] = ()
    diff: str = ""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What the options ask for."""

    as_json: bool = False
    sarif: Path | None = None


def session(config: Path | None) -> Session:
    """The nearest `migration.toml`, from the current folder upwards, or the one named.

    Raises:
        MigrationError: there is none, or it is wrong.
    """
    file = config or _found(Path.cwd())
    configuration = load(file)
    tree = root(configuration, file)
    return Session(
        configuration=_without(file.resolve(), tree, configuration), file=file.resolve(), root=tree
    )


def _without(file: Path, tree: Path, configuration: Configuration) -> Configuration:
    """The migration's own file names the legacy module, and is no reference to it."""
    if not file.is_relative_to(tree):
        return configuration
    own = "/" + _literal(file.relative_to(tree).as_posix())
    project = configuration.project
    return msgspec.structs.replace(
        configuration, project=msgspec.structs.replace(project, exclude=(*project.exclude, own))
    )


def _literal(path: str) -> str:
    """A path as a pattern that means only itself."""
    return "".join(f"\\{each}" if each in "\\*?[]!# " else each for each in path)


def _found(folder: Path) -> Path:
    for each in (folder, *folder.parents):
        if (each / FILE).is_file():
            return each / FILE
    raise TreeError(
        f"There is no {FILE} here or above: write one with `netra migrate init`, or name one with --config."
    )


def finish(use_case: Callable[[], Ended], output: Output = Output(), *, interrupted: str) -> NoReturn:  # noqa: B008 - frozen
    """Run it, show what it came to, and exit.

    Args:
        use_case: everything that the command does.
        output: where the outcome goes besides the screen.
        interrupted: what state Ctrl-C leaves things in, a sentence.
    """
    raise typer.Exit(_code(use_case, output, interrupted))


def _code(use_case: Callable[[], Ended], output: Output, interrupted: str) -> int:
    try:
        ended = use_case()
        _show(ended, output)
    except MigrationError as error:
        _say(str(error))
        return error.code
    except KeyboardInterrupt:
        _say(f"Interrupted. {interrupted}")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python's own flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Exception:  # noqa: BLE001 - the last line: people get a sentence, the traceback goes to a file
        _say(f"This is a bug of netra migrate; please report it with {_saved_traceback()}.")
        return Exit.INTERNAL
    return ended.code


def _show(ended: Ended, output: Output) -> None:
    if output.sarif is not None:
        from netra_migrate.report.sarif import sarif  # seldom asked for

        write(output.sarif, as_json(sarif(ended.findings, version=_version())))
    if output.as_json:
        sys.stdout.write(as_json(ended.value).decode())
    else:
        out = console(sys.stdout)
        for line in ended.diff.splitlines():
            out.print(said(line, DIFF_STYLES.get(line[:1], "")), soft_wrap=True)
        out.print(ended.shown)
    sys.stdout.flush()


def write(path: Path, content: bytes) -> None:
    """Write a file that the user named; the old one is replaced as a whole or not at all.

    Raises:
        TreeError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        raise TreeError(f"{path} cannot be written ({error.strerror}): name another place.") from error


def _say(sentence: str) -> None:
    typer.echo("netra migrate: " + "\n".join(map(visible, sentence.splitlines())), err=True)


def _saved_traceback() -> str:
    handle, name = tempfile.mkstemp(prefix="netra-migrate-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"netra migrate {_version()}, Python {sys.version}\n{traceback.format_exc()}")
    return name


def _version() -> str:
    from importlib.metadata import version  # reads mail headers, for which no other command needs to wait

    return version("netra")


def remember(session: Session, name: str, value: object) -> None:
    """Keep a result for `report` and `dashboard`."""
    write(prepared(session.state) / RESULTS / f"{name}.json", encoded(value))
