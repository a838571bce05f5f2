"""An owner's durable stream inside a caller's transaction, and the named queries of the store."""

from collections.abc import Sequence
from pathlib import Path

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner
from netra_backend.store.database import Connection, load_queries
from netra_backend.store.rows import event_of

SQL = load_queries(Path(__file__).parent)

MANY = 2**31 - 1
"""No limit: the caller knows that few events follow."""


async def lock_stream(connection: Connection, owner: Owner) -> int:
    """Lock the owner's counter until the transaction ends; returns the last number given."""
    await connection.execute(SQL["lock_stream"], *owner)
    return int(await connection.fetchval(SQL["head"], *owner))


async def events_after(
    connection: Connection, owner: Owner, seq: int, *, limit: int = MANY
) -> Sequence[Event]:
    """Events with higher numbers, in order."""
    return [event_of(row) for row in await connection.fetch(SQL["events_after"], *owner, seq, limit)]


def columns_of(owners: Sequence[Owner]) -> tuple[list[str], list[str]]:
    """Owners as the two arrays that queries take."""
    return [owner.tenant_id for owner in owners], [owner.user_id for owner in owners]
