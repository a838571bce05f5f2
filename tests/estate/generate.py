"""Writes an estate: a tree of Python as big code bases are, and the truth about it. Deterministic by seed.

`OUT/tree` is the code base, `OUT/truth.json` what a scan must find in it, `OUT/outside` what it must not.
"""

import os
import shutil
import subprocess
from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same estate every time

import msgspec

from tests.estate import canonical, pages
from tests.estate.filler import Filler
from tests.estate.pages import Page
from tests.estate.settings import IMPORTER_TESTS, MIGRATION
from tests.estate.truth import Truth

LEAST = 340
"""Files that every estate has, with a little room."""
NEWLINES = {"crlf": "\r\n", "cr": "\r"}


class Estate:
    """Writes pages into a folder and remembers what is true of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tree = folder / "tree"
        self.random = Random(seed)  # noqa: S311 - not for secrets
        self.filler = Filler(self.random)
        self.truth = Truth()
        self._folders: set[str] = set()
        self._written = 0

    def build(self, files: int) -> Truth:
        """Write everything; `files` in all, those that a scan leaves out included."""
        for page in pages.read():
            self.add(page, self._padding(page))
        self._settings()
        missing = canonical.IMPORTERS - len(
            {each.path for each in self.truth.references if each.side == "canonical" and each.form in BINDING}
        )
        for page in canonical.importers(missing, self.filler, self.random):
            self.add(page)
        self.add(pages.page("app/users/__init__.py", ""))
        for path, text in self.filler.files(files - self._written):
            self.add(pages.page(path, text))
        self._links()
        self.truth.finish()
        return self.truth

    def add(self, page: Page, padding: str = "") -> None:
        """Write one file and note its truth."""
        self.truth.take(page)
        self._write(page.path, _encoded(page, page.text + padding))

    def _padding(self, page: Page) -> str:
        """Makes files that are rewritten as long as real ones; never changes what is true of them."""
        if "pad" in page.options:
            return _lines(self.filler, int(page.options["pad"]) - page.text.count("\n"))
        if page.role == "importer" and not page.path.endswith("__init__.py"):
            return self.filler.body(self.filler.size(), word="Padded", private=True)
        return ""

    def _settings(self) -> None:
        self.add(pages.page("migration.toml", MIGRATION))
        described = [
            page.path.removesuffix(".py").replace("/", ".")
            for page in pages.read()
            if page.role == "importer" and "def describe(" in page.text
        ]
        listed = "".join(f'    "{name}",\n' for name in described)
        self.add(pages.page("tests/unit/test_importers.py", IMPORTER_TESTS.replace("NAMES_HERE\n", listed)))

    def _write(self, path: str, content: bytes) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            (self.tree / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        (self.tree / path).write_bytes(content)
        self._written += 1

    def _links(self) -> None:
        """Two ways out of the root, and one that goes round in a ring."""
        outside = self.tree.parent / "outside"
        outside.mkdir()
        (outside / "secret.py").write_text(
            "from app.services.websocket.message_handler import StartAgentHandler\n"
        )
        os.symlink("../../outside/secret.py", self.tree / "app" / "outside.py")
        os.symlink("../../outside", self.tree / "app" / "outside_folder")
        os.symlink("..", self.tree / "app" / "ring")
        self.truth.excluded["outside"] = 2


BINDING = frozenset({"import", "from", "from-package", "star", "reexport", "dynamic", "patch", "code"})


def generate(folder: Path, *, files: int = 10_000, seed: int = 1, git: bool = False) -> Truth:
    """Write an estate into `folder`, which must not exist or be empty.

    Raises:
        ValueError: `files` is fewer than the special files, or the folder has something in it.
    """
    if files < LEAST:
        raise ValueError(f"{files} files are too few; the special ones alone need {LEAST}.")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name a new folder.")
    estate = Estate(folder, seed)
    truth = estate.build(files)
    (folder / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth), indent=1))
    if git:
        _commit(estate.tree)
    return truth


def _encoded(page: Page, text: str) -> bytes:
    newline = NEWLINES.get(page.options.get("newline", ""))
    if newline:
        text = text.replace("\n", newline)
    encoding = page.options.get("encoding", "utf-8")
    if encoding == "invalid":
        return text.replace("\\xff", "\N{LATIN SMALL LETTER Y WITH DIAERESIS}").encode("latin-1")
    return text.encode(encoding)


def _lines(filler: Filler, number: int) -> str:
    """Definitions of exactly `number` lines."""
    lines = filler.body(number * 80, word="Padded", private=True).split("\n")
    end = max(at for at, line in enumerate(lines[: number + 1]) if line.startswith("    return "))
    return "\n".join(lines[: end + 1]) + "\n" + "#\n" * (number - end - 1)


def _commit(tree: Path) -> None:
    git = shutil.which("git")
    if git is None:
        raise ValueError("git is not installed; leave out --git.")
    who = ["-c", "user.name=Estate", "-c", "user.email=estate@example.com", "-c", "core.autocrlf=false"]
    commands = (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "As it has grown"])
    for command in commands:
        subprocess.run([git, *command], cwd=tree, check=True)  # noqa: S603 - our own arguments
