"""`netra attack` against limits like those of the field: it waits when it is asked to, and hears the same."""

import httpx
import pytest
from netra_client.address import parse_address

from netra_backend.attack.deployment import Account, Deployment
from netra_backend.settings import Settings
from netra_backend.tests.subject import PASSWORD, Subject

QUESTIONS = 8


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """So little that also a slow machine asks too much: a question is two frames."""
    return settings.model_copy(update={"frames_per_second": 3.0, "frames_burst": 3, "drain_s": 0})


async def test_it_waits_as_long_as_it_is_asked_to(subject: Subject) -> None:
    """A frame that was refused for its rate is sent again; every question gets its one real answer."""
    user = await subject.account()
    account = Account(name="A", email=user.email, password=PASSWORD)
    address = parse_address(subject.url)
    async with (
        httpx.AsyncClient(base_url=address.http) as http,
        Deployment(address, http).person(account, nonce="slow") as person,
    ):
        asked = {"type": "list_threads", "payload": {}}
        answers = [await person.line.ask(asked) for _ in range(QUESTIONS)]
        heard = person.line.heard
    assert [[each["type"] for each in got] for got in answers] == [["threads"]] * QUESTIONS
    assert all(got == answers[0] for got in answers)
    codes = [frame["payload"]["code"] for frame in heard if frame["type"] == "error"]
    assert set(codes) == {"rate_limited"}
    assert len(codes) < 2 * QUESTIONS  # it waits, and does not knock
    roles = [message["role"] for message in (await subject.stored(user)).messages]
    assert roles == ["user", "assistant"]
