"""What an OpenTelemetry collector is sent, read by a real receiver of OTLP over HTTP, against Prometheus' own text."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from itertools import accumulate
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from netra_backend.embedded.wiring import Addresses
from netra_backend.exporting import exporting
from netra_backend.settings import Settings
from netra_backend.testing.client import connected
from netra_backend.testing.server import running
from netra_backend.tests.integration.gateway.people import person
from netra_backend.tests.unit.observability.conftest import logged

__all__ = ["logged"]

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Name and labels of a sample, and its value."""


@dataclass
class Collector:
    """What came, by path; `url` is what OTEL_EXPORTER_OTLP_ENDPOINT takes."""

    url: str = ""
    came: dict[str, list[bytes]] = field(default_factory=dict)
    some: threading.Event = field(default_factory=threading.Event)

    def figures(self) -> Any:
        """The last figures that came."""
        return ExportMetricsServiceRequest.FromString(self.came["/v1/metrics"][-1]).resource_metrics[0]

    def spans(self) -> list[Any]:
        """All spans that came."""
        requests = map(ExportTraceServiceRequest.FromString, self.came["/v1/traces"])
        return [
            span
            for request in requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A small real one, which the standard variable names; figures go on request only."""
    found = Collector()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.came.setdefault(self.path, []).append(body)
            found.some.set()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found
        server.shutdown()
        thread.join()


def of_prometheus(text: str) -> Numbers:
    """Every number in Prometheus' text."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_collector(figures: Any) -> Numbers:
    """The same of what a collector got, under the names that it gives to Prometheus."""
    numbers: Numbers = {}
    for metric in figures.scope_metrics[0].metrics:
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            labels = tuple(sorted((each.key, each.value.string_value) for each in point.attributes))
            if kind == "histogram":
                bounds = [*(repr(bound) for bound in point.explicit_bounds), "+Inf"]
                sums = accumulate(point.bucket_counts)
                for bound, count in zip(bounds, sums, strict=True):
                    numbers[f"{metric.name}_bucket", tuple(sorted((*labels, ("le", bound))))] = count
                numbers[f"{metric.name}_sum", labels] = point.sum
                numbers[f"{metric.name}_count", labels] = point.count
            else:
                numbers[metric.name + ("_total" if kind == "sum" else ""), labels] = point.as_double
    return numbers


async def test_a_collector_and_prometheus_get_equal_numbers(
    settings: Settings, addresses: Addresses, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every family, every label, every bucket, after runs that ended well and badly; and a span for each run."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    hasty = settings.model_copy(update={"drain_s": 0})
    async with running(hasty, addresses) as server:
        ada, chief = await person(server.parts), await person(server.parts, roles=["operator"])
        async with (
            exporting(server.parts, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}),
            connected(server.url, ada.token) as client,
        ):
            runs = []
            for agent in ("echo", "failing", "echo"):
                runs.append((await client.say("canary-4713", agent=agent))["run_id"])
                await client.finished(runs[-1])
            await client.ask("stop_agent", {"run_id": "00000000-0000-7000-8000-00000000dead"})
            await client.say("x", agent="waiting")
            await client.until(lambda frame: frame["type"] == "tool_executing")
            asked = await chief.get(server.url, "/metrics")
        sent, shown = of_collector(collector.figures()), of_prometheus(asked.text)
        assert sent.keys() == shown.keys()
        moving = {"netra_connections", "netra_frames_out_total"}  # the socket was closed between the two
        assert {key for key in shown if sent[key] != shown[key]} <= {(name, ()) for name in moving}
        assert sent["netra_events_total", (("type", "agent_completed"),)] == 3
        assert sent["netra_accept_latency_seconds_count", ()] == 4
        assert sent["netra_queue_depth", (("status", "running"),)] == 1
        identity = {each.key: each.value.string_value for each in collector.figures().resource.attributes}
    assert identity["service.name"] == "netra"
    assert identity["service.instance.id"] == server.parts.feed.origin.decode()
    assert identity["deployment.environment.name"] == "staging"
    spans = collector.spans()
    assert [UUID(bytes=span.trace_id).urn.removeprefix("urn:uuid:") for span in spans] == runs
    assert [span.status.message for span in spans] == ["", "test_failure", ""]
    assert all(0 <= span.end_time_unix_nano - span.start_time_unix_nano < 20e9 for span in spans)
    assert b"canary-4713" not in b"".join(body for bodies in collector.came.values() for body in bodies)


async def test_figures_go_out_again_and_again(
    settings: Settings, addresses: Addresses, collector: Collector
) -> None:
    """Every interval, without being asked to."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRIC_EXPORT_INTERVAL": "20"}
    async with running(settings, addresses, worker=False) as server, exporting(server.parts, environ):
        for _ in range(2):
            assert await asyncio.to_thread(collector.some.wait, 20)
            collector.some.clear()


async def test_a_collector_that_is_away_stops_nothing(
    settings: Settings, addresses: Addresses, monkeypatch: pytest.MonkeyPatch, logged: StringIO
) -> None:
    """Runs go on, the end comes soon, and the log says that nothing arrived."""
    away = "http://127.0.0.1:9"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", away)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with running(settings, addresses) as server:
        ada = await person(server.parts)
        async with asyncio.timeout(20), exporting(server.parts, {"OTEL_EXPORTER_OTLP_ENDPOINT": away}):
            async with connected(server.url, ada.token) as client:
                frames = await client.finished((await client.say("x"))["run_id"])
            assert frames[-1]["payload"]["status"] == "completed"
    loggers = {json.loads(line).get("logger", "") for line in logged.getvalue().splitlines()}
    assert any(name.startswith("opentelemetry.exporter") for name in loggers)
