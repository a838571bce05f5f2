"""What gateways, HTTP and the command line ask about identity: login, check, renew, cut off."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx

from netra_backend.auth.keys import SigningKeys
from netra_backend.auth.throttle import SharedCount, SharedThrottle
from netra_backend.auth.tokens import Issued, TokenIssuer, TokenVerifier
from netra_backend.auth.users import EMAIL_LENGTH, SessionRecord, User, Users
from netra_backend.domain.errors import Degraded, Forbidden, NotFound, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import Owner
from netra_backend.domain.ports import Clock

REVOKED = "The session has ended; log in again."
FRESH_S = 1.0
"""Seconds that an answer about a session is reused: with the sweep's three, revocation must reach a
socket within five."""
GUESS_PERIOD_S = 10.0
"""Seconds for each further wrong password of an account, once the first ones are used up."""
GUESS_PERIOD_OF_ADDRESS_S = 1.0
"""The same for a network address."""
REMEMBERED = 20_000
"""Sessions whose state is remembered: more than one process has users."""


SessionKey = tuple[str, Owner]
"""A session counts only for its own user: the id alone would vouch for whoever a token names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long things that are issued live."""

    token: timedelta
    session: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """Wrong attempts to log in that are let through at once."""

    account_from_address: int = 10
    account: int = 100
    address: int = 500


class Auth:
    """The one door to identity; safe to share between all requests and sockets of a process."""

    def __init__(
        self,
        users: Users,
        *,
        keys: SigningKeys,
        issuer: TokenIssuer,
        verifier: TokenVerifier,
        clock: Clock,
        lifetimes: Lifetimes,
        cut_off: Callable[[Owner], Awaitable[None]],
        stop_runs: Callable[[Owner], Awaitable[None]],
        guesses: Guesses = Guesses(),
        shared: SharedCount | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.users = users
        self.keys = keys
        self._issuer = issuer
        self._verifier = verifier
        self._clock = clock
        self._lifetimes = lifetimes
        self._cut_off = cut_off
        self._stop_runs = stop_runs
        self._client = client

        def throttle(name: str, burst: int, period_s: float) -> SharedThrottle:
            return SharedThrottle(clock, shared, name=name, burst=burst, period_s=period_s)

        self._by_login = throttle("login", guesses.account_from_address, GUESS_PERIOD_S)
        self._by_account = throttle("account", guesses.account, GUESS_PERIOD_S)
        self._by_address = throttle("address", guesses.address, GUESS_PERIOD_OF_ADDRESS_S)
        self._seen: OrderedDict[SessionKey, tuple[float, bool]] = OrderedDict()

    async def close(self) -> None:
        """Close the connections to external issuers."""
        if self._client is not None:
            await self._client.aclose()

    async def login(self, email: str, password: str, *, address: str) -> Issued:
        """A token for the right password. `address` is the caller's network address.

        Raises:
            Unauthenticated: anything is wrong; the sentence does not say what.
            RateLimited: too many wrong attempts from this address, for this e-mail, or for both together.
        """
        who = email.strip().lower()[:EMAIL_LENGTH]
        async with (
            self._by_address.attempt(address),
            self._by_login.attempt(who, address),
            self._by_account.attempt(who),
        ):
            user = await self.users.authenticate(email, password)
        return await self.issue(user)

    async def login_by_link(self, secret: str, *, address: str) -> Issued:
        """A token for a one-time login link; errors as for `login`."""
        async with self._by_address.attempt(address):
            user = await self.users.redeem_login_link(secret)
        return await self.issue(user)

    async def issue(self, user: User) -> Issued:
        """A token in a new session of `user`.

        Raises:
            Forbidden: the user is disabled, so the token would be worth nothing.
        """
        if user.disabled:
            raise Forbidden("This user is disabled.")
        session_id = await self.users.create_session(user, ttl=self._lifetimes.session)
        ttl = min(self._lifetimes.token, self._lifetimes.session)
        return self._issuer.issue(user.owner, roles=user.roles, session_id=session_id, ttl=ttl)

    async def renew(self, principal: Principal) -> Issued:
        """Another token for the same session, with the user's roles of now.

        Raises:
            Forbidden: the token is of an external issuer.
            Unauthenticated: the session has ended.
        """
        if principal.session_id is None:
            raise Forbidden("Tokens of another issuer are renewed there.")
        owner, session_id = principal.owner, principal.session_id
        left = (await self.users.live_sessions({session_id: owner})).get(session_id)
        user = await self.users.get(owner)
        if left is None or user is None:
            raise Unauthenticated(REVOKED)
        ttl = min(self._lifetimes.token, left)
        return self._issuer.issue(owner, roles=user.roles, session_id=session_id, ttl=ttl)

    async def verify(self, token: str) -> Principal:
        """Who a token is for, if it is valid and its session stands.

        Raises:
            Unauthenticated: it is not, or does not.
            Degraded: the database cannot be asked.
        """
        principal = await self._verifier.verify(token)
        if principal.session_id is not None and not await self._stands(principal.session_id, principal.owner):
            raise Unauthenticated(REVOKED)
        return principal

    async def current(self, principal: Principal) -> bool:
        """Whether an open socket of `principal` may stay. While the database is away it may."""
        if principal.expires_at <= self._clock.now():
            return False
        try:
            return principal.session_id is None or await self._stands(principal.session_id, principal.owner)
        except Degraded:
            return True

    async def ended(self, principals: Collection[Principal]) -> set[str]:
        """The ids of those sessions of `principals` that no longer stand; at most one query.

        Raises:
            Degraded: the database cannot be asked.
        """
        now = self._clock.monotonic()
        asked = {(each.session_id, each.owner) for each in principals if each.session_id is not None}
        stands = {key: self._seen[key][1] for key in asked if self._is_fresh(key, now)}
        unknown = [key for key in asked if key not in stands]
        live = await self.users.live_sessions(dict(unknown)) if unknown else {}
        for key in unknown:
            stands[key] = key[0] in live
            self._remember(key, now, stands=stands[key])
        return {session_id for (session_id, _), standing in stands.items() if not standing}

    async def sweep(self, principals: Collection[Principal]) -> set[str]:
        """As `ended`; also stops what a disabled user has started since, on a socket not yet closed.

        Raises:
            Degraded: the database cannot be asked.
        """
        gone = await self.ended(principals)
        owners = {each.owner for each in principals if each.session_id in gone}
        for owner in await self.users.disabled(owners):
            await self._stop_runs(owner)
        return gone

    async def sessions(self, principal: Principal) -> Sequence[SessionRecord]:
        """The user's sessions that stand, newest first."""
        return await self.users.sessions(principal.owner)

    async def end_session(self, principal: Principal, session_id: str) -> None:
        """End one of the user's own sessions; its sockets close within five seconds, runs go on.

        Raises:
            NotFound: the user has no such session, or it has ended.
        """
        if not await self.users.revoke_session(principal.owner, session_id):
            raise NotFound("There is no such session.")
        self._remember((session_id, principal.owner), self._clock.monotonic(), stands=False)

    async def logout(self, principal: Principal) -> None:
        """End the principal's session, close the user's sockets and stop the user's runs."""
        if principal.session_id is not None:
            await self.users.revoke_session(principal.owner, principal.session_id)
            key = (principal.session_id, principal.owner)
            self._remember(key, self._clock.monotonic(), stands=False)
        await self._cut_off(principal.owner)

    async def disable(self, email: str) -> User:
        """Shut a user out, close the user's sockets and stop the user's runs.

        Raises:
            NotFound: there is no user with this address.
        """
        user = await self.users.disable(email)
        await self._cut_off(user.owner)
        return user

    async def _stands(self, session_id: str, owner: Owner) -> bool:
        """As `ended`, for one; asked about together with what others ask just now."""
        key, now = (session_id, owner), self._clock.monotonic()
        if self._is_fresh(key, now):
            return self._seen[key][1]
        stands = await self.users.live_session(session_id, owner) is not None
        self._remember(key, now, stands=stands)
        return stands

    def _is_fresh(self, key: SessionKey, now: float) -> bool:
        return key in self._seen and now - self._seen[key][0] < FRESH_S

    def _remember(self, key: SessionKey, at: float, *, stands: bool) -> None:
        self._seen[key] = (at, stands)
        self._seen.move_to_end(key)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
