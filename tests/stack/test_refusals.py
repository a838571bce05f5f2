"""What cannot stand beside a stack says why in a sentence, and leaves nothing behind."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from netra_backend.auth.keys import SigningKeys
from netra_backend.settings import SettingsError
from netra_backend.sharing import SIGNS, announced
from netra_backend.stack.local import LocalStack
from netra_backend.stack.process import StackError
from netra_backend.store.database import Database
from netra_backend.testing.client import PATIENCE_S, connected
from tests.processes import Netra, run_netra
from tests.stack.conftest import NewToken

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = "has another signing key"

_numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def url(stack: LocalStack) -> AsyncIterator[str]:
    """An empty database of this test alone, as the application's role."""
    name = f"refusals_{next(_numbers)}"
    admin = await asyncpg.connect(stack.owner_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield f"{stack.database_url.rpartition('/')[0]}/{name}"
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def keys(count: int) -> list[Ed25519PrivateKey]:
    """New private keys."""
    return [Ed25519PrivateKey.generate() for _ in range(count)]


def beside(
    stack: LocalStack, folder: Path, *, gateways: int = 0, workers: int = 0, agent: str | None = None
) -> LocalStack:
    """A second stack on the first one's stores and key."""
    key = (stack.data_dir / "signing_key.pem").read_text(encoding="ascii")
    return LocalStack(
        data_dir=folder / "second",
        gateways=gateways,
        workers=workers,
        database_url=stack.database_url,
        owner_url=stack.owner_url,
        valkey_url=stack.valkey_url,
        environ={"NETRA_SIGNING_KEY": key},
        cwd=folder,
        agent=agent,
    )


async def test_a_gateway_with_another_key_is_refused_by_one_that_runs(
    stack: LocalStack, tmp_path: Path
) -> None:
    """Its users would be turned away by the others, and theirs by it."""
    admin = await asyncpg.connect(stack.owner_url)
    async with asyncio.timeout(PATIENCE_S):  # an earlier test may just have restarted PostgreSQL
        while await admin.fetchval("SELECT count(*) FROM pg_locks WHERE classid::bigint = $1", SIGNS) < 2:
            pass
    await admin.close()
    pem = keys(1)[0].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    environ = {
        "NETRA_DATABASE_URL": stack.database_url,
        "NETRA_DATABASE_OWNER_URL": stack.owner_url,
        "NETRA_VALKEY_URL": stack.valkey_url,
        "NETRA_SIGNING_KEY": pem.decode(),
    }
    starts = (
        asyncio.to_thread(run_netra, command, "--port", "0", cwd=tmp_path, environ=environ)
        for command in ("gateway", "serve")
    )
    for refused in await asyncio.gather(*starts):
        assert refused.returncode == 2
        assert REFUSED in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert '"ready"' not in refused.stdout


async def test_a_rotation_may_roll(url: str) -> None:
    """First every gateway learns to check the new key, then every gateway signs with it."""
    old, new = keys(2)
    steps = ([old], [old, new], [new, old], [new])
    for before, after in itertools.pairwise(steps):
        async with (
            announced(SigningKeys(before), Database(url, size=1)),
            announced(SigningKeys(after), Database(url, size=1)),
        ):
            pass
    async with announced(SigningKeys([old]), Database(url, size=1)):
        with pytest.raises(SettingsError, match=REFUSED):
            async with announced(SigningKeys([new, old]), Database(url, size=1)):
                raise AssertionError("A key that the other cannot check was taken.")


async def test_a_key_counts_only_while_its_gateway_runs(url: str) -> None:
    """When nothing runs, a new key is nobody's harm."""
    old, new = keys(2)
    async with announced(SigningKeys([old]), Database(url, size=1)):
        pass
    async with announced(SigningKeys([new]), Database(url, size=1)):
        pass


async def test_a_lost_connection_announces_the_key_again(stack: LocalStack, url: str) -> None:
    """After a restart of PostgreSQL another key is refused as before."""
    old, new = keys(2)
    admin = await asyncpg.connect(stack.owner_url)
    async with announced(SigningKeys([old]), Database(url, size=1)):
        query = "SELECT pid FROM pg_stat_activity WHERE datname = $1"
        (pid,) = (row["pid"] for row in await admin.fetch(query, url.rpartition("/")[2]))
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        async with asyncio.timeout(PATIENCE_S):
            while await admin.fetch(f"{query} AND pid <> $2", url.rpartition("/")[2], pid) == []:
                pass  # a query each time: the server is asked, nothing is slept away
            refused = False
            while not refused:
                try:
                    async with announced(SigningKeys([new]), Database(url, size=1)):
                        pass
                except SettingsError:
                    refused = True
    await admin.close()


async def test_more_processes_on_the_data_folder_join(stack: LocalStack, new_token: NewToken) -> None:
    """A `serve` and a `gateway` beside the stack are of one piece with it, and leave it as it was."""
    token = await new_token()
    started = [
        Netra(command, "--port", "0", data_dir=stack.data_dir, cwd=stack.data_dir)
        for command in ("serve", "gateway")
    ]
    serve, gateway = await asyncio.gather(*(asyncio.to_thread(each.ready) for each in started))
    (told,) = (event for event in gateway.events() if event["event"] == "stores_of_data_folder")
    assert told["data_dir"] == str(stack.data_dir)
    async with (
        connected(serve.url, token) as one,
        connected(gateway.url, token) as two,
        connected(stack.gateways[0].url, token) as three,
    ):
        run = await one.say("What is 3 * 5?")
        seen = await asyncio.gather(*(client.finished(run["run_id"]) for client in (one, two, three)))
        assert seen[0] == seen[1] == seen[2]
    await asyncio.gather(*(asyncio.to_thread(each.stop) for each in started))
    assert all(process.alive for process in stack.processes)
    async with connected(stack.gateways[1].url, token) as client:
        assert client.frames[0]["payload"]["head"] == seen[0][-1]["seq"]


async def test_an_agent_that_cannot_be_loaded_is_named(stack: LocalStack, tmp_path: Path) -> None:
    """The stack says the worker's own sentence, and ends what it had started."""
    second = beside(stack, tmp_path, workers=1, agent="nowhere:agent")
    with pytest.raises(StackError, match=r"^worker-1 did not start: .*nowhere"):
        async with second:
            raise AssertionError("It started.")
    assert not any(process.alive for process in second.processes)


async def test_one_process_may_have_settings_of_its_own(stack: LocalStack, tmp_path: Path) -> None:
    """They win over those of the stack, and a start that fails shows which process and why."""
    second = beside(stack, tmp_path, gateways=1)
    await second.start_stores()
    second.gateways[0].environ["NETRA_DATABASE_URL"] = "postgresql://nobody:x@127.0.0.1:1/netra"
    with pytest.raises(StackError, match=r"^gateway-1 "):
        await second.start_processes()
    await second.stop()
    assert not any(process.alive for process in second.processes)
