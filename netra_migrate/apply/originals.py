"""Contents that must not be lost, by their digest, and links to files about to be replaced.

A content is on the disk before the file that held it is touched. The links cost no space, so that a step
can be undone on a full disk, and give back the very same file.
"""

import os
from pathlib import Path

from netra_migrate.apply.files import drop, sync_folder, write_all
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.sources.files import digest


class Originals:
    """The two folders of kept contents and held files below the state folder."""

    def __init__(self, state: Path) -> None:
        self._contents = state / "contents"
        self._held = state / "held"
        for folder in (self._contents, self._held):
            folder.mkdir(exist_ok=True)

    def keep(self, content: bytes) -> str:
        """Make `content` durable; its digest is what `fetch` asks for."""
        name = digest(content)
        place = self._contents / name
        if place.exists() and digest(place.read_bytes()) == name:
            return name
        new = place.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(new, place)
        sync_folder(self._contents)
        return name

    def fetch(self, name: str) -> bytes:
        """A kept content.

        Raises:
            TreeError: it is gone or damaged.
        """
        try:
            content = (self._contents / name).read_bytes()
        except FileNotFoundError:
            content = b""
        if digest(content) != name:
            raise TreeError(f"The kept content {name[:12]} is gone or damaged: restore the state folder.")
        return content

    def hold(self, place: Path, path: str) -> None:
        """Keep a link to the file at `place`; without links, as across file systems, its content must do."""
        self.release(path)
        try:
            os.link(place, self._link(path), follow_symlinks=False)
        except OSError:
            return

    def give_back(self, place: Path, path: str, name: str) -> bool:
        """Put the held file in its place again, if it is there and still has the content `name`."""
        link = self._link(path)
        try:
            if digest(link.read_bytes()) != name:
                return False
            os.replace(link, place)
        except OSError:
            return False
        return True

    def release(self, path: str) -> None:
        """Forget the held file."""
        drop(self._link(path))

    def _link(self, path: str) -> Path:
        return self._held / digest(path.encode())
