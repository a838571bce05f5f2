import asyncio
import dataclasses
import io
import json
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from starlette.types import Message

from netra_backend.http import middleware
from netra_backend.http.app import create_http
from netra_backend.http.dependencies import HttpDependencies
from netra_backend.http.errors import STATUS
from netra_backend.http.middleware import SECURITY_HEADERS
from netra_backend.protocol.errors import ERROR_CODES
from netra_backend.settings import Settings

LIMIT = Settings().max_body_bytes
CANARIES = ["postgresql://netra:hunter2@db/netra", "sk-live-0123456789", "tell me about my illness"]
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln"


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    """Attack 43: pages, JSON, refusals and files alike; no script but our own may run."""
    for path in ("/", "/healthz", "/api/threads", "/nothing", "/assets/nothing.js", "/auth/login"):
        answer = await client.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value or name == "Cache-Control"
        assert answer.headers["X-Request-ID"]
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]
    assert SECURITY_HEADERS["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")


async def test_refusals_have_one_form(client: httpx.AsyncClient) -> None:
    """Also those that the framework makes itself."""
    expected = {
        ("GET", "/nothing"): (404, "not_found"),
        ("GET", "/nothing/at/all"): (404, "not_found"),
        ("PUT", "/auth/login"): (405, "bad_message"),
        ("GET", "/api/threads"): (401, "unauthenticated"),
    }
    for (method, path), (status, code) in expected.items():
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await client.get("/api/threads")).headers["WWW-Authenticate"] == "Bearer"


def test_every_error_code_has_a_status() -> None:
    """A code that is new on the wire must be decided on here."""
    assert STATUS.keys() == set(ERROR_CODES)


async def test_the_database_away_is_503_with_a_wait(client: httpx.AsyncClient) -> None:
    """Not 401, which would log a page out, and not 500."""
    answer = await client.post("/auth/login", json={"email": "a@b.c", "password": "correct horse"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "degraded")
    assert answer.json()["error"]["retryable"]
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.email"),
        ({"email": "a@b.c"}, "$.password"),
        ({"email": "a@b.c", "password": "secret99", "tenant_id": "other"}, "$.tenant_id"),
        ({"email": "a@b.c", "password": "secret99", "role": "operator"}, "$.role"),
        ({"email": 7, "password": "secret99"}, "$.email"),
        ({"email": "a@b.c", "password": ["secret99"]}, "$.password"),
        ({"email": "a@b.c", "password": "secret99" * 1000}, "$.password"),
        ([], "$"),
    ],
)
async def test_attack_36_a_wrong_body_is_refused_with_its_path(
    client: httpx.AsyncClient, body: object, path: str
) -> None:
    """Unknown fields such as tenant or role are errors, and what was sent is not repeated."""
    answer = await client.post("/auth/login", json=body)
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, path)
    assert "secret99" not in answer.text


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"email": "a", "email": NaN}', b"[" * 30_000, b'{"email": "\\ud800"}', b""]
)
async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """As 400, never 500."""
    answer = await client.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_message")


async def test_a_form_cannot_log_in(client: httpx.AsyncClient) -> None:
    """A cross-site form may send text/plain or forms, but not JSON."""
    body = json.dumps({"email": "a@b.c", "password": "correct horse"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post("/auth/login", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400


async def chunks(size: int) -> AsyncIterator[bytes]:
    """A body without declared length."""
    for _ in range(size // 1024):
        yield b" " * 1024


async def test_a_body_over_64_kib_is_refused_declared_or_not(client: httpx.AsyncClient) -> None:
    """413 for both; the limit itself is still read."""
    for content in (b" " * (LIMIT + 1), chunks(LIMIT + 1024)):
        answer = await client.post("/auth/login", content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert (await client.post("/auth/login", content=chunks(LIMIT))).status_code == 400


async def test_the_largest_body_is_a_setting(deps: HttpDependencies) -> None:
    """`max_body_bytes`."""
    small = dataclasses.replace(deps, settings=Settings(data_dir=deps.settings.data_dir, max_body_bytes=1024))
    transport = httpx.ASGITransport(create_http(small))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        statuses = [
            (await client.post("/auth/login", content=b" " * size)).status_code for size in (1024, 1025)
        ]
    assert statuses == [400, 413]


@pytest.mark.parametrize("length", [b"65537", b"9" * 30, b"-1", b"many", b""])
async def test_a_body_declared_too_large_is_not_even_read(deps: HttpDependencies, length: bytes) -> None:
    """Nor one whose length is no number."""
    sent: list[Message] = []

    async def receive() -> Message:
        pytest.fail("was read")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/auth/login", "query_string": b""}
    await create_http(deps)(scope | {"headers": [(b"content-length", length)]}, receive, send)
    assert sent[0]["status"] == 413


async def test_an_endless_body_is_cut_off_early(deps: HttpDependencies) -> None:
    """No more than the limit is ever taken in."""
    taken = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b" " * 1024, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/auth/login", "query_string": b"", "headers": []}
    await create_http(deps)(scope | {"scheme": "http", "server": ("x", 1), "client": None}, receive, send)
    assert sent[0]["status"] == 413
    assert taken == LIMIT // 1024 + 1


async def test_a_client_that_left_gets_no_answer(deps: HttpDependencies) -> None:
    """And it is no failure."""
    pending: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"{", "more_body": True},
    ]

    async def receive() -> Message:
        return pending.pop()

    async def send(message: Message) -> None:
        pytest.fail("was answered")

    scope = {"type": "http", "method": "POST", "path": "/auth/login", "query_string": b"", "headers": []}
    await create_http(deps)(scope, receive, send)
    assert pending == []
    assert "netra_errors_total{" not in deps.metrics.text().decode()


async def test_a_body_that_trickles_is_given_up(
    deps: HttpDependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that slow bodies cannot pile up."""
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    monkeypatch.setattr(middleware, "BODY_TIMEOUT_S", 0.01)
    scope = {"type": "http", "method": "POST", "path": "/auth/login", "query_string": b"", "headers": []}
    async with asyncio.timeout(5):
        await create_http(deps)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert b"in time" in sent[1]["body"]


@pytest.mark.parametrize(
    "query",
    [
        "token=abc",
        "a=1&access_token=abc",
        "ACCESS_TOKEN=abc",
        "id_token=x",
        "authorization=Bearer%20x",
        f"q={JWT}",
        "%74oken=abc",
        f"x={JWT.replace('.', '%2E')}",
    ],
)
async def test_attack_34_a_token_in_the_url_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """On every route, even where it would not be read."""
    for path in ("/healthz", "/api/threads"):
        answer = await client.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_message")
        assert "URL" in answer.json()["error"]["message"]


async def test_other_queries_pass(client: httpx.AsyncClient) -> None:
    """Only secrets are looked for."""
    assert (await client.get("/healthz?q=tokens&limit=50&before=eye")).status_code == 200


async def test_attack_34_no_token_and_no_query_is_logged(
    client: httpx.AsyncClient, logged: io.StringIO
) -> None:
    """Refused or not, in whichever header it came."""
    await client.get(f"/api/threads?token={JWT}", headers={"Authorization": f"Bearer {JWT}"})
    await client.get(f"/{JWT}?q=canary", headers={"Cookie": f"netra_session={JWT}"})
    assert logged.getvalue().count('"event": "request"') == 2
    assert not any(secret in logged.getvalue() for secret in (JWT, "canary", JWT.split(".")[0]))


async def test_attack_45_a_failure_gives_an_id_and_nothing_else(
    deps: HttpDependencies, logged: io.StringIO
) -> None:
    """The id is in the log; prompt, key and database URL are in neither."""

    async def fails() -> Mapping[str, bool]:
        raise RuntimeError(CANARIES[2]) from ValueError(CANARIES[0], CANARIES[1])

    app = create_http(dataclasses.replace(deps, readiness=fails))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/readyz")
    error_id = answer.headers["X-Request-ID"]
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {"code": "internal", "message": f"Internal error {error_id}.", "retryable": True}
    }
    (failed,) = [json.loads(line) for line in logged.getvalue().splitlines() if "request_failed" in line]
    assert (failed["request_id"], failed["error"]) == (error_id, ["RuntimeError", "ValueError"])
    assert failed["at"][-1].endswith(" fails")
    assert not any(canary in logged.getvalue() + answer.text for canary in CANARIES)
    assert 'netra_errors_total{code="internal"} 1.0' in deps.metrics.text().decode()


async def test_requests_at_once_keep_their_own_ids(client: httpx.AsyncClient, logged: io.StringIO) -> None:
    """The id bound to the log is that of the answer."""
    answers = await asyncio.gather(*(client.get(f"/nothing-{n}") for n in range(10)))
    bound = {entry["path"]: entry["request_id"] for entry in map(json.loads, logged.getvalue().splitlines())}
    assert bound == {answer.request.url.path: answer.headers["X-Request-ID"] for answer in answers}
