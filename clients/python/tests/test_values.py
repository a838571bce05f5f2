"""Backoff, close codes, addresses, credentials: decisions without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netra_client.address import Address, parse_address
from netra_client.backoff import Backoff
from netra_client.closing import After, Ended, of_http_status
from netra_client.credentials import Credentials, Login
from netra_client.errors import AuthenticationFailed


def test_the_ceiling_doubles_from_half_a_second_to_thirty() -> None:
    """The ceiling doubles from half a second to thirty."""
    backoff = Backoff(lambda: 1.0)

    assert [backoff.next_delay() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next_delay() == 0.5


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 5000))
def test_jitter_is_full(random: float, failures: int) -> None:
    """Jitter is full."""
    backoff = Backoff(lambda: random)
    backoff.failures = failures

    assert backoff.next_delay() == random * min(30.0, 0.5 * 2.0 ** min(failures, 100))


@pytest.mark.parametrize(
    "code", [1000, 1001, 1005, 1006, 1011, 1012, 4000, 4008, 4009, 4029, 4400, 4402, 4499]
)
def test_these_codes_come_back(code: int) -> None:
    """These codes come back."""
    assert Ended(code=code, reason="").after is After.RECONNECT


@pytest.mark.parametrize("code", [1002, 1007, 1008, 1009, 4500, 4503, 4513, 4999])
def test_these_codes_are_for_good(code: int) -> None:
    """These codes are for good."""
    assert Ended(code=code, reason="").after is After.GIVE_UP


def test_4401_needs_a_new_token() -> None:
    """4401 needs a new token."""
    assert Ended(code=4401, reason="").after is After.RENEW_TOKEN


@pytest.mark.parametrize(
    ("status", "after"),
    [(401, After.RENEW_TOKEN), (403, After.GIVE_UP), (429, After.RECONNECT), (503, After.RECONNECT)],
)
def test_a_refused_upgrade_is_read_like_a_close(status: int, after: After) -> None:
    """A refused upgrade is read like a close."""
    ended = of_http_status(status)

    assert ended is not None
    assert ended.after is after


def test_a_status_that_no_netra_server_gives_is_none() -> None:
    """A status that no netra server gives is none."""
    assert of_http_status(404) is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:8000", Address("ws://h:8000/ws", "http://h:8000")),
        ("https://h/netra/", Address("wss://h/netra/ws", "https://h/netra")),
        ("wss://h/ws", Address("wss://h/ws", "https://h")),
        ("ws://[::1]:1/ws/", Address("ws://[::1]:1/ws", "http://[::1]:1")),
    ],
)
def test_one_address_gives_both(url: str, address: Address) -> None:
    """One address gives both."""
    assert parse_address(url) == address


@pytest.mark.parametrize("url", ["", "h:8000", "ftp://h", "http://", "http://h/ws?token=x", "http://a:b@h"])
def test_an_address_that_is_wrong_or_holds_a_secret_is_refused(url: str) -> None:
    """An address that is wrong or holds a secret is refused."""
    with pytest.raises(ValueError, match="address"):
        parse_address(url)


async def test_a_refused_token_is_replaced_once_until_one_is_accepted() -> None:
    """A refused token is replaced once until one is accepted."""
    tokens = iter(["new", "newer"])

    async def provide() -> str:
        return next(tokens)

    credentials = Credentials(token="old", provider=provide)
    assert await credentials.current() == "old"
    credentials.refused()
    assert [await credentials.current(), await credentials.current()] == ["new", "new"]
    with pytest.raises(AuthenticationFailed):
        credentials.refused()
    credentials.accepted()
    credentials.refused()
    assert await credentials.current() == "newer"


async def test_without_a_provider_a_refused_token_is_the_end() -> None:
    """Without a provider a refused token is the end."""
    credentials = Credentials(token="old")

    with pytest.raises(AuthenticationFailed):
        credentials.refused()
    with pytest.raises(AuthenticationFailed):
        await credentials.renew()


def test_nothing_to_authenticate_with_is_said_at_once() -> None:
    """Nothing to authenticate with is said at once."""
    with pytest.raises(ValueError, match="token"):
        Credentials()


def test_a_login_does_not_print_its_token() -> None:
    """A login does not print its token."""
    assert "secret" not in repr(Login("secret", "bearer", 60))
