"""The source tree of each phase's application, and fresh interpreters on it: suite 4's subject. Holds no test."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netra_backend
from netra_backend.tests import sample_app
from netra_backend.tests.outcomes import Phase

PATIENCE_S = 60.0

LEGACY_MODULE = "chat.services.websocket.message_handler"

CLAIMS_OF_CHAT = "from chat.registry import CLAIMS as claims"
CLAIMS_OF_NETRA = """
from netra_backend.websocket_core.factory import default_registry
claims = default_registry().makers
"""


class InterpreterFailed(Exception):
    """The code raised; the message is the last line of the traceback."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Where an application's modules are.

    Attributes:
        root: from which imports start.
        package: the application's own package, below which its modules are looked for.
        canonical: the module of the canonical handlers.
        entry: the module that is imported to start it.
        others: modules that use handlers, of either kind.
        claims: code that binds `claims`, message type to class.
    """

    phase: Phase
    root: Path
    package: str
    canonical: str
    entry: str
    others: tuple[str, ...]
    claims: str

    @property
    def before(self) -> bool:
        """Whether the legacy module is still in use."""
        return self.phase in (Phase.LEGACY, Phase.ADAPTER)

    @property
    def legacy(self) -> Path:
        """Where the legacy module is, or was."""
        return self.root.joinpath(*LEGACY_MODULE.split(".")).with_suffix(".py")

    def modules(self) -> list[str]:
        """The names of all modules of the application, without tests."""
        folder = self.root.joinpath(*self.package.split("."))
        files = [path.relative_to(self.root).with_suffix("") for path in folder.rglob("*.py")]
        names = {".".join(path.parts).removesuffix(".__init__") for path in files}
        return sorted(name for name in names if "tests" not in name.split(".") and "__main__" not in name)

    def copied(self, folder: Path) -> "Tree":
        """The same in a copy that may be changed."""
        root = folder / "tree"
        package = Path(self.package.partition(".")[0])
        leave = shutil.ignore_patterns("__pycache__", "static", "tests")
        shutil.copytree(self.root / package, root / package, ignore=leave)
        values = {name: getattr(self, name) for name in self.__dataclass_fields__} | {"root": root}
        return Tree(**values)

    def run(self, code: str) -> Any:
        """What a fresh interpreter on the tree prints as JSON.

        Raises:
            InterpreterFailed: the code raised.
        """
        # The tree comes first, also before an installed package of the same name.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(self.root)!r})\n{code}"],
            cwd=self.root,
            env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode:
            raise InterpreterFailed(done.stderr.strip().splitlines()[-1])
        return json.loads(done.stdout)

    def claimed_after(self, modules: Sequence[str]) -> dict[str, str]:
        """Who handles each message type in an interpreter that has imported `modules` in this order."""
        imports = "\n".join(f"import {name}" for name in modules)
        who = "{kind: f'{each.__module__}.{each.__qualname__}' for kind, each in claims.items()}"
        answer: dict[str, str] = self.run(f"{imports}\n{self.claims}\nimport json; print(json.dumps({who}))")
        return answer


def tree(phase: Phase) -> Tree:
    """The tree of a phase's application."""
    if phase is Phase.CANONICAL:
        return Tree(
            phase=phase,
            root=Path(netra_backend.__file__).parents[1],
            package="netra_backend.websocket_core",
            canonical="netra_backend.websocket_core.handlers",
            entry="netra_backend.app",
            others=("netra_backend.websocket_core.adapter", "netra_backend.websocket_core.server"),
            claims=CLAIMS_OF_NETRA,
        )
    return chat(phase, sample_app.root())


def chat(phase: Phase, root: Path) -> Tree:
    """The sample application in a tree."""
    return Tree(
        phase=phase,
        root=root,
        package="chat",
        canonical="chat.websocket_core.handlers",
        entry="chat.main",
        others=("chat.services", "chat.services.message_queue", "chat.routes.operations"),
        claims=CLAIMS_OF_CHAT,
    )


def sample() -> Tree:
    """The sample application before any migration, in whatever phase."""
    return chat(Phase.LEGACY, sample_app.SAMPLE)
