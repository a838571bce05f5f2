"""For the role operator, the reports in the folder that the setting `dashboard_reports` names.

They are of the installation, not of a tenant: whoever sets it shows them to the operators of all tenants.
"""

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from netra_backend.http.answers import documented, json_answer
from netra_backend.http.operations import Operator
from netra_backend.observability.report_files import Figure, Migration, Performance, Results
from netra_backend.observability.reports import Found, Reports
from netra_backend.protocol.payloads import Outbound

router = APIRouter(tags=["operations"], prefix="/v1/operations")

MAX_RESULTS = 20
"""Reports of tests in an answer, the newest."""
MAX_PERFORMANCE = 50
"""Points of a chart of performance, the newest."""
MAX_PATHS = 3
"""Paths of a step that are named."""


class ResultsView(Outbound, frozen=True):
    """Results of tests in one file. `finished` is false while they still arrive; the first 50 failures are named."""

    name: str
    at: datetime
    finished: bool
    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: list[str]
    last: str | UnsetType = UNSET


class FigureView(Outbound, frozen=True):
    """One figure before and now; `ratio`: how many times worse it became, with its 95 % interval."""

    figure: str
    before: float
    now: float
    ratio: float
    low: float
    high: float
    judgement: str


class PerformanceView(Outbound, frozen=True):
    """A report of the performance gate; its file is named after what was measured, such as a commit."""

    name: str
    at: datetime
    figures: list[FigureView]


class StepView(Outbound, frozen=True):
    """A step of a migration; `more` paths are not named. Number 0 is the removal of the legacy module."""

    number: int
    state: str
    paths: list[str]
    more: int


class MigrationView(Outbound, frozen=True):
    """How far a migration is."""

    name: str
    at: datetime
    steps: list[StepView]


class UnreadView(Outbound, frozen=True):
    """A file that could not be read, and why, in a sentence."""

    name: str
    why: str


class ReportsView(Outbound, frozen=True):
    """What stands in the folder, the newest first, performance the oldest first. `configured`: there is a folder."""

    configured: bool
    tests: list[ResultsView]
    performance: list[PerformanceView]
    migrations: list[MigrationView]
    unread: list[UnreadView]


VIEWS = (ResultsView, FigureView, PerformanceView, StepView, MigrationView, UnreadView, ReportsView)


@router.get("/reports", responses=documented(ReportsView))
async def reports(_asker: Operator, request: Request) -> Response:
    """Results of tests as they arrive, performance by commit, and how far a migration is."""
    known: Reports = request.app.state.reports
    found, unread = await asyncio.to_thread(known.read)
    view = ReportsView(
        configured=known.configured,
        tests=[_results(each, each.report) for each in found if isinstance(each.report, Results)][
            :MAX_RESULTS
        ],
        performance=[
            _performance(each, each.report) for each in found if isinstance(each.report, Performance)
        ][MAX_PERFORMANCE - 1 :: -1],
        migrations=[_migration(each, each.report) for each in found if isinstance(each.report, Migration)],
        unread=[UnreadView(name=each.name, why=each.why) for each in unread],
    )
    return json_answer(view)


def _results(found: Found, results: Results) -> ResultsView:
    return ResultsView(
        name=found.name,
        at=found.at,
        finished=results.finished,
        passed=results.passed,
        failed=results.failed,
        skipped=results.skipped,
        seconds=round(results.seconds, 3),
        failures=results.failures,
        last=results.last or UNSET,
    )


def _performance(found: Found, performance: Performance) -> PerformanceView:
    return PerformanceView(
        name=found.name, at=found.at, figures=[_figure(each) for each in performance.comparisons]
    )


def _figure(figure: Figure) -> FigureView:
    return FigureView(
        figure=figure.figure,
        before=figure.baseline,
        now=figure.candidate,
        ratio=figure.ratio,
        low=figure.low,
        high=figure.high,
        judgement=figure.judgement,
    )


def _migration(found: Found, migration: Migration) -> MigrationView:
    steps = [
        StepView(
            number=step.number,
            state=step.state,
            paths=step.paths[:MAX_PATHS],
            more=len(step.paths[MAX_PATHS:]),
        )
        for step in migration.steps
    ]
    return MigrationView(name=found.name, at=found.at, steps=steps)
