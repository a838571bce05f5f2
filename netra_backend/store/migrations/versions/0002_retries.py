"""A failed run may be tried again by an operator; which was, by whom, and as which run."""

from alembic import op

from netra_backend.store.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a table and a function beside what is there; nothing that a run writes is touched."""
    run_script(__file__)


def downgrade() -> None:
    """Runs that were made stay; only how they came about is forgotten."""
    op.execute("DROP FUNCTION retry_run; DROP TABLE retries")
