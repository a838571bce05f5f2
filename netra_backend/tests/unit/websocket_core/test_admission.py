from typing import Any

import pytest

from netra_backend.domain.errors import BadMessage, Forbidden, NetraError, NotFound
from netra_backend.domain.identity import Principal
from netra_backend.settings import Settings
from netra_backend.websocket_core.admission import Admission


class Door:
    """Keeps what it was asked to verify."""

    async def verify(self, token: str) -> Principal:
        """Never gets this far in these tests."""
        raise NotFound(token)


def admitted(
    *headers: tuple[bytes, bytes], path: str = "/ws", query: bytes = b"", **settings: Any
) -> str | None:
    """What admission finds in a request."""
    door: Any = Door()
    admission = Admission(Settings(**settings), door)
    return admission.admit({"path": path, "query_string": query, "headers": list(headers), "scheme": "ws"})


COOKIE = (b"cookie", b"netra_session=tok")
HOST = (b"host", b"127.0.0.1:8000")
OWN = (b"origin", b"http://127.0.0.1:8000")


def test_a_bearer_token_needs_no_origin() -> None:
    """The kind in any case."""
    assert admitted((b"Authorization", b"bearer  abc ")) == "abc"
    assert admitted((b"authorization", b"Bearer abc"), COOKIE, (b"origin", b"https://evil.example")) == "abc"


def test_nothing_means_that_the_first_frame_will_say() -> None:
    """An origin alone changes nothing."""
    assert admitted() is None
    assert admitted((b"origin", b"https://evil.example")) is None


def test_cookies_in_several_headers_are_one_list() -> None:
    """HTTP/2 proxies split them, and other headers are none."""
    split = [(b"cookie", b"theme=dark"), (b"Cookie", b"netra_session=tok")]
    assert admitted(*split, HOST, OWN) == "tok"
    assert admitted((b"x-note", b"netra_session=no"), HOST, OWN) is None


def test_a_cookie_counts_with_an_allowed_origin() -> None:
    """This machine's own page by default, exact entries otherwise."""
    assert admitted(COOKIE, HOST, OWN) == "tok"
    shop = (b"origin", b"https://shop.example")
    assert admitted(COOKIE, HOST, shop, allowed_origins=("https://shop.example",)) == "tok"


@pytest.mark.parametrize(
    "origins",
    [[], [b"null"], [b"https://evil.example"], [b"http://127.0.0.1:8000.evil.example"], [OWN[1], OWN[1]]],
)
def test_a_cookie_without_one_allowed_origin_is_refused(origins: list[bytes]) -> None:
    """Attack 38."""
    with pytest.raises(Forbidden):
        admitted(COOKIE, HOST, *((b"origin", origin) for origin in origins))


@pytest.mark.parametrize(
    ("headers", "path", "query", "error"),
    [
        ([(b"authorization", b"Basic abc")], "/ws", b"", Forbidden),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], "/ws", b"", Forbidden),
        ([], "/other", b"", NotFound),
        ([], "/ws", b"token=abc", BadMessage),
    ],
)
def test_odd_requests_are_refused(
    headers: list[tuple[bytes, bytes]], path: str, query: bytes, error: type[NetraError]
) -> None:
    """Two tokens, another scheme, another path, a token in the URL (attack 34)."""
    with pytest.raises(error):
        admitted(*headers, path=path, query=query)


async def test_tokens_are_verified_by_auth() -> None:
    """Nothing is decided here."""
    door: Any = Door()
    with pytest.raises(NotFound, match="abc"):
        await Admission(Settings(), door).verify("abc")
