"""The SQL of a version of the schema: a script beside the version's file, of the same name."""

from pathlib import Path
from typing import Any

from alembic import op


def run_script(version: str) -> None:
    """Run the script of the version in the file `version`; the driver itself does: SQLAlchemy takes one statement."""
    script = Path(version).with_suffix(".sql").read_text(encoding="utf-8")
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda driver: driver.execute(script))
