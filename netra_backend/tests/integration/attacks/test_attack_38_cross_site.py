"""Attack 38: cross-site WebSocket hijacking, as bytes that no browser would send and some proxies let through."""

import pytest

from netra_backend.tests.integration.attacks.conftest import Unharmed
from netra_backend.tests.integration.attacks.raw import raw
from netra_backend.tests.subject import PASSWORD, Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = "{ours}"


@pytest.mark.parametrize(
    "origins",
    [
        pytest.param([], id="missing"),
        pytest.param(["null"], id="null"),
        pytest.param(["https://evil.example"], id="evil"),
        pytest.param([OURS + ".evil.example"], id="suffix"),
        pytest.param(["https://evil.example", OURS], id="two, ours last"),
        pytest.param([OURS, "https://evil.example"], id="two, ours first"),
        pytest.param([OURS + ", https://evil.example"], id="a list"),
        pytest.param([OURS + " https://evil.example"], id="a list by spaces"),
        pytest.param([OURS + "/"], id="a path"),
        pytest.param([OURS + "@evil.example"], id="a user"),
        pytest.param([OURS.replace("{", "x{")], id="a prefix"),
    ],
)
async def test_attack_38_a_cookie_needs_exactly_our_origin(
    subject: Subject, unharmed: Unharmed, origins: list[str]
) -> None:
    """403 (400 for two, which is no request) before the socket is accepted; with exactly ours it opens."""
    alice = await subject.account()
    credentials = {"email": alice.email, "password": PASSWORD}
    login = await subject.request(None, "POST", "/auth/login", json=credentials)
    cookie = ("Cookie", login.headers["Set-Cookie"].partition(";")[0])
    host = ("Host", subject.url.partition("://")[2])
    async with unharmed(cookie[1].partition("=")[2]):
        async with raw(subject.url) as socket:
            said = [("Origin", origin.replace(OURS, subject.url)) for origin in origins]
            assert await socket.upgrade([cookie, *said], host=host[1]) in (400, 403)
        async with raw(subject.url) as socket:
            assert await socket.upgrade([cookie, ("Origin", subject.url)], host=host[1]) == 101
