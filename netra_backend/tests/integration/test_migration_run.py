"""`netra migrate run` on the sample application: unattended, from red to green, to one that starts and answers.

Bounded: of the plan's suites the first one runs, and of the application's own tests the golden path; the
whole of `tests/legacy_app/migration.toml` takes some twenty minutes.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from netra_backend.embedded.wiring import Addresses
from netra_backend.tests.conftest import Servers
from netra_backend.tests.sample_app import SAMPLE

REPOSITORY = Path(__file__).parents[3]
SUITE = "netra_backend/tests/unit/websocket_core/test_message_handler_migration_compatibility.py"
PATIENCE_S = 30.0


def planted(folder: Path) -> Path:
    """The application as it is, with the short ones of its commands."""
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".netra-migrate"))
    place = folder / "migration.toml"
    text = place.read_text(encoding="utf-8")
    changes = {
        r"(?s)(\[validation\]\ncommand = \[.*?)\]\n": r'\1, "tests/test_flow.py", "-k", "answered"]\n',
        r"(?s)\n#[^\n]*\n\[performance\].*?\n\n": "\n\n",
        r"(?s)\ntests = \[\n.*?\n\]": f'\ntests = ["{SUITE}"]',
        r"each_file = \[[^\]]*\]": "each_file = []\nruns = 1",
        r"\{here\}/\.\./\.\.": str(REPOSITORY),
    }
    for pattern, words in changes.items():
        text, count = re.subn(pattern, words, text)
        assert count == 1, pattern
    place.write_text(text, encoding="utf-8")
    return folder


def environment(servers: Servers) -> dict[str, str]:
    """That of a user whose `python` is ours and whose stores run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
    return {
        **own,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "CHAT_DATABASE_URL": f"{servers.owner_url}/postgres",
        "CHAT_APP_DATABASE_URL": f"{servers.app_url}/postgres",
        "CHAT_REDIS_URL": servers.valkey_url,
    }


async def ran(*arguments: str, folder: Path, environ: Mapping[str, str]) -> tuple[int | None, dict[str, Any]]:
    """Exit code and report of `netra migrate run`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "netra_migrate", "run", "--json", *arguments),
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert out, said.decode()
    return process.returncode, json.loads(out)


async def ready(folder: Path, environ: Mapping[str, str]) -> bytes:
    """What the application says once it accepts connections."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chat"), cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for line in process.stdout:
                if line.startswith(b"ready"):
                    return line
    finally:
        process.terminate()
        await process.communicate()
    return b""


@pytest.mark.timeout(480)  # three minutes on two cores that are shared; alone less
async def test_the_sample_goes_from_red_to_green(
    servers: Servers, addresses: Addresses, tmp_path: Path
) -> None:
    """Four phases as planned; the legacy module is deleted, the golden path passes, and the service starts."""
    environ = environment(servers)
    code, report = await ran("--into", "../made", folder=planted(tmp_path / "app"), environ=environ)
    complaints = [sentence for phase in report["phases"] for sentence in phase["complaints"]]
    assert (code, complaints, len(report["phases"])) == (0, [], 4)
    made = tmp_path / "made"
    assert not (made / "chat/services/websocket/message_handler.py").exists()
    outcomes = {
        (each["phase"], each["test"].partition("::")[2]): each["outcome"]
        for phase in report["phases"]
        for each in phase["outcomes"]
    }
    assert [outcomes[phase, "test_return_code_compatibility"] for phase in ("baseline", "adapter", "final")] == [
        "failed", "passed", "passed",
    ]  # fmt: skip
    assert outcomes["final", "test_a_message_is_answered"] == "passed"
    own = {
        "CHAT_DATABASE_URL": addresses.owner_url,
        "CHAT_APP_DATABASE_URL": addresses.app_url,
        "CHAT_PORT": "0",
        "CHAT_DATA_DIR": str(tmp_path / "data"),
    }
    assert (await ready(made, {**environ, **own})).startswith(b"ready http://127.0.0.1:")
