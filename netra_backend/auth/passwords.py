"""Password hashing: argon2id, off the event loop, a few at a time. Passwords never leave this file."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from netra_backend.domain.errors import BadMessage

T = TypeVar("T")

MIN_LENGTH = 8
MAX_LENGTH = 1024
PARALLEL = 2
"""Hashes at once. Each takes a core for some 20 ms: a flood of logins queues here."""
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""What OWASP's password storage cheat sheet asks of argon2id at least; one core each, little memory."""


class Passwords:
    """Hashes and checks passwords.

    Checking costs the same whether or not there is a hash to check against, so that the time of
    an answer does not tell which users exist.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="password")
        self._dummy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash to store.

        Raises:
            BadMessage: the password is shorter than 8 or longer than 1024 characters.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            message = f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
            raise BadMessage(message, path="$.password")
        return await self._run(self._hasher.hash, _normal(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of hash `stored`; False, after equal work, without a hash."""
        too_long = len(password) > MAX_LENGTH
        return await self._run(self._verify, _normal(password[:MAX_LENGTH]), stored) and not too_long

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run in our own threads: their number holds even when the callers are cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _verify(self, password: bytes, stored: str | None) -> bool:
        try:
            self._hasher.verify(stored if stored is not None else self._dummy, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _normal(password: str) -> bytes:
    """The same bytes whichever keyboard composed the accents (RFC 8265, section 4.2.1)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
