import pytest

from netra_backend.auth.passwords import Passwords
from netra_backend.domain.errors import BadMessage


async def test_a_password_matches_its_own_hash_only() -> None:
    """argon2id, salted: the same password hashes differently each time."""
    passwords = Passwords()
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert stored != await passwords.hash("correct horse")
    assert await passwords.matches("correct horse", stored)
    assert not await passwords.matches("wrong horse", stored)
    assert not await passwords.matches("correct horse", "not a hash")


async def test_without_a_hash_nothing_matches() -> None:
    """Not even the password of the hash that is compared with for equal work."""
    assert not await Passwords().matches("nobody has this password", None)


async def test_accents_match_however_they_were_typed() -> None:
    """One letter or letter and accent: the same password."""
    passwords = Passwords()
    assert await passwords.matches("cafe\u0301 noir", await passwords.hash("caf\u00e9 noir"))


async def test_only_the_whole_of_a_long_password_matches() -> None:
    """What is beyond the limit is not cut off silently."""
    passwords = Passwords()
    stored = await passwords.hash("x" * 1024)
    assert not await passwords.matches("x" * 1025, stored)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025])
async def test_too_short_and_too_long_passwords_are_refused(password: str) -> None:
    """With the limits in the sentence."""
    with pytest.raises(BadMessage, match="8 to 1024"):
        await Passwords().hash(password)
