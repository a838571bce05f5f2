"""Settings of the service, from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where everything is.

    `database_url` may change the schema; `app_database_url` is the same database for everyday work.
    """

    database_url: str
    app_database_url: str
    redis_url: str
    data_dir: Path = Path(".chat")
    host: str = "127.0.0.1"
    port: int = 8010
    daily_messages: int = 200


def from_environment() -> Settings:
    """`CHAT_DATABASE_URL` and `CHAT_REDIS_URL` are required."""
    database_url = os.environ["CHAT_DATABASE_URL"]
    return Settings(
        database_url=database_url,
        app_database_url=os.environ.get("CHAT_APP_DATABASE_URL", database_url),
        redis_url=os.environ["CHAT_REDIS_URL"],
        data_dir=Path(os.environ.get("CHAT_DATA_DIR", ".chat")),
        host=os.environ.get("CHAT_HOST", "127.0.0.1"),
        port=int(os.environ.get("CHAT_PORT", "8010")),
        daily_messages=int(os.environ.get("CHAT_DAILY_MESSAGES", "200")),
    )
