"""The token of a client: who gives it, and when a new one is asked for. It never prints a token."""

from collections.abc import Awaitable, Callable

import httpx
import msgspec

from netra_client.address import parse_address
from netra_client.errors import AuthenticationFailed, ConnectFailed

TokenProvider = Callable[[], Awaitable[str]]


class Login(msgspec.Struct, frozen=True):
    """The answer to `POST /auth/login`; `expires_in` is seconds."""

    access_token: str
    token_type: str
    expires_in: float

    def __repr__(self) -> str:
        return f"Login(token_type={self.token_type!r}, expires_in={self.expires_in!r})"


async def login(url: str, *, email: str, password: str, timeout_s: float = 10.0) -> Login:
    """Ask the built-in issuer for a token.

    Raises:
        AuthenticationFailed: the email or the password is refused.
        ConnectFailed: there is no answer, or not that of a Netra server.
    """
    address = f"{parse_address(url).http}/auth/login"
    try:
        async with httpx.AsyncClient(timeout=timeout_s) as http:
            response = await http.post(address, json={"email": email, "password": password})
    except httpx.HTTPError as error:
        raise ConnectFailed(
            f"Cannot log in at {address}: {type(error).__name__}. Is the server up?"
        ) from error
    return _read_login(response, address)


def _read_login(response: httpx.Response, address: str) -> Login:
    if response.status_code in (401, 403):
        raise AuthenticationFailed("The server refuses this email and password.")
    if response.status_code != 200:
        raise ConnectFailed(f"Cannot log in at {address}: HTTP {response.status_code}.")
    try:
        return msgspec.json.decode(response.content, type=Login)
    except msgspec.DecodeError as error:
        raise ConnectFailed(f"What answers at {address} is not a Netra server.") from error


class Credentials:
    """The present token and, when there is one, the provider of the next.

    Args:
        token: used first when given.
        provider: called when there is no token, when the server says that the token is about to expire,
            and once after the server refused one.
    """

    def __init__(self, *, token: str | None = None, provider: TokenProvider | None = None) -> None:
        if token is None and provider is None:
            raise ValueError("Give a token, a token provider, or an email and a password.")
        self._token = token
        self._provider = provider
        self._renewed = False

    @property
    def renewable(self) -> bool:
        """Whether a new token can be asked for."""
        return self._provider is not None

    async def current(self) -> str:
        """Return the token for the next connection, asking the provider when there is none."""
        return self._token if self._token is not None else await self.renew()

    async def renew(self) -> str:
        """Ask the provider for a new token and keep it.

        Raises:
            AuthenticationFailed: there is no provider.
        """
        if self._provider is None:
            raise AuthenticationFailed("The server refuses the token; log in again.")
        self._token = await self._provider()
        return self._token

    def refused(self) -> None:
        """Take a 4401: the next attempt asks for a new token, once until a connection is accepted again.

        Raises:
            AuthenticationFailed: there is no provider, or the new token was refused too.
        """
        if self._provider is None:
            raise AuthenticationFailed("The server refuses the token; log in again.")
        if self._renewed:
            raise AuthenticationFailed("The server refuses the token, and the new one too; log in again.")
        self._token, self._renewed = None, True

    def accepted(self) -> None:
        """Take `connected`: the token is good."""
        self._renewed = False
