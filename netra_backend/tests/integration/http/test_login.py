import io
from datetime import timedelta

import httpx
import pytest

from netra_backend.auth.service import Guesses
from netra_backend.tests.integration.http.conftest import BASE, PASSWORD, Site

ADA = {"email": "ada@example.org", "password": PASSWORD}


async def logged_in(site: Site) -> httpx.AsyncClient:
    """A browser with Ada's cookie."""
    await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD)
    browser = site.client()
    assert (await browser.post("/auth/login", json=ADA)).status_code == 200
    return browser


async def test_login_gives_a_token_and_a_cookie_for_the_same_user(site: Site) -> None:
    """Each of them alone is enough to be known."""
    await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD, roles=["operator"])
    answer = await site.client().post("/auth/login", json=ADA)
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    assert answer.headers["Set-Cookie"] == (
        f"netra_session={body['access_token']}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"
    )
    assert answer.headers["Cache-Control"] == "no-store"
    for headers in (
        {"Authorization": f"Bearer {body['access_token']}"},
        {"Cookie": f"netra_session={body['access_token']}"},
    ):
        me = (await site.client(**headers).get("/auth/me")).json()
        assert (me["email"], me["tenant_id"], me["roles"]) == ("ada@example.org", "acme", ["operator"])
        assert me["expires_at"] == "2026-01-01T13:00:00Z"


async def test_over_https_the_cookie_is_secure(site: Site) -> None:
    """By the request's scheme, which a trusted proxy's header decides."""
    await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD)
    async with httpx.AsyncClient(transport=site.transport, base_url="https://127.0.0.1") as client:
        answer = await client.post("/auth/login", json=ADA)
        assert answer.headers["Set-Cookie"].startswith("__Host-netra_session=")
        assert answer.headers["Set-Cookie"].endswith("; Secure")
        assert (await client.get("/auth/me")).status_code == 200


async def test_every_wrong_login_is_the_same_401_and_then_429(site: Site, logged: io.StringIO) -> None:
    """With the wait; and no password is in the log."""
    await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD)
    client, bodies = site.client(), set()
    for number in range(Guesses().account_from_address):
        answer = await client.post("/auth/login", json=ADA | {"password": f"hunter{number}"})
        assert answer.status_code == 401
        bodies.add(answer.text)
    bodies.add((await client.post("/auth/login", json=ADA | {"email": "eve@example.org"})).text)
    assert len(bodies) == 1
    answer = await client.post("/auth/login", json=ADA)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == "11"
    assert "hunter" not in logged.getvalue()
    assert "ada@" not in logged.getvalue()


async def test_a_login_link_logs_in_once(site: Site) -> None:
    """The page sends what came after the `#`."""
    user = await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD)
    link = await site.deps.auth.users.create_login_link(user, ttl=timedelta(minutes=5))
    browser = site.client()
    assert (await browser.post("/auth/login/link", json={"token": link})).status_code == 200
    assert (await browser.get("/auth/me")).json()["email"] == "ada@example.org"
    assert (await browser.post("/auth/login/link", json={"token": link})).status_code == 401


async def test_attack_33_logout_ends_the_session_everywhere(site: Site) -> None:
    """Cookie cleared, token worthless, sockets closed, runs stopped."""
    browser = await logged_in(site)
    owner = await site.owner(ADA["email"])
    run = (await site.say(owner, "Hello")).run_id
    token = browser.cookies["netra_session"]
    answer = await browser.post("/auth/logout", headers={"Origin": BASE})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "netra_session" not in browser.cookies
    assert (await site.client(Authorization=f"Bearer {token}").get("/auth/me")).status_code == 401
    assert site.revoked == [owner]
    assert (await site.deps.store.run(owner, run)).status == "stopped"


async def test_sessions_are_listed_and_ended_one_by_one(site: Site) -> None:
    """Only the user's own: another's id, an ended one's and nonsense are the same `not_found`."""
    browser, phone = await logged_in(site), site.client()
    await phone.post("/auth/login", json=ADA)
    eve = await site.user("eve@example.org")
    listed = (await phone.get("/auth/sessions")).json()["sessions"]
    assert [each["current"] for each in listed] == [True, False]
    theirs = (await eve.get("/auth/sessions")).json()["sessions"][0]["id"]
    laptop, own = listed[1]["id"], {"Origin": BASE}
    answer = await phone.delete(f"/auth/sessions/{laptop}", headers=own)
    assert (answer.status_code, (await browser.get("/auth/me")).status_code) == (204, 401)
    for nonsense in (theirs, laptop, "0190ab00-0000-7000-8000-000000000000", "x"):
        answer = await phone.delete(f"/auth/sessions/{nonsense}", headers=own)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await eve.get("/auth/me")).status_code == 200
    assert [each["id"] for each in (await phone.get("/auth/sessions")).json()["sessions"]] == [
        listed[0]["id"]
    ]


async def test_attack_38_a_foreign_page_ends_no_session(site: Site) -> None:
    """With the cookie alone."""
    browser = await logged_in(site)
    session_id = (await browser.get("/auth/sessions")).json()["sessions"][0]["id"]
    answer = await browser.delete(f"/auth/sessions/{session_id}", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, (await browser.get("/auth/me")).status_code) == (403, 200)


async def test_renewal_gives_another_token_of_the_same_session(site: Site) -> None:
    """Which ends with that session."""
    browser = await logged_in(site)
    answer = await browser.post("/auth/renew", headers={"Origin": BASE})
    renewed = answer.json()["access_token"]
    assert f"netra_session={renewed};" in answer.headers["Set-Cookie"]
    await browser.post("/auth/logout", headers={"Origin": BASE})
    assert (await site.client(Authorization=f"Bearer {renewed}").get("/auth/me")).status_code == 401


FOREIGN = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "http://127.0.0.1:8000", "Host": "evil.example"},
    {"Origin": "http://evil.example", "Host": "evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_attack_38_a_foreign_page_changes_nothing_with_the_cookie(
    site: Site, headers: dict[str, str]
) -> None:
    """Missing, null, evil and look-alike origins: 403, and the session still stands."""
    browser = await logged_in(site)
    run = (await site.say(await site.owner(ADA["email"]), "Hello")).run_id
    for path in ("/auth/logout", "/auth/renew", f"/api/runs/{run}/stop"):
        answer = await browser.post(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert (await browser.get("/auth/me")).status_code == 200
    assert (await browser.get(f"/api/runs/{run}")).json()["status"] == "queued"


@pytest.mark.parametrize("headers", [{"Origin": BASE}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
async def test_the_own_page_may_use_the_cookie(site: Site, headers: dict[str, str]) -> None:
    """By either thing that the browser vouches for."""
    browser = await logged_in(site)
    assert (await browser.post("/auth/logout", headers=headers)).status_code == 204


async def test_a_bearer_token_needs_no_origin(site: Site) -> None:
    """No browser adds it by itself, so no foreign page can cause it."""
    client = await site.user("ada@example.org")
    assert (await client.post("/auth/renew", headers={"Origin": "https://evil.example"})).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN[1:], ids=str)
async def test_a_foreign_page_cannot_log_its_visitor_in(site: Site, headers: dict[str, str]) -> None:
    """Login CSRF: the visitor would write into the attacker's account."""
    await site.deps.auth.users.add(ADA["email"], tenant="acme", password=PASSWORD)
    answer = await site.client().post("/auth/login", json=ADA, headers=headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer nonsense", "Bearer a b", "Token x"]
)
async def test_a_wrong_authorization_header_is_401_even_beside_a_good_cookie(
    site: Site, authorization: str
) -> None:
    """What is sent is meant; there is no second try with something else."""
    browser = await logged_in(site)
    answer = await browser.get("/auth/me", headers={"Authorization": authorization})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_disabled_user_is_out(site: Site) -> None:
    """After two seconds at most, in any process."""
    client = await site.user("ada@example.org")
    assert (await client.get("/auth/me")).status_code == 200
    await site.deps.auth.disable("ada@example.org")
    site.deps.clock.forward(2)  # type: ignore[attr-defined]  # the fixture's clock is a FakeClock
    assert (await client.get("/auth/me")).status_code == 401
