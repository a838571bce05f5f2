"""`python -m tests.e2e` and the deployment that it is given: one sentence and exit code 2, or the suites."""

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.e2e.application import Application, answer_in
from tests.e2e.deployment import EMAIL, PASSWORD, PATIENCE, SECOND, URL, Person
from tests.e2e.front import behind_nginx, behind_ours, nginx
from tests.e2e.ground import ROOT, Ground
from tests.e2e.websocket.conftest import Login
from tests.processes import clean_environment

pytestmark = pytest.mark.asyncio(loop_scope="session")

DONE_S = 120.0


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that takes connections and says nothing; closed, nobody is there."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def run(url: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the suites against an address, as `make e2e` does."""
    credentials = {name + which: "nobody@example.com" for name in (EMAIL, PASSWORD) for which in ("", SECOND)}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.e2e", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env=clean_environment({URL: url} | credentials | environ),
        capture_output=True,
        text=True,
        timeout=DONE_S,
        check=False,
    )


def sentence(refused: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refusal says."""
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("netra: ")
    return line.removeprefix("netra: ")


def known(*people: Person) -> dict[str, str]:
    """The environment with the credentials of two users."""
    return {
        name + which: value
        for which, person in zip(("", SECOND), people, strict=True)
        for name, value in ((EMAIL, person.email), (PASSWORD, person.password))
    }


async def test_a_deployment_that_is_down_is_said_to_be(nobody: str) -> None:
    """Also one that is no deployment of ours."""
    gone = "http://127.0.0.1:1"
    assert (
        sentence(await run(gone))
        == f"{gone} is down or not Netra (ConnectError): start it, or correct {URL}."
    )


async def test_a_deployment_that_is_slow_is_said_to_be(nobody: str) -> None:
    """It takes the connection and does not answer in time."""
    said = sentence(await run(nobody, **{PATIENCE: "0.5"}))
    assert said.startswith(f"{nobody} is too slow: it did not answer within 0.5 s")


async def test_wrong_credentials_are_said_to_be(ground: Ground, login: Login) -> None:
    """With the name of the user, and without the password."""
    deployment = await ground.canonical()
    ada = await login(deployment)
    said = sentence(await run(deployment.url, **{EMAIL: ada.email, PASSWORD: "hunter2"}))
    assert said.startswith(f"{deployment.url} refuses the login of {ada.email} (401): correct {EMAIL}")
    assert "hunter2" not in said


async def test_another_version_is_said_to_be(ground: Ground, login: Login) -> None:
    """With both versions."""
    async with ground.twin(await ground.canonical(), first=["tests.e2e.older_version"]) as (older, _):
        people = known(await login(older), await login(older))
        said = sentence(await run(older.url, **people))
    assert said.startswith(f"{older.url} runs version 0.0.9, and these suites are of ")


@pytest.mark.parametrize("url", ["staging.example.com", "ftp://example.com", "http://", "http://a:b"])
async def test_an_address_that_is_none_is_said_to_be(url: str) -> None:
    """Before anything is asked."""
    wanted = f"{URL} must be an address, such as https://staging.example.com."
    assert sentence(await run(url)) == wanted


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
async def test_a_patience_that_is_none_is_said_to_be(nobody: str, seconds: str) -> None:
    """It would wait for ever, or not at all."""
    wanted = f"{PATIENCE} must be a number of seconds."
    assert sentence(await run(nobody, **{PATIENCE: seconds})) == wanted


async def test_an_answer_that_is_no_netras_is_said_to_be() -> None:
    """Something else listens there, and says yes to everything."""

    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nYes!")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(agree, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        said = sentence(await run(url))
    assert said == f"{url} is down or not Netra (JSONDecodeError): start it, or correct {URL}."


async def test_credentials_that_are_missing_are_named(nobody: str) -> None:
    """Before anything is asked."""
    assert PASSWORD + SECOND in sentence(await run(nobody, **{PASSWORD + SECOND: ""}))


async def test_suites_run_against_a_deployment_that_is_named(ground: Ground, login: Login) -> None:
    """Through its address and its two users alone; nothing of it is started or stopped by the suites."""
    deployment: Application = await ground.canonical()
    people = known(await login(deployment), await login(deployment))
    which = "test_complete_chat_flow_ssot_migration or test_message_routing_confusion"
    done = await run(deployment.url, "-k", which, **people)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


PROXIES = [behind_ours, *(partial(behind_nginx, program) for program in [nginx()] if program)]
"""Our own, which stands in where no nginx is installed, and nginx where it is."""


@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_proxy_takes_turns_and_leaves_nobody_out(ground: Ground, login: Login, proxy: Any) -> None:
    """Requests with bodies and sockets go to every gateway; one that is away costs nobody an answer."""
    deployment = await ground.canonical()
    async with (
        ground.twin(deployment) as (one, _),
        ground.twin(deployment) as (two, _),
        proxy([one.url, two.url, "http://127.0.0.1:1"]) as url,
    ):
        through = replace(deployment, url=url)
        person = await login(through)
        async with through.connect(person) as tab, through.connect(person) as other, through.connect(person):
            accepted = await tab.say("What is 6 * 7?", agent="demo")
            await other.ask("ping")
            assert "42" in answer_in(await other.finished(accepted["run_id"]))
            assert 0 not in [await sockets(each) for each in (one, two)]
        metrics = await through.request(None, "GET", "/metrics")
        assert metrics.status_code == 401  # it is known to have come through a proxy


async def sockets(gateway: Application) -> int:
    """How many sockets a gateway has open, by its own metrics."""
    text = (await gateway.request(None, "GET", "/metrics")).text
    found = re.search(r"^netra_connections (\d+)", text, flags=re.M)
    assert found, text[:2000]
    return int(found[1])
