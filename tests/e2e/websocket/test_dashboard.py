"""The operators' dashboard in a real Chromium: what an operator sees and does, and what others see."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from netra_backend.testing.client import Client, connected
from tests.e2e.websocket.test_browser import browser, drawn, picture, tab_to, visitor
from tests.people import Person, add_person, token_of
from tests.processes import Netra

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

__all__ = ["browser"]

NARROW = ViewportSize(width=420, height=900)
SLOW = "count slowly to 100"


@pytest_asyncio.fixture(loop_scope="module")
async def operator(house: Netra) -> Person:
    """A person with the role."""
    return await add_person(house, roles=["operator"])


@pytest_asyncio.fixture(loop_scope="module")
async def client(house: Netra) -> AsyncIterator[Client]:
    """The socket of somebody else of the tenant."""
    ada = await add_person(house)
    async with connected(house.url, await token_of(house, ada)) as opened:
        yield opened


async def enter(page: Page, server: Netra, person: Person) -> None:
    """Go to the dashboard and log in."""
    await page.goto(f"{server.url}/dashboard")
    await page.get_by_test_id("login-email").fill(person.email)
    await page.get_by_test_id("login-password").fill(person.password)
    await page.get_by_test_id("login-submit").click()


def run_row(page: Page, run_id: str) -> Locator:
    """A run's line in the list."""
    return page.locator(f"[data-testid=run-row][data-run-id='{run_id}']")


async def test_an_operator_looks_and_cancels(
    browser: Browser, house: Netra, operator: Person, client: Client
) -> None:
    """A connection, a run with its timeline while it runs, and its end at the second press of Cancel."""
    user_id = client.of_type("connected")[0]["payload"]["user_id"]
    run_id = (await client.say(SLOW))["run_id"]
    async with visitor(browser) as context:
        page = await context.new_page()
        await enter(page, house, operator)
        await expect(page.get_by_test_id("live-state")).to_have_attribute("data-state", "connected")
        connection = page.locator(f"[data-testid=connection-row][data-user-id='{user_id}']")
        await expect(connection).to_contain_text("Good")
        row = run_row(page, run_id)
        await expect(row).to_have_attribute("data-status", "running")
        await expect(page.locator("[data-lane=high] td").nth(2)).to_have_text(re.compile("[1-9]"))
        await row.get_by_role("button", name=run_id[-8:], exact=True).click()
        events = page.get_by_test_id("timeline-event")
        await expect(events.first).to_contain_text("stored")
        await expect(events.nth(2)).to_contain_text("produced")
        await expect(events.nth(1)).to_contain_text("written")
        assert page.url.endswith(f"#run={run_id}")
        cancel = row.get_by_test_id("run-cancel")
        await cancel.click()
        await expect(cancel).to_have_text("Really?")
        await cancel.click()
        frames = await client.finished(run_id)
        assert frames[-1]["payload"]["status"] == "stopped"
        await expect(row).to_have_attribute("data-status", "stopped")
        await expect(cancel).to_have_count(0)
        await expect(events.last).to_have_attribute("data-type", "agent_completed")
        assert await events.count() == len(frames) + 1
        await page.reload()
        await expect(events.last).to_have_attribute("data-type", "agent_completed")


async def test_charts_and_errors_follow_what_happens(
    browser: Browser, house: Netra, operator: Person, client: Client
) -> None:
    """A refused frame is a cause with its count, without a reload; charts are drawn and said in words."""
    async with visitor(browser) as context:
        page = await context.new_page()
        await enter(page, house, operator)
        charts = page.get_by_role("img")
        await expect(charts).to_have_count(3)
        cause = page.locator("[data-testid=error-row][data-cause=not_found] td").nth(2)
        await expect(page.get_by_test_id("errors")).to_be_visible()
        before = int(await cause.inner_text()) if await cause.count() else 0
        await client.ask("stop_agent", {"run_id": "00000000-0000-7000-8000-00000000dead"})
        await expect(cause).to_have_text(str(before + 1))
        await client.finished((await client.say("What is 2 + 2?"))["run_id"])
        await expect(charts.nth(2)).to_have_attribute("aria-label", re.compile("half within"))
        for number in range(3):
            assert await has_ink(charts.nth(number).locator("canvas"))
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_test_id("live-state")).to_have_text("Paused")


async def has_ink(canvas: Locator) -> bool:
    """Whether anything is drawn."""
    drawn_points: int = await canvas.evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
            .data.filter((value, place) => place % 4 === 3 && value > 0).length"""
    )
    return drawn_points > 100


async def test_by_keyboard_alone(browser: Browser, house: Netra, operator: Person, client: Client) -> None:
    """From the login to a cancelled run without a pointer."""
    run_id = (await client.say(SLOW))["run_id"]
    async with visitor(browser) as context:
        page = await context.new_page()
        await page.goto(f"{house.url}/dashboard")
        await expect(page.get_by_test_id("login-email")).to_be_focused()
        await page.keyboard.type(operator.email)
        await page.keyboard.press("Tab")
        await page.keyboard.type(operator.password)
        await page.keyboard.press("Enter")
        row = run_row(page, run_id)
        await expect(row).to_be_visible()
        await tab_to(page, page.get_by_role("link", name="Skip to the runs"))
        await page.keyboard.press("Enter")
        await tab_to(page, row.locator(".link"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("timeline-event").first).to_be_visible()
        await tab_to(page, row.get_by_test_id("run-cancel"))
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await client.finished(run_id)
        await expect(row).to_have_attribute("data-status", "stopped")


async def test_others_are_told_whose_page_it_is(browser: Browser, house: Netra) -> None:
    """Without the role nothing is asked for, and the way to the chat is shown."""
    async with visitor(browser) as context:
        page = await context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await enter(page, house, await add_person(house))
        await expect(page.get_by_test_id("not-operator")).to_contain_text("This page is for operators")
        assert not [url for url in asked if "/v1/operations" in url]
        await page.get_by_role("link", name="Go to the chat").click()
        await expect(page.get_by_test_id("composer")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_wide_and_narrow_light_and_dark(
    browser: Browser, house: Netra, operator: Person, client: Client, scheme: str
) -> None:
    """Nothing is wider than the screen, in either theme."""
    await client.finished((await client.say("What is 2 + 2?"))["run_id"])
    async with visitor(browser, color_scheme=scheme) as context:
        page = await context.new_page()
        await enter(page, house, operator)
        await expect(page.get_by_test_id("run-row").first).to_be_visible()
        await drawn(page, light=scheme == "light")
        await picture(page, f"dashboard-{scheme}.png")
        await page.set_viewport_size(NARROW)
        await expect(page.get_by_role("img").first).to_be_visible()
        async with asyncio.timeout(10):
            while await page.evaluate("document.documentElement.scrollWidth") > NARROW["width"]:
                await page.evaluate("new Promise(requestAnimationFrame)")
        await picture(page, f"dashboard-{scheme}-narrow.png")
