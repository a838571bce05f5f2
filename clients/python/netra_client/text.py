"""Text of the messages being written, by code point offset. Sans-I/O.

It owns the text of messages until their `agent_completed`; it decides when `follow` must be asked again.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from netra_client.ids import MessageId, RunId, ThreadId


class Delta(enum.Enum):
    """What to do with a `message_delta`."""

    APPLIED = "applied"
    DROPPED = "dropped"  # a snapshot that was asked for will replace it
    FOLLOW = "follow"  # drop it and ask `follow` again


class LiveText:
    """Texts by message id. Offsets are in code points, as `len` counts them."""

    def __init__(self) -> None:
        self._texts: dict[MessageId, str] = {}
        self._writing: dict[RunId, MessageId] = {}
        # Waiting for a snapshot, by message, with the thread whose `followed` also ends the wait.
        self._asked: dict[MessageId, ThreadId | None] = {}

    @property
    def texts(self) -> Mapping[MessageId, str]:
        """A read-only view of what is being written."""
        return MappingProxyType(self._texts)

    def delta(self, message_id: MessageId, *, thread_id: ThreadId | None, offset: int, text: str) -> Delta:
        """Append `text` when `offset` is the length of what we have."""
        have = self._texts.get(message_id, "")
        if offset == len(have):
            self._texts[message_id] = have + text
            return Delta.APPLIED
        if message_id in self._asked:
            return Delta.DROPPED
        self._asked[message_id] = thread_id
        return Delta.FOLLOW

    def snapshot(self, message_id: MessageId, text: str) -> None:
        """Replace the text of a message."""
        self._asked.pop(message_id, None)
        self._texts[message_id] = text

    def followed(self, thread_id: ThreadId | None) -> None:
        """Take the answer to `follow`: the snapshots of that thread come next."""
        self._asked = {message: thread for message, thread in self._asked.items() if thread != thread_id}

    def started(self, run_id: RunId, message_id: MessageId, *, attempt: int) -> None:
        """Take `agent_started`; a later attempt writes the message from its beginning."""
        self._writing[run_id] = message_id
        if attempt > 1:
            self._texts.pop(message_id, None)

    def completed(self, run_id: RunId) -> None:
        """Forget the message of a run that ended: its text is in `agent_completed` and in history."""
        message_id = self._writing.pop(run_id, None)
        if message_id is not None:
            self._texts.pop(message_id, None)
            self._asked.pop(message_id, None)

    def disconnected(self) -> None:
        """Forget all texts: on the next connection `follow` brings snapshots."""
        self._texts.clear()
        self._asked.clear()
