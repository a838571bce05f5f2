"""Sends recorded messages again: `python -m chat.scripts.replay EMAIL FILE` (one JSON object a line)."""

import asyncio
import json
import sys
from pathlib import Path

from chat.answers import AnswerBox
from chat.connections import connections
from chat.runtime import Runtime, opened
from chat.services.websocket import message_handler as handlers
from chat.settings import from_environment
from chat.websocket_core.messages import read_message


async def replay(runtime: Runtime, user_id: str, lines: list[str]) -> int:
    """Send each line as a message of that user; how many there were."""
    handler = handlers.UserMessageHandler(supervisor=runtime.supervisor, db_session_factory=runtime.session)
    for line in lines:
        message = read_message(json.loads(line))
        websocket = AnswerBox()
        connections.add(user_id, websocket)
        await handler.handle(user_id, message.payload)
        connections.remove(user_id, websocket)
    return len(lines)


async def main(email: str, path: str) -> None:
    """Open the service and replay."""
    async with opened(from_environment()) as runtime:
        user = await runtime.netra.auth.users.find(email)
        runtime.tenants[user.owner.user_id] = user.owner.tenant_id
        count = await replay(runtime, user.owner.user_id, Path(path).read_text().splitlines())
        print(f"{count} messages sent")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
