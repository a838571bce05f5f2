import pytest

from netra_backend.auth.origins import OriginPolicy, is_loopback
from netra_backend.settings import Settings, SettingsError

EVIL = [
    None,
    "",
    "null",
    "*",
    "https://evil.example",
    "https://chat.example.evil.example",
    "https://evilchat.example",
    "https://chat.example:444",
    "http://chat.example",
    "https://chat.example/",
    "https://chat.example@evil.example",
    "HTTPS://CHAT.EXAMPLE",
    "https://chat.example, https://evil.example",
    "https://chat.example\n",
    "file://",
]


@pytest.mark.parametrize("origin", EVIL)
def test_attack_38_no_origin_but_the_exact_one(origin: str | None) -> None:
    """Evil, missing, null and look-alike origins are refused, whatever Host they name."""
    for policy in (
        OriginPolicy(Settings(allowed_origins=("https://chat.example",))),
        OriginPolicy(Settings(public_url="https://chat.example")),
    ):
        assert not policy.allows(origin, "chat.example")
        assert policy.allows("https://chat.example", "anything")


def test_the_public_url_and_the_list_both_count() -> None:
    """A development server beside the public address."""
    policy = OriginPolicy(
        Settings(public_url="https://chat.example", allowed_origins=("http://localhost:5173",))
    )
    assert policy.allows("https://chat.example", "chat.example")
    assert policy.allows("http://localhost:5173", "localhost:8000")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost"])
def test_without_settings_the_own_page_on_this_machine_is_allowed(host: str) -> None:
    """The golden path of a first start: no setting, one machine."""
    assert OriginPolicy(Settings()).allows(f"http://{host}", host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example:8000", "evil.example:8000"),
        ("http://127.0.0.1.evil.example:8000", "127.0.0.1.evil.example:8000"),
        ("http://localhost.evil.example", "localhost.evil.example"),
        ("http://192.168.1.2:8000", "192.168.1.2:8000"),
        ("http://localhost:9999", "localhost:8000"),
        ("http://evil.example", "localhost:8000"),
        ("http://localhost:8000", None),
        ("chrome-extension://localhost:8000", "localhost:8000"),
        ("null", "localhost:8000"),
        (None, "localhost:8000"),
    ],
)
def test_attack_38_dns_rebinding_is_refused_without_settings(origin: str | None, host: str | None) -> None:
    """A name that an attacker points at 127.0.0.1 is not this machine's own name."""
    assert not OriginPolicy(Settings()).allows(origin, host)


def test_a_setting_turns_the_loopback_rule_off() -> None:
    """In production only what was named counts."""
    policy = OriginPolicy(Settings(public_url="https://chat.example"))
    assert not policy.allows("http://localhost:8000", "localhost:8000")


@pytest.mark.parametrize("entry", ["*", "chat.example", "https://chat.example/", "null", "https://*.example"])
def test_a_wrong_entry_stops_the_start(entry: str) -> None:
    """Wildcards and paths would silently never match, or match too much."""
    with pytest.raises(SettingsError, match="allowed_origins"):
        OriginPolicy(Settings(allowed_origins=(entry,)))


def test_loopback_names_are_whole() -> None:
    """Nothing by prefix or suffix."""
    assert is_loopback("localhost:1")
    assert not is_loopback("localhost:1.evil.example")
    assert not is_loopback("xlocalhost")
