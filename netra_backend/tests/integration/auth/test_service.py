import asyncio
from datetime import timedelta

import asyncpg
import pytest

from netra_backend.auth.service import FRESH_S, Auth, Guesses
from netra_backend.auth.users import User
from netra_backend.domain.errors import Forbidden, RateLimited, Unauthenticated
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.tests.integration.auth.conftest import CutOffs

HERE = "127.0.0.1"
GUESSES = Guesses().account_from_address


async def ada(auth: Auth) -> User:
    """A user with a password."""
    return await auth.users.add(
        "ada@example.org", tenant="acme", password="correct horse", roles=["operator"]
    )


async def test_a_login_gives_a_token_that_is_accepted(auth: Auth) -> None:
    """With the user's names and roles, for the time of the settings."""
    user = await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    assert issued.expires_in == 3600
    assert await auth.verify(issued.access_token) == issued.principal
    assert (issued.principal.owner, issued.principal.roles) == (user.owner, user.roles)


async def test_a_login_link_gives_a_token_once(auth: Auth) -> None:
    """The second use is refused."""
    link = await auth.users.create_login_link(await ada(auth), ttl=timedelta(minutes=5))
    issued = await auth.login_by_link(link, address=HERE)
    assert await auth.current(issued.principal)
    with pytest.raises(Unauthenticated):
        await auth.login_by_link(link, address=HERE)


async def test_attack_33_logout_ends_token_sockets_and_runs(auth: Auth, cut_offs: CutOffs) -> None:
    """At once in this process: the token, though not expired, is worth nothing."""
    user = await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    await auth.logout(issued.principal)
    with pytest.raises(Unauthenticated):
        await auth.verify(issued.access_token)
    assert not await auth.current(issued.principal)
    assert cut_offs.revoked == [user.owner]
    assert cut_offs.stopped == [user.owner]


async def test_attack_33_another_process_notices_within_two_seconds(auth: Auth, clock: FakeClock) -> None:
    """Without any message: an answer about a session is reused for two seconds at most."""
    user = await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    assert await auth.current(issued.principal)
    await auth.users.revoke_session(user.owner, issued.principal.session_id or "")  # as another process does
    clock.forward(FRESH_S)
    assert not await auth.current(issued.principal)
    with pytest.raises(Unauthenticated):
        await auth.verify(issued.access_token)


async def test_attack_33_a_disabled_user_is_out(auth: Auth, clock: FakeClock, cut_offs: CutOffs) -> None:
    """Token, sockets and runs."""
    user = await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    await auth.disable("ada@example.org")
    clock.forward(FRESH_S)
    assert await auth.ended([issued.principal]) == {issued.principal.session_id}
    assert cut_offs.revoked == cut_offs.stopped == [user.owner]


async def test_no_token_is_issued_for_a_disabled_user(auth: Auth) -> None:
    """The command line says so instead of printing one that does not work."""
    await ada(auth)
    await auth.disable("ada@example.org")
    user = await auth.users.find("ada@example.org")
    assert user is not None
    with pytest.raises(Forbidden, match="disabled"):
        await auth.issue(user)


async def test_attack_32_an_expired_principal_is_not_current(auth: Auth, clock: FakeClock) -> None:
    """At the second of its expiry."""
    await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    clock.forward(3599)
    assert await auth.current(issued.principal)
    clock.forward(1)
    assert not await auth.current(issued.principal)


async def test_renewal_keeps_the_session_and_reads_roles_anew(auth: Auth, database_url: str) -> None:
    """So logout ends renewed tokens as well."""
    await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    await execute(database_url, "UPDATE users SET roles = '{}'")
    renewed = await auth.renew(issued.principal)
    assert renewed.principal.session_id == issued.principal.session_id
    assert renewed.principal.roles == frozenset()
    await auth.logout(renewed.principal)
    with pytest.raises(Unauthenticated):
        await auth.renew(renewed.principal)


async def test_a_token_never_outlives_its_session(auth: Auth, database_url: str) -> None:
    """Renewing near the end gives only what is left."""
    await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    await execute(database_url, "UPDATE sessions SET expires_at = now() + interval '100 seconds'")
    assert 90 <= (await auth.renew(issued.principal)).expires_in <= 100


async def test_guessing_is_slowed_for_that_address_only(auth: Auth, clock: FakeClock) -> None:
    """After the burst even the right password waits; elsewhere the user still gets in."""
    await ada(auth)
    guesses = [auth.login("ada@example.org", f"guess {n}", address=HERE) for n in range(GUESSES + 5)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(each, Unauthenticated) for each in outcomes) == GUESSES
    with pytest.raises(RateLimited) as refused:
        await auth.login(" ADA@example.org", "correct horse", address=HERE)
    assert refused.value.retry_after_ms
    await auth.login("ada@example.org", "correct horse", address="192.0.2.7")
    clock.forward(10.1)
    await auth.login("ada@example.org", "correct horse", address=HERE)


async def test_guessing_one_account_from_everywhere_is_slowed(auth: Auth, clock: FakeClock) -> None:
    """A thousand addresses guess no faster than a few; other accounts are not slowed."""
    await ada(auth)
    await auth.users.add("bob@example.org", tenant="acme", password="correct horse")
    for number in range(Guesses().account):
        with pytest.raises(Unauthenticated):
            await auth.login("ada@example.org", "guess", address=f"192.0.2.{number}")
    with pytest.raises(RateLimited):
        await auth.login("ada@example.org", "guess", address="198.51.100.1")
    await auth.login("bob@example.org", "correct horse", address="198.51.100.1")
    clock.forward(10.1)
    await auth.login("ada@example.org", "correct horse", address="198.51.100.1")


async def test_what_a_disabled_user_starts_late_is_stopped_by_the_sweep(
    auth: Auth, clock: FakeClock, cut_offs: CutOffs
) -> None:
    """On a socket that was not closed yet; who has only logged out keeps what other sessions started."""
    user = await ada(auth)
    issued = await auth.issue(user)
    await auth.users.revoke_session(user.owner, issued.principal.session_id or "")
    assert await auth.sweep([issued.principal]) == {issued.principal.session_id}
    before = list(cut_offs.stopped)
    await auth.users.disable("ada@example.org")  # as another process does, whose messages are lost
    clock.forward(FRESH_S)
    await auth.sweep([issued.principal])
    assert (before, cut_offs.stopped) == ([], [user.owner])


async def test_open_sockets_stay_while_the_database_is_away(auth: Auth, clock: FakeClock) -> None:
    """An outage must not log everybody out; what is already known still holds."""
    await ada(auth)
    issued = await auth.login("ada@example.org", "correct horse", address=HERE)
    await auth.users._database.close()
    clock.forward(FRESH_S)
    assert await auth.current(issued.principal)


async def test_many_sessions_are_checked_in_one_query(auth: Auth) -> None:
    """What a gateway asks every two seconds for all its sockets."""
    user = await ada(auth)
    issued = [await auth.issue(user) for _ in range(20)]
    await auth.users.revoke_session(user.owner, issued[3].principal.session_id or "")
    assert await auth.ended([each.principal for each in issued]) == {issued[3].principal.session_id}


async def execute(database_url: str, statement: str, *arguments: object) -> None:
    """As the owner of the database, past row security."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()
