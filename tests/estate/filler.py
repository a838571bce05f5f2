"""The bulk of an estate: thousands of files that have nothing to do with the migration, of real sizes.

Blocks are made once and put together anew for each file, so that 180 MB take seconds.
"""

import json
import math
from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded: the same estate every time

from tests.estate.words import NOUNS, Writer

MEAN_BYTES = 18_000
SIGMA = 1.0
MEDIAN_BYTES = MEAN_BYTES / math.exp(SIGMA**2 / 2)
LARGEST_BYTES = 200_000
BLOCKS = 400
DATA_SHARE = 0.07
TEST_SHARE = 0.3
SEPARATOR = "\n\n"
HEADS = (
    "import logging\nimport os\nfrom typing import Any\n",
    "import asyncio\nimport json\nimport logging\nfrom collections.abc import Iterable\n",
    "from __future__ import annotations\n\nimport logging\nimport re\n",
    "import contextlib\nimport datetime\nimport logging\nfrom pathlib import Path\n",
)
LOGGER = "\nlogger = logging.getLogger(__name__)\n"
TEST_HEAD = "from unittest.mock import MagicMock, patch\n\nimport pytest\n"
NEIGHBOURS = (
    (0.12, "from app.websocket_core.types import MessageType\n"),
    (0.08, "import logging.handlers\n"),
    (0.06, "error_handlers = {}\n"),
    (0.02, "message_handlers_total = 0\n"),
    (0.02, "websocket_core_enabled = True\n"),
)
"""Lines with words near those that are sought, and in what share of files: a prefilter must not mind them."""
COMMAND = """

class Command(BaseCommand): § handler unrelated Command
    help = "Nightly."

    def handle(self, *args: object, **options: object) -> None:
        return None


def log_all(handler: logging.Handler, records: list) -> None:
    for record in records:
        handler.handle(record)
"""
"""What a web framework's commands and a logger look like: the legacy method's name, and nothing else of it."""


class Filler:
    """Makes texts; the same from the same seed."""

    def __init__(self, random: Random) -> None:
        self.random = random
        writer = Writer(random)
        self._code = [writer.klass() if random.random() < 0.5 else writer.function() for _ in range(BLOCKS)]
        self._tests = [writer.test() for _ in range(BLOCKS // 2)]
        self._private = [writer.function(prefix="_") for _ in range(BLOCKS // 4)]
        self._modules: list[str] = []

    def body(self, size: int, *, word: str, tests: bool = False, private: bool = False) -> str:
        """Definitions of about `size` bytes that may be appended to any file and imported."""
        pool = self._private if private else self._tests if tests else self._code
        parts, length = [], 0
        while length < size:
            block = self.random.choice(pool)
            parts.append(block)
            length += len(block) + 2
        return (SEPARATOR + SEPARATOR.join(parts)).replace("Qz", word) if parts else ""

    def size(self) -> int:
        """Of one file, log-normal as in real code."""
        return min(int(MEDIAN_BYTES * self.random.lognormvariate(0, SIGMA)), LARGEST_BYTES)

    def files(self, number: int) -> Iterator[tuple[str, str]]:
        """Paths and texts, with marks as in `pages`."""
        packages: set[str] = set()
        while number > 0:
            path = self._path(number)
            package = path.rpartition("/")[0] + "/__init__.py"
            if path.endswith(".py") and path.startswith("app/") and package not in packages and number > 1:
                packages.add(package)
                yield package, ""
                number -= 1
            yield path, self._text(path)
            number -= 1

    def _path(self, number: int) -> str:
        random = self.random
        name = f"{random.choice(NOUNS)}_{random.choice(NOUNS)}_{number}"
        chance = random.random()
        if chance < DATA_SHARE:
            return f"data/{random.choice(NOUNS)}/{name}.{random.choice(('yaml', 'toml', 'json', 'md'))}"
        if chance < TEST_SHARE:
            return f"tests/bulk/{random.choice(NOUNS)}/test_{name}.py"
        inner = f"{random.choice(NOUNS[::12])}/" if random.random() < 0.3 else ""
        return f"app/bulk/{random.choice(NOUNS[::3])}/{inner}{name}.py"

    def _text(self, path: str) -> str:
        if not path.endswith(".py"):
            return self._data(path)
        stem = path.rpartition("/")[2].removesuffix(".py")
        word, tests = stem.title().replace("_", ""), stem.startswith("test_")
        head = f'"""The {" ".join(stem.split("_")[:-1])}."""\n\n{self.random.choice(HEADS)}'
        if tests:
            head += TEST_HEAD
        head += "".join(line for share, line in NEIGHBOURS if self.random.random() < share)
        head += "".join(self._imports())
        special = COMMAND if not tests and self.random.random() < 0.01 else ""
        if special:
            head += "from framework.commands import BaseCommand\n"
        body = self.body(self.size(), word=word, tests=tests)
        if not tests:
            self._modules.append(path.removesuffix(".py").replace("/", "."))
        return head + LOGGER + special + body

    def _imports(self) -> Iterator[str]:
        if not self._modules:
            return
        for module in sorted({self.random.choice(self._modules) for _ in range(self.random.randint(1, 7))}):
            package, _, last = module.rpartition(".")
            if self.random.random() < 0.3:
                yield f"from {package} import {last}\n"
            else:
                yield f"from {module} import Fresh{last.title().replace('_', '')}\n"

    def _data(self, path: str) -> str:
        random, kind = self.random, path.rpartition(".")[2]
        rows = [(random.choice(NOUNS), random.choice(NOUNS), random.randint(1, 10_000)) for _ in range(200)]
        rows = rows[: max(5, self.size() // 60)]
        if kind == "json":
            return json.dumps([{"name": a, "kind": b, "value": n} for a, b, n in rows], indent=2) + "\n"
        if kind == "toml":
            return "".join(f'[[item]]\nname = "{a}"\nkind = "{b}"\nvalue = {n}\n\n' for a, b, n in rows)
        if kind == "yaml":
            return "items:\n" + "".join(f"  - name: {a}\n    kind: {b}\n    value: {n}\n" for a, b, n in rows)
        return "# Notes\n\n" + "".join(f"- The {a} of a {b} is {n} at most, as agreed.\n" for a, b, n in rows)
