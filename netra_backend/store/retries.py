"""Trying a failed run again, for operators: a new run of the same message, durable once it is answered.

Decided in the database, under the lock of the run's owner. Writes no message and no event: the new run
begins its own life when a worker takes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from netra_backend.domain.errors import Busy, Conflict, NetraError, NotFound
from netra_backend.domain.ids import IdSource, MessageId, RunId, TenantId, ThreadId, UserId
from netra_backend.domain.ports import Clock
from netra_backend.store.acceptance import BUSY_RETRY_MS, SHARE_S
from netra_backend.store.database import Database, Row, tenants_setting
from netra_backend.store.streams import SQL

OPEN: Final = "The run has not ended: wait for its end, or cancel it."
ENDED_WELL: Final = "Only a run that failed or took too long can be tried again; this one did neither."
RETRIED: Final = "The run was tried again already, as {}: if that failed too, try that one again."
DISABLED: Final = "The run's user is disabled: enable the account before trying the run again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The new run, of the same thread and message; it has so many queued ones of the tenant before it."""

    run_id: RunId
    thread_id: ThreadId
    message_id: MessageId
    queue_position: int


class Retries:
    """See the module.

    Args:
        queue_limit: queued runs of a tenant from which on no more is tried again.
        queued: hears that a worker may find a run to claim.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: IdSource,
        *,
        queue_limit: int,
        queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._queue_limit = queue_limit
        self._queued = queued

    async def retry(self, tenant_id: TenantId, run_id: RunId, *, operator: UserId) -> Retried:
        """Queue a new run for the message of `run_id`, whoever of the tenant it belongs to.

        Raises:
            NotFound: the tenant has no such run.
            Conflict: it is open, did not fail, was tried again before, or its user is disabled.
            Busy: too many runs of the tenant are queued.
            Degraded: the database is away; nothing was queued, or it shows as tried again.
        """
        async with self._database.connection(urgent=True) as connection:
            row = await connection.fetchrow(
                SQL["retry_run"],
                tenants_setting([tenant_id]),
                tenant_id,
                run_id,
                self._new_id(),
                self._new_id(),
                operator,
                self._queue_limit,
                SHARE_S,
                self._clock.now(),
            )
        if row is None:
            raise NotFound
        if row["outcome"] != "accepted":
            raise _refusal(row)
        self._queued()
        return Retried(
            run_id=RunId(row["run_id"]),
            thread_id=ThreadId(row["thread_id"]),
            message_id=MessageId(row["message_id"]),
            queue_position=row["position_"],
        )


def _refusal(row: Row) -> NetraError:
    refusals: dict[str, NetraError] = {
        "open": Conflict(OPEN),
        "ended_well": Conflict(ENDED_WELL),
        "retried": Conflict(RETRIED.format(row["run_id"])),
        "disabled": Conflict(DISABLED),
        "busy": Busy(retry_after_ms=BUSY_RETRY_MS),
    }
    return refusals[row["outcome"]]
