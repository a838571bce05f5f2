"""The first schema: identity, threads, messages, runs, the event log, and who may see what."""

from netra_backend.store.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    run_script(__file__)


def downgrade() -> None:
    """There is nothing before the first schema to go back to."""
    message = "The first schema cannot be taken back; drop the database instead."
    raise RuntimeError(message)
