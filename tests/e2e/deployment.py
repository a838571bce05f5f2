"""The deployment that the end-to-end suites run against, and who may log in there. Holds no test.

`NETRA_E2E_BASE_URL` names one, with `NETRA_E2E_EMAIL`, `NETRA_E2E_PASSWORD` and a second user's
`NETRA_E2E_EMAIL_2`, `NETRA_E2E_PASSWORD_2`. Without it the suites start everything on this machine.
"""

import asyncio
import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import httpx
from websockets.exceptions import WebSocketException

from netra_backend import __version__
from netra_backend.app import Core, new_id
from netra_backend.testing.client import connected

URL = "NETRA_E2E_BASE_URL"
EMAIL = "NETRA_E2E_EMAIL"
PASSWORD = "NETRA_E2E_PASSWORD"
SECOND = "_2"

PATIENCE = "NETRA_E2E_PATIENCE_S"
PATIENCE_S = 15.0
"""Seconds that a deployment has for the examination, both logins included, before it counts as too slow."""

LOCAL_PASSWORD = "correct horse battery"


class DeploymentError(Exception):
    """The deployment cannot be tested; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Person:
    """A user who is logged in.

    Attributes:
        login_s: how long the login took, in seconds.
    """

    email: str
    password: str
    token: str
    login_s: float

    @property
    def bearer(self) -> dict[str, str]:
        """The header of this user's requests."""
        return {"Authorization": f"Bearer {self.token}"}


class Accounts(Protocol):
    """Whoever makes the users of a test."""

    async def make(self) -> tuple[str, str]:
        """E-mail address and password of a user whom no other test has, if that is possible."""
        ...

    async def remove(self, email: str) -> None:
        """Shut the user out again, if that is possible."""
        ...


class OwnAccounts:
    """Users of a deployment whose stores are here, made as `netra user add` does, disabled after the test."""

    def __init__(self, parts: Core) -> None:
        self._parts = parts

    async def make(self) -> tuple[str, str]:
        """See `Accounts`."""
        email = f"e2e-{new_id()}@example.com"
        await self._parts.auth.users.add(email, tenant="e2e", password=LOCAL_PASSWORD, roles=())
        return email, LOCAL_PASSWORD

    async def remove(self, email: str) -> None:
        """See `Accounts`."""
        await self._parts.auth.disable(email)


class NamedAccounts:
    """The two users of somebody else's deployment, by turns."""

    def __init__(self, people: tuple[tuple[str, str], ...]) -> None:
        self._turns = itertools.cycle(people)

    async def make(self) -> tuple[str, str]:
        """See `Accounts`."""
        return next(self._turns)

    async def remove(self, email: str) -> None:
        """They stay: they were there before."""


@dataclass(frozen=True)
class Remote:
    """A deployment that is named by the environment."""

    url: str
    people: tuple[tuple[str, str], ...]
    patience_s: float = PATIENCE_S

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self | None:
        """The deployment that is named, or None.

        Raises:
            DeploymentError: an address without credentials, or one that is none.
        """
        url = environ.get(URL, "").rstrip("/")
        if not url:
            return None
        names = [(EMAIL + which, PASSWORD + which) for which in ("", SECOND)]
        missing = [name for pair in names for name in pair if not environ.get(name)]
        if missing:
            raise DeploymentError(f"{URL} is set, so {missing[0]} must be set too: two users are needed.")
        if not _is_address(url):
            raise DeploymentError(f"{URL} must be an address, such as https://staging.example.com.")
        people = tuple((environ[email], environ[password]) for email, password in names)
        return cls(url, people, _patience(environ.get(PATIENCE)))

    async def examine(self) -> None:
        """Log both users in and greet them, as the suites will.

        Raises:
            DeploymentError: it is down, too slow, of another version, or does not know a user.
        """
        try:
            async with asyncio.timeout(self.patience_s):
                await self._ready()
                tokens = [await self._token(*person) for person in self.people]
                await self._same_version(tokens[0])
        except (TimeoutError, httpx.TimeoutException):
            raise DeploymentError(
                f"{self.url} is too slow: it did not answer within {self.patience_s:g} s; see what keeps it,"
                f" or set {PATIENCE} higher."
            ) from None
        except (httpx.HTTPError, OSError, WebSocketException, ValueError, LookupError, TypeError) as error:
            # The last three: it answers, but says what no Netra says.
            raise DeploymentError(
                f"{self.url} is down or not Netra ({type(error).__name__}): start it, or correct {URL}."
            ) from None

    async def _ready(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=None) as client:  # noqa: S113 - `examine` limits all of it
            answer = await client.get("/readyz")
        if answer.status_code != 200:
            raise DeploymentError(
                f"{self.url}/readyz answers {answer.status_code}: it is not Netra, or its stores are away."
            )

    async def _token(self, email: str, password: str) -> str:
        answer = await log_in(self.url, email, password)
        if answer.status_code != 200:
            raise DeploymentError(
                f"{self.url} refuses the login of {email} ({answer.status_code}): correct {EMAIL} and {PASSWORD}"
                f" (or {EMAIL}{SECOND} and {PASSWORD}{SECOND})."
            )
        token: str = answer.json()["access_token"]
        return token

    async def _same_version(self, token: str) -> None:
        async with connected(self.url, token) as client:
            version = client.frames[0]["payload"].get("server_version")
        if version != __version__:
            raise DeploymentError(
                f"{self.url} runs version {version}, and these suites are of {__version__}:"
                " check out that version, or deploy this one."
            )


def _is_address(url: str) -> bool:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return read.scheme in ("http", "https") and read.host != ""


def _patience(given: str | None) -> float:
    try:
        seconds = float(given or PATIENCE_S)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise DeploymentError(f"{PATIENCE} must be a number of seconds.")
    return seconds


async def log_in(url: str, email: str, password: str) -> httpx.Response:
    """The login that people use."""
    async with httpx.AsyncClient(base_url=url, timeout=None) as client:  # noqa: S113 - callers limit it, or measure it
        return await client.post("/auth/login", json={"email": email, "password": password})


def bearer_of(answer: httpx.Response) -> dict[str, Any]:
    """The body of a login that went well."""
    assert answer.status_code == 200, f"the login is refused: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body
