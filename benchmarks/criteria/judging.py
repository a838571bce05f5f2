"""Makes criteria of what a crowd and a chat came to. Pure: measures nothing."""

from collections.abc import Sequence

from benchmarks.criteria.counting import all_five, failures, leaks, whole_histories
from benchmarks.criteria.criterion import Criterion, share
from benchmarks.criteria.crowd import Crowd
from benchmarks.percentiles import Spread

LOGIN_S = 2.0
CHAT_S = 10.0
FAILED_PERCENT = 0.1
SOURCE = "make criteria, crowd"


def of_crowd(crowd: Crowd, *, wanted: int) -> list[Criterion]:
    """Login, events, failures, history, leakage, and every other promise that the checker knows.

    Args:
        crowd: what came of it.
        wanted: messages that were to be sent; what was not sent counts as failed.
    """
    missing = max(wanted - len(crowd.told), 0)
    failed = failures(crowd.told, crowd.facts) + missing
    five, runs = all_five(crowd.facts)
    whole, threads = whole_histories(crowd.told, crowd.pages)
    others = [each for each in crowd.verdict.violations if each.invariant != "I5"]
    rate = f"{len(crowd.told) / crowd.took_s:.0f} a second" if crowd.took_s else "none"
    evidence = [*(f"{each.invariant} {each.evidence}" for each in others[:1]), *crowd.trouble[:1]]
    return [
        _login(crowd.logins),
        Criterion(
            name="runs with a tool that have all five events in order",
            value=share(five, runs),
            unit="%",
            target=100,
            more_is_better=True,
            source=SOURCE,
            note=f"{five} of {runs} runs, as stored",
        ),
        Criterion(
            name="message processing failures under load",
            value=share(failed, wanted),
            unit="%",
            target=FAILED_PERCENT,
            below=True,
            source=SOURCE,
            note=f"{failed} of {wanted} messages, {rate}",
        ),
        Criterion(
            name="threads whose history is complete and in order",
            value=share(whole, threads),
            unit="%",
            target=100,
            more_is_better=True,
            source=SOURCE,
            note=f"{whole} of {threads} threads, read over HTTP at the other gateway",
        ),
        Criterion(
            name="leakage between concurrent users",
            value=float(leaks(crowd.verdict)) if crowd.verdict.frames else None,
            unit="",
            target=0,
            source=SOURCE,
            note=f"{crowd.verdict.frames} frames and everything stored looked through",
        ),
        Criterion(
            name="other promises broken meanwhile",
            value=float(len(others) + crowd.verdict.unfinished + len(crowd.trouble)),
            unit="",
            target=0,
            source=SOURCE,
            note="; ".join(evidence) or "lost, doubled, out of order, unfinished: none",
        ),
    ]


def of_chat(seconds: Sequence[float]) -> Criterion:
    """The slowest of a few is what the 99th percentile of them is."""
    spread = Spread.of(seconds)
    return Criterion(
        name="simple question to a real model, end to end, p99",
        value=spread.p99 / 1000,
        unit="s",
        target=CHAT_S,
        below=True,
        source="make criteria, chat",
        note=f"{spread.count} questions to SmolLM2-135M, p50 {spread.p50 / 1000:.1f} s",
    )


def _login(seconds: Sequence[float]) -> Criterion:
    spread = Spread.of(seconds)
    return Criterion(
        name="login answered, p99",
        value=spread.p99 / 1000,
        unit="s",
        target=LOGIN_S,
        below=True,
        source=SOURCE,
        note=f"{spread.count} people by password, 8 at once, p50 {spread.p50:.0f} ms",
    )
