"""Claims `user_message` for the impostor in the sample application's own registry, when it is imported."""

from chat.registry import register_handler  # type: ignore[import-not-found]  # of the sample application

from tests.e2e.impostor import Impostor

register_handler("user_message", Impostor)
