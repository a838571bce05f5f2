"""The identity service on users in memory: what is asked when, what is remembered, what is slowed."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from netra_backend.auth import service
from netra_backend.auth.keys import SigningKeys
from netra_backend.auth.service import Auth, Guesses, Lifetimes
from netra_backend.auth.tokens import TokenIssuer, TokenVerifier
from netra_backend.auth.users import SessionRecord, User, Users
from netra_backend.domain.errors import Degraded, Forbidden, NotFound, RateLimited, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner, TenantId, UserId, uuid7
from netra_backend.store.database import Database
from netra_backend.testing.fake_clock import FakeClock

ADA, BOB = (Owner(TenantId("acme"), UserId(name)) for name in ("ada", "bob"))
HOUR = timedelta(hours=1)
RIGHT = "correct horse"


class Known(Users):
    """Ada, with a password and sessions in memory; `asked` holds which sessions were asked about."""

    def __init__(self) -> None:
        super().__init__(Database("postgresql://nowhere"), new_id=str)
        self.ada: User | None = User(
            owner=ADA, email="ada@b.c", roles=frozenset(["operator"]), disabled=False
        )
        self.live: dict[str, tuple[Owner, timedelta]] = {}
        self.asked: list[list[str]] = []
        self.out: list[Owner] = []
        self.away = False
        self._numbers = itertools.count(1)

    async def authenticate(self, email: str, password: str) -> User:
        """See `Users`."""
        if self.ada is None or password != RIGHT or email.strip() != self.ada.email:
            raise Unauthenticated
        return self.ada

    async def redeem_login_link(self, secret: str) -> User:
        """See `Users`."""
        return await self.authenticate("ada@b.c", secret)

    async def get(self, owner: Owner) -> User | None:
        """See `Users`."""
        return self.ada

    async def create_session(self, user: User, *, ttl: timedelta) -> str:
        """See `Users`."""
        session_id = uuid7(1, next(self._numbers))
        self.live[session_id] = user.owner, ttl
        return session_id

    async def revoke_session(self, owner: Owner, session_id: str) -> bool:
        """See `Users`."""
        return self.live.pop(session_id, None) is not None

    async def sessions(self, owner: Owner) -> Sequence[SessionRecord]:
        """See `Users`."""
        now = datetime(2026, 1, 1, tzinfo=UTC)
        return [SessionRecord(id=each, created_at=now, expires_at=now) for each in self.live]

    async def disabled(self, owners: Collection[Owner]) -> Collection[Owner]:
        """See `Users`."""
        return [owner for owner in owners if owner in self.out]

    async def live_sessions(self, sessions: Mapping[str, Owner]) -> Mapping[str, timedelta]:
        """See `Users`."""
        self.asked.append(list(sessions))
        if self.away:
            raise Degraded
        found = {each: self.live.get(each) for each in sessions}
        return {each: row[1] for each, row in found.items() if row and row[0] == sessions[each]}


class House:
    """The service with its users, and what it ended."""

    def __init__(self, keys: SigningKeys, clock: FakeClock, **options: Any) -> None:
        self.users = Known()
        self.cut: list[Owner] = []
        self.stopped: list[Owner] = []
        names: dict[str, Any] = {"issuer": "netra", "audience": "netra", "clock": clock}
        self.auth = Auth(
            self.users,
            keys=keys,
            issuer=TokenIssuer(keys, **names),
            verifier=TokenVerifier(keys, **names),
            clock=clock,
            lifetimes=options.pop("lifetimes", Lifetimes(token=HOUR, session=24 * HOUR)),
            cut_off=self._cut_off,
            stop_runs=self._stop_runs,
            **options,
        )

    async def _cut_off(self, owner: Owner) -> None:
        self.cut.append(owner)

    async def _stop_runs(self, owner: Owner) -> None:
        self.stopped.append(owner)

    async def login(
        self, password: str = RIGHT, *, email: str = "ada@b.c", address: str = "here"
    ) -> Principal:
        """Log in."""
        return (await self.auth.login(email, password, address=address)).principal

    async def guess(self, count: int, **where: str) -> None:
        """Wrong passwords, all let through."""
        for _ in range(count):
            with pytest.raises(Unauthenticated):
                await self.login("guess", **where)

    async def waits(self, **where: str) -> int | None:
        """The milliseconds after which even the right password would be looked at."""
        with pytest.raises(RateLimited) as refused:
            await self.login(**where)
        return refused.value.retry_after_ms


@pytest.fixture
def house(keys: SigningKeys, clock: FakeClock) -> House:
    """The service with its own numbers."""
    return House(keys, clock)


async def test_ten_wrong_passwords_of_one_account_from_one_address(house: House, clock: FakeClock) -> None:
    """Then one each ten seconds, however the address of mail is written."""
    await house.guess(10)
    assert await house.waits(email=" ADA@b.c ") == 10_001
    await house.login(address="elsewhere")
    clock.forward(10.001)
    await house.guess(1)
    assert await house.waits() == 10_000


async def test_a_hundred_wrong_passwords_of_one_account_from_everywhere(house: House) -> None:
    """Then one each ten seconds."""
    for number in range(100):
        await house.guess(1, address=f"a{number}")
    assert await house.waits(address="another") == 10_001


async def test_five_hundred_wrong_passwords_from_one_address(house: House, clock: FakeClock) -> None:
    """Then one a second, login links included."""
    for number in range(500):
        await house.guess(1, email=f"u{number}@b.c")
    assert await house.waits() == 1_001
    with pytest.raises(RateLimited):
        await house.auth.login_by_link(RIGHT, address="here")
    await house.auth.login_by_link(RIGHT, address="elsewhere")
    clock.forward(1.001)
    await house.login()


async def test_links_that_are_wrong_count_for_the_address(keys: SigningKeys, clock: FakeClock) -> None:
    """Those that are right do not."""
    house = House(keys, clock, guesses=Guesses(address=2))
    for _ in range(3):
        assert (await house.auth.login_by_link(RIGHT, address="here")).principal.owner == ADA
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await house.auth.login_by_link("wrong", address="here")
    with pytest.raises(RateLimited):
        await house.auth.login_by_link(RIGHT, address="here")


async def test_what_is_behind_the_longest_address_of_mail_makes_no_new_account(house: House) -> None:
    """Names without end would fill the memory, and be counted one by one."""
    for number in range(10):
        await house.guess(1, email="x" * 254 + str(number))
    assert await house.waits(email="x" * 254) == 10_001
    await house.guess(1, email="x" * 253)


@pytest.mark.parametrize(("token", "session", "expected"), [(HOUR, 24 * HOUR, 3600), (HOUR, HOUR / 2, 1800)])
async def test_a_token_lives_no_longer_than_its_session(
    keys: SigningKeys, clock: FakeClock, token: timedelta, session: timedelta, expected: int
) -> None:
    """When it is issued, and when it is renewed near the session's end."""
    house = House(keys, clock, lifetimes=Lifetimes(token=token, session=session))
    issued = await house.auth.login("ada@b.c", RIGHT, address="here")
    (row,) = house.users.live.values()
    assert (issued.expires_in, row) == (expected, (ADA, session))
    assert issued.principal.roles == {"operator"}
    renewed = await house.auth.renew(issued.principal)
    assert (renewed.expires_in, renewed.principal) == (expected, issued.principal)
    house.users.live[str(issued.principal.session_id)] = ADA, timedelta(seconds=7)
    assert (await house.auth.renew(issued.principal)).expires_in == 7


async def test_nobody_who_is_out_gets_a_token(house: House) -> None:
    """Each refusal says why."""
    principal = await house.login()
    user = house.users.ada
    assert user is not None
    shut = User(owner=ADA, email=user.email, roles=user.roles, disabled=True)
    with pytest.raises(Forbidden, match=r"^This user is disabled\.$"):
        await house.auth.issue(shut)
    house.users.ada = None
    with pytest.raises(Unauthenticated, match=r"^The session has ended; log in again\.$"):
        await house.auth.renew(principal)
    house.users.ada = user
    house.users.live.clear()
    with pytest.raises(Unauthenticated, match=r"^The session has ended; log in again\.$"):
        await house.auth.renew(principal)
    foreign = Principal(
        owner=ADA, roles=frozenset(), expires_at=principal.expires_at, session_id=None, issuer="else"
    )
    with pytest.raises(Forbidden, match=r"^Tokens of another issuer are renewed there\.$"):
        await house.auth.renew(foreign)
    asked = len(house.users.asked)
    assert await house.auth.ended([foreign]) == set()
    assert len(house.users.asked) == asked


async def test_an_answer_about_a_session_is_reused_for_a_second(house: House, clock: FakeClock) -> None:
    """Not longer: a revocation must reach a socket within five, with the sweep's three."""
    issued = await house.auth.login("ada@b.c", RIGHT, address="here")
    assert await house.auth.verify(issued.access_token) == issued.principal
    house.users.live.clear()
    clock.forward(0.999)
    assert await house.auth.current(issued.principal)
    assert len(house.users.asked) == 1
    clock.forward(0.001)
    assert not await house.auth.current(issued.principal)
    with pytest.raises(Unauthenticated, match=r"^The session has ended; log in again\.$"):
        await house.auth.verify(issued.access_token)
    assert len(house.users.asked) == 2


async def test_many_sessions_are_one_question_and_only_unknown_ones_are_asked(
    house: House, clock: FakeClock
) -> None:
    """The ended ones are named; an id that stands for somebody else stands for nobody who says it."""
    first, second, third = [await house.login() for _ in range(3)]
    del house.users.live[str(second.session_id)]
    stolen = Principal(
        owner=BOB, roles=frozenset(), expires_at=third.expires_at, session_id=third.session_id, issuer="netra"
    )
    assert await house.auth.ended([first, first]) == set()
    assert await house.auth.ended([first, second, stolen]) == {second.session_id, third.session_id}
    assert [sorted(each) for each in house.users.asked] == [
        [first.session_id],
        sorted([str(second.session_id), str(third.session_id)]),
    ]
    assert await house.auth.ended([second]) == {second.session_id}
    assert len(house.users.asked) == 2
    assert await house.auth.ended([third]) == set()


async def test_what_is_remembered_of_sessions_is_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was asked about longest ago is forgotten."""
    monkeypatch.setattr(service, "REMEMBERED", 2)
    first, second, third = [await house.login() for _ in range(3)]
    for principal in (first, second, third, second, third, first):
        assert await house.auth.ended([principal]) == set()
    assert [each[0] for each in house.users.asked] == [
        first.session_id,
        second.session_id,
        third.session_id,
        first.session_id,
    ]


async def test_who_was_asked_about_again_is_not_the_oldest(
    house: House, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session of a busy user is not forgotten for having been known for long."""
    monkeypatch.setattr(service, "REMEMBERED", 2)
    first, second, third = [await house.login() for _ in range(3)]
    for principal in (first, second):
        await house.auth.ended([principal])
    clock.forward(service.FRESH_S)
    for principal in (first, third, first):
        await house.auth.ended([principal])
    asked = [each[0] for each in house.users.asked]
    assert asked == [first.session_id, second.session_id, first.session_id, third.session_id]


async def test_a_socket_stays_while_nobody_can_be_asked_but_not_beyond_its_token(
    house: House, clock: FakeClock
) -> None:
    """To the second."""
    principal = await house.login()
    house.users.away = True
    clock.forward(3599.9)
    assert await house.auth.current(principal)
    with pytest.raises(Degraded):
        await house.auth.ended([principal])
    clock.forward(0.1)
    assert not await house.auth.current(principal)


async def test_a_sweep_stops_the_runs_of_those_who_are_shut_out(house: House) -> None:
    """Only of those whose session has ended."""
    gone, stays = await house.login(), await house.login()
    house.users.out = [ADA]
    assert await house.auth.sweep([stays]) == set()
    before = list(house.stopped)
    del house.users.live[str(gone.session_id)]
    assert await house.auth.sweep([gone, stays]) == {gone.session_id}
    assert (before, house.stopped) == ([], [ADA])


async def test_a_session_that_is_ended_is_over_at_once_in_this_process(house: House) -> None:
    """Though an answer about it was fresh; its sockets are the sweep's, and runs go on."""
    one, two = await house.login(), await house.login()
    assert {each.id for each in await house.auth.sessions(one)} == {one.session_id, two.session_id}
    assert await house.auth.ended([one, two]) == set()
    await house.auth.end_session(one, str(two.session_id))
    assert await house.auth.ended([one, two]) == {two.session_id}
    assert (len(house.users.asked), house.cut) == (1, [])
    with pytest.raises(NotFound, match=r"^There is no such session\.$"):
        await house.auth.end_session(one, str(two.session_id))


async def test_a_logout_is_over_at_once_and_cuts_off(house: House) -> None:
    """Also for the token of another issuer, which has no session here."""
    principal = await house.login()
    assert await house.auth.current(principal)
    await house.auth.logout(principal)
    assert not await house.auth.current(principal)
    assert (house.users.live, house.cut) == ({}, [ADA])
    foreign = Principal(
        owner=BOB, roles=frozenset(), expires_at=principal.expires_at, session_id=None, issuer="else"
    )
    await house.auth.logout(foreign)
    assert house.cut == [ADA, BOB]


async def test_closing_ends_the_connections_to_other_issuers(keys: SigningKeys, clock: FakeClock) -> None:
    """Where there are any."""
    client = httpx.AsyncClient()
    await House(keys, clock, client=client).auth.close()
    assert client.is_closed
    await House(keys, clock).auth.close()
