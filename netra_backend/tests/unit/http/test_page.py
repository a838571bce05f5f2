from pathlib import Path

import httpx
import pytest


@pytest.fixture
def built(static: Path) -> Path:
    """A built page."""
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>Chat</title>")
    (static / "dashboard.html").write_text("<!doctype html><title>Operations</title>")
    (static / "icon.svg").write_text("<svg/>")
    (static / ".hidden").write_text("canary")
    (static / "assets" / "app-1a2b3c.js").write_text("export {}")
    (static.parent / "signing_key.txt").write_text("canary")
    return static


async def test_without_a_build_the_page_says_how(client: httpx.AsyncClient) -> None:
    """And everything else works."""
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "make web" in answer.text
    assert "Node 20" in answer.text
    assert (await client.get("/dashboard")).status_code == 503
    assert (await client.get("/assets/app.js")).status_code == 404
    assert (await client.get("/healthz")).status_code == 200


@pytest.mark.usefixtures("built")
async def test_the_page_is_fresh_and_its_parts_are_kept(client: httpx.AsyncClient) -> None:
    """A new version is seen at once, and downloads only what changed."""
    index = await client.get("/")
    assert (index.status_code, index.headers["Cache-Control"]) == (200, "no-cache")
    assert index.headers["Content-Type"].startswith("text/html")
    dashboard = await client.get("/dashboard")
    assert (dashboard.status_code, dashboard.headers["Cache-Control"]) == (200, "no-cache")
    assert "Operations" in dashboard.text
    assert "style-src 'self'" in dashboard.headers["Content-Security-Policy"]
    script = await client.get("/assets/app-1a2b3c.js")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "javascript" in script.headers["Content-Type"]
    assert (await client.get("/icon.svg")).headers["Content-Type"] == "image/svg+xml"


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "path",
    [
        "/.hidden",
        "/..%2fsigning_key.txt",
        "/assets/..%2f..%2fsigning_key.txt",
        "/assets/%2e%2e/%2e%2e/signing_key.txt",
        "/assets/../../signing_key.txt",
        "/assets",
        "/%00",
        "/index.html%00",
        f"/{'x' * 5000}",
        f"/assets/{'x' * 5000}",
    ],
)
async def test_nothing_outside_the_folder_is_served(client: httpx.AsyncClient, path: str) -> None:
    """Nor hidden files."""
    answer = await client.get(path)
    assert answer.status_code in (307, 404)
    assert "canary" not in answer.text
