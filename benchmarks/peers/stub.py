"""What the stub agent says and does, for products that cannot run ours: a test holds it against `benchmarks.agents`."""

import json
from typing import Any, Final

from benchmarks.agents import ANSWER

THOUGHT: Final = "Looking it up."
TOOL: Final = "lookup"
ARGUMENTS: Final[dict[str, Any]] = {"query": "capital of France"}
RESULT: Final[dict[str, Any]] = {"found": "Paris"}


def as_json() -> str:
    """All of it, for the environment of a server that imports nothing of ours."""
    return json.dumps(
        {"thought": THOUGHT, "tool": TOOL, "arguments": ARGUMENTS, "result": RESULT, "answer": ANSWER}
    )
