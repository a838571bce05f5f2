"""What clients have missed is read for many of them in one round trip."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a function; no table changes."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))


def downgrade() -> None:
    """The version before reads for each client by itself."""
    op.execute("DROP FUNCTION missed_events")
