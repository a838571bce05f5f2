"""The scan as a use case. Imports nothing but what it needs: it is run most, and is done before others have started."""

import os
import sys
from contextlib import AbstractContextManager

from netra_migrate.commands.running import Ended, Session, remember
from netra_migrate.domain.outcomes import Exit
from netra_migrate.domain.survey import Survey
from netra_migrate.report.findings import of_survey
from netra_migrate.report.progress import Tell, progress
from netra_migrate.report.tables import of_survey as tables
from netra_migrate.scan.scanning import scan
from netra_migrate.sources.state import prepared


def shown_progress(task: str) -> AbstractContextManager[Tell]:
    """Progress where people look for it, away from results."""
    return progress(task, stream=sys.stderr)


def surveyed(session: Session, *, jobs: int | None, cached: bool = True) -> Survey:
    """The tree as it is now, also kept for report and dashboard."""
    with shown_progress("Scanning") as tell:
        survey = scan(
            session.configuration,
            session.root,
            cache=prepared(session.state) / "cache" if cached else None,
            jobs=jobs or os.cpu_count() or 1,
            progress=tell,
        )
    remember(session, "scan", survey)
    return survey


def scanned(session: Session, *, jobs: int | None, cached: bool) -> Ended:
    """Every reference and what gets in the way; anything found is a finding."""
    survey = surveyed(session, jobs=jobs, cached=cached)
    findings = of_survey(survey)
    code = Exit.FINDINGS if findings else Exit.DONE
    return Ended(code=code, value=survey, shown=tables(survey), findings=findings)
