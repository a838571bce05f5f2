"""Handlers need no servers: here `subject` is the handler side of the application alone."""

import pytest

from netra_backend.tests.outcomes import Phase, phase
from netra_backend.tests.unit.websocket_core.handler_subject import CanonicalHandlers, HandlerSubject
from netra_backend.tests.unit.websocket_core.legacy_handlers import LegacyHandlers


@pytest.fixture
def subject() -> HandlerSubject:
    """The handler side of the application under test; the migrated one has Netra's."""
    return LegacyHandlers() if phase() in (Phase.LEGACY, Phase.ADAPTER) else CanonicalHandlers()
