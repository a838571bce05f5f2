"""The products that are measured: how each is started, by what it is known, and what it does not do. No I/O."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from benchmarks.peers.stub import as_json
from benchmarks.processes import ROOT

APPS: Final = Path(__file__).parent / "apps"
PROGRAMS: Final = ROOT / ".venv" / "peers" / "bin"
"""The environment that `make bench-peers` makes from requirements/peers.lock."""
LOCK: Final = ROOT / "requirements" / "peers.lock"
PASSWORD: Final = secrets.token_urlsafe(16)

_QUIET: Final = {
    "AGNO_TELEMETRY": "false",
    "OTEL_SDK_DISABLED": "true",
    "TRACELOOP_TELEMETRY": "false",
    "PYTHONUNBUFFERED": "1",
}
_FROM_OUTSIDE: Final = ("PATH", "LANG", "TMPDIR")
"""What a product may see of this environment: no keys, no proxies, no settings of the person who measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product in one set-up.

    Attributes:
        key: what the command line calls it; also the name of its database.
        package: whose version is shown.
        mode: tells the set-ups of one application apart.
        visitor: how its users speak, a name of `benchmarks.peers.load.VISITORS`.
        command: what starts it, in the environment of the peers; `{port}` is a free one.
        driver: of SQLAlchemy, for the address of the database.
        schema: a script for a database that the product does not set up itself.
        answers: how many answers are stored.
        login: whether a user needs the cookie of a login.
    """

    key: str
    name: str
    package: str
    mode: str
    visitor: str
    command: tuple[str, ...]
    driver: str
    answers: str
    durable: str
    lacks: tuple[str, ...]
    schema: str = ""
    login: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def environ(self, *, database: str, port: int, home: Path) -> dict[str, str]:
        """The whole environment of its server. `database` is a `postgresql://` address."""
        parts = urlsplit(database)
        kept = {name: os.environ[name] for name in _FROM_OUTSIDE if name in os.environ}
        own = {name: value.format(port=port, database=database) for name, value in self.environment.items()}
        return (
            kept
            | _QUIET
            | own
            | {
                "HOME": str(home),
                "PEER_DATABASE": urlunsplit(parts._replace(scheme=f"postgresql+{self.driver}")),
                "PEER_MODE": self.mode,
                "PEER_STUB": as_json(),
                "PEER_PASSWORD": PASSWORD,
            }
        )


_AGNO: Final = (str(PROGRAMS / "python"), str(APPS / "agno_os.py"))
_RUNS: Final = "select count(*) from ai.agno_runs where status = 'COMPLETED'"
_CHAINLIT: Final = (str(PROGRAMS / "chainlit"), "run", str(APPS / "chainlit_app.py"), "--headless")
_CHAINLIT_SETTINGS: Final = {
    "CHAINLIT_HOST": "127.0.0.1",
    "CHAINLIT_PORT": "{port}",
    "CHAINLIT_AUTH_SECRET": secrets.token_urlsafe(32),
    "UVICORN_WS_PER_MESSAGE_DEFLATE": "false",
}
_CHAINLIT_LACKS: Final = (
    "say that a message is stored",
    "wait for the store: it writes after it sends",
    "go on with a run after a restart",
    "number its events, so that a reload can be given what it missed",
)

PRODUCTS: Final = (
    Product(
        key="agno_queue",
        name="Agno AgentOS, durable queue",
        package="agno",
        mode="queue",
        visitor="agno-queue",
        command=_AGNO,
        driver="psycopg_async",
        answers=_RUNS,
        durable="PostgreSQL: job when accepted, run when it ended",
        lacks=(
            "store the events of a run: they are in the memory of its process",
            "take up a run after a crash unless it may start again from the beginning",
            "number events over all runs of a user",
        ),
    ),
    Product(
        key="agno",
        name="Agno AgentOS, streamed",
        package="agno",
        mode="stream",
        visitor="agno",
        command=_AGNO,
        driver="psycopg_async",
        answers=_RUNS,
        durable="PostgreSQL: run when it ended",
        lacks=(
            "store a message before its run ends",
            "go on when the connection closes: that stops the run",
            "resume a stream",
        ),
    ),
    Product(
        key="chainlit",
        name="Chainlit, own data layer",
        package="chainlit",
        mode="official",
        visitor="chainlit",
        command=_CHAINLIT,
        driver="asyncpg",
        answers="""select count(*) from "Step" where type = 'assistant_message'""",
        durable="PostgreSQL: each step, some time after it was sent",
        lacks=_CHAINLIT_LACKS,
        schema="chainlit_official.sql",
        login=True,
        environment=_CHAINLIT_SETTINGS | {"DATABASE_URL": "{database}"},
    ),
    Product(
        key="chainlit_sqlalchemy",
        name="Chainlit, SQLAlchemy layer",
        package="chainlit",
        mode="sqlalchemy",
        visitor="chainlit",
        command=_CHAINLIT,
        driver="asyncpg",
        answers="select count(*) from steps where type = 'assistant_message'",
        durable="PostgreSQL: each step, some time after it was sent",
        lacks=_CHAINLIT_LACKS,
        schema="chainlit_sqlalchemy.sql",
        login=True,
        environment=_CHAINLIT_SETTINGS,
    ),
)
