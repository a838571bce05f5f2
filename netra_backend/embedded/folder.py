"""The data folder of one embedded server: its lock, passwords, remembered port, address and log.

Owns the folder's rights (0700, files 0600). Never touches a folder that holds what we did not write, and
never follows a link a server could have planted: files are replaced by rename.
"""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netra_backend.embedded.errors import EmbeddedError

# A start keeps the log below this; a server's own log is a few lines a start, so one old log is enough.
_LOG_BYTES = 4 * 1024 * 1024
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Running:
    """What the owner of a ready server tells other processes: its pid and its port."""

    pid: int
    port: int


class ServerFolder:
    """Paths and private files of one server; `kind` ("postgres", "valkey") marks the folder as ours.

    Args:
        path: The data folder; made on first use, with its missing parents.
        kind: The kind of server that lives in it; one folder holds one kind.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path.expanduser().resolve()
        self.log = self.path / f"{kind}.log"
        self._lock = self.path / f"{kind}.lock"
        self._passwords = self.path / "passwords.json"
        self._port = self.path / "port"
        self._running = self.path / "running.json"

    def open(self) -> None:
        """Make the folder, or check that it is ours; afterwards it is 0700.

        Raises:
            EmbeddedError: it belongs to someone else, holds other things, or cannot be made.
        """
        if sys.platform == "win32":
            raise EmbeddedError(
                "The embedded servers need Linux or macOS: set NETRA_DATABASE_URL and NETRA_VALKEY_URL instead."
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            owner = self.status().st_uid
            if os.geteuid() not in (0, owner):
                raise EmbeddedError(f"{self.path} belongs to another user: name another data folder.")
            # In this order: the lock is the first file of ours, also when another process makes it just now.
            if any(self.path.iterdir()) and not self._lock.exists():
                raise EmbeddedError(
                    f"{self.path} holds files that Netra did not make for this server: name another data folder."
                )
            self.path.chmod(0o700)
        except OSError as error:
            raise EmbeddedError(
                f"{self.path} cannot be used ({error.strerror}): name another data folder."
            ) from error

    def status(self) -> os.stat_result:
        """The folder's owner and rights."""
        return self.path.stat()

    def try_lock(self) -> int | None:
        """Become the folder's one owner until the returned descriptor closes, or `None`: there is one.

        The kernel releases it however the owner ends, so a left-over lock file means nothing. `flock`, not
        `lockf`: a lock of the latter is lost when any part of the process closes the file.
        """
        import fcntl  # absent on Windows, which `open` refuses

        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._keep(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def passwords(self, names: Sequence[str]) -> dict[str, str]:
        """The password of each name, made at random on first use and kept in a 0600 file.

        Raises:
            EmbeddedError: the file is damaged.
        """
        try:
            stored = json.loads(self._passwords.read_bytes())
            return {name: str(stored[name]) for name in names}
        except FileNotFoundError:
            made = {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in names}
            self.write(self._passwords, json.dumps(made), owner=None)
            return made
        except (ValueError, KeyError, TypeError) as error:
            raise EmbeddedError(
                f"{self._passwords} is damaged: restore it from a backup, or name another data folder."
            ) from error

    def has_passwords(self) -> bool:
        """Whether passwords were made already."""
        return self._passwords.exists()

    def remembered_port(self) -> int | None:
        """The port of the last start without a named port."""
        try:
            port = int(self._port.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return port if 0 < port < 65_536 else None

    def remember_port(self, port: int) -> None:
        """Keep `port` for the next start."""
        self.write(self._port, str(port), owner=None)

    def running(self) -> Running | None:
        """The server its owner announced last; check that the pid is still that server."""
        try:
            stored = json.loads(self._running.read_bytes())
            return Running(int(stored["pid"]), int(stored["port"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def announce(self, running: Running) -> None:
        """Tell other processes that the server is ready."""
        self.write(self._running, json.dumps({"pid": running.pid, "port": running.port}), owner=None)

    def withdraw(self) -> None:
        """Tell other processes that the server is gone."""
        self._running.unlink(missing_ok=True)

    def open_log(self) -> int:
        """A descriptor that appends to the log; an overlong log is set aside first."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        descriptor = os.open(
            self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._keep(descriptor)
        return descriptor

    def write(self, path: Path, text: str, *, owner: tuple[int, int] | None) -> None:
        """Replace `path` by a 0600 file that holds `text`, whole or not at all.

        Args:
            path: A file in this folder.
            text: Its new content.
            owner: Its uid and gid; `None`: whoever owns the data folder.
        """
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            self._keep(descriptor, owner)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        sync_folder(path.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a half-made part of this folder."""
        if path.exists():
            shutil.rmtree(path)

    def _keep(self, descriptor: int, owner: tuple[int, int] | None = None) -> None:
        """Make a file 0600; root leaves it to the folder's owner, who must be able to use it again."""
        os.fchmod(descriptor, 0o600)
        if os.geteuid() == 0:
            kept = self.status()
            os.fchown(descriptor, *(owner or (kept.st_uid, kept.st_gid)))


def sync_folder(path: Path) -> None:
    """Make renames in `path` outlast a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
