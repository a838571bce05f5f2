from datetime import timedelta
from statistics import median
from time import process_time

import asyncpg
import pytest

from netra_backend.auth.users import Users
from netra_backend.domain.errors import BadMessage, Conflict, NotFound, Unauthenticated
from netra_backend.domain.ids import Owner, TenantId, UserId
from netra_backend.store.database import Database

HOUR = timedelta(hours=1)


async def test_an_added_user_is_found_and_may_log_in(users: Users) -> None:
    """Addresses do not depend on case or blanks around them."""
    added = await users.add(" Ada@Example.org ", tenant="acme", password="correct horse", roles=["operator"])
    assert (added.email, added.owner.tenant_id, added.roles) == (
        "ada@example.org",
        "acme",
        frozenset(["operator"]),
    )
    assert await users.find("ADA@example.org") == added
    assert await users.authenticate("ada@EXAMPLE.org", "correct horse") == added
    assert await users.get(added.owner) == added


async def test_an_address_is_taken_once_whichever_tenant(users: Users) -> None:
    """Plainly refused; the first one keeps its password."""
    await users.add("ada@example.org", tenant="acme", password="correct horse")
    for tenant in ("acme", "other"):
        with pytest.raises(Conflict, match=r"ada@example\.org already"):
            await users.add("Ada@example.org", tenant=tenant, password="another one")
    assert (await users.authenticate("ada@example.org", "correct horse")).owner.tenant_id == "acme"


@pytest.mark.parametrize(
    "email", ["", "ada", "@b.c", "a@", "a b@c.d", "a\u0000@b.c", "a@b\n.c", f"{'a' * 251}@b.c"]
)
async def test_a_wrong_address_is_refused(users: Users, email: str) -> None:
    """Also those that the database could not hold; nobody can log in with one."""
    with pytest.raises(BadMessage, match="e-mail"):
        await users.add(email, tenant="acme", password="correct horse")
    with pytest.raises(Unauthenticated):
        await users.authenticate(email, "correct horse")


@pytest.mark.parametrize("tenant", ["", "a\u001fb", "x" * 256, "a\nb"])
async def test_attack_37_a_tenant_cannot_hold_the_separator(users: Users, tenant: str) -> None:
    """U+001F separates tenants in the transaction's setting: `a<US>b` would see a's and b's rows."""
    with pytest.raises(BadMessage, match="printable"):
        await users.add("ada@example.org", tenant=tenant, password="correct horse")


async def test_every_wrong_login_gets_the_same_answer(users: Users) -> None:
    """Wrong password, unknown and disabled user cannot be told apart."""
    await users.add("ada@example.org", tenant="acme", password="correct horse")
    await users.add("bob@example.org", tenant="acme", password="correct horse")
    await users.disable("bob@example.org")
    sentences = set()
    for email, password in (
        ("ada@example.org", "wrong"),
        ("eve@example.org", "correct horse"),
        ("bob@example.org", "correct horse"),
        ("nonsense", "correct horse"),
    ):
        with pytest.raises(Unauthenticated) as refused:
            await users.authenticate(email, password)
        sentences.add(str(refused.value))
    assert sentences == {"The e-mail address or the password is not right."}


async def test_an_unknown_user_costs_as_much_time_as_a_known_one(users: Users) -> None:
    """By processor time, median of five; without the work for unknown users the ratio is above five."""
    await users.add("ada@example.org", tenant="acme", password="correct horse")

    async def cost(email: str) -> float:
        times = []
        for _ in range(5):
            start = process_time()
            with pytest.raises(Unauthenticated):
                await users.authenticate(email, "wrong")
            times.append(process_time() - start)
        return median(times)

    assert await cost("ada@example.org") / await cost("eve@example.org") < 2.5


async def test_a_session_stands_until_it_is_revoked(users: Users) -> None:
    """Only for its own user; the other sessions of the user stay."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    first, second = await users.create_session(user, ttl=HOUR), await users.create_session(user, ttl=HOUR)
    everything = {first: user.owner, second: user.owner}
    live = await users.live_sessions(everything)
    assert live.keys() == everything.keys()
    assert timedelta(minutes=59) < live[first] <= HOUR
    assert {each.id: each.expires_at - each.created_at for each in await users.sessions(user.owner)} == {
        first: HOUR,
        second: HOUR,
    }
    await users.revoke_session(user.owner, first)
    assert (await users.live_sessions(everything)).keys() == {second}


async def test_a_session_of_somebody_else_neither_stands_nor_ends(users: Users) -> None:
    """Same tenant or another: the owner is part of the question."""
    ada = await users.add("ada@example.org", tenant="acme", password="correct horse")
    eve = await users.add("eve@example.org", tenant="acme", password="correct horse")
    session = await users.create_session(ada, ttl=HOUR)
    for stranger in (eve.owner, Owner(TenantId("other"), ada.owner.user_id), Owner(TenantId(""), UserId(""))):
        assert await users.live_sessions({session: stranger}) == {}
        await users.revoke_session(stranger, session)
    assert (await users.live_sessions({session: ada.owner})).keys() == {session}


async def test_an_expired_session_is_over_and_forgotten_at_the_next_login(
    users: Users, database_url: str
) -> None:
    """So that the table does not grow with every login for ever."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    old = await users.create_session(user, ttl=timedelta(seconds=-90_000))
    assert await users.live_sessions({old: user.owner}) == {}
    await users.create_session(user, ttl=HOUR)
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 1
    finally:
        await connection.close()


async def test_disabling_ends_logins_sessions_and_links(users: Users) -> None:
    """Everything at once; disabling twice is fine, an unknown user is said so."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    session = await users.create_session(user, ttl=HOUR)
    link = await users.create_login_link(user, ttl=HOUR)
    await users.disable("Ada@example.org")
    await users.disable("ada@example.org")
    assert await users.live_sessions({session: user.owner}) == {}
    with pytest.raises(Unauthenticated):
        await users.redeem_login_link(link)
    with pytest.raises(NotFound):
        await users.disable("nobody@example.org")


async def test_a_login_that_overtakes_the_disabling_gets_no_session(users: Users) -> None:
    """The password was checked before, the session is written after."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    await users.disable("ada@example.org")
    late = await users.create_session(user, ttl=HOUR)
    assert await users.live_sessions({late: user.owner}) == {}


async def test_a_login_link_works_once(users: Users, database_url: str) -> None:
    """Only its hash is stored, and it is no session."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    link = await users.create_login_link(user, ttl=HOUR)
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow("SELECT id::text, link_hash FROM sessions")
    finally:
        await connection.close()
    assert row is not None
    assert len(bytes.fromhex(link)) == 32
    assert row["link_hash"] != bytes.fromhex(link)
    assert await users.live_sessions({row["id"]: user.owner}) == {}
    assert await users.redeem_login_link(link) == user
    for wrong in (link, "nonsense", ""):
        with pytest.raises(Unauthenticated):
            await users.redeem_login_link(wrong)


async def test_an_expired_login_link_is_refused(users: Users) -> None:
    """By the database's time."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    with pytest.raises(Unauthenticated):
        await users.redeem_login_link(await users.create_login_link(user, ttl=timedelta(seconds=-1)))


async def test_attack_37_without_a_tenant_no_user_or_session_is_seen(
    users: Users, database: Database
) -> None:
    """Forced row security on the identity tables, also on a connection that had a tenant before."""
    user = await users.add("ada@example.org", tenant="acme", password="correct horse")
    await users.create_session(user, ttl=HOUR)
    for table in ("tenants", "users", "sessions"):
        async with database.transaction([user.owner.tenant_id]) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 1  # noqa: S608 - fixed names
        for tenants in ([], [TenantId("other")]):
            async with database.transaction(tenants) as connection:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - as above
