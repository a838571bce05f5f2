"""Names of things on the wire. They are opaque: compare them, never take them apart."""

from typing import NewType

ThreadId = NewType("ThreadId", str)
RunId = NewType("RunId", str)
MessageId = NewType("MessageId", str)
ToolCallId = NewType("ToolCallId", str)

# The wire's page says when an epoch changes and not what it is made of.
Epoch = str | int
