"""When something is exported to a collector, and what is said when it cannot be."""

from io import StringIO

import pytest

from netra_backend.exporting import Wanted, wanted
from netra_backend.tests.unit.observability.conftest import logged

__all__ = ["logged"]

HERE = "http://127.0.0.1:4318"
BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        (BASE, Wanted(figures=True, spans=True, every_s=60)),
        ({**BASE, "OTEL_SDK_DISABLED": "true"}, None),
        ({**BASE, "OTEL_METRIC_EXPORT_INTERVAL": "5000"}, Wanted(figures=True, spans=True, every_s=5)),
        ({**BASE, "OTEL_METRIC_EXPORT_INTERVAL": "often"}, Wanted(figures=True, spans=True, every_s=60)),
        ({**BASE, "OTEL_METRIC_EXPORT_INTERVAL": "0"}, Wanted(figures=True, spans=True, every_s=60)),
        ({**BASE, "OTEL_TRACES_EXPORTER": "none"}, Wanted(figures=True, spans=False, every_s=60)),
        ({**BASE, "OTEL_METRICS_EXPORTER": "none"}, Wanted(figures=False, spans=True, every_s=60)),
        ({**BASE, "OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": HERE}, Wanted(figures=True, spans=False, every_s=60)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": HERE}, Wanted(figures=False, spans=True, every_s=60)),
        (
            {**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            Wanted(figures=True, spans=True, every_s=60),
        ),
    ],
    ids=str,
)
def test_the_standard_variables_decide(environ: dict[str, str], expected: Wanted | None) -> None:
    """Each signal for itself; without an address nothing."""
    assert wanted(environ) == expected


def test_another_protocol_is_refused_in_a_sentence(logged: StringIO) -> None:
    """Figures in a language that the collector does not expect would be lost without a word."""
    assert wanted({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) is None
    assert "set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf" in logged.getvalue()
