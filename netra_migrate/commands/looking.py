"""The use cases of the command line that look: each returns what it came to, and prints nothing but progress."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from netra_migrate.apply import State, Tree, history
from netra_migrate.apply.records import Noted
from netra_migrate.commands.running import FILE, Ended, Session, remember, write
from netra_migrate.commands.scanning import shown_progress, surveyed
from netra_migrate.configuration import Performance
from netra_migrate.domain.outcomes import ConfigurationError, Exit, TreeError
from netra_migrate.domain.performance import Recording
from netra_migrate.domain.shadow import ShadowReport
from netra_migrate.domain.verification import Verification
from netra_migrate.gate import measuring
from netra_migrate.loading import load
from netra_migrate.planning.plan import plan
from netra_migrate.report.escaping import visible
from netra_migrate.report.findings import Finding, of_check
from netra_migrate.report.gathering import gather, result, signature
from netra_migrate.report.material import Material
from netra_migrate.report.tables import of_findings, of_plan, said, table
from netra_migrate.shadow.messages import messages_for
from netra_migrate.shadow.running import shadow
from netra_migrate.sources.state import prepared
from netra_migrate.verify.ratchet import read_ratchet, updated, write_ratchet
from netra_migrate.verify.verification import verify


def tree(session: Session, *, listen: Callable[[Noted], None] = lambda _: None) -> Tree:
    """The session's tree for the room that changes it."""
    return Tree(
        root=session.root,
        now=lambda: datetime.now(UTC),  # noqa: TID251 - the journal's clock, wired here
        listen=listen,
    )


def drafted(folder: Path, *, legacy: str | None, canonical: str | None, force: bool) -> Ended:
    """A first `migration.toml` for a tree."""
    from netra_migrate.planning.draft import WEAK, propose  # reads trees in a way of its own

    place = folder / FILE
    if place.exists() and not force:
        raise TreeError(f"{place} is there already: edit it, or write a new one with --force.")
    with shown_progress("Reading") as tell:
        text = propose(folder.resolve(), legacy=legacy, canonical=canonical, progress=tell)
    write(place, text.encode())
    made = load(place)
    doubt = "Little speaks for this pair: name the right ones with --legacy and --canonical.\n"
    words = (
        f"Wrote {place}: from {made.legacy.module}.{made.legacy.method} to "
        f"{made.canonical.module}.{made.canonical.method}.\n"
        f"{doubt if WEAK in text else ''}"
        f"To be decided by you: {_said_open(text)}; its comments say why and propose what to write.\n"
        "Read it, name your test command under [validation], then run `netra migrate plan`."
    )
    shown = Text("\n".join(map(visible, words.splitlines())))
    return Ended(code=Exit.DONE, value=made, shown=shown)


def planned(session: Session, *, jobs: int | None) -> Ended:
    """Scan and plan; undecided symbols are findings."""
    survey = surveyed(session, jobs=jobs)
    made = plan(survey, session.configuration)
    remember(session, "plan", made)
    code = Exit.FINDINGS if made.open_questions else Exit.DONE
    return Ended(code=code, value=made, shown=of_plan(made))


def _said_open(text: str) -> str:
    """What a drafted file leaves to people."""
    symbols, settings = text.count("\n# [symbols."), text.count("\n# TO DECIDE")
    return f"what becomes of {symbols} symbols" + (f", and {settings} settings" if settings else "")


def shadowed(session: Session, *, jobs: int | None, python: Path | None, before: Path | None) -> Ended:
    """Both handlers on the same messages."""
    survey = surveyed(session, jobs=jobs)
    messages = messages_for(session.configuration, session.root, survey.claims)
    with shown_progress("Shadow run") as tell:
        report = shadow(
            session.configuration,
            session.root,
            messages,
            python=python or interpreter(session.root),
            progress=tell,
            legacy_root=before,
        )
    remember(session, "shadow", report)
    rows = (
        (each.verdict.value, each.type, each.source, each.detail) for each in report.compared if not each.good
    )
    alike = sum(each.good for each in report.compared)
    shown = Group(
        Text(f"{alike} of {len(report.compared)} messages: nothing stands against the canonical handler."),
        table("verdict", "message", "from", "what", rows=rows, total=len(report.compared) - alike),
    )
    return Ended(code=Exit.DONE if report.passed else Exit.FINDINGS, value=report, shown=shown)


def interpreter(root: Path) -> Path:
    """The target's own Python where it keeps one, else the one that runs the kit."""
    own = (root / folder / "bin" / "python" for folder in (".venv", "venv"))
    return next((each for each in own if each.exists()), Path(sys.executable))


def gated(session: Session, *, before: Path | None) -> Ended:
    """Performance now against before: of another tree in paired runs, or as recorded by `baseline`."""
    performance = _performance(session)
    with shown_progress("Measuring") as tell:
        if before is not None:
            report = measuring.gate(
                performance, baseline=before.resolve(), candidate=session.root, progress=tell
            )
        else:
            recorded = result(session.state, "performance", Recording)
            if recorded is None:
                raise TreeError(
                    "There is nothing to compare with: run `netra migrate baseline`, or give --before."
                )
            now = measuring.record(performance, tree=session.root, progress=tell)
            report = measuring.gate_recorded(performance, baseline=recorded, candidate=now)
    remember(session, "gate", report)
    rows = [
        (each.figure, f"{each.ratio - 1:+.1%}", each.judgement.value, each.sentence)
        for each in report.comparisons
    ]
    shown = table("figure", ">worse by", "judgement", "what", rows=rows, total=len(rows))
    return Ended(code=Exit.DONE if report.passed else Exit.FINDINGS, value=report, shown=shown)


def measured(session: Session) -> int:
    """Measure the tree as it is, to be compared with later; gives the number of figures."""
    with shown_progress("Measuring") as tell:
        recording = measuring.record(_performance(session), tree=session.root, progress=tell)
    remember(session, "performance", recording)
    return len(recording.series)


def _performance(session: Session) -> Performance:
    if session.configuration.performance is None:
        raise ConfigurationError("performance: set a command that prints one JSON object of numbers.")
    return session.configuration.performance


def gathered(session: Session) -> Material:
    """Everything known of the migration, as of now."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")  # noqa: TID251 - a stamp for people, nothing depends on it
    return gather(session.configuration, session.root, state=session.state, written_at=stamp)


def reported(session: Session, *, output: Path | None) -> Ended:
    """One HTML file of everything known."""
    from netra_migrate.report.page import page  # templates, which commands that only look need not wait for

    output = output or prepared(session.state) / "report.html"
    material = gathered(session)
    write(output, page(material))
    return Ended(code=Exit.DONE, value=material, shown=Text(visible(f"Wrote {output}.")))


def shown_live(session: Session, *, port: int) -> Ended:
    """Serve the dashboard until Ctrl-C."""
    from netra_migrate.report.dashboard import serve  # a web server, which no other command needs
    from netra_migrate.report.live import Watched

    def ready(address: str) -> None:
        sys.stdout.write(f"Open {address}\n")
        sys.stdout.flush()

    watched = Watched(read=lambda: gathered(session), signature=lambda: signature(session.state))
    serve(watched, port=port, ready=ready)
    return Ended(code=Exit.DONE, value=None, shown=Text("Stopped."))


def verified(session: Session, *, jobs: int | None, update: bool, may_rise: bool) -> Ended:
    """Whether the migration is done."""
    survey = surveyed(session, jobs=jobs)
    ratchet = read_ratchet(session.root)
    actions = history(tree(session))
    done = {path for each in actions if each.state is State.APPLIED for path in each.paths}
    verification = verify(
        survey,
        session.configuration,
        shadow=result(session.state, "shadow", ShadowReport),
        ratchet=ratchet,
        root=session.root,
        touched=frozenset(done) if actions else None,
    )
    remember(session, "verify", verification)
    if update:
        write_ratchet(session.root, updated(survey, ratchet, may_rise=may_rise))
    findings = tuple(finding for check in verification.checks for finding in of_check(check))
    code = Exit.DONE if verification.ok else Exit.FINDINGS
    return Ended(code=code, value=verification, shown=_verified(verification, findings), findings=findings)


def _verified(verification: Verification, findings: Sequence[Finding]) -> RenderableType:
    rows = (
        (
            said("holds", "green") if check.ok else said("fails", "red"),
            check.name,
            check.sentence,
            len(check.findings),
        )
        for check in verification.checks
    )
    drawn = table("", "check", "what it demands", ">findings", rows=rows, total=len(verification.checks))
    words = "The migration is done." if verification.ok else "The migration is not done."
    return Group(drawn, of_findings(findings), Text(words)) if findings else Group(drawn, Text(words))
