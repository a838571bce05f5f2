"""What clients have missed is read for many of them in one round trip."""

from alembic import op

from netra_backend.store.migrations.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a function; no table changes."""
    run_script(__file__)


def downgrade() -> None:
    """The version before reads for each client by itself."""
    op.execute("DROP FUNCTION missed_events")
