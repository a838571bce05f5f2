"""Users, their passwords and their sessions in the database. Times of sessions are the database's."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from netra_backend.auth.passwords import Passwords
from netra_backend.domain.errors import BadMessage, Conflict, NotFound, Unauthenticated
from netra_backend.domain.identity import valid_name
from netra_backend.domain.ids import IdSource, Owner, TenantId, UserId
from netra_backend.store.database import Database, Row, load_queries, tenants_setting
from netra_backend.store.group import CROWD_LINGER_S, GroupCommit

SQL = load_queries(Path(__file__).parent)

EMAIL_LENGTH = 254
"""The longest address that mail can carry (RFC 5321, section 4.5.3.1.3)."""

LINK_BYTES = 32
WRONG = "The e-mail address or the password is not right."
USED_LINK = "The login link was used before or has expired."


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the built-in issuer."""

    owner: Owner
    email: str
    roles: frozenset[str]
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A login that stands. Times are the database's."""

    id: str
    created_at: datetime
    expires_at: datetime


class Users:
    """Users and sessions. Everything but the two look-ups by secret names its tenant."""

    def __init__(
        self,
        database: Database,
        *,
        new_id: IdSource,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._checks: GroupCommit[tuple[str, Owner], timedelta | None] = GroupCommit(
            self._check, linger_s=CROWD_LINGER_S
        )
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._passwords = Passwords()

    async def add(self, email: str, *, tenant: str, password: str, roles: Collection[str] = ()) -> User:
        """Add a user; the tenant is made if it does not exist.

        Raises:
            BadMessage: address, tenant, role or password is not valid.
            Conflict: there is a user with this address already.
        """
        address = _checked_email(email)
        for name in (tenant, *roles):
            if not valid_name(name):
                raise BadMessage("Tenant and roles have 1 to 255 printable characters.")
        hashed = await self._passwords.hash(password)
        owner = Owner(TenantId(tenant), UserId(self._new_id()))
        async with self._database.transaction([owner.tenant_id]) as connection:
            await connection.execute(SQL["add_tenant"], tenant)
            if not await connection.fetchval(SQL["add_user"], *owner, address, hashed, sorted(set(roles))):
                raise Conflict(f"There is a user {address} already.")
        return User(owner=owner, email=address, roles=frozenset(roles), disabled=False)

    async def find(self, email: str) -> User | None:
        """The user with this address, disabled or not."""
        row = await self._look_up(email)
        return _user(row) if row is not None else None

    async def authenticate(self, email: str, password: str) -> User:
        """The user with this address and password.

        Raises:
            Unauthenticated: with the same sentence, after the same work, whatever is wrong.
        """
        row = await self._look_up(email)
        matches = await self._passwords.matches(password, row["password_hash"] if row else None)
        if row is None or not matches or row["disabled"]:
            raise Unauthenticated(WRONG)
        return _user(row)

    async def get(self, owner: Owner) -> User | None:
        """The user of a token of ours."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            row = await connection.fetchrow(SQL["user"], *owner)
        return _user(row) if row is not None else None

    async def disable(self, email: str) -> User:
        """Shut a user out: no login, no session.

        Raises:
            NotFound: there is no user with this address.
        """
        user = await self.find(email)
        if user is None:
            raise NotFound("There is no user with this e-mail address.")
        async with self._database.transaction([user.owner.tenant_id]) as connection:
            await connection.execute(SQL["disable_user"], *user.owner)
            await connection.execute(SQL["revoke_sessions"], *user.owner)
        return user

    async def create_session(self, user: User, *, ttl: timedelta) -> str:
        """A new session of `user`; its id goes into tokens."""
        session_id = self._new_id()
        async with self._database.transaction([user.owner.tenant_id]) as connection:
            await connection.execute(SQL["forget_sessions"], *user.owner)
            await connection.execute(SQL["add_session"], *user.owner, session_id, None, ttl.total_seconds())
        return session_id

    async def revoke_session(self, owner: Owner, session_id: str) -> bool:
        """End a session; False for one that has ended or is somebody else's, which is left as it is."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            return await connection.fetchval(SQL["revoke_session"], *owner, session_id) is not None

    async def sessions(self, owner: Owner) -> Sequence[SessionRecord]:
        """The user's logins that stand, newest first."""
        async with self._database.transaction([owner.tenant_id]) as connection:
            rows = await connection.fetch(SQL["sessions"], *owner)
        return [
            SessionRecord(id=row["id"], created_at=row["created_at"], expires_at=row["expires_at"])
            for row in rows
        ]

    async def disabled(self, owners: Collection[Owner]) -> Collection[Owner]:
        """Which of these users are shut out; in one query, or none if nobody is asked about."""
        if not owners:
            return []
        tenants = {owner.tenant_id for owner in owners}
        async with self._database.transaction(tenants) as connection:
            rows = await connection.fetch(SQL["disabled"], *map(list, zip(*owners, strict=True)))
        return [Owner(row["tenant_id"], row["id"]) for row in rows]

    async def live_sessions(self, sessions: Mapping[str, Owner]) -> Mapping[str, timedelta]:
        """Which of `sessions` (id to owner) still stand, and for how long; in one query."""
        tenants = tenants_setting(owner.tenant_id for owner in sessions.values())
        async with self._database.connection() as connection:
            rows = await connection.fetch(SQL["live_sessions"], tenants, list(sessions))
        return {
            row["id"]: timedelta(seconds=row["seconds"])
            for row in rows
            if sessions.get(row["id"]) == (row["tenant_id"], row["user_id"])
        }

    async def live_session(self, session_id: str, owner: Owner) -> timedelta | None:
        """How long one session still stands; None if it does not.

        Thousands of clients that come back at once share a few queries.
        """
        return await self._checks.submit((session_id, owner))

    async def _check(self, asked: Sequence[tuple[str, Owner]]) -> Sequence[timedelta | None]:
        owners = dict(asked)
        live = await self.live_sessions(owners)
        return [live.get(each) if owners[each] == owner else None for each, owner in asked]

    async def create_login_link(self, user: User, *, ttl: timedelta) -> str:
        """The secret of a one-time login link; only its hash is kept."""
        secret = self._random_bytes(LINK_BYTES).hex()
        async with self._database.transaction([user.owner.tenant_id]) as connection:
            await connection.execute(
                SQL["add_session"], *user.owner, self._new_id(), _digest(secret), ttl.total_seconds()
            )
        return secret

    async def redeem_login_link(self, secret: str) -> User:
        """The user of a login link, which is used up by this.

        Raises:
            Unauthenticated: no such link, used before, expired, or its user is disabled.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL["redeem_link"], _digest(secret))
        user = await self.get(Owner(row["tenant_id"], row["user_id"])) if row is not None else None
        if user is None or user.disabled:
            raise Unauthenticated(USED_LINK)
        return user

    async def _look_up(self, email: str) -> Row | None:
        try:
            address = _checked_email(email)
        except BadMessage:
            return None
        async with self._database.connection() as connection:
            return await connection.fetchrow(SQL["login_lookup"], address)


def _checked_email(email: str) -> str:
    address = email.strip().lower()
    local, _, domain = address.rpartition("@")
    if not local or not domain or len(address) > EMAIL_LENGTH or not address.isprintable() or " " in address:
        raise BadMessage("This is not an e-mail address.", path="$.email")
    return address


def _digest(secret: str) -> bytes:
    """A plain hash is enough: the secret has 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _user(row: Row) -> User:
    return User(
        owner=Owner(TenantId(row["tenant_id"]), UserId(row["id"])),
        email=row["email"],
        roles=frozenset(row["roles"]),
        disabled=row["disabled"],
    )
