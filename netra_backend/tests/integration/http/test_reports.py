"""The folder of reports over HTTP: for operators, bounded, and not there unless it was set."""

import dataclasses
import json
import os
from pathlib import Path

import httpx

from netra_backend.http.app import create_http
from netra_backend.settings import Settings
from netra_backend.tests.integration.http.conftest import BASE, Site

ADDRESS = "/v1/operations/reports"


def with_folder(site: Site, folder: Path | None) -> Site:
    """The same site with this setting."""
    settings = Settings(data_dir=site.deps.settings.data_dir, dashboard_reports=folder)
    app = create_http(dataclasses.replace(site.deps, settings=settings))
    return dataclasses.replace(site, transport=httpx.ASGITransport(app))


async def test_only_operators_see_reports(site: Site, tmp_path: Path) -> None:
    """Of any tenant, since reports are of the installation."""
    opened = with_folder(site, tmp_path)
    (tmp_path / "junit.xml").write_text(
        '<testsuite><testcase classname="a" name="b" time="0.5"/></testsuite>'
    )
    assert (await opened.client().get(ADDRESS)).status_code == 401
    assert (await (await opened.user("u@x.org")).get(ADDRESS)).status_code == 403
    for email, tenant in (("o@x.org", "acme"), ("o@y.org", "globex")):
        operator = await opened.user(email, tenant=tenant, roles=("operator",))
        answer = (await operator.get(ADDRESS)).json()
        (tests,) = answer.pop("tests")
        assert answer == {"configured": True, "performance": [], "migrations": [], "unread": []}
        assert tests.pop("at")
        assert tests == {
            "name": "junit.xml",
            "finished": True,
            "passed": 1,
            "failed": 0,
            "skipped": 0,
            "seconds": 0.5,
            "failures": [],
            "last": "a::b",
        }


async def test_without_a_folder_there_is_nothing(site: Site) -> None:
    """And nothing is read."""
    operator = await site.user("o@x.org", roles=("operator",))
    assert (await operator.get(BASE + ADDRESS)).json() == {
        "configured": False,
        "tests": [],
        "performance": [],
        "migrations": [],
        "unread": [],
    }


async def test_performance_is_in_the_order_of_writing_and_bounded(site: Site, tmp_path: Path) -> None:
    """The newest fifty, the oldest of them first, as a chart reads."""
    opened = with_folder(site, tmp_path)
    figure = {"figure": "a", "baseline": 1, "ratio": 1, "low": 1, "high": 1, "judgement": "same"}
    for number in range(60):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"comparisons": [{**figure, "candidate": number}]}))
        os.utime(path, (number, number))
    operator = await opened.user("o@x.org", roles=("operator",))
    shown = (await operator.get(ADDRESS)).json()["performance"]
    assert [each["figures"][0]["now"] for each in shown] == list(range(10, 60))
    assert [each["name"] for each in shown[:2]] == ["10.json", "11.json"]
