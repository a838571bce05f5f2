"""Attack 46: what operators may do is closed to others, and no foreign page does anything with a cookie."""

from typing import Any

import pytest

from netra_backend.tests.integration.attacks.conftest import Unharmed
from netra_backend.tests.subject import PASSWORD, Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOME = "00000000-0000-4000-8000-00000000beef"
AWAY = {"X-Forwarded-For": "192.0.2.7"}
"""As through a proxy: `/metrics` is open to this machine itself."""
OPERATORS = ("/v1/operations/", "/metrics", "/dashboard/")
OPEN = {"/auth/login", "/auth/login/link"}
"""Changing routes that need no session; they refuse foreign pages for their own reason (login CSRF)."""


async def routes(subject: Subject) -> dict[str, Any]:
    """Every route that the server publishes."""
    document = (await subject.request(None, "GET", "/api/openapi.json")).json()
    paths: dict[str, Any] = document["paths"]
    assert len(paths) > 8
    return paths


def filled(path: str) -> str:
    """The path with some id in each place."""
    parts = [SOME if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


async def test_attack_46_operators_routes_need_the_role(subject: Subject, unharmed: Unharmed) -> None:
    """401 without a login, 403 with one but without the role, and something else with it."""
    user, operator = await subject.account(), await subject.account(roles=["operator"])
    paths = [path for path in await routes(subject) if path.startswith(OPERATORS)]
    assert {"/metrics", "/v1/operations/connections"} <= set(paths)
    async with unharmed():
        for path in paths:
            for method in (await routes(subject))[path]:
                for who, expected in ((None, {401}), (user, {403})):
                    answer = await subject.request(who, method.upper(), filled(path), headers=AWAY)
                    assert answer.status_code in expected, (method, path)
                answer = await subject.request(operator, method.upper(), filled(path), headers=AWAY)
                assert answer.status_code not in (401, 403), (method, path)


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "http://127.0.0.1/"},
    ],
    ids=str,
)
async def test_attack_46_a_cookie_changes_nothing_for_a_foreign_page(
    subject: Subject, unharmed: Unharmed, page: dict[str, str]
) -> None:
    """Every changing route answers 403 to an operator's cookie without our own page's origin (CSRF)."""
    operator = await subject.account(roles=["operator"])
    credentials = {"email": operator.email, "password": PASSWORD}
    login = await subject.request(None, "POST", "/auth/login", json=credentials)
    cookie = {"Cookie": login.headers["Set-Cookie"].partition(";")[0]}
    checked = 0
    async with unharmed():
        for path, methods in (await routes(subject)).items():
            for method in {name.upper() for name in methods} - {"GET", "HEAD"}:
                if path in OPEN:
                    continue
                answer = await subject.request(None, method, filled(path), headers={**cookie, **page})
                assert answer.status_code == 403, (method, path)
                checked += 1
        assert checked >= 3
        ours = {**cookie, "Origin": subject.url}
        assert (await subject.request(None, "GET", "/auth/me", headers=ours)).status_code == 200
        assert (await subject.request(None, "POST", "/auth/renew", headers=ours)).status_code == 200
