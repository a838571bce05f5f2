"""The first schema: identity, threads, messages, runs, the event log, and who may see what."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything. The driver runs the script itself: SQLAlchemy takes one statement at a time."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """There is nothing before the first schema to go back to."""
    message = "The first schema cannot be taken back; drop the database instead."
    raise RuntimeError(message)
