"""The page in a real Chromium: what a person does and sees, and what an attacker does not get."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.browser_setup import MISSING, arguments, find_browser, must_not_skip
from tests.conftest import Start
from tests.e2e.websocket.hostile import STAY
from tests.people import Person, add_person
from tests.processes import Netra

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "test-results"
PICTURE = ROOT / "docs" / "pictures" / "chat.png"
PICTURE_BYTES = 350_000
"""A README that loads slowly is not read."""

WIDE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=780)
PATIENCE_MS = 15_000
RECONNECT_MS = 40_000
"""Full jitter up to 30 s between attempts, and the server's start."""

LIFECYCLE = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
SUM = "What is 12 * (3 + 4)?"
SLOW = "count slowly to 20"

expect.set_options(timeout=PATIENCE_MS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the module; contexts keep the tests apart."""
    program = find_browser()
    if program is None:
        if must_not_skip():
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=arguments())
        yield chromium
        await chromium.close()


@asynccontextmanager
async def visitor(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser of one person: nothing stored yet. Errors of the page fail the test."""
    context = await browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE_MS)
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    try:
        yield context
    finally:
        await context.close()
    assert broken == []


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, house: Netra) -> AsyncIterator[Page]:
    """The page of the shared server, with a person of this test logged in."""
    async with visitor(browser) as context:
        opened = await context.new_page()
        await log_in(opened, house, await add_person(house))
        yield opened


async def log_in(page: Page, server: Netra, person: Person) -> None:
    """Log in with e-mail address and password."""
    await page.goto(server.url)
    await page.get_by_test_id("login-email").fill(person.email)
    await page.get_by_test_id("login-password").fill(person.password)
    await page.get_by_test_id("login-submit").click()
    await is_connected(page)


async def is_connected(page: Page, *, patience_ms: int = PATIENCE_MS) -> None:
    """Wait until the page says that it is connected."""
    state = page.get_by_test_id("connection-state")
    await expect(state).to_have_attribute("data-state", "connected", timeout=patience_ms)


async def say(page: Page, text: str) -> None:
    """Write a message and press the button."""
    await page.get_by_test_id("composer").fill(text)
    await page.get_by_test_id("send").click()


def answer(page: Page) -> Locator:
    """The newest answer."""
    return page.get_by_test_id("message-assistant").last


def written(page: Page) -> Locator:
    """The newest answer's text, without its thoughts."""
    return answer(page).locator(".markdown:not(details *)")


async def ended(page: Page, status: str = "completed", *, answers: int = 1) -> None:
    """Wait until there are so many answers and the newest has ended as `status`."""
    await expect(page.get_by_test_id("message-assistant")).to_have_count(answers)
    state = answer(page).get_by_test_id("run-status")
    await expect(state).to_have_attribute("data-status", status, timeout=PATIENCE_MS)


async def texts(page: Page) -> list[str]:
    """What the conversation says: questions and answers, in order, without what says how runs stand."""
    said = page.locator(
        "[data-testid=message-user] .bubble, [data-testid=message-assistant] .markdown:not(details *)"
    )
    return [text.strip() for text in await said.all_inner_texts()]


async def events(page: Page) -> list[str | None]:
    """The newest answer's lifecycle events."""
    items = await answer(page).get_by_test_id("event-item").all()
    return [await item.get_attribute("data-type") for item in items]


async def picture(page: Page, name: str) -> Path:
    """A picture of what is to be seen, in `test-results/`, which Playwright makes."""
    path = RESULTS / name
    await page.screenshot(path=path, animations="disabled", caret="hide")
    return path


async def test_golden_path(page: Page) -> None:
    """Log in, send, see five events and the answer, reload, and find everything as it was."""
    await say(page, SUM)
    await expect(page.get_by_test_id("message-user")).to_have_text(SUM)
    await ended(page)
    await expect(answer(page)).to_contain_text("84")
    await expect(answer(page).get_by_test_id("tool-card")).to_have_attribute("data-status", "ok")
    await expect(answer(page).get_by_test_id("thinking")).to_have_count(1)
    assert await events(page) == LIFECYCLE
    await answer(page).get_by_test_id("event-trace").locator("summary").click()
    for item in await answer(page).get_by_test_id("event-item").all():
        await expect(item).to_be_visible()
    await answer(page).get_by_test_id("tool-card").locator("summary").click()
    await expect(answer(page).get_by_test_id("tool-card")).to_contain_text("12 * (3 + 4)")
    before = await texts(page)
    await page.reload()
    await ended(page)
    assert await texts(page) == before
    assert await events(page) == LIFECYCLE
    await expect(answer(page).get_by_test_id("tool-card")).to_have_attribute("data-status", "ok")


async def test_wrong_password(browser: Browser, house: Netra) -> None:
    """A wrong password is told plainly, and the right one then works."""
    person = await add_person(house)
    async with visitor(browser) as context:
        page = await context.new_page()
        await page.goto(house.url)
        await picture(page, "login.png")
        await page.get_by_test_id("login-email").fill(person.email)
        await page.get_by_test_id("login-password").fill("not this one")
        await page.get_by_test_id("login-submit").click()
        await expect(page.get_by_role("alert")).to_contain_text("do not match")
        await page.get_by_test_id("login-password").fill(person.password)
        await page.get_by_test_id("login-submit").click()
        await is_connected(page)
        await page.get_by_test_id("logout").click()
        await expect(page.get_by_test_id("login-email")).to_be_visible()
        await page.reload()
        await expect(page.get_by_test_id("login-email")).to_be_visible()


async def test_login_link_works_once(browser: Browser, house: Netra) -> None:
    """The printed link logs in without a password, leaves the address, and is used up."""
    async with visitor(browser) as first:
        page = await first.new_page()
        await page.goto(house.login_link())
        await is_connected(page)
        assert "login=" not in page.url
    async with visitor(browser) as second:
        page = await second.new_page()
        await page.goto(house.login_link())
        await expect(page.get_by_test_id("login-email")).to_be_visible()
        await expect(page.locator("main")).to_contain_text("used before")


async def test_text_grows_and_stop_stops(page: Page) -> None:
    """Text is seen while it is written; the button and the Escape key end the run, keeping the text."""
    await say(page, SLOW)
    text = written(page)
    await expect(text).to_contain_text("2,")
    short = await text.inner_text()
    await expect(text).to_contain_text("4,")
    assert (await text.inner_text()).startswith(short.rstrip(", \n"))
    await picture(page, "writing.png")
    await page.get_by_test_id("stop").click()
    await ended(page, "stopped")
    await expect(page.get_by_test_id("stop")).to_have_count(0)
    kept = await text.inner_text()
    assert "20" not in kept.partition("stop whenever you like.")[2]
    await say(page, SLOW)
    await expect(page.get_by_test_id("message-assistant")).to_have_count(2)
    await expect(text).to_contain_text("1,")
    await page.keyboard.press("Escape")
    await ended(page, "stopped", answers=2)
    await page.reload()
    await ended(page, "stopped", answers=2)
    assert kept in await texts(page)


async def test_reload_while_the_answer_is_written(page: Page) -> None:
    """A reload in the middle of a run takes nothing from it."""
    await say(page, "count slowly to 8")
    await expect(written(page)).to_contain_text("2,")
    await page.reload()
    await ended(page)
    await expect(written(page)).to_contain_text("1, 2, 3, 4, 5, 6, 7, 8")
    assert await events(page) == LIFECYCLE


async def test_history_of_two_threads(page: Page) -> None:
    """Each thread shows its own messages, the last used is on top, and a click goes there."""
    await say(page, "What is 1 + 1?")
    await ended(page)
    first = await texts(page)
    await page.get_by_test_id("new-thread").click()
    await expect(page.get_by_test_id("message-user")).to_have_count(0)
    await say(page, "What is 20 + 22?")
    await ended(page)
    second = await texts(page)
    items = page.get_by_test_id("thread-list").get_by_test_id("thread-item")
    await expect(items).to_have_count(2)
    await expect(items.first).to_contain_text("20 + 22")
    await items.last.click()
    await expect(page.get_by_test_id("message-user")).to_have_text("What is 1 + 1?")
    await ended(page)
    assert await texts(page) == first
    await page.go_back()
    await expect(page.get_by_test_id("message-user")).to_have_text("What is 20 + 22?")
    assert await texts(page) == second


async def test_two_tabs_in_step(page: Page) -> None:
    """What is said in one tab is seen in the other while it happens, and stays the same."""
    await say(page, "What is 2 + 2?")
    await ended(page)
    other = await page.context.new_page()
    await other.goto(page.url)
    await is_connected(other)
    await ended(other)
    await say(page, "count slowly to 8")
    await expect(written(other)).to_contain_text("3,")
    await expect(answer(other).get_by_test_id("run-status")).to_have_attribute("data-status", "running")
    await asyncio.gather(ended(page, answers=2), ended(other, answers=2))
    assert await texts(page) == await texts(other)
    assert await events(page) == await events(other) == LIFECYCLE
    await say(other, "What is 5 * 5?")
    await asyncio.gather(ended(page, answers=3), ended(other, answers=3))
    assert await texts(page) == await texts(other)


async def test_drafts_are_kept(page: Page) -> None:
    """What is typed and not sent is there again after a reload."""
    await page.get_by_test_id("composer").fill("half a thou")
    await page.reload()
    await expect(page.get_by_test_id("composer")).to_have_value("half a thou")


async def test_keyboard_alone(browser: Browser, house: Netra) -> None:
    """Everything from the login to a second thread without a pointer."""
    person = await add_person(house)
    async with visitor(browser) as context:
        page = await context.new_page()
        await page.goto(house.url)
        await expect(page.get_by_test_id("login-email")).to_be_focused()
        await page.keyboard.type(person.email)
        await page.keyboard.press("Tab")
        await page.keyboard.type(person.password)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("composer")).to_be_focused()
        await page.keyboard.type("What is 9 * 9?")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("Please.")
        await page.keyboard.press("Enter")
        await ended(page)
        await expect(page.get_by_test_id("message-user")).to_contain_text("Please.")
        await tab_to(page, answer(page).get_by_test_id("tool-card").locator("summary"), backwards=True)
        await page.keyboard.press("Enter")
        await expect(answer(page).get_by_test_id("tool-card")).to_have_attribute("open", "")
        await tab_to(page, page.get_by_test_id("new-thread"), backwards=True)
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("composer")).to_be_focused()
        await expect(page.get_by_test_id("message-user")).to_have_count(0)
        await page.keyboard.type(SLOW)
        await page.keyboard.press("Enter")
        await expect(written(page)).to_contain_text("1,")
        await page.keyboard.press("Escape")
        await ended(page, "stopped")


async def tab_to(page: Page, wanted: Locator, *, backwards: bool = False) -> None:
    """Press Tab until `wanted` has the focus, as a person would."""
    for _ in range(40):
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if await wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail("The Tab key does not get there.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_light_and_dark(browser: Browser, house: Netra, scheme: str) -> None:
    """The page follows the system; the button changes it, and a reload keeps the choice."""
    async with visitor(browser, color_scheme=scheme) as context:
        page = await context.new_page()
        await log_in(page, house, await add_person(house))
        await say(page, SUM)
        await ended(page)
        await drawn(page, light=scheme == "light")
        await picture(page, f"{scheme}.png")
        await page.get_by_role("button", name=re.compile("^Use the (light|dark) theme$")).click()
        await drawn(page, light=scheme == "dark")
        await page.reload()
        await ended(page)
        await drawn(page, light=scheme == "dark")


async def drawn(page: Page, *, light: bool) -> None:
    """Wait until the page's ground is light, or dark, as it is drawn: the change is animated."""
    await page.wait_for_function(
        """(light) => {
            const context = document.createElement("canvas").getContext("2d");
            context.fillStyle = getComputedStyle(document.body).backgroundColor;
            context.fillRect(0, 0, 1, 1);
            const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
            return (red + green + blue) / 765 > 0.5 === light;
        }""",
        arg=light,
    )


async def test_phone(browser: Browser, house: Netra) -> None:
    """On a phone nothing is wider than the screen and the threads are behind a button."""
    async with visitor(browser, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = await context.new_page()
        await log_in(page, house, await add_person(house))
        await picture(page, "phone-empty.png")
        await say(page, SUM)
        await ended(page)
        await picture(page, "phone.png")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await expect(page.get_by_test_id("thread-item")).not_to_be_in_viewport()
        await page.get_by_role("button", name="Conversations").click()
        await expect(page.get_by_test_id("thread-item")).to_be_in_viewport()
        await picture(page, "phone-threads.png")


async def test_restarted_server(browser: Browser, start: Start) -> None:
    """While the server is away the page says so, keeps what is sent, and sends it exactly once."""
    server = start("serve", "--port", "0")
    async with visitor(browser) as context:
        page = await context.new_page()
        await log_in(page, server, await add_person(server))
        await say(page, "What is 1 + 2?")
        await ended(page)
        await asyncio.to_thread(server.stop)
        state = page.get_by_test_id("connection-state")
        await expect(state).to_have_attribute("data-state", "reconnecting")
        await say(page, "What is 30 + 4?")
        await expect(page.get_by_test_id("message-user")).to_have_count(2)
        await expect(page.locator(".banner")).to_be_visible()
        await picture(page, "away.png")
        again = await asyncio.to_thread(start, "serve", "--port", str(server.port))
        assert again.url == server.url
        await is_connected(page, patience_ms=RECONNECT_MS)
        await ended(page, answers=2)
        await expect(answer(page)).to_contain_text("34")
        shown = await texts(page)
        await page.reload()
        await ended(page, answers=2)
        assert await texts(page) == shown
        assert shown.count("What is 30 + 4?") == 1


FORBIDDEN = "script, img, iframe, object, embed, image, style, form, [onload], [onerror]"
WATCH = """
    window.violations = [];
    window.intruders = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.blockedURI));
    new MutationObserver((records) => {
        const added = records.flatMap((record) => [...record.addedNodes, record.target]);
        for (const element of added.filter((node) => node instanceof Element && node.closest(SAID)))
            for (const each of [element, ...element.querySelectorAll("*")])
                if (each.matches(FORBIDDEN)) intruders.push(each.outerHTML);
    }).observe(document, { childList: true, subtree: true, attributes: true });
"""
"""Sees also what stands in the page for a moment only, while text streams in."""

SAID = "[data-testid^=message-], [data-testid=thread-item]"
QUESTION = (
    '<img src=x onerror="window.stolen=5"> [mine](javascript:alert(8)) <svg onload=alert(9)>'
    " <script>window.stolen = 6</script> ![p](http://leak.invalid/question)"
)


async def test_attack_43_hostile_text_is_inert(browser: Browser, start: Start, tmp_path: Path) -> None:
    """Scripts, images, frames and odd links do nothing and ask nobody, whoever wrote them.

    In a thought, in a tool's name, arguments, result and error, in the answer while it streams and
    after its end, in the question, in the thread's title, and in all of them after a reload.
    """
    shutil.copy(Path(__file__).with_name("hostile.py"), tmp_path / "hostile_agent.py")
    server = start("serve", "--port", "0", "--agent", "hostile_agent:answer")
    async with visitor(browser) as context:
        page = await context.new_page()
        asked: list[str] = []
        dialogs: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        watch = WATCH.replace("SAID", json.dumps(SAID)).replace("FORBIDDEN", json.dumps(FORBIDDEN))
        await context.add_init_script(watch)
        await log_in(page, server, await add_person(server))
        await say(page, f"{QUESTION} {STAY}")
        await expect(written(page)).to_contain_text("End of the attack.")
        await expect(answer(page).get_by_test_id("run-status")).to_have_attribute("data-status", "running")
        await is_inert(page)
        await page.get_by_test_id("stop").click()
        await ended(page, "stopped")
        await is_inert(page)
        await say(page, QUESTION)
        await ended(page, answers=2)
        await is_inert(page)
        await picture(page, "hostile.png")
        await page.reload()
        await ended(page, answers=2)
        await is_inert(page)
        assert {url for url in asked if not url.startswith(server.url)} == set()
        assert dialogs == []
        assert len(context.pages) == 1


async def is_inert(page: Page) -> None:
    """Everything that was said is there as text, opened and clicked, and nothing of it is alive."""
    await expect(page.get_by_test_id("message-user").first).to_contain_text(QUESTION)
    await expect(page.get_by_test_id("thread-item").first).to_contain_text(QUESTION[:40])
    await answer(page).locator("details").evaluate_all("each => each.forEach((part) => { part.open = true })")
    broken = answer(page).get_by_test_id("tool-card").last
    await expect(broken).to_contain_text("<script>window.stolen = 1;")
    await expect(written(page)).to_contain_text("End of the attack.")
    for name in ("script link", "entity link", "data link", "vbscript link", "reference link"):
        await answer(page).get_by_text(name).last.click(force=True)
    await expect(page.locator(SAID).locator(FORBIDDEN)).to_have_count(0)
    links = await page.locator(SAID).locator("a").evaluate_all("links => links.map((link) => link.href)")
    assert [link for link in links if not link.startswith(("https://", "http://leak.invalid/"))] == []
    assert "https://example.com/" in links
    assert await page.evaluate("window.stolen") is None
    assert await page.evaluate("[window.intruders, window.violations]") == [[], []]


async def test_attack_43_the_policy_holds_where_the_page_does_not(page: Page) -> None:
    """The policy itself holds, should the page ever let something through."""
    blocked = await page.evaluate("""async () => {
        const seen = [];
        addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
        const image = new Image();
        const failed = new Promise((resolve) => { image.onerror = resolve; });
        image.src = "http://leak.invalid/image";
        await failed;
        await fetch("http://leak.invalid/fetch").catch(() => undefined);
        const script = document.createElement("script");
        script.textContent = "window.stolen = 1";
        document.body.append(script);
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        return [seen, window.stolen ?? null];
    }""")
    seen, stolen = blocked
    assert {"img-src", "connect-src"} <= set(seen)
    assert any(directive.startswith("script-src") for directive in seen)
    assert stolen is None


async def test_picture_for_the_readme(browser: Browser, house: Netra) -> None:
    """A real conversation with an opened tool card; kept in `docs/` only when that is asked for."""
    async with visitor(browser, color_scheme="light", device_scale_factor=2) as context:
        page = await context.new_page()
        await log_in(page, house, await add_person(house, "ada@example.com"))
        for number, text in enumerate(QUESTIONS):
            if number:
                await page.get_by_test_id("new-thread").click()
                await expect(page.get_by_test_id("message-user")).to_have_count(0)
            await say(page, text)
            await ended(page)
        await answer(page).get_by_test_id("tool-card").locator("summary").click()
        await expect(answer(page).get_by_test_id("tool-card").locator("pre").last).to_be_visible()
        await page.mouse.move(0, 0)  # nothing is to look as if it were pointed at
        await answer(page).scroll_into_view_if_needed()
        await expect(answer(page).get_by_test_id("event-trace")).to_be_in_viewport()
        drawn = await picture(page, "chat.png")
        assert drawn.stat().st_size < PICTURE_BYTES
        if os.environ.get("NETRA_UPDATE_PICTURES") == "1":
            shutil.copy(drawn, PICTURE)


QUESTIONS = (
    "What did I write about invoices?",
    "What is 4200 * 0.19?",
    "How much is sqrt(2) ^ 3?",
    "Add it up: 1250 + 310 + 78",
    "What is 1250 * (1 + 0.19)?",
)
"""For the picture: a thread each, the last one shown."""
