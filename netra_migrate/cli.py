"""`netra migrate`: parse, call one use case, exit code. Heavy imports wait for their command.

Exit codes: 0 done, 1 findings, 2 a mistake in the command line or in migration.toml, 3 the target's validation failed
and was rolled back, 4 a bug of the kit, 130 interrupted.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="migrate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Move a code base from a legacy handler module to a canonical one, file by file, and prove it.

What is to be moved stands in `migration.toml`, which is found from the current folder upwards. In this order:

    netra migrate init           # writes a first migration.toml
    netra migrate scan           # every reference, every handler, every clash
    netra migrate plan           # the order of the files, and what you have to decide
    netra migrate baseline       # what your tests say before anything is touched
    netra migrate apply          # shows the changes; with --write it makes them
    netra migrate verify         # whether it is done

or all of it at once, on a fresh copy: `netra migrate run`.

Exit codes: 0 done, 1 findings, 2 a mistake in the command line or in `migration.toml`, 3 your validation command
failed and the files are as they were, 4 a bug of this program.
""",
)

UNTOUCHED = "No file of your tree was changed."

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="The migration's file.", show_default="migration.toml, here or above", metavar="FILE"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Sarif = Annotated[
    Path | None, typer.Option("--sarif", help="Also write the findings here as SARIF 2.1.0.", metavar="FILE")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", help="Processes that read files.", show_default="one a core", min=1, max=256),
]


@app.command()
def init(
    root: Annotated[Path, typer.Argument(help="The root of the tree.", metavar="FOLDER")] = Path(),
    as_json: Json = False,
    legacy: Annotated[
        str | None, typer.Option(help="The module to leave.", show_default="guessed", metavar="MODULE")
    ] = None,
    canonical: Annotated[
        str | None, typer.Option(help="The module to go to.", show_default="guessed", metavar="MODULE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a migration.toml that is there.")] = False,
) -> None:
    """Write a first `migration.toml` from what the tree shows.

    Looks for two modules whose handlers have different interfaces, and writes down both, with a comment on each key
    and what you will have to decide. Nothing else is written.

    For example:

        netra migrate init
        netra migrate init --legacy app.services.message_handler --canonical app.websocket.handlers
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.drafted(root, legacy=legacy, canonical=canonical, force=force),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def scan(
    config: Config = None,
    as_json: Json = False,
    sarif: Sarif = None,
    jobs: Jobs = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read every file again, whatever the cache says.")
    ] = False,
) -> None:
    """Find every reference to both modules, in every form, and what stands in the way.

    Imports of every kind, re-exports through any chain, patch strings, code in strings, names in data and in words;
    handler classes and their shape; message types and class names that exist twice; files that cannot be read.
    Nothing is changed. Exit code 1 while anything is left to be done.

    For example:

        netra migrate scan
        netra migrate scan --json > survey.json
        netra migrate scan --sarif findings.sarif    # for your code host
    """
    from netra_migrate.commands import running, scanning

    running.finish(
        lambda: scanning.scanned(running.session(config), jobs=jobs, cached=not fresh),
        running.Output(as_json=as_json, sarif=sarif),
        interrupted=UNTOUCHED,
    )


@app.command()
def plan(config: Config = None, as_json: Json = False, jobs: Jobs = None) -> None:
    """Say what becomes of each symbol, and in which order the files go.

    Exit code 1 while a symbol is undecided: it has no counterpart, or its constructor, bases or message types differ.
    The plan says what to write under `[symbols]` in `migration.toml`.

    For example:

        netra migrate plan
        netra migrate plan --json | jq '.steps[].paths'
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.planned(running.session(config), jobs=jobs),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def baseline(
    config: Config = None,
    as_json: Json = False,
    jobs: Jobs = None,
    times: Annotated[
        int,
        typer.Option(help="Runs; with 2 or more, tests that change by themselves are found.", min=1, max=20),
    ] = 1,
) -> None:
    """Run the validation command before anything is touched, and keep what it says.

    Tests that fail now block nothing later: `apply` counts new failures only. If `[performance]` is set, its figures
    are recorded as well, for `gate`.

    For example:

        netra migrate baseline
        netra migrate baseline --times 3
    """
    from netra_migrate.commands import running, validating

    running.finish(
        lambda: validating.baselined(running.session(config), jobs=jobs, times=times),
        running.Output(as_json=as_json),
        interrupted="No file of your tree was changed, and no baseline was kept.",
    )


@app.command()
def apply(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Only the steps with these files, from the root.", metavar="PATH"),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Make the changes; without it they are only shown.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
    jobs: Jobs = None,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Go on after a step whose validation failed and was put back."),
    ] = False,
    stop_at_refusal: Annotated[
        bool,
        typer.Option(
            "--stop-at-refusal", help="Stop at a step that cannot be rewritten, instead of passing it."
        ),
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also change files that have uncommitted changes.")
    ] = False,
    branch: Annotated[
        str | None, typer.Option(help="Commit each step on this branch.", show_default="no commits")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Put an unfinished step back even where it was edited since.")
    ] = False,
    no_validation: Annotated[
        bool, typer.Option("--no-validation", help="Do not run the validation command.")
    ] = False,
) -> None:
    """Migrate file by file; shows the changes, and makes them with `--write`.

    Each step is written, read again, and validated by your own command. If a test fails that did not fail in the
    baseline, the exact bytes are put back and the run stops (exit code 3). What cannot be rewritten safely is refused
    with its place and the reason (exit code 1). When every step is done, the legacy module is deleted.

    It can be killed at any moment: the next run puts the unfinished step back and goes on.

    For example:

        netra migrate apply                          # the diff
        netra migrate apply --write
        netra migrate apply --write --branch migration --keep-going
        netra migrate apply --write app/routes/chat.py
    """
    from netra_migrate.commands import moving, running

    wanted = moving.wanted(
        write=write,
        keep_going=keep_going,
        stop_at_refusal=stop_at_refusal,
        allow_dirty=allow_dirty,
        branch=branch,
        force=force,
        only=tuple(paths or ()),
        unchecked=no_validation,
        jobs=jobs,
    )
    running.finish(
        lambda: moving.applied(running.session(config), wanted),
        running.Output(as_json=as_json),
        interrupted="Steps that were done stay; the one in work was put back. Start again to go on.",
    )


@app.command()
def rollback(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Only these files, from the root.", metavar="PATH")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that was applied.")] = False,
    first: Annotated[
        int | None,
        typer.Option("--from", help="From this action on, by the numbers of `status --all`.", min=1),
    ] = None,
    last: Annotated[int | None, typer.Option("--to", help="Up to this action.", min=1)] = None,
    config: Config = None,
    as_json: Json = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also files that were edited since; the edit is kept in the state folder."
        ),
    ] = False,
) -> None:
    """Put files back, byte for byte: some, those of a range of actions, or all.

    For example:

        netra migrate rollback app/routes/chat.py
        netra migrate rollback --from 4 --to 6
        netra migrate rollback --all
    """
    from netra_migrate.commands import moving, running

    running.finish(
        lambda: moving.returned(
            running.session(config), paths=paths or (), first=first, last=last, everything=all_, force=force
        ),
        running.Output(as_json=as_json),
        interrupted="The rollback is whole or has not happened; start it again.",
    )


@app.command()
def status(
    config: Config = None,
    as_json: Json = False,
    all_: Annotated[bool, typer.Option("--all", help="Every action ever begun, with its number.")] = False,
) -> None:
    """Say where each step stands. Also while an `apply` runs.

    For example:

        netra migrate status
        netra migrate status --all --json
    """
    from netra_migrate.commands import moving, running

    running.finish(
        lambda: moving.standing(running.session(config), all_actions=all_),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def shadow(
    config: Config = None,
    as_json: Json = False,
    jobs: Jobs = None,
    before: Annotated[
        Path | None,
        typer.Option(help="A copy of the tree as it was, when the legacy module is gone.", metavar="FOLDER"),
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="The target's interpreter.", show_default="its .venv, else this one")
    ] = None,
) -> None:
    """Give both handlers the same messages and compare what they do.

    The handlers run in processes of their own, made by the factories that `[shadow]` names; what they send and store
    is recorded. The legacy handler runs twice first, so that what never repeats is not held against the other.
    A handler that answers `True` and does nothing is a *hollow success*. Exit code 1 for any verdict against it.

    For example:

        netra migrate shadow
        netra migrate shadow --before ../app-as-it-was --json
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.shadowed(running.session(config), jobs=jobs, python=python, before=before),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def gate(
    config: Config = None,
    as_json: Json = False,
    before: Annotated[
        Path | None,
        typer.Option(
            help="The tree as it was, for paired runs.",
            show_default="figures of `baseline`",
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Compare performance with what it was; a real regression fails, noise does not.

    Runs `[performance] command` in both trees by turns, and tests figure by figure: a loss counts when it is more than
    chance and its whole interval is beyond `worse_by`. Without `--before` it compares with what `baseline` recorded on
    this machine, which is weaker.

    For example:

        netra migrate gate --before ../app-as-it-was
        netra migrate gate --json
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.gated(running.session(config), before=before),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def verify(
    config: Config = None,
    as_json: Json = False,
    sarif: Sarif = None,
    jobs: Jobs = None,
    update: Annotated[
        bool,
        typer.Option("--update", help="Write what is left into migration.ratchet.json; it only ever falls."),
    ] = False,
    may_rise: Annotated[
        bool, typer.Option("--may-rise", help="With --update: let it rise this once.")
    ] = False,
) -> None:
    """Say whether the migration is done, and what stands against it. For your CI.

    Done means: the module is gone, no reference of any form and no adapter is left, every handler has one interface,
    is reachable and does something, and nothing became more than last time. It looks at what is there, not at what
    was changed. The verdict of the last `shadow` counts as well.

    For example:

        netra migrate verify
        netra migrate verify --sarif findings.sarif
        netra migrate verify --update && git add migration.ratchet.json
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.verified(running.session(config), jobs=jobs, update=update, may_rise=may_rise),
        running.Output(as_json=as_json, sarif=sarif),
        interrupted=UNTOUCHED,
    )


@app.command()
def run(
    config: Config = None,
    as_json: Json = False,
    jobs: Jobs = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Where to make the copy, or where one is that a run began in.",
            show_default="beside the tree, with -migrated at its end",
            metavar="FOLDER",
        ),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Migrate the tree itself, in a git tree on a branch.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option(help="The branch, for --in-place.", show_default="netra-migration", metavar="NAME"),
    ] = None,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Go on after a step whose validation failed and was put back."),
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also change files that have uncommitted changes.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Put everything back and begin with the first phase.")
    ] = False,
) -> None:
    """Run the four phases of a migration in one go, unattended, on a fresh copy of the tree.

    *Baseline*: your tests and the suites of `[suites]` on the tree as it is; what fails must fail for the reason that
    it names. *Adapter*: the suites with the adapter in between. *Gradual*: file by file; after each file your tests
    and the suites run, and a failure puts that file back. *Final*: all suites pass, twice; `shadow`, `verify` and
    `gate` find nothing. Whatever is not as planned ends the run and is listed (exit code 1, or 3 after a rollback).

    It can be killed at any moment: the same command goes on where it stood, also from within the copy.

    For example:

        netra migrate run
        netra migrate run --into ../app-migrated
        netra migrate run --in-place --branch migration
    """
    from netra_migrate.commands import running
    from netra_migrate.phases.beginning import Where
    from netra_migrate.phases.conducting import conducted
    from netra_migrate.phases.gradual import Going

    where = Where(into=into, in_place=in_place, branch=branch, again=again)
    going = Going(keep_going=keep_going, allow_dirty=allow_dirty)
    running.finish(
        lambda: conducted(running.session(config), where, going, jobs=jobs),
        running.Output(as_json=as_json),
        interrupted="What is done stays; a step in work was put back. Start it again to go on.",
    )


@app.command()
def report(
    config: Config = None,
    as_json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write it.",
            metavar="FILE",
            show_default=".netra-migrate/report.html",
        ),
    ] = None,
) -> None:
    """Write everything known of the migration as one HTML file.

    The file needs nothing else: no network, no script. It shows what the last `scan`, `plan`, `apply`, `shadow`,
    `gate` and `verify` found. It holds source of yours (diffs), so mind where you put it.

    For example:

        netra migrate report
        netra migrate report --output public/migration.html
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.reported(running.session(config), output=output),
        running.Output(as_json=as_json),
        interrupted=UNTOUCHED,
    )


@app.command()
def dashboard(
    config: Config = None,
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8500,
) -> None:
    """Show the migration live in the browser, until Ctrl-C.

    Progress by file, test results as they arrive, errors by cause, performance against the baseline. It listens on
    127.0.0.1 only, reads only, and follows an `apply` that runs in another terminal.

    For example:

        netra migrate dashboard
        netra migrate dashboard --port 0
    """
    from netra_migrate.commands import looking, running

    running.finish(
        lambda: looking.shown_live(running.session(config), port=port),
        interrupted=UNTOUCHED,
    )


def main() -> None:
    """Entry point of `python -m netra_migrate`."""
    app(prog_name="netra migrate")
