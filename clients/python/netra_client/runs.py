"""One run out of all events. It owns nothing; it filters, and ends with the run."""

from collections.abc import AsyncIterator

from netra_client.errors import ClientClosed, ResyncRequired
from netra_client.ids import MessageId
from netra_client.messages import (
    Accepted,
    AgentCompleted,
    AgentStarted,
    Live,
    Resync,
    RunLifecycle,
)
from netra_client.subscription import Subscription

RunEvent = RunLifecycle | Live


async def events_of_run(accepted: Accepted, events: Subscription) -> AsyncIterator[RunEvent]:
    """Yield the run's events and live text, `agent_completed` last.

    `events` must have been subscribed before the message was sent.

    Raises:
        ResyncRequired: events were lost for good.
        ClientClosed: the client was closed before the run ended; the run goes on.
    """
    message_id: MessageId | None = None
    async for event in events:
        if isinstance(event, Resync):
            raise ResyncRequired(event.payload.reason)
        if isinstance(event, AgentStarted) and event.run_id == accepted.run_id:
            message_id = event.payload.message_id
        if not isinstance(event, RunEvent) or not _belongs(event, accepted, message_id):
            continue
        yield event
        if isinstance(event, AgentCompleted):
            return
    raise ClientClosed("The client was closed before the run ended; the run goes on.")


def _belongs(event: RunEvent, accepted: Accepted, message_id: MessageId | None) -> bool:
    if event.run_id == accepted.run_id:
        return True
    # Live frames may come without a run; the message that they write says whose they are.
    return isinstance(event, Live) and event.payload.message_id == message_id
