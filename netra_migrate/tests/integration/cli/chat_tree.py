"""A small tree to migrate, and the program as a real process on it."""

import os
import subprocess
import sys
from pathlib import Path

import netra_migrate

FILES = {
    "migration.toml": """\
[legacy]
module = "app.old"

[canonical]
module = "app.new"
base = "BaseHandler"
message_class = "Message"

[validation]
command = ["{python}", "check.py"]
""",
    "app/__init__.py": "",
    "app/old.py": """\
class BaseHandler:
    async def handle(self, user_id: str, payload: dict) -> None: ...


class StartHandler(BaseHandler):
    async def handle(self, user_id: str, payload: dict) -> None:
        print(user_id)


LIMIT = 10
""",
    "app/new.py": """\
class Message:
    payload: dict


class BaseHandler:
    async def handle_message(self, user_id: str, websocket, message: Message) -> bool: ...


class StartHandler(BaseHandler):
    async def handle_message(self, user_id: str, websocket, message: Message) -> bool:
        await websocket.send(user_id)
        return True


LIMIT = 10
""",
    "app/limits.py": "from app.old import LIMIT\n\nTWICE = 2 * LIMIT\n",
    "app/register.py": "from app.old import StartHandler\n\nHANDLERS = [StartHandler]\n",
    "check.py": "import app.limits\nimport app.register\n\nassert app.limits.TWICE == 20\n",
}


def planted(root: Path, **changed: str) -> Path:
    """The tree below `root`; `changed`: other texts, by a file's path with `__` for `/` and no `.py`."""
    other = {f"{name.replace('__', '/')}.py": text for name, text in changed.items()}
    for name, text in {**FILES, **other}.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("{python}", Path(sys.executable).as_posix()), encoding="utf-8")
    return root


def netra(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m netra_migrate …` in a folder, to its end."""
    above = str(Path(netra_migrate.__file__).parent.parent)
    return subprocess.run(  # noqa: S603 - the program under test
        [sys.executable, "-m", "netra_migrate", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": above},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def bytes_of(root: Path) -> dict[str, bytes]:
    """Every file of the target, without the kit's own folder and without bytecode."""
    places = (place for place in sorted(root.rglob("*")) if place.is_file())
    own = (".netra-migrate", "__pycache__")
    return {
        str(place.relative_to(root)): place.read_bytes()
        for place in places
        if not set(own) & set(place.relative_to(root).parts)
    }
