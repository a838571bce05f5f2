"""Real PostgreSQL and Valkey servers from pip wheels, started safely on a data folder.

Whoever needs a store without naming one gets it here; nothing else may start a server.
"""

from netra_backend.embedded.errors import EmbeddedError
from netra_backend.embedded.postgres import EmbeddedPostgres, PostgresAddress
from netra_backend.embedded.valkey import EmbeddedValkey, ValkeyAddress

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedValkey", "PostgresAddress", "ValkeyAddress"]
