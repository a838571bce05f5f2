"""The use cases that change the target's tree, and those that look at what was changed."""

import ast
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from netra_migrate import apply as room
from netra_migrate.apply import Applied, Checks, Options, Removal, State, StepStatus, Tools
from netra_migrate.apply.records import Declined, Done, Noted, Undone
from netra_migrate.commands.looking import tree
from netra_migrate.commands.running import Ended, Session, remember
from netra_migrate.commands.scanning import shown_progress, surveyed
from netra_migrate.commands.validating import checker
from netra_migrate.domain.outcomes import ConfigurationError, Exit, TreeError
from netra_migrate.domain.plan import Plan, Step, Target
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.rewriting import Refusal, Refused, Rewritten
from netra_migrate.domain.survey import Survey
from netra_migrate.planning.decisions import decisions
from netra_migrate.planning.order import estate
from netra_migrate.planning.plan import plan
from netra_migrate.report.gathering import result
from netra_migrate.report.progress import Tell
from netra_migrate.report.tables import of_refusals, said, table
from netra_migrate.rewrite import rewrite
from netra_migrate.sources.files import digest, read
from netra_migrate.sources.naming import Names

_COLOURS = {State.APPLIED: "green", State.REFUSED: "red", State.FAILED: "red", State.ROLLED_BACK: "yellow"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the options of `apply` ask for. `only`: paths; a step is done if it holds one of them."""

    options: Options
    only: tuple[str, ...] = ()
    unchecked: bool = False
    jobs: int | None = None


def wanted(
    *, only: tuple[str, ...], unchecked: bool, jobs: int | None, branch: str | None, **switches: bool
) -> Wanted:
    """From the command line's options; `switches` are those of `apply.Options`."""
    return Wanted(options=Options(branch=branch, **switches), only=only, unchecked=unchecked, jobs=jobs)


def applied(session: Session, wanted: Wanted) -> Ended:
    """Scan, plan, and apply; without `write` the diffs are the result."""
    outcome = migrated(session, wanted)
    written = wanted.options.write
    diff = "" if written else "".join(_text(step.diff) for step in outcome.steps)
    return Ended(code=outcome.exit, value=outcome, shown=shown(outcome, written=written), diff=diff)


def migrated(session: Session, wanted: Wanted, check: Checks | None = None) -> Applied:
    """What became of the steps. `check`: in place of the session's own validation."""
    if wanted.options.write:
        # First of all: a file of an unfinished step looks migrated, and is not.
        room.recover(tree(session), force=wanted.options.force)
    survey = surveyed(session, jobs=wanted.jobs)
    made = plan(survey, session.configuration)
    remember(session, "plan", made)
    legacy = None if session.configuration.legacy.keep else estate(survey, session.configuration).legacy
    steps = [step for step in made.steps if step.paths != (legacy,) and _is_wanted(step, wanted.only)]
    _refuse_open(_asked(made, steps) if wanted.only else made.open_questions)
    with shown_progress("Applying" if wanted.options.write else "Rewriting") as tell:
        outcome = room.apply(
            steps,
            tree=tree(session, listen=_listener(tell, len(steps))),
            tools=_tools(session, survey, made, wanted, check),
            options=wanted.options,
            seen={path: digest(read(session.root, path)) for step in steps for path in step.paths},
            removal=_removal(session, legacy, wanted),
        )
    _keep_diffs(session, outcome)
    return outcome


def _asked(made: Plan, steps: Sequence[Step]) -> list[Target]:
    """The open questions that concern these steps; with a star, nobody knows which do not."""
    used = {symbol for step in steps for symbol in step.symbols}
    return [each for each in made.open_questions if each.symbol in used or "*" in used]


def _refuse_open(questions: Sequence[Target]) -> None:
    if questions:
        lines = "\n".join(f"  {each.reason}" for each in questions)
        raise ConfigurationError(f"Not yet decided in migration.toml ({len(questions)}):\n{lines}")


def _is_wanted(step: Step, only: Collection[str]) -> bool:
    return not only or any(path in only for path in step.paths)


def _listener(tell: Tell, total: int) -> Callable[[Noted], None]:
    ended = 0

    def listen(noted: Noted) -> None:
        nonlocal ended
        if isinstance(noted.record, Done | Undone | Declined):
            ended += 1
            tell(ended, max(total, ended))

    return listen


def _tools(session: Session, survey: Survey, made: Plan, wanted: Wanted, check: Checks | None) -> Tools:
    configuration = session.configuration
    decided = decisions(survey, made, configuration)
    names = Names(configuration.project.source_roots)

    takers, became = _takers(survey, names), dict[str, bytes]()
    together = {path: step.paths for step in made.steps for path in step.paths}

    def rewritten(content: bytes, path: str) -> Rewritten | Refused:
        module = next(iter(names.of(path)), "")
        new = rewrite(content, path=path, module=module, decisions=decided, configuration=configuration)
        if isinstance(new, Refused) or new.content == content:
            return new
        left = [
            each
            for each in takers.get(path, ())
            if each.path not in together.get(path, ()) and not moved(each.path)
        ]
        if left:
            return Refused(refusals=tuple(_still_taken(path, each) for each in left))
        became[path] = new.content
        return new

    def moved(path: str) -> bool:
        return path in became and (not wanted.options.write or read(session.root, path) == became[path])

    known = {each.name for each in survey.canonical} | {
        (each.to or "").rpartition(".")[2] for each in made.targets
    }
    return Tools(
        rewrite=rewritten,
        resolve=lambda path, content: _unresolved(path, content, configuration.canonical.module, known),
        check=None if wanted.unchecked or not wanted.options.write else check or checker(session).check,
    )


def _takers(survey: Survey, names: Names) -> Mapping[str, Sequence[Reference]]:
    """Files that hand legacy symbols on, to who takes them from there; their names would change their meaning."""
    files = {module: each.path for each in survey.of(Side.LEGACY) for module in names.of(each.path)}
    found: dict[str, list[Reference]] = {}
    for each in survey.of(Side.LEGACY):
        if each.binds and each.form is Form.REEXPORT and each.path.endswith(".py"):
            for path in {files[module] for module in (each.module, *each.via) if module in files}:
                found.setdefault(path, []).append(each)
    return found


def _still_taken(path: str, user: Reference) -> Refusal:
    taken = ", ".join(user.symbols)
    reason = f"{user.path}:{user.line} takes {taken} from here, and is not migrated yet: migrate it first."
    return Refusal(path=path, line=1, reason=reason)


def _unresolved(path: str, content: bytes, module: str, known: Collection[str]) -> Sequence[str]:
    """Names taken from the canonical module that it does not have; reads, and runs nothing."""
    if not path.endswith(".py"):
        return ()
    try:
        parsed = ast.parse(content)
    except SyntaxError:
        return ()  # of a newer Python: what could be said of it was said by whoever could read it
    taken = (each for each in ast.walk(parsed) if isinstance(each, ast.ImportFrom) and each.module == module)
    return [
        f"{path}:{each.lineno} imports {alias.name}, which {module} does not have"
        for each in taken
        for alias in each.names
        if not each.level and alias.name != "*" and alias.name not in known
    ]


def _removal(session: Session, legacy: str | None, wanted: Wanted) -> Removal | None:
    if legacy is None or wanted.only:
        return None

    def references() -> Sequence[str]:
        left = surveyed(session, jobs=wanted.jobs).references
        return [
            f"{each.path}:{each.line}"
            for each in left
            if each.side == "legacy" and each.binds and each.path != legacy
        ]

    return Removal(paths=(legacy,), references=references)


def _keep_diffs(session: Session, outcome: Applied) -> None:
    """A step that was taken back stands nowhere any more; the report shows what it was."""
    kept: Mapping[str, str] = result(session.state, "diffs", dict[str, str]) or {}
    new = {str(step.number): _text(step.diff) for step in outcome.steps if step.state is State.FAILED}
    if new:
        remember(session, "diffs", {**kept, **new})


def _text(diff: bytes) -> str:
    return diff.decode("utf-8", "backslashreplace")


def shown(outcome: Applied, *, written: bool) -> RenderableType:
    """The steps, with what stands against them."""
    parts: list[RenderableType] = []
    rows = [
        (
            step.number or "end",
            ", ".join(step.paths),
            said(step.state.value, _COLOURS.get(step.state, "")),
            step.reason,
        )
        for step in outcome.steps
    ]
    parts.append(table(">step", "files", "state", "", rows=rows, total=len(rows)))
    failures = [
        (step.number, test) for step in outcome.steps for test in (*step.new_failures, *step.disappeared)
    ]
    if failures:
        parts.append(
            table(">step", "fails newly, or does not run any more", rows=failures, total=len(failures))
        )
    refusals = [refusal for step in outcome.steps for refusal in step.refusals]
    if refusals:
        parts.append(of_refusals(refusals))
    if not written:
        parts.append(Text("Nothing was written. With --write these changes are made."))
    return Group(*parts)


def returned(
    session: Session,
    *,
    paths: Sequence[str],
    first: int | None,
    last: int | None,
    everything: bool,
    force: bool,
) -> Ended:
    """Put files back, byte by byte."""
    ranged = first is not None or last is not None
    if everything == bool(paths or ranged):
        raise TreeError("Say what to roll back: files, a range with --from and --to, or --all.")
    back = room.rollback(
        tree(session),
        paths=paths or None,
        actions=_actions(session, first, last) if ranged else None,
        force=force,
    )
    words = f"Put back {len(back.paths)} file{'' if len(back.paths) == 1 else 's'}."
    listed = table("file", rows=[(path,) for path in back.paths], total=len(back.paths))
    return Ended(code=Exit.DONE, value=back, shown=Group(Text(words), listed) if back.paths else Text(words))


def _actions(session: Session, first: int | None, last: int | None) -> Sequence[int]:
    known = [each.action for each in room.history(tree(session)) if each.action is not None]
    end = max(known, default=0) if last is None else last
    return range(first or 1, end + 1)


def standing(session: Session, *, all_actions: bool) -> Ended:
    """Where each step stands, or every action ever begun."""
    found = (room.history if all_actions else room.status)(tree(session))
    done = sum(each.state is State.APPLIED for each in found)
    words = f"{done} of {len(found)} steps are migrated." if found else "Nothing has been applied yet."
    shown = Text(words) if all_actions or not found else Group(Text(words), _standing(found))
    return Ended(code=Exit.DONE, value=found, shown=_standing(found) if all_actions else shown)


def _standing(found: Sequence[StepStatus]) -> RenderableType:
    rows = [
        (
            each.action or "",
            each.number or each.kind.value,
            ", ".join(each.paths),
            said(each.state.value, _COLOURS.get(each.state, "")),
            f"{each.checking_seconds + each.own_seconds:.1f}",
            each.reason or (each.refusals[0].reason if each.refusals else ""),
        )
        for each in found
    ]
    return table(">action", ">step", "files", "state", ">seconds", "", rows=rows, total=len(rows))
