"""Users of a running server, made beside it as `netra user add` does. Holds no test."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from netra_backend.administration import add_user, issue_token
from netra_backend.settings import Settings
from tests.processes import Netra

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """A user who may log in."""

    email: str
    password: str


async def add_person(server: Netra, email: str | None = None, *, roles: Sequence[str] = ()) -> Person:
    """A user of the server, whom no other test has."""
    person = Person(email or f"person{next(_numbers)}@example.com", "correct horse battery")
    settings = Settings(data_dir=server.data_dir)
    await add_user(settings, person.email, tenant="acme", password=person.password, roles=list(roles))
    return person


async def token_of(server: Netra, person: Person) -> str:
    """An access token of the user."""
    return await issue_token(Settings(data_dir=server.data_dir), person.email)
