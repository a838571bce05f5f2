"""Is the legacy module gone, and everything that names it?"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from netra_migrate.domain.references import Context, Form, Reference, Side
from netra_migrate.domain.verification import Finding
from netra_migrate.verify.subject import Subject

PROSE = frozenset({".md", ".rst", ".txt", ".adoc"})
WORDS = {
    Form.STRING: "a string",
    Form.DATA: "data",
    Form.DOCSTRING: "a docstring",
    Form.COMMENT: "a comment",
}
OWN = frozenset({"migration.toml", "migration.ratchet.json"})
"""Files of the kit in the tree; they name the legacy module because that is what they are for."""


def module_left(subject: Subject) -> Iterator[Finding]:
    """The module's file, a package or stub of its name, and bytecode that can still be imported."""
    if subject.configuration.legacy.keep:
        return
    for source_root in subject.configuration.project.source_roots:
        place = PurePosixPath(source_root, *subject.configuration.legacy.module.split("."))
        for found in _named(subject.root, place):
            path = found.relative_to(subject.root).as_posix()
            cached = "__pycache__" in found.parts
            said = "is stale bytecode of the legacy module" if cached else "is still there"
            yield Finding(path=path, line=1, sentence=f"{said}; delete it.", warning=cached)


def _named(root: Path, place: PurePosixPath) -> Iterator[Path]:
    folder, name = root / place.parent, place.name
    if (folder / name).is_dir():
        yield folder / name
    for pattern in (f"{name}.py", f"{name}.pyi", f"{name}.pyc", f"{name}.*.so", f"{name}.so", f"{name}.pyd"):
        yield from sorted(folder.glob(pattern))
    yield from sorted(folder.glob(f"__pycache__/{name}.*.pyc"))


def bindings_left(subject: Subject) -> Iterator[Finding]:
    """References that break, or keep the old alive, when the module is deleted; patches have their own check."""
    for reference in _legacy(subject):
        if reference.binds and reference.form is not Form.PATCH:
            names = f" ({', '.join(reference.symbols)})" if reference.symbols else ""
            through = f" through {reference.via[0]}" if reference.via else ""
            yield _at(reference, f"still depends on {reference.module}{names}{through}; migrate it.")


def patches_left(subject: Subject) -> Iterator[Finding]:
    """Patch strings that name the legacy module; those of the canonical one that patch nothing are warnings."""
    for reference in _legacy(subject):
        if reference.form is Form.PATCH:
            yield _at(reference, f"still patches {reference.module}; patch what is used now.")
    for reference in subject.survey.of(Side.CANONICAL):
        if reference.form is Form.PATCH and reference.exists is False:
            yield _at(
                reference, f"patches what {reference.module} does not have; it patches nothing.", warning=True
            )


def mentions_left(subject: Subject) -> Iterator[Finding]:
    """Strings and data; in prose, docstrings and comments they are warnings."""
    for reference in _legacy(subject):
        if not reference.binds and PurePosixPath(reference.path).name not in OWN:
            words = reference.form in (Form.COMMENT, Form.DOCSTRING) or (
                PurePosixPath(reference.path).suffix.lower() in PROSE
            )
            yield _at(reference, f"still names {reference.module} in {WORDS[reference.form]}.", warning=words)


def broken_imports(subject: Subject) -> Iterator[Finding]:
    """Names that the canonical module does not have; a `try` around the import makes it a warning."""
    for reference in subject.survey.of(Side.CANONICAL):
        if reference.exists is False and reference.binds and reference.form is not Form.PATCH:
            names = ", ".join(reference.symbols) or "it"
            yield _at(
                reference,
                f"imports {names} from {reference.module}, which has no such name.",
                warning=Context.TRY in reference.contexts,
            )


def unreadable(subject: Subject) -> Iterator[Finding]:
    """Files that are not Python: an error where the legacy module is named, since nobody can say more."""
    for broken in subject.survey.unparsable:
        named = bool(broken.found_by_text)
        line = broken.found_by_text[0] if named else broken.line
        also = "names the legacy module and " if named else ""
        yield Finding(
            path=broken.path,
            line=line,
            sentence=f"{also}cannot be read as Python ({broken.reason}); mend or delete the file.",
            warning=not named,
        )


def _legacy(subject: Subject) -> Iterator[Reference]:
    return (each for each in subject.survey.of(Side.LEGACY) if not subject.is_kept(each.path))


def _at(reference: Reference, sentence: str, *, warning: bool = False) -> Finding:
    return Finding(path=reference.path, line=reference.line, sentence=sentence, warning=warning)
