"""The rooms whose tests are tested, and the tests that must notice."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Room:
    """A folder of code and the folders of its tests. Those named in `left_out` would start stores for little."""

    name: str
    code: str
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """The modules, as paths from the root."""
        return sorted(str(file.relative_to(ROOT)) for file in (ROOT / self.code).rglob("*.py"))

    def fingerprint(self) -> str:
        """Changes with the code, the tests, or what counts as a mutant."""
        digest = hashlib.sha256()
        for file in sorted(self._read()):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def _read(self) -> Iterator[Path]:
        for folder in (self.code, *self.tests, "tests/mutants"):
            yield from (file for file in (ROOT / folder).rglob("*") if file.suffix in {".py", ".txt"})


_UNIT = "netra_backend/tests/unit"
ROOMS: Final = (
    Room(
        name="websocket_core",
        code="netra_backend/websocket_core",
        tests=(f"{_UNIT}/websocket_core",),
        left_out=(f"{_UNIT}/websocket_core/test_message_handler_migration_compatibility.py",),
    ),
    Room(
        name="protocol",
        code="netra_backend/protocol",
        tests=(f"{_UNIT}/protocol", f"{_UNIT}/websocket_core"),
        left_out=(f"{_UNIT}/websocket_core/test_message_handler_migration_compatibility.py",),
    ),
    Room(
        name="auth",
        code="netra_backend/auth",
        tests=(f"{_UNIT}/auth", "netra_backend/tests/integration/auth"),
    ),
    Room(name="rewrite", code="netra_migrate/rewrite", tests=("netra_migrate/tests/unit/rewrite",)),
)
