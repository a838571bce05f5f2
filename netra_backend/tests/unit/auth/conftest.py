"""What tests of tokens share: a standing clock and one key."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from netra_backend.auth.keys import SigningKeys
from netra_backend.testing.fake_clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture(scope="session")
def keys() -> SigningKeys:
    """Our signing key."""
    return SigningKeys([Ed25519PrivateKey.generate()])
