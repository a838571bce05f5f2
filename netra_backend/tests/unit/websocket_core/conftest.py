"""Handlers need no servers: here `subject` is the handler side of the application alone."""

import pytest

from netra_backend.tests.unit.websocket_core.handler_subject import CanonicalHandlers, HandlerSubject


@pytest.fixture
def subject() -> HandlerSubject:
    """The handler side of the application under test."""
    return CanonicalHandlers()
