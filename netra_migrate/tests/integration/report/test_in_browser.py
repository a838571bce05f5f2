"""The report and the dashboard in a real Chromium: what the policy allows, and what the script does."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from netra_migrate.report.dashboard import create_app, listen
from netra_migrate.report.live import Watched
from netra_migrate.report.page import page
from netra_migrate.tests.unit.report.example import material
from tests.browser_setup import MISSING, arguments, find_browser, must_not_skip

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    program = find_browser()
    if program is None:
        if must_not_skip():
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments())
        yield chromium
        chromium.close()


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_styled_runs_nothing_and_fits(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    """Its own style passes its own policy, `<script>` in names stays text, and no page scrolls sideways."""
    (tmp_path / "report.html").write_bytes(page(material()))
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        shown = context.new_page()
        heard: list[str] = []
        shown.on("console", lambda message: heard.append(message.text))
        shown.on("dialog", lambda dialog: heard.append(dialog.message))
        shown.on("request", lambda request: heard.append(request.url) if request.url[:5] != "file:" else None)
        shown.goto((tmp_path / "report.html").as_uri())
        ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(18, 22, 28)" if scheme == "dark" else "rgb(246, 247, 249)")
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert heard == []
    finally:
        context.close()


def test_the_dashboard_changes_by_itself_and_keeps_what_was_opened(browser: Browser) -> None:
    """A section that is new takes the place of the old one; an opened step stays open."""
    now = [material()]
    with listen(0) as listener:
        port = listener.getsockname()[1]
        watched = Watched(read=lambda: now[-1], signature=lambda: len(now))
        server = uvicorn.Server(
            uvicorn.Config(create_app(watched, port=port), log_level="critical", timeout_graceful_shutdown=1)
        )
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            context = browser.new_context()
            context.set_default_timeout(20_000)
            shown = context.new_page()
            heard: list[str] = []
            shown.on("console", lambda message: heard.append(message.text))
            shown.goto(f"http://127.0.0.1:{port}/")
            shown.get_by_text("live", exact=True).wait_for()
            shown.locator("[data-key=step-2] > summary").click()
            steps = tuple(msgspec.structs.replace(step, seconds=99.0) for step in now[0].steps)
            now.append(msgspec.structs.replace(now[0], steps=steps))
            shown.get_by_text("the longest took 99.0 s").wait_for()
            assert shown.locator("[data-key=step-2]").get_attribute("open") is not None
            assert shown.locator("[data-key=step-1]").get_attribute("open") is None
            assert heard == []
            context.close()
        finally:
            server.should_exit = True
            thread.join(20)
