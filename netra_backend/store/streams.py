"""An owner's durable stream inside a caller's transaction, and the named queries of the store."""

from collections.abc import Iterable, Sequence
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


def packed(values: Iterable[str | None]) -> str:
    """A column of a batch in one string, for `string_to_array(…, chr(31), '')`; None is NULL.

    The driver asks of every element of an array whether it is an array itself, which costs more than all
    else it does with it. For ids, names and JSON: nothing that is empty or may hold U+001F.
    """
    return "\x1f".join([value or "" for value in values])


def columns_of(owners: Sequence[Owner]) -> tuple[str, str]:
    """Owners as the two columns that queries take."""
    return packed(owner.tenant_id for owner in owners), packed(owner.user_id for owner in owners)
