import pytest

from netra_backend.auth.cookies import SessionCookie
from netra_backend.settings import Settings


def test_over_plain_http_the_cookie_is_hidden_from_scripts_and_other_sites() -> None:
    """The whole header of a first start on this machine."""
    baked = SessionCookie(Settings()).bake("a.b.c", max_age_s=60, scheme="http")
    assert baked == "netra_session=a.b.c; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [
        (Settings(), "https"),
        (Settings(), "wss"),
        (Settings(public_url="https://chat.example"), "http"),
        (Settings(cookie_secure=True), "http"),
    ],
)
def test_over_https_the_cookie_is_bound_to_host_and_tls(settings: Settings, scheme: str) -> None:
    """`__Host-` keeps sibling hosts from planting one; the plain name is then not read at all."""
    cookie = SessionCookie(settings)
    baked = cookie.bake("a.b.c", max_age_s=60, scheme=scheme)
    assert baked == "__Host-netra_session=a.b.c; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert cookie.read("__Host-netra_session=a.b.c", scheme=scheme) == "a.b.c"
    assert cookie.read("netra_session=planted", scheme=scheme) is None


@pytest.mark.parametrize(
    "settings", [Settings(public_url="http://chat.example"), Settings(cookie_secure=False)]
)
def test_what_the_operator_says_counts_more_than_the_request(settings: Settings) -> None:
    """Behind a proxy that ends TLS the request's scheme is not the browser's."""
    cookie = SessionCookie(settings)
    assert (
        cookie.bake("t", max_age_s=1, scheme="https")
        == "netra_session=t; Max-Age=1; Path=/; HttpOnly; SameSite=Lax"
    )
    assert cookie.read("netra_session=t", scheme="https") == "t"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("netra_session=", None),
        ("other=1; netra_session=t; x=y", "t"),
        ("netra_session=t; netra_session=t", "t"),
        ("netra_session=t; netra_session=planted", None),
        ("xnetra_session=t", None),
        ("netra_session", None),
    ],
)
def test_reading_takes_one_unambiguous_value(header: str | None, token: str | None) -> None:
    """Two different cookies of our name mean that somebody planted one."""
    assert SessionCookie(Settings()).read(header, scheme="http") == token


def test_clearing_ends_it_at_once() -> None:
    """Same name and attributes, no value, no time."""
    cleared = SessionCookie(Settings()).clear(scheme="http")
    assert cleared == "netra_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
