"""Switches the export to an OpenTelemetry collector on, where the standard variables name one.

Without them nothing of it is loaded. What cannot be exported is said in the log; serving goes on.
"""

import asyncio
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from netra_backend import __version__
from netra_backend.app import Core
from netra_backend.events.spans import RunSpans
from netra_backend.http.health import measure_queue

if TYPE_CHECKING:
    from netra_backend.observability.otlp import FigureExport

log = structlog.get_logger(__name__)

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
SPOKEN: Final = "http/protobuf"
INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
USUAL_INTERVAL_MS: Final = 60_000
"""The standard's, as are all names here."""
MISSING: Final = (
    f"{ENDPOINT} is set, but what it needs is not installed: pip install 'netra[otel]', or unset it."
)
NOT_SPOKEN: Final = (
    f"Nothing is exported: set {PROTOCOL} to {SPOKEN}, the only one that is spoken, or unset it."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, and the seconds between two exports of figures."""

    figures: bool
    spans: bool
    every_s: float


def wanted(environ: Mapping[str, str]) -> Wanted | None:
    """What the standard variables ask for; None for nothing."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    found = Wanted(
        figures=_goes(environ, "METRICS"), spans=_goes(environ, "TRACES"), every_s=_interval_s(environ)
    )
    if not (found.figures or found.spans):
        return None
    if environ.get(PROTOCOL, SPOKEN) != SPOKEN:
        log.warning("telemetry_off", advice=NOT_SPOKEN)
        return None
    return found


def _goes(environ: Mapping[str, str], signal: str) -> bool:
    endpoint = environ.get(ENDPOINT) or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(endpoint) and environ.get(f"OTEL_{signal}_EXPORTER", "otlp") != "none"


def _interval_s(environ: Mapping[str, str]) -> float:
    """What is no number of milliseconds is as good as unset, as the standard has it."""
    text = environ.get(INTERVAL, "")
    return (int(text) if text.isdecimal() and int(text) > 0 else USUAL_INTERVAL_MS) / 1000


@asynccontextmanager
async def exporting(core: Core, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Export during the block, and once more at its end, so that a short life is seen too."""
    asked = wanted(environ)
    if asked is None:
        yield
        return
    try:
        from netra_backend.observability.otlp import FigureExport, RunSpanExport, resource_of
    except ImportError:
        log.warning("telemetry_off", advice=MISSING)
        yield
        return
    resource = resource_of(_identity(core))
    log.info("telemetry_on", figures=asked.figures, spans=asked.spans, every_s=asked.every_s)
    async with AsyncExitStack() as stack:
        if asked.spans:
            spans = RunSpanExport(resource=resource)
            stack.push_async_callback(spans.close)
            core.listeners.append(RunSpans(spans.ended))
        if asked.figures:
            figures = FigureExport(
                core.metrics.registry, resource=resource, now=lambda: core.clock.now().timestamp()
            )
            sending = asyncio.create_task(_keep_sending(core, figures, asked.every_s), name="telemetry")
            stack.push_async_callback(_end, core, figures, sending)
        yield


def _identity(core: Core) -> dict[str, str | int]:
    process = core.feed.origin.decode()
    return {
        "service.name": "netra",
        "service.version": __version__,
        "service.instance.id": process,
        "host.name": platform.node(),
    }


async def _keep_sending(core: Core, figures: "FigureExport", every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await send(core, figures)


async def _end(core: Core, figures: "FigureExport", sending: "asyncio.Task[None]") -> None:
    sending.cancel()
    await asyncio.wait([sending])
    await send(core, figures)
    await figures.close()


async def send(core: Core, figures: "FigureExport") -> None:
    """Send once. A failure is in the log, by the library; the next one sends the same sums, later."""
    try:
        await measure_queue(core.queue, core.metrics)
        await figures.send()
    except Exception:
        log.exception("telemetry_failed")  # the loop must live
