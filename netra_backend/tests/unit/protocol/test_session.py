import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_backend.domain.errors import Unauthenticated
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.protocol.errors import CloseCode
from netra_backend.protocol.messages import Authenticate, Ping, UserMessage
from netra_backend.protocol.session import EXPIRY_NOTICE_S, Limits, Phase, Refusal, Session

ADA = Owner(TenantId("acme"), UserId("ada"))
PING = '{"type":"ping","id":"p"}'


def opened(**limits: Any) -> Session:
    """A session after authentication."""
    session = Session(Limits(**limits))
    session.authenticated(ADA)
    return session


def refused(session: Session, frame: str | bytes, *, now: float = 0.0) -> Refusal:
    """The refusal of a frame."""
    outcome = session.receive(frame, now=now)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def test_before_authentication_only_authenticate_is_taken() -> None:
    """Anything else is answered and sent away."""
    session = Session(Limits())
    assert (session.phase, session.owner) == (Phase.AWAITING, None)
    refusal = refused(session, PING)
    assert (refusal.error.code, refusal.reply_to, refusal.close) == ("unauthenticated", "p", CloseCode.TOKEN)
    assert refused(session, '{"type":"ping"}').reply_to is None
    message = session.receive('{"type":"authenticate","payload":{"token":"t"}}', now=0)
    assert isinstance(message, Authenticate)
    session.authenticated(ADA)
    assert (session.phase, session.owner) == (Phase.OPEN, ADA)
    assert isinstance(session.receive(PING, now=0), Ping)


def test_limits_are_the_documented_ones() -> None:
    """What a client may do when the operator says nothing; and when it is told that its token ends."""
    assert Limits() == Limits(frame_bytes=65536, frames_per_second=50.0, burst=200, bad_frames=20)
    assert EXPIRY_NOTICE_S == 60.0


def test_a_renewal_is_for_the_same_owner() -> None:
    """Of user and tenant."""
    session = opened()
    session.authenticated(ADA)
    for stranger in (Owner(ADA.tenant_id, UserId("bob")), Owner(TenantId("globex"), ADA.user_id)):
        with pytest.raises(Unauthenticated):
            session.authenticated(stranger)
    assert session.owner == ADA


@pytest.mark.parametrize(
    ("frame", "code", "path", "reply_to"),
    [
        (b"{}", "bad_message", "$", None),
        ("", "bad_message", "$", None),
        ("nonsense", "bad_message", "$", None),
        ('{"type":"ping"', "bad_message", "$", None),
        ('{"type":"ping"} x', "bad_message", "$", None),
        ("[]", "bad_message", "$", None),
        ("null", "bad_message", "$", None),
        ('{"id":"i"}', "bad_message", "$", "i"),
        ('{"type":"other","id":"i"}', "unknown_type", "$.type", "i"),
        ('{"type":7,"id":"i"}', "bad_message", "$.type", "i"),
        ('{"type":"ping","id":"i","id":"j"}', "bad_message", "$", "j"),
        ('{"type":"ping","type":"ping","id":"i"}', "bad_message", "$", "i"),
        ('{"type":"ping","id":"i","extra":1}', "bad_message", "$", "i"),
        ('{"type":"ping","id":""}', "bad_message", "$.id", None),
        ('{"type":"ping","id":"a\\u0000b"}', "bad_message", "$.id", None),
        ('{"type":"ping","id":"a\\n"}', "bad_message", "$.id", None),
        ('{"type":"ping","id":7}', "bad_message", "$.id", None),
        ('{"type":"ping","id":"' + "x" * 65 + '"}', "bad_message", "$.id", None),
        ('{"type":"follow","id":"i","thread_id":"no uuid"}', "bad_message", "$.thread_id", "i"),
        (
            '{"type":"start_agent","id":"i","payload":{"query":"q","input":{"n":NaN}}}',
            "bad_message",
            "$",
            None,
        ),
        (
            '{"type":"start_agent","id":"i","payload":{"query":"q","input":{"a":1,"a":2}}}',
            "bad_message",
            "$",
            "i",
        ),
        ('{"type":"user_message","id":"i","payload":{"text":"\\ud800"}}', "bad_message", "$", None),
    ],
)
def test_a_bad_frame_is_refused_with_its_place(
    frame: str | bytes, code: str, path: str, reply_to: str | None
) -> None:
    """And with its own id where that can be read."""
    refusal = refused(opened(), frame)
    assert (refusal.error.code, refusal.error.path, refusal.close) == (code, path, None)
    assert refusal.reply_to == reply_to


@pytest.mark.parametrize("digits", [30, 400, 5000, 50_000])
def test_huge_numbers_never_break_the_session(digits: int) -> None:
    """Attack 41: Python itself refuses to read more than 4,300 digits."""
    for frame in (
        '{"type":"start_agent","id":"i","payload":{"query":"q","input":{"n":%s}}}',
        '{"type":"resume","id":"i","payload":{"epoch":"e","after":%s}}',
    ):
        outcome = opened().receive(frame % ("9" * digits), now=0)
        assert not isinstance(outcome, Refusal) or outcome.error.code == "bad_message"


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_before_it_is_decoded(opening: str) -> None:
    """Attack 41; brackets inside strings do not count."""
    for count in (33, 8_000):
        refusal = refused(opened(), '{"type":"ping","id":"i","payload":' + opening * count)
        assert (refusal.error.code, refusal.error.path) == ("bad_message", "$")
        assert (str(refusal.error), refusal.reply_to) == ("The frame is nested too deeply.", None)
    text = json.dumps({"type": "user_message", "id": "i", "payload": {"text": '["{' * 500}})
    assert isinstance(opened().receive(text, now=0), UserMessage)


def test_the_size_is_of_the_bytes() -> None:
    """Exactly at the limit is taken, in any script."""
    for letter in ("x", "é", "🦊"):
        frame = '{"type":"user_message","id":"i","payload":{"text":"%s"}}'
        room = (1024 - len(frame) + 2) // len(letter.encode())
        assert isinstance(opened(frame_bytes=1024).receive(frame % (letter * room), now=0), UserMessage)
        refusal = refused(opened(frame_bytes=1024), frame % (letter * (room + 1)))
        assert (refusal.error.code, refusal.error.path, refusal.reply_to) == ("too_large", "$", None)


def test_repeated_bad_frames_end_the_connection() -> None:
    """Each good one makes up for one."""
    session = opened(bad_frames=3)
    outcomes = [session.receive(frame, now=0) for frame in ("x", "x", PING, "x", "x")]
    closes = [outcome.close for outcome in outcomes if isinstance(outcome, Refusal)]
    assert closes == [None, None, None, CloseCode.VIOLATION]


def test_good_frames_earn_nothing_beforehand_and_cost_nothing() -> None:
    """Before the first bad frame there is nothing to make up for; after many good ones all is forgiven."""
    session = opened(bad_frames=2)
    for _ in range(5):
        session.receive(PING, now=0)
    assert [refused(session, "x").close for _ in range(2)] == [None, CloseCode.VIOLATION]


def test_a_flood_is_told_when_to_come_back_and_then_ended() -> None:
    """After that wait the next frame is taken."""
    session = opened(frames_per_second=10, burst=2, bad_frames=3)
    taken = [session.receive(PING, now=5.0) for _ in range(3)]
    assert all(isinstance(outcome, Ping) for outcome in taken)
    refusal = refused(session, PING, now=5.0)
    assert (refusal.error.code, refusal.error.retry_after_ms, refusal.close) == ("rate_limited", 200, None)
    assert isinstance(session.receive(PING, now=5.2), Ping)
    outcomes = [session.receive(PING, now=5.2) for _ in range(6)]
    assert CloseCode.RATE in [outcome.close for outcome in outcomes if isinstance(outcome, Refusal)]


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60))
def test_the_rate_is_kept_over_any_time(gaps: list[float]) -> None:
    """Never more than the burst and what the time allows; a slow client is never refused."""
    session, now, taken = opened(frames_per_second=10, burst=5, bad_frames=10**6), 0.0, 0
    for gap in gaps:
        now += gap
        taken += isinstance(session.receive(PING, now=now), Ping)
        assert taken <= 10 * now + 5 + 1.001
    slow = opened(frames_per_second=10, burst=1)
    assert all(isinstance(slow.receive(PING, now=n * 0.1001), Ping) for n in range(50))


@given(st.text() | st.binary())
def test_no_frame_whatever_breaks_the_session(frame: str | bytes) -> None:
    """It is a message or a refusal, and nothing is raised."""
    assert isinstance(opened().receive(frame, now=0), Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["ping", "user_message", "resume", "follow", "typing"]), JSON, JSON)
def test_no_json_whatever_breaks_the_session(kind: str, payload: Any, identity: Any) -> None:
    """Neither as payload nor as id."""
    opened().receive(json.dumps({"type": kind, "id": identity, "payload": payload}), now=0)


def test_what_the_users_other_connections_sent_is_refused_here_too() -> None:
    """With the time to wait; repeated, it closes like this connection's own flood."""
    session = opened(bad_frames=2)
    first = session.receive(PING, now=0, wait_s=1.2345)
    second = session.receive(PING, now=0, wait_s=0.001)
    assert isinstance(first, Refusal)
    assert isinstance(second, Refusal)
    assert (first.error.code, first.error.retry_after_ms, first.reply_to, first.close) == (
        "rate_limited",
        1235,
        "p",
        None,
    )
    assert second.close is CloseCode.RATE
    assert isinstance(session.receive(PING, now=0, wait_s=-5.0), Ping)
