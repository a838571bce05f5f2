"""The `netra` program: parse, call one use case, exit code. Heavy imports wait for their command.

Exit codes: 0 done, 1 refused or not ready, 2 a mistake in the command line or the settings.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from netra_backend import __version__
from netra_backend.attack.command import attack
from netra_backend.chaos.command import chaos
from netra_backend.settings import Settings, SettingsError, load, masked
from netra_migrate.cli import app as migrate_app

app = typer.Typer(
    name="netra",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The durable message layer between browsers and AI agents.",
)
user_app = typer.Typer(no_args_is_help=True, help="People who may log in.")
token_app = typer.Typer(no_args_is_help=True, help="Access tokens.")
db_app = typer.Typer(no_args_is_help=True, help="The database schema.")
config_app = typer.Typer(no_args_is_help=True, help="The settings.")
for name, group in (("user", user_app), ("token", token_app), ("db", db_app), ("config", config_app)):
    app.add_typer(group, name=name)

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
PortOption = Annotated[
    int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of the embedded stores and the signing key.", show_default=".netra"),
]
Agent = Annotated[
    str | None, typer.Option(help="Your agent, as `module:object`.", show_default="the demo agent")
]
Model = Annotated[
    str | None,
    typer.Option(help="`demo`, `local`, or a model name such as `openai:gpt-4o`.", show_default="demo"),
]
BaseUrl = Annotated[str | None, typer.Option(help="Any OpenAI-compatible endpoint for --model.")]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        envvar="NETRA_METRICS_PORT",
        help="Port of /metrics, /health/live and /health/ready; 0 takes a free one.",
        show_default="none",
        min=0,
        max=65535,
    ),
]


@app.command()
def serve(
    host: Host = None,
    port: PortOption = None,
    data_dir: DataDir = None,
    agent: Agent = None,
    model: Model = None,
    model_base_url: BaseUrl = None,
) -> None:
    """Run everything in one process: gateway, worker, page, and the stores unless they are named.

    Examples:
        netra serve

        netra serve --agent my_agents:support --port 9000

        NETRA_MODEL_API_KEY=... netra serve --model openai:gpt-4o
    """
    _serve(
        gateway=True,
        worker=True,
        host=host,
        port=port,
        data_dir=data_dir,
        agent=agent,
        model=model,
        model_base_url=model_base_url,
    )


@app.command()
def gateway(host: Host = None, port: PortOption = None, data_dir: DataDir = None) -> None:
    """Run a gateway: sockets, HTTP and the page, but no agents.

    Any number of them share a data folder, or NETRA_DATABASE_URL, NETRA_VALKEY_URL and
    NETRA_SIGNING_KEY.

    Example:
        netra gateway --port 8001
    """
    _serve(gateway=True, worker=False, host=host, port=port, data_dir=data_dir)


@app.command()
def worker(
    data_dir: DataDir = None,
    agent: Agent = None,
    model: Model = None,
    model_base_url: BaseUrl = None,
    metrics_port: MetricsPort = None,
    host: Annotated[
        str | None, typer.Option(help="Address for --metrics-port.", show_default="127.0.0.1")
    ] = None,
) -> None:
    """Run a worker: agents, but no sockets.

    Examples:
        netra worker --agent my_agents:support

        netra worker --metrics-port 9100
    """
    _serve(
        gateway=False,
        worker=True,
        metrics_port=metrics_port,
        host=host,
        data_dir=data_dir,
        agent=agent,
        model=model,
        model_base_url=model_base_url,
    )


@app.command()
def stack(
    gateways: Annotated[int, typer.Option(help="How many gateways.", min=1, max=32)] = 2,
    workers: Annotated[int, typer.Option(help="How many workers.", min=0, max=32)] = 2,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the first gateway; the next ones follow it.",
            show_default="free ones",
            min=0,
            max=65535,
        ),
    ] = None,
    data_dir: DataDir = None,
    agent: Agent = None,
    model: Model = None,
    model_base_url: BaseUrl = None,
) -> None:
    """Run several gateways and workers on this machine, as processes of their own.

    They share one PostgreSQL and one Valkey, which belong to this command unless they are named. What ends
    is started again. Ctrl-C stops everything in order, a second one at once. Settings reach all processes.

    Examples:
        netra stack

        netra stack --gateways 3 --workers 4 --port 8000 --agent my_agents:support
    """
    settings = _settings(data_dir=data_dir, agent=agent, model=model, model_base_url=model_base_url)
    from netra_backend.observability.logging import configure
    from netra_backend.stack.command import run_stack

    configure("error", stream=sys.stderr)
    _run(lambda: run_stack(settings, gateways=gateways, workers=workers, port=port or 0))


@user_app.command("add")
def user_add(
    email: Annotated[str, typer.Argument(help="Address to log in with.")],
    tenant: Annotated[str, typer.Option(help="Tenant's name; made if there is none.")],
    password: Annotated[str, typer.Option(help="At least 8 characters.", prompt=True, hide_input=True)],
    role: Annotated[
        list[str] | None, typer.Option(help="A role, such as `operator`; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a user. Safe while servers run.

    Example:
        netra user add ada@example.com --tenant acme --password '…'
    """
    from netra_backend.administration import add_user

    _administer(
        lambda settings: add_user(settings, email, tenant=tenant, password=password, roles=role or []),
        data_dir,
    )


@user_app.command("disable")
def user_disable(email: str, data_dir: DataDir = None) -> None:
    """Shut a user out: sockets close within 5 s, runs stop.

    Example:
        netra user disable ada@example.com
    """
    from netra_backend.administration import disable_user

    _administer(lambda settings: disable_user(settings, email), data_dir)


@token_app.command("issue")
def token_issue(email: str, data_dir: DataDir = None) -> None:
    """Print an access token for a user, and nothing else.

    Example:
        TOKEN=$(netra token issue ada@example.com)
    """
    from netra_backend.administration import issue_token

    _administer(lambda settings: issue_token(settings, email), data_dir)


@db_app.command("upgrade")
def db_upgrade(data_dir: DataDir = None) -> None:
    """Bring the schema to this version. Servers do it at their start as well.

    Example:
        NETRA_DATABASE_OWNER_URL=postgresql://… netra db upgrade
    """
    from netra_backend.administration import upgrade_schema

    _administer(upgrade_schema, data_dir)


@config_app.command("show")
def config_show(data_dir: DataDir = None) -> None:
    """Print every setting as JSON, secrets masked.

    Example:
        netra config show
    """
    typer.echo(json.dumps(masked(_settings(data_dir=data_dir)), indent=2))


@app.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check settings, stores, page and key, and say what to do about what is wrong.

    Example:
        netra doctor
    """
    from netra_backend.administration import examine

    if "FAIL" in _administer(examine, data_dir):
        raise typer.Exit(1)


@app.command()
def chat(
    url: Annotated[str, typer.Option(help="The server.")] = "http://127.0.0.1:8000",
    email: Annotated[str | None, typer.Option(help="Log in with this address.")] = None,
    password: Annotated[str | None, typer.Option(envvar="NETRA_PASSWORD", help="And this password.")] = None,
    token: Annotated[str | None, typer.Option(envvar="NETRA_TOKEN", help="Or with an access token.")] = None,
    thread: Annotated[str | None, typer.Option(help="Go on with this thread.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Chat in the terminal. Without credentials it uses the local user of the data folder.

    Examples:
        netra chat

        echo "What is 2+2?" | netra chat

        netra chat --url https://chat.example.com --email ada@example.com
    """
    from netra_client.terminal import chat as run_chat
    from rich.console import Console

    if token is None and email is None:
        from netra_backend.administration import local_token

        token = _run(lambda: local_token(_settings(data_dir=data_dir)))
    elif email is not None and password is None:
        password = typer.prompt("Password", hide_input=True)
    console = Console()
    raise typer.Exit(
        _run(
            lambda: run_chat(
                url, email=email, password=password, token=token, thread_id=thread, console=console
            )
        )
    )


app.command()(attack)
app.command()(chaos)
app.add_typer(migrate_app, name="migrate")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of the `netra` program."""
    app()


def _serve(*, gateway: bool, worker: bool, metrics_port: int | None = None, **overrides: Any) -> None:
    settings = _settings(**overrides)
    from netra_backend.observability.logging import configure
    from netra_backend.serving import serve
    from netra_backend.sharing import require_shared

    configure(settings.log_level)

    async def run() -> None:
        if not (gateway and worker):
            require_shared(settings)
        await serve(settings, gateway=gateway, worker=worker, metrics_port=metrics_port)

    _run(run)


def _administer(use_case: Callable[[Settings], Coroutine[Any, Any, str]], data_dir: Path | None) -> str:
    from netra_backend.observability.logging import configure

    settings = _settings(data_dir=data_dir)
    configure("error", stream=sys.stderr)
    text = str(_run(lambda: use_case(settings)))
    typer.echo(text)
    return text


def _settings(**overrides: Any) -> Settings:
    try:
        return load(overrides)
    except SettingsError as error:
        _fail(str(error), 2)


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run one use case; what it refuses becomes one sentence and an exit code."""
    import uvloop

    from netra_backend.agents.errors import AgentSpecError
    from netra_backend.agents.local_model import LocalModelError
    from netra_backend.domain.errors import NetraError
    from netra_backend.embedded import EmbeddedError
    from netra_backend.stack.process import StackError

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work())
    except (SettingsError, EmbeddedError, AgentSpecError, LocalModelError, StackError) as error:
        _fail(str(error), 2)
    except NetraError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"netra: {message}", err=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    main()
