"""The Grafana dashboard that is shipped asks for what is counted, and for nothing else."""

import json
import re
from pathlib import Path
from typing import Any

from netra_backend.observability.metrics import create_metrics

FILE = Path(__file__).parents[4] / "deploy" / "grafana" / "netra.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
QUESTIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())] + [
    variable["definition"] for variable in DASHBOARD["templating"]["list"] if "definition" in variable
]

OF_PROMETHEUS = {"job", "instance", "le"}
"""Labels that the scraper and histograms add."""


def families() -> dict[str, set[str]]:
    """The names that Prometheus knows of each metric."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {
        family.name: {family.name + suffix for suffix in suffixes[family.type]}
        for family in create_metrics().registry.collect()
    }


def test_every_metric_that_is_asked_for_exists_and_every_metric_is_shown() -> None:
    """A renamed metric would leave an empty panel that looks like peace."""
    asked = set(re.findall(r"\bnetra_\w+", " ".join(QUESTIONS)))
    assert asked <= set().union(*families().values())
    assert [name for name, names in families().items() if not names & asked] == []


def test_every_label_that_is_asked_for_exists() -> None:
    """Grouping by a label that is not there makes one line of all."""
    metrics = create_metrics()
    metrics.queue_depth.labels("queued").set(1)
    metrics.queue_lanes.labels("high").set(1)
    for counted in (metrics.frames_in, metrics.events, metrics.runs, metrics.run_failures):
        counted.inc("x")
    metrics.errors.inc("x")
    metrics.resumes.inc("x")
    labels = {
        sample.name: set(sample.labels) | OF_PROMETHEUS
        for family in metrics.registry.collect()
        for sample in family.samples
    }
    for question in QUESTIONS:
        names = re.findall(r"\bnetra_\w+", question)
        used = re.findall(r"by \((\w+)\)", question) + re.findall(r"[{,] ?(\w+)=", question)
        for name in names:
            assert set(used) <= labels[name], question


def test_panels_have_titles_places_and_a_data_source_of_choice() -> None:
    """No id is used twice, and no address or name of somebody's Prometheus is in the file."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
    assert "://" not in FILE.read_text(encoding="utf-8")
