"""A campaign never reaches stores of somebody else, whatever is configured."""

from netra_backend.chaos.stage import own_environ

CONFIGURED = {
    "NETRA_DATABASE_URL": "postgresql://netra@db/netra",
    "NETRA_DATABASE_OWNER_URL": "postgresql://owner@db/netra",
    "NETRA_VALKEY_URL": "redis://valkey",
    "NETRA_SIGNING_KEY": "-----BEGIN PRIVATE KEY-----",
    "NETRA_HOST": "0.0.0.0",  # noqa: S104 - the point: it is not kept
    "NETRA_TOKEN_TTL_S": "70",
    "NETRA_LEASE_S": "4",
    "PATH": "/bin",
}


def test_only_settings_that_lead_nowhere_else_reach_the_processes() -> None:
    """No store, no key, no address but this machine's own; no token that ends too soon. The rest holds."""
    assert own_environ(CONFIGURED) == {
        "NETRA_TOKEN_TTL_S": "86400",
        "NETRA_LEASE_S": "4",
        "NETRA_HOST": "127.0.0.1",
    }
