"""Puts the impostor among Netra's handlers, when it is imported before what builds them."""

from typing import Any

from netra_backend.websocket_core import handlers
from tests.e2e.impostor import Impostor

impostor: Any = Impostor
handlers.HANDLERS = (*handlers.HANDLERS, impostor)
