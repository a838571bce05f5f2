"""Decides which user a server runs as, and hands folders of ours to that user.

Never changes a folder that is not ours: a server of another user is given its folder as its working
directory, which needs no right on the folders above it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from netra_backend.embedded.errors import EmbeddedError

# Outside what distributions give to people, daemons and systemd's dynamic users, yet below 65,536 so that
# it exists in containers which map one range of ids. Nobody else runs under such an id, so that no other
# local user (`nobody` included, which several daemons share) can signal, trace or read our servers.
_PRIVATE_UIDS = range(64_100, 64_400)
_NO_USER = (
    "PostgreSQL refuses to run as root and no other user is usable here: start Netra as an ordinary user."
)


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user a server runs as; `drops` when that is not the user who runs us."""

    uid: int
    gid: int
    drops: bool

    def own(self, path: Path) -> None:
        """Give `path` itself, and nothing above or below it, to this user."""
        if self.drops:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, path: Path) -> None:
        """Give the whole of `path`, which must be ours and reachable by nobody else, to this user."""
        if not self.drops:
            return
        for folder, _, files in os.walk(path):
            for name in files:
                os.chown(os.path.join(folder, name), self.uid, self.gid, follow_symlinks=False)
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)


def server_user(home: Path, *, keeper: os.stat_result) -> ServerUser:
    """The user for the server that lives in `home`, inside the data folder that `keeper` describes.

    An ordinary user runs servers as themself. Root drops to the owner of an existing `home`, else to the
    owner of the data folder (`sudo` in a person's own folder), else to an id that nobody uses.

    Raises:
        EmbeddedError: root on a system where it cannot drop its rights.
    """
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), drops=False)
    if not os.path.exists("/proc/self/cwd"):  # macOS: a dropped server could not reach its folder
        raise EmbeddedError(_NO_USER)
    for owner in (_status(home), keeper):
        if owner is not None and owner.st_uid != 0:
            return ServerUser(owner.st_uid, owner.st_gid, drops=True)
    return _private_user(home.parent)


def named_user() -> ServerUser:
    """A user other than root that has a name, which `initdb` (and only it) insists on.

    Raises:
        EmbeddedError: there is none.
    """
    import pwd  # absent on Windows, which is refused earlier

    entries = sorted(pwd.getpwall(), key=lambda entry: entry.pw_name != "nobody")
    for entry in entries:
        if entry.pw_uid != 0:
            return ServerUser(entry.pw_uid, entry.pw_gid, drops=True)
    raise EmbeddedError(_NO_USER)


def has_name(uid: int) -> bool:
    """Whether the system's user list knows `uid`."""
    import pwd  # absent on Windows, which is refused earlier

    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _private_user(folder: Path) -> ServerUser:
    """An unused id that this system lets files have, else `nobody`: containers may map few ids."""
    unused = (uid for uid in _PRIVATE_UIDS if not has_name(uid))
    candidates = [ServerUser(uid, uid, drops=True) for uid in [next(unused, None)] if uid is not None]
    for candidate in [*candidates, named_user()]:
        if _accepts(folder, candidate):
            return candidate
    raise EmbeddedError(_NO_USER)


def _accepts(folder: Path, user: ServerUser) -> bool:
    probe = folder / ".owner-probe"
    try:
        probe.touch(mode=0o600)
        user.own(probe)
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
