import json
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from netra_backend.http.dependencies import HttpDependencies


def references(node: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def resolve(document: Any, reference: str) -> Any:
    """What a local `$ref` points to."""
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


async def test_openapi_describes_every_route_and_all_references_resolve(client: httpx.AsyncClient) -> None:
    """Paths of the specification's list, with the answers' schemas."""
    document = (await client.get("/api/openapi.json")).json()
    assert document["paths"].keys() >= {
        "/auth/login",
        "/auth/login/link",
        "/auth/renew",
        "/auth/logout",
        "/auth/me",
        "/.well-known/jwks.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/threads",
        "/api/threads/{thread_id}/messages",
        "/api/runs/{run_id}",
        "/api/runs/{run_id}/stop",
        "/api/asyncapi.json",
    }
    operations = {
        "/v1/operations/connections": "get",
        "/v1/operations/runs": "get",
        "/v1/operations/runs/{run_id}/trace": "get",
        "/v1/operations/runs/{run_id}/stop": "post",
        "/v1/operations/queue": "get",
        "/v1/operations/figures": "get",
        "/v1/operations/errors": "get",
    }
    for path, method in operations.items():
        described = document["paths"][path][method]
        assert described["description"]
        answers = described["responses"]
        assert (
            "$ref" in answers["202" if method == "post" else "200"]["content"]["application/json"]["schema"]
        )
    for reference in references(document):
        assert resolve(document, reference)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_the_documentation_pages_are_off(client: httpx.AsyncClient) -> None:
    """They would load scripts from elsewhere."""
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await client.get(path)).status_code == 404


async def test_asyncapi_is_served(client: httpx.AsyncClient) -> None:
    """The same document that the docs are made from."""
    document = (await client.get("/api/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"


async def test_our_public_keys_are_published(client: httpx.AsyncClient, deps: HttpDependencies) -> None:
    """For other services that check our tokens."""
    answer = await client.get("/.well-known/jwks.json")
    assert json.loads(answer.text) == deps.auth.keys.jwks()
    assert answer.headers["Cache-Control"] == "public, max-age=300"
