"""Small trees for tests of the scan: a legacy module, a canonical one, and whatever a test adds."""

from collections.abc import Mapping
from pathlib import Path

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide, Project
from netra_migrate.domain.references import Reference
from netra_migrate.domain.survey import Survey
from netra_migrate.scan.scanning import scan

LEGACY = "app/old/talk.py"
CANONICAL = "app/new/chat.py"
SIDES = {
    LEGACY: (
        "class Base:\n    def handle(self, user_id, payload):\n        raise NotImplementedError\n\n\n"
        "class Start(Base):\n    limit = 1\n\n\nLIMIT = 3\n"
    ),
    CANONICAL: "class Handler:\n    pass\n\n\nclass Start(Handler):\n    pass\n",
}


def configuration(*source_roots: str, exclude: tuple[str, ...] = ()) -> Configuration:
    """Moves `app.old.talk` to `app.new.chat`."""
    return Configuration(
        project=Project(source_roots=source_roots or (".",), exclude=exclude),
        legacy=LegacySide(module="app.old.talk"),
        canonical=CanonicalSide(module="app.new.chat"),
    )


def plant(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below a folder."""
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def look(root: Path, *source_roots: str, cache: Path | None = None, jobs: int = 1) -> Survey:
    """Scans a tree."""
    return scan(configuration(*source_roots), root, cache=cache, jobs=jobs, progress=lambda done, total: None)


def found(root: Path, files: Mapping[str, str | bytes], *, path: str = "app/use.py") -> list[Reference]:
    """The references of one file in a tree with both modules."""
    plant(root, {**SIDES, **files})
    return [each for each in look(root).references if each.path == path]
