"""The real log pipeline, writing where a test can read."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from netra_backend.observability.logging import configure


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What was logged from level info on, as text; the process's own logging comes back afterwards."""
    root, level = list(logging.root.handlers), logging.root.level
    lines = io.StringIO()
    configure("info", stream=lines)
    yield lines
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.basicConfig(handlers=root, level=level, force=True)
