"""How long things took during a campaign: numbers from recordings and from what was broken. Pure functions."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from netra_backend.chaos.breaking import Outage
from netra_backend.chaos.tape import Recording
from netra_backend.domain.ids import Owner

LAST_SIGN_S = 1.0
"""Seconds by which the last event of a run may precede the death of its worker; the default agent's do by
half of that."""
NOTICED_S = 5.0
"""Seconds within which the end of a gateway reaches a client on a good network."""
AFTERMATH_S = 5.0
"""Seconds after a heal in which pools and clients still come back."""


class _Event(msgspec.Struct):
    """What recovery is read from; `payload` stays encoded."""

    type: str
    seq: int | None = None
    run_id: str | None = None
    ts: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class _Payload(msgspec.Struct):
    attempt: int = 1
    status: str = ""


class Moment(NamedTuple):
    """An event of a run: when it was stamped, and when it was first shown to anybody (monotonic seconds)."""

    type: str
    wall: datetime
    shown: float
    attempt: int
    status: str


class Recovery(NamedTuple):
    """Seconds from a kill until what it interrupted went on.

    Attributes:
        alone: nothing else was broken meanwhile that could have delayed it.
        third_try: of a run that may have lost two workers: such a run waits for a worker that holds no other
            of its kind, on purpose (`claim_runs`).
    """

    seconds: float
    alone: bool
    third_try: bool = False


Runs = Mapping[tuple[Owner, str], Sequence[Moment]]
"""The events of each run in their order."""

_decode_event = msgspec.json.Decoder(_Event).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


def percentile(values: Collection[float], percent: float) -> float | None:
    """The value that so many percent do not exceed; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def moments(recordings: Iterable[Recording]) -> Runs:
    """The runs' events in all recordings, each once."""
    found: dict[tuple[Owner, int], tuple[str, Moment]] = {}
    for recording in recordings:
        for entry in recording.entries:
            if entry.sent or '"run_id"' not in entry.raw or '"seq"' not in entry.raw:
                continue
            event = _decode_event(entry.raw)
            if event.seq is None or event.run_id is None or event.ts is None:
                continue
            known = found.get((recording.owner, event.seq))
            if known is None or entry.at < known[1].shown:
                payload = _decode_payload(event.payload)
                wall = datetime.fromisoformat(event.ts)
                moment = Moment(event.type, wall, entry.at, payload.attempt, payload.status)
                found[recording.owner, event.seq] = event.run_id, moment
    runs: dict[tuple[Owner, str], list[Moment]] = {}
    for owner, seq in sorted(found):
        run_id, moment = found[owner, seq]
        runs.setdefault((owner, run_id), []).append(moment)
    return runs


def run_times(runs: Runs, accepted: Mapping[str, float]) -> list[float]:
    """Seconds from `accepted` (monotonic, by run) to the shown end of each run."""
    return [
        each.shown - accepted[run_id]
        for (_, run_id), events in runs.items()
        for each in events
        if each.type == "agent_completed" and run_id in accepted
    ]


def worker_recoveries(runs: Runs, outages: Sequence[Outage]) -> list[Recovery]:
    """From each `kill-worker` until a run of it began again or ended, by the clock of events.

    A run was interrupted by the first fault that came after its last sign of life.
    """
    suspects = [each for each in outages if _concerns(each, "worker", "postgres")]
    found = []
    for events in runs.values():
        for sign, again in _gaps(events):
            why = next((each for each in suspects if _seconds(sign.wall, each.wall) > -LAST_SIGN_S), None)
            if why is not None and why.step.kind == "kill-worker" and why.wall < again.wall:
                seconds = _seconds(why.wall, again.wall)
                third_try = again.type == "agent_started" and again.attempt > 2
                found.append(Recovery(seconds, _alone(why, seconds, suspects), third_try))
    return found


def gateway_recoveries(
    recordings: Iterable[Recording],
    outages: Sequence[Outage],
    ports: Mapping[int, int],
    frail: Collection[int],
) -> list[Recovery]:
    """From each `kill-gateway` until each of its clients had a whole stream again.

    Args:
        recordings: of all clients.
        outages: what was broken.
        ports: which gateway is behind each port that clients connect to.
        frail: those of the ports that a bad network may have cut off at the same time: not counted then.
    """
    storms = [each for each in outages if each.step.kind in ("clients-half-open", "clients-slow")]
    kills = [each for each in outages if each.step.kind == "kill-gateway"]
    suspects = [each for each in outages if _concerns(each, "gateway", "postgres", "clients")]
    found = []
    for kill in kills:
        stormy = any(each.began < kill.began + NOTICED_S and _until(each) > kill.began for each in storms)
        there = [port for port, gateway in ports.items() if gateway == kill.step.target]
        wanted = {port for port in there if not (stormy and port in frail)}
        for recording in recordings:
            back = _back(recording, kill.began, wanted)
            if back is not None:
                seconds = back - kill.began
                found.append(Recovery(seconds, _alone(kill, seconds, suspects)))
    return found


def _concerns(outage: Outage, *parts: str) -> bool:
    """Whether it was about one of these parts of the deployment."""
    return any(part in outage.step.kind.split("-") for part in parts)


def _alone(kill: Outage, seconds: float, outages: Sequence[Outage]) -> bool:
    """Whether no other of `outages` fell into the recovery."""
    return not any(
        each.began < kill.began + seconds and _until(each) + AFTERMATH_S > kill.began
        for each in outages
        if each is not kill
    )


def _gaps(events: Sequence[Moment]) -> Iterator[tuple[Moment, Moment]]:
    """The last sign of each attempt, and the beginning of the next one or the end that gave the run up."""
    sign: Moment | None = None
    attempt = 1
    for event in events:
        if sign is not None and event.type == "agent_started" and event.attempt > attempt:
            yield sign, event
        if event.type == "agent_started":
            attempt = event.attempt
        if event.type == "tool_completed" and event.status == "unknown":
            continue  # said by the successor about its predecessor
        if sign is not None and event.type == "agent_completed" and event.status == "failed":
            yield sign, event
        sign = event


def _back(recording: Recording, killed_at: float, ports: Collection[int]) -> float | None:
    """When the client of a gateway that was killed was back; None if it was none of its clients."""
    spans = recording.spans
    for place, span in enumerate(spans):
        began, ended = span.connected_at, span.ended_at
        if began is None or ended is None or not began < killed_at <= ended < killed_at + NOTICED_S:
            continue
        if _port(span.url) in ports:
            return next((each.back_at for each in spans[place + 1 :] if each.back_at is not None), None)
    return None


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def _until(outage: Outage) -> float:
    return outage.healed if outage.healed is not None else float("inf")


def _seconds(earlier: datetime, later: datetime) -> float:
    return (later - earlier).total_seconds()
