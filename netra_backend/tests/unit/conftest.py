"""Unit tests run in asyncio's debug mode, which notices what is slow or from the wrong thread.

Those on real stores do not: it makes them several times slower, and says nothing more there.
"""

import asyncio

import pytest


@pytest.fixture(autouse=True)
async def debug() -> None:
    """On."""
    asyncio.get_running_loop().set_debug(True)
