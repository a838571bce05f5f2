"""Puts `Auth` together from settings. The only file here that knows all the others."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import httpx

from netra_backend.auth.keys import KEY_FILE, load_signing_keys
from netra_backend.auth.remote_keys import TIMEOUT_S, RemoteKeys
from netra_backend.auth.service import Auth, Guesses, Lifetimes
from netra_backend.auth.throttle import SharedCount
from netra_backend.auth.tokens import ExternalIssuer, TokenIssuer, TokenVerifier
from netra_backend.auth.users import Users
from netra_backend.domain.ids import IdSource, Owner
from netra_backend.domain.ports import Clock
from netra_backend.settings import Settings
from netra_backend.store.database import Database


class Revoking(Protocol):
    """The part of `domain.ports.Feed` that closes sockets."""

    def revoke(self, owner: Owner) -> None:
        """See `Feed.revoke`."""
        ...


class Stopping(Protocol):
    """The part of `domain.ports.Store` that stops runs."""

    async def stop_all(self, owner: Owner) -> None:
        """See `Store.stop_all`."""
        ...


@dataclass(frozen=True, slots=True)
class CutOff:
    """Ends what a user has going: sockets on every gateway, and runs."""

    store: Stopping
    feed: Revoking

    async def __call__(self, owner: Owner) -> None:
        """Close the owner's sockets and ask all open runs to stop."""
        self.feed.revoke(owner)
        await self.store.stop_all(owner)


def create_auth(
    settings: Settings,
    *,
    database: Database,
    store: Stopping,
    feed: Revoking,
    clock: Clock,
    new_id: IdSource,
    shared: SharedCount | None = None,
    client: httpx.AsyncClient | None = None,
) -> Auth:
    """The identity service; close it in the end. `client` fetches external issuers' keys.

    `shared` counts wrong logins over all processes.

    Raises:
        SettingsError: the signing key or an issuer's setting is not usable.
    """
    pem = settings.signing_key.get_secret_value() if settings.signing_key is not None else None
    keys = load_signing_keys(settings.data_dir / KEY_FILE, pem=pem)
    users = Users(database, new_id=new_id)
    if client is None and settings.external_issuers:
        client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)
    external = [
        ExternalIssuer(
            issuer=each.issuer, audience=each.audience, keys=RemoteKeys(each, client=client, clock=clock)
        )
        for each in settings.external_issuers
        if client is not None
    ]
    return Auth(
        users,
        keys=keys,
        issuer=TokenIssuer(keys, issuer=settings.issuer, audience=settings.audience, clock=clock),
        verifier=TokenVerifier(
            keys, issuer=settings.issuer, audience=settings.audience, clock=clock, external=external
        ),
        clock=clock,
        lifetimes=Lifetimes(
            token=timedelta(seconds=settings.token_ttl_s), session=timedelta(seconds=settings.session_ttl_s)
        ),
        cut_off=CutOff(store, feed),
        stop_runs=store.stop_all,
        guesses=Guesses(
            account_from_address=settings.login_attempts,
            account=settings.login_attempts_per_account,
            address=settings.login_attempts_per_address,
        ),
        shared=shared,
        client=client,
    )
