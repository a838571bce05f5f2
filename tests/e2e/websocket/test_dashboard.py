"""The operators' dashboard in a real Chromium: what an operator sees and does, and what others see."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

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


MOODY = """
from pathlib import Path


async def agent(ctx):
    if not Path("mended").exists():
        raise RuntimeError("out of order")
    return "mended: " + ctx.text
"""


@pytest.fixture(scope="module")
def workshop(
    tmp_path_factory: pytest.TempPathFactory, copy_data: Callable[[Path], Path]
) -> Iterator[tuple[Netra, Path]]:
    """A server whose agent fails until a file `mended` is in its folder, and that folder; `reports` is in it, too."""
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "moody.py").write_text(MOODY)
    environ = {"NETRA_AGENT": "moody:agent", "NETRA_DASHBOARD_REPORTS": str(folder / "reports")}
    server = Netra("serve", "--port", "0", data_dir=copy_data(folder), cwd=folder, environ=environ).ready()
    yield server, folder
    server.stop()


async def test_what_failed_is_tried_again_by_the_second_press(
    browser: Browser, workshop: tuple[Netra, Path]
) -> None:
    """Its user gets the answer below the same question; a second retry is refused in a sentence."""
    server, folder = workshop
    operator, ada = await add_person(server, roles=["operator"]), await add_person(server)
    async with visitor(browser) as context, connected(server.url, await token_of(server, ada)) as client:
        failed = (await client.say("hello"))["run_id"]
        await client.finished(failed)
        pages = [await context.new_page() for _ in range(2)]
        await enter(pages[0], server, operator)
        row = run_row(pages[0], failed)
        button = row.get_by_test_id("run-retry")
        await expect(button).to_have_text("Retry")
        await pages[1].goto(f"{server.url}/dashboard")
        await expect(run_row(pages[1], failed).get_by_test_id("run-retry")).to_be_visible()
        await pages[1].get_by_role("button", name="Pause").click()
        (folder / "mended").touch()
        await button.click()
        await expect(button).to_have_text("Really?")
        await button.click()
        await expect(row).to_contain_text("tried again as")
        await expect(button).to_have_count(0)
        again = await row.locator(".link").last.get_attribute("title") or ""
        await expect(run_row(pages[0], again)).to_have_attribute("data-status", "completed")
        await expect(run_row(pages[0], again)).to_contain_text(f"retry of {failed[-8:]}")
        frames = await client.finished(again)
        assert frames[-1]["payload"]["message"]["content"] == "mended: hello"
        late = run_row(pages[1], failed)
        await late.get_by_test_id("run-retry").click()
        await late.get_by_test_id("run-retry").click()
        await expect(late.get_by_role("alert")).to_contain_text("The run was tried again already, as")
        await picture(pages[1], "dashboard-retry-refused.png")


GATE = {"machine": {}, "level": 0.01, "worse_by": 0.05}


def gate_report(now: float, judgement: str) -> str:
    """A report of the performance gate."""
    figure = {"pairs": 12, "p": 0.1, "corrected": 0.1, "effect": 0.1, "sentence": "", "judgement": judgement}
    one = {
        "figure": "accept_ms",
        "baseline": 2.0,
        "candidate": now,
        "ratio": now / 2,
        "low": now / 2.1,
        "high": now,
    }
    other = one | {"figure": "rate", "candidate": 700.0, "baseline": 690.0}
    return json.dumps({**GATE, "comparisons": [figure | one, figure | other]})


def journal(*records: Mapping[str, object]) -> str:
    """The journal of a migration."""
    return "".join(json.dumps({"at": "", "sum": "", "record": record}) + "\n" for record in records)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_reports_appear_as_they_are_written(
    browser: Browser, workshop: tuple[Netra, Path], scheme: str
) -> None:
    """Tests line by line, a chart of performance over commits, steps of a migration, and a file that is broken."""
    server, folder = workshop
    reports = folder / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    (reports / "gate").mkdir(parents=True)
    async with visitor(browser, color_scheme=scheme) as context:
        page = await context.new_page()
        await enter(page, server, await add_person(server, roles=["operator"]))
        await expect(page.get_by_test_id("reports")).to_contain_text("The folder of reports is empty")
        results = (reports / "tests.jsonl").open("w", buffering=1)
        row = page.get_by_test_id("tests-row")
        for number, outcome in enumerate(("passed", "failed", "passed"), start=1):
            line = {"$report_type": "TestReport", "nodeid": f"tests/test_a.py::test_{number}", "when": "call"}
            results.write(json.dumps(line | {"outcome": outcome, "duration": 0.5}) + "\n")
            await expect(row).to_contain_text(f"test_{number}")
        await expect(row).to_have_attribute("data-finished", "false")
        await expect(page.get_by_test_id("failed-test")).to_have_text("tests/test_a.py::test_2")
        results.write(json.dumps({"$report_type": "SessionFinish", "exitstatus": 1}) + "\n")
        results.close()
        await expect(row).to_have_attribute("data-finished", "true")
        await expect(row.locator("td")).to_have_text(
            [re.compile("tests.jsonl"), "Failed", "2", "1", "0", "1.5 s", re.compile(":")]
        )
        for age, (commit, now) in enumerate((("8a1f00c", 2.6), ("77c0ffe", 2.1), ("1c3d5e7", 2.0))):
            path = reports / "gate" / f"{commit}.json"
            path.write_text(gate_report(now, "regression" if now > 2.5 else "same"))
            os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
        performance = page.get_by_test_id("performance")
        await expect(performance.get_by_test_id("verdict")).to_have_text(
            re.compile("8a1f00c: regression, loss \\+30.0 %")
        )
        assert await has_ink(performance.locator("canvas"))
        await performance.get_by_role("combobox").select_option("rate")
        await expect(performance.get_by_role("img")).to_have_attribute(
            "aria-label", re.compile("^rate by report")
        )
        steps = {"what": "opened", "steps": [["app/a.py"], ["app/b.py"]]}
        began = {"what": "began", "action": 1, "kind": "step", "number": 1, "entries": []}
        (reports / "journal.jsonl").write_text(journal(steps, began))
        migration = page.get_by_test_id("migration")
        await expect(migration).to_contain_text("1 working, 1 waiting")
        (reports / "journal.jsonl").write_text(journal(steps, began, {"what": "done", "action": 1}))
        await expect(migration).to_contain_text("1 done, 1 waiting")
        (reports / "broken.xml").write_text("<testsuite>")
        await expect(page.get_by_test_id("unread")).to_contain_text("broken.xml: It is not XML")
        await drawn(page, light=scheme == "light")
        await page.get_by_test_id("unread").scroll_into_view_if_needed()
        await picture(page, f"dashboard-reports-{scheme}.png")
        await page.set_viewport_size(NARROW)
        async with asyncio.timeout(10):
            while await page.evaluate("document.documentElement.scrollWidth") > NARROW["width"]:
                await page.evaluate("new Promise(requestAnimationFrame)")


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
