"""People for the tests of this folder."""

import pytest

from tests.people import Person, add_person
from tests.processes import Netra


@pytest.fixture
async def person(house: Netra) -> Person:
    """A user of the shared server, of this test alone."""
    return await add_person(house)
