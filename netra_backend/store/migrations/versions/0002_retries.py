"""A failed run may be tried again by an operator; which was, by whom, and as which run."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a table and a function beside what is there; nothing that a run writes is touched."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """Runs that were made stay; only how they came about is forgotten."""
    op.execute("DROP FUNCTION retry_run; DROP TABLE retries")
