"""All conditions of being done, in order. Each is a sentence that must be true of the tree as it is."""

from collections.abc import Iterable
from pathlib import Path

from netra_migrate.configuration import Configuration
from netra_migrate.domain.shadow import ShadowReport
from netra_migrate.domain.survey import Survey
from netra_migrate.domain.verification import Check, Finding, Ratchet, Verification
from netra_migrate.verify import interfaces, references
from netra_migrate.verify.ratchet import raised
from netra_migrate.verify.subject import Subject
from netra_migrate.verify.unused import Unused
from netra_migrate.verify.usage import Usage


def verify(
    survey: Survey,
    configuration: Configuration,
    *,
    shadow: ShadowReport | None,
    ratchet: Ratchet | None,
    root: Path,
    touched: frozenset[str] | None = None,
) -> Verification:
    """Say whether the migration of `root` is done, and what stands against it.

    Without `shadow` and `ratchet` their checks say that they were not looked at. `touched`: the files that the
    migration changed, from its journal; without it every file counts as changed.
    """
    subject = Subject(survey, configuration, root)
    usage, unused = Usage(subject), Unused(subject, touched)
    for source in subject.sources():
        usage.look(source)
        unused.look(source)
    return Verification(
        checks=(
            _check(
                "module-gone",
                "The legacy module stays, as legacy.keep says."
                if configuration.legacy.keep
                else "The legacy module is deleted, with its bytecode.",
                references.module_left(subject),
            ),
            _check("no-references", "Nothing depends on it.", references.bindings_left(subject)),
            _check("no-patches", "No test patches it.", references.patches_left(subject)),
            _check("no-mentions", "No string and no data name it.", references.mentions_left(subject)),
            _check("parsable", "No unreadable file names it.", references.unreadable(subject)),
            _check("imports-resolve", "The canonical names all exist.", references.broken_imports(subject)),
            _check(
                "one-interface",
                "Every handler has the new interface alone.",
                interfaces.old_interfaces(subject),
            ),
            _check(
                "no-adapter",
                "No adapter is left.",
                {*interfaces.adapters(subject), *usage.adapters()},
            ),
            _check("no-unused-imports", "Every canonical import is used.", unused.findings),
            _check(
                "no-duplicate-claims",
                "Each message type has one handler.",
                interfaces.duplicate_claims(subject),
            ),
            _check("reachable", "Every handler is used by the application.", usage.unreachable()),
            _check("effectful", "Every handler does something.", interfaces.hollow(subject)),
            _check(
                "shadow",
                "The shadow run was not given."
                if shadow is None
                else "New handlers do what the old ones did.",
                interfaces.shadowed(shadow),
            ),
            _check(
                "ratchet",
                "There is no ratchet file." if ratchet is None else "Nothing became more than last time.",
                raised(survey, ratchet) if ratchet else (),
            ),
        )
    )


def _check(name: str, sentence: str, findings: Iterable[Finding]) -> Check:
    return Check(name=name, sentence=sentence, findings=tuple(sorted(set(findings))))
