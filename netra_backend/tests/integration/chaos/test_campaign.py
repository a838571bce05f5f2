"""`netra chaos` as people run it: zeros on a right server, a named promise on a wrong one, nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from netra_backend.embedded import EmbeddedPostgres

CHAOS = [sys.executable, "-m", "netra_backend.cli", "chaos"]
PATIENCE_S = 170.0
"""Seconds until a campaign that does not end fails the test; never a pause."""

FORGETFUL = '''
"""Planted: a gateway that says `accepted` to each tenth message and stores nothing."""
import itertools, sys
if "gateway" in sys.orig_argv:
    from netra_backend.app import new_id
    from netra_backend.domain.runs import Acceptance
    from netra_backend.store.postgres import PostgresStore

    numbers, accept = itertools.count(1), PostgresStore.accept

    async def forget(store, submission):
        if next(numbers) % 10:
            return await accept(store, submission)
        thread_id = submission.thread_id or new_id()
        return Acceptance(
            thread_id=thread_id, run_id=new_id(), message_id=new_id(), duplicate=False, queue_position=0
        )

    PostgresStore.accept = forget
'''

DEADLY = '''
import os

async def agent(ctx):
    """Takes its worker down, once; O_EXCL says whether it has."""
    try:
        os.close(os.open("once", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "fine"
    os._exit(3)
'''

ONCE = """
    SELECT
        (SELECT count(*) FROM messages WHERE role = 'user') AS stored,
        (SELECT count(DISTINCT (tenant_id, user_id, client_id)) FROM messages WHERE role = 'user') AS sent,
        (SELECT count(*) FROM messages m WHERE role = 'user' AND 1 <> (
            SELECT count(*) FROM events e WHERE e.tenant_id = m.tenant_id AND e.user_id = m.user_id
            AND e.type = 'message_created' AND e.payload::jsonb #>> '{message,id}' = m.id::text)) AS unheard,
        (SELECT count(*) FROM runs r WHERE 1 <> (
            SELECT count(*) FROM events e WHERE e.tenant_id = r.tenant_id AND e.user_id = r.user_id
            AND e.run_id = r.id AND e.type = 'agent_completed')) AS unended,
        (SELECT count(*) FROM (SELECT FROM events GROUP BY tenant_id, user_id
            HAVING min(seq) <> 1 OR max(seq) <> count(*)) AS broken) AS gaps
"""
"""What the database says by itself, in words that the checker does not share."""


def environ(**changes: str) -> dict[str, str]:
    """Without settings of whoever runs the tests; short leases, so that a campaign can be short."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
    return kept | {"NETRA_LEASE_S": "3", "NETRA_DRAIN_S": "2"} | changes


def chaos(*options: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [*CHAOS, *options, "--data-dir", str(cwd / "data")],
        cwd=cwd,
        env=environ(**changes),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def result(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one campaign of its one JSON object."""
    (campaign,) = json.loads(ended.stdout)["campaigns"]
    assert isinstance(campaign, dict)
    return campaign


@pytest.mark.timeout(180)
async def test_chaos_loses_nothing_and_the_database_agrees(tmp_path: Path) -> None:
    """Half a minute of kills of everything: zeros, and plain SQL finds every accepted message once."""
    kinds = "kill-worker,kill-gateway,term-worker,valkey-killed,postgres-killed,clients-cut"
    options = ["--seed", "7", "--seconds", "32", "--every", "8", "--users", "24", "--faults", kinds]
    ended = chaos(*options, "--keep", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = result(ended)
    assert {step["kind"] for step in found["faults"]} == set(kinds.split(","))
    assert [found[name] for name in ("lost", "duplicated", "out_of_order", "unfinished", "failed")] == [0] * 5
    assert found["violations"] == []
    assert found["accepted"] > 50
    assert found["recovery_s"]["gateway_kill"]["all"]["count"] > 0
    (folder,) = (tmp_path / "data").iterdir()
    server = EmbeddedPostgres(folder / "postgres")
    address = await server.start()
    try:
        connection = await asyncpg.connect(address.owner_url)
        row = dict(await connection.fetchrow(ONCE) or {})
        await connection.close()
    finally:
        await server.stop()
    count = found["accepted"]
    assert row == {"stored": count, "sent": count, "unheard": 0, "unended": 0, "gaps": 0}


@pytest.mark.timeout(180)
def test_chaos_names_a_gateway_that_accepts_without_storing(tmp_path: Path) -> None:
    """Exit code 1, I1, the message, and stores and logs to look at; a planted defect, in gateways only."""
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(FORGETFUL, encoding="utf-8")
    options = ["--seed", "7", "--seconds", "12", "--users", "40", "--faults", "clients-cut"]
    ended = chaos(*options, "--json", cwd=tmp_path, PYTHONPATH=str(planted))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    found = result(ended)
    assert found["lost"] > 0
    assert found["verdict"].startswith("A promise was broken: I1 ")
    assert "was accepted and is not in history" in found["violations"][0]["evidence"]
    (folder,) = (tmp_path / "data").iterdir()
    assert f"stores and logs are in {folder}" in ended.stderr


@pytest.mark.timeout(180)
def test_chaos_names_a_process_that_ends_by_itself(tmp_path: Path) -> None:
    """Nothing is lost by it, and yet it must not happen; with an agent of one's own."""
    (tmp_path / "deadly.py").write_text(DEADLY, encoding="utf-8")
    options = ["--seed", "7", "--seconds", "6", "--users", "8", "--faults", "clients-cut"]
    ended = chaos(*options, "--agent", "deadly:agent", cwd=tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "A promise was broken: worker-" in ended.stdout
    assert " ended by itself with exit code 3." in ended.stdout
    assert re.search(r"lost +│ 0 ", ended.stdout)
    assert "--faults clients-cut --agent deadly:agent" in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_chaos_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """In the middle of its faults: no process, no folder, no result."""
    command = [*CHAOS, "--seed", "7", "--users", "4", "--every", "2", "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, cwd=tmp_path, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if "kill-" in line:
                break
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert "stopped before the end" in errors
    assert family
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
    assert list((tmp_path / "data").iterdir()) == []


def test_chaos_refuses_a_fault_that_there_is_not(tmp_path: Path) -> None:
    """Exit code 2 before anything is started, and the names that there are."""
    ended = chaos("--faults", "kill-worker,earthquake", cwd=tmp_path)
    assert ended.returncode == 2
    assert "There is no fault 'earthquake'; take some of kill-worker, kill-gateway," in ended.stderr
    assert not (tmp_path / "data").exists()
