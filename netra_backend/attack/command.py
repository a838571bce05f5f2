"""The command `netra attack`: who attacks what, and the exit code. Heavy imports wait until it runs.

Exit codes: 0 all held, 1 something leaked, 2 wrong use, deployment away or bad credentials.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netra_backend.attack.deployment import Account
    from netra_backend.attack.report import Report

USER_HELP = "{name}'s account, as EMAIL or EMAIL:PASSWORD; without the password NETRA_PASSWORD_{name}, or you are asked."


def attack(
    url: Annotated[str, typer.Option(help="The deployment, such as https://chat.example.com.")],
    user_a: Annotated[str | None, typer.Option(help=USER_HELP.format(name="A"))] = None,
    user_b: Annotated[str | None, typer.Option(help=USER_HELP.format(name="B"))] = None,
    token_a: Annotated[
        str | None, typer.Option(envvar="NETRA_TOKEN_A", help="Or A's access token.", show_envvar=True)
    ] = None,
    token_b: Annotated[
        str | None, typer.Option(envvar="NETRA_TOKEN_B", help="Or B's access token.", show_envvar=True)
    ] = None,
    password_a: Annotated[str | None, typer.Option(envvar="NETRA_PASSWORD_A", hidden=True)] = None,
    password_b: Annotated[str | None, typer.Option(envvar="NETRA_PASSWORD_B", hidden=True)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Try to reach one user's data as another, from outside, on a deployment of yours.

    Give it two accounts that are not operators, of one tenant or of two. As each of them it tries forged
    tokens, the other's ids in every message and every route, claims to be somebody else, and a foreign
    page with the cookie. Where the deployment limits rates it waits, so it may take a few minutes.

    It makes one thread with one message for each account, which it leaves behind; it changes nothing
    else. Exit code 0: everything held. 1: something leaked, and it says what. 2: it could not be tried.

    Examples:
        netra attack --url https://chat.example.com --user-a ada@example.com --user-b bob@example.com

        NETRA_TOKEN_A=… NETRA_TOKEN_B=… netra attack --url http://127.0.0.1:8000 --json
    """
    from rich.console import Console

    from netra_backend.attack.deployment import AttackError
    from netra_backend.attack.report import as_json as in_json
    from netra_backend.attack.report import show

    try:
        accounts = (
            _account("A", user_a, token=token_a, password=password_a),
            _account("B", user_b, token=token_b, password=password_b),
        )
        report = asyncio.run(run_attack(url, *accounts))
    except AttackError as error:
        typer.echo(f"netra: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(in_json(report))
    else:
        show(report, Console())
    raise typer.Exit(0 if report.held else 1)


async def run_attack(url: str, first: "Account", second: "Account") -> "Report":
    """Attack the deployment at `url` with two accounts.

    Raises:
        AttackError: it cannot be made; the message says what to do.
    """
    import secrets

    import httpx
    from netra_client.address import parse_address
    from websockets.exceptions import ConnectionClosed

    from netra_backend.attack.cases import Scene, run_cases
    from netra_backend.attack.deployment import AttackError, Deployment
    from netra_backend.attack.report import Report

    try:
        address = parse_address(url)
    except ValueError as error:
        raise AttackError(str(error)) from None
    nonce = f"attack-{secrets.token_hex(6)}"
    limits = httpx.Limits(max_connections=10)
    try:
        async with httpx.AsyncClient(base_url=address.http, timeout=15.0, limits=limits) as http:
            deployment = Deployment(address, http)
            documents: list[Mapping[str, object]] = []
            for path in ("/api/asyncapi.json", "/api/openapi.json", "/.well-known/jwks.json"):
                documents.append(await deployment.document(path))
            asyncapi, openapi, jwks = (dict(each) for each in documents)
            async with (
                deployment.person(first, nonce=nonce) as a,
                deployment.person(second, nonce=nonce) as b,
            ):
                if (a.user_id, a.tenant_id) == (b.user_id, b.tenant_id):
                    raise AttackError("A and B are the same user; take two different accounts.")
                results = await run_cases(Scene(deployment, (a, b), asyncapi, openapi, jwks))
                return Report(
                    url=address.http,
                    same_tenant=a.tenant_id == b.tenant_id,
                    threads=(a.ids.thread, b.ids.thread),
                    results=results,
                )
    except (ConnectionClosed, TimeoutError) as error:
        message = f"The deployment stopped answering in the middle of the attack ({type(error).__name__})."
        raise AttackError(message) from error


def _account(name: str, user: str | None, *, token: str | None, password: str | None) -> "Account":
    from netra_backend.attack.deployment import Account, AttackError

    email, _, given = (user or "").partition(":")
    if token:
        return Account(name=name, email=email, token=token)
    if not email:
        raise AttackError(f"Name user {name}: --user-{name.lower()} EMAIL, or NETRA_TOKEN_{name}.")
    password = given or password
    if not password and not sys.stdin.isatty():
        raise AttackError(f"There is no password for user {name}: set NETRA_PASSWORD_{name}.")
    return Account(
        name=name,
        email=email,
        password=password or typer.prompt(f"Password of {email}", hide_input=True),
    )
