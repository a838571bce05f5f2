"""A deployment as the network shows it: requests, sockets that keep all they hear, people with a thread each.

Never uses anything but the public wire; changes nothing but one thread of its own for each person.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from netra_client.address import Address
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from netra_backend.attack.probes import Ids

Frame = dict[str, Any]

PATIENCE_S = 15.0
"""Seconds for one answer."""
RUN_PATIENCE_S = 60.0
"""Seconds that the answer to our own message may take; without it the attack goes on all the same."""
RETRIES = 8
"""Times that a request is sent again when the deployment asks to wait."""
BREATH_S = 0.5
"""Seconds that we wait longer than asked: then there is room for a few frames, not for one."""
RETRYABLE = frozenset(["rate_limited", "busy", "degraded"])


class AttackError(Exception):
    """The attack cannot be made; the message is one plain sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How one person logs in: a token, or an e-mail address and a password."""

    name: str
    email: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class Line:
    """One socket. `heard` is everything that came on it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.heard: list[Frame] = []
        self.raw: list[str] = []

    async def read(self) -> Frame:
        """The next frame."""
        text = await asyncio.wait_for(self._socket.recv(), PATIENCE_S)
        frame: Frame = json.loads(text)
        self.raw.append(str(text))
        self.heard.append(frame)
        return frame

    async def ask(self, frame: Mapping[str, Any]) -> list[Frame]:
        """Send a frame under an id of its own; its answers, without the ids that we chose ourselves."""
        for _ in range(RETRIES):
            frame_id = await self._send(frame)
            answers = await self._until_pong(frame_id)
            waits = [wait for wait in map(_asked_to_wait, answers) if wait is not None]
            if not waits:
                return [_comparable(each) for each in answers]
            await asyncio.sleep(waits[0])
        raise AttackError("The deployment refuses to be asked so much; try again when it is less busy.")

    async def _send(self, frame: Mapping[str, Any]) -> str:
        frame_id = f"attack-{self.unique}-{next(self._ids)}"
        await self._socket.send(json.dumps({**frame, "id": frame_id}))
        return frame_id

    async def _until_pong(self, frame_id: str) -> list[Frame]:
        """What answers a frame: some have no answer, so a `ping` after it marks the end."""
        answers: list[Frame] = []
        end_id = await self._send({"type": "ping", "payload": {}})
        while True:
            came = await self.read()
            if came.get("reply_to") == frame_id:
                answers.append(came)
            elif came.get("reply_to") == end_id:
                wait = _asked_to_wait(came)
                if wait is None:
                    return answers
                await asyncio.sleep(wait)
                end_id = await self._send({"type": "ping", "payload": {}})

    unique = ""
    """Part of every id, so that two attacks on one account do not meet."""


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody with an account, and what is theirs alone."""

    account: Account
    token: str
    cookie: str
    user_id: str
    tenant_id: str
    ids: Ids
    secret: str
    line: Line

    @property
    def name(self) -> str:
        """A or B."""
        return self.account.name

    def traces_in(self, text: str) -> list[str]:
        """What of this person is to be seen in a text that is somebody else's."""
        marks = {
            f"the text of {self.name}'s message": self.secret,
            f"{self.name}'s user id": self.user_id,
            f"{self.name}'s e-mail address": self.account.email,
        }
        return [what for what, mark in marks.items() if mark and mark in text]


class Deployment:
    """Where to send requests."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        self.address = address
        self._http = http

    async def request(
        self, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """One request, sent again when the deployment asks to wait."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        for attempt in range(RETRIES):
            try:
                answer = await self._http.request(method, path, headers=headers, **options)
                self._http.cookies.clear()  # who asks is said each time, and never by an earlier answer
            except httpx.HTTPError as error:
                raise AttackError(
                    f"Nothing answers at {self.address.http} ({type(error).__name__}): is the deployment up?"
                ) from error
            if answer.status_code not in (429, 503):
                return answer
            wait = answer.headers.get("Retry-After", "")
            await asyncio.sleep(min(float(wait) if wait.isdigit() else 0.25 * (attempt + 1), 5.0))
        raise AttackError("The deployment refuses to be asked so much; try again when it is less busy.")

    async def document(self, path: str) -> dict[str, Any]:
        """A document that the deployment publishes about itself."""
        answer = await self.request("GET", path)
        try:
            found: Any = answer.json()
        except ValueError:
            found = None
        if answer.status_code != 200 or not isinstance(found, dict):
            raise AttackError(f"What answers at {self.address.http} is not a Netra server: it has no {path}.")
        return found

    async def knock(self, headers: Mapping[str, str], *, query: str = "") -> tuple[int, Frame | None]:
        """Try to open a socket: 101 and its first frame, or the status or close code of the refusal."""
        try:
            async with connect(
                self.address.socket + query, additional_headers=dict(headers), open_timeout=PATIENCE_S
            ) as socket:
                try:
                    frame: Frame = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
                    if frame["type"] == "connected":
                        return 101, frame
                    await asyncio.wait_for(socket.wait_closed(), PATIENCE_S)
                except (ConnectionClosed, TimeoutError):
                    pass
                return socket.close_code or 0, None
        except InvalidStatus as refused:
            return refused.response.status_code, None
        except (OSError, InvalidHandshake) as error:
            raise AttackError(f"No socket can be opened at {self.address.socket}.") from error

    @asynccontextmanager
    async def line(self, token: str, *, unique: str) -> AsyncIterator[Line]:
        """A socket of somebody, after `connected`."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            socket = await connect(
                self.address.socket, additional_headers=headers, max_size=None, open_timeout=PATIENCE_S
            )
        except (OSError, InvalidHandshake) as error:
            raise AttackError(f"No socket can be opened at {self.address.socket}.") from error
        async with socket:
            opened = Line(socket)
            opened.unique = unique
            if (await opened.read())["type"] != "connected":
                raise AttackError("The deployment does not let a token of its own in.")
            yield opened

    @asynccontextmanager
    async def person(self, account: Account, *, nonce: str) -> AsyncIterator[Person]:
        """Log in, open a socket, and say one thing in a thread of its own."""
        token, cookie = await self._log_in(account)
        answer = await self.request("GET", "/auth/me", token=token)
        if answer.status_code != 200:
            raise AttackError(f"The deployment refuses the token of user {account.name}; issue a new one.")
        me = answer.json()
        if "operator" in me["roles"]:
            raise AttackError(
                f"User {account.name} is an operator, who may see much of others: take an account without it."
            )
        secret = f"{nonce}-{account.name}"
        async with self.line(token, unique=secret) as line:
            ids = await _own_thread(line, secret)
            yield Person(
                account=account,
                token=token,
                cookie=cookie,
                user_id=me["user_id"],
                tenant_id=me["tenant_id"],
                ids=ids,
                secret=secret,
                line=line,
            )

    async def _log_in(self, account: Account) -> tuple[str, str]:
        """A token, and the cookie as a browser would send it."""
        if account.token:
            names = ("netra_session", "__Host-netra_session")
            return account.token, "; ".join(f"{name}={account.token}" for name in names)
        credentials = {"email": account.email, "password": account.password}
        answer = await self.request("POST", "/auth/login", json=credentials)
        if answer.status_code in (400, 401, 403):
            raise AttackError(
                f"The deployment refuses the e-mail address and password of user {account.name}."
            )
        try:
            token = str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise AttackError(f"What answers at {self.address.http} is not a Netra server.") from None
        return token, answer.headers.get("Set-Cookie", "").partition(";")[0]


def _asked_to_wait(frame: Frame) -> float | None:
    """Seconds to wait before the same again, or None if this is the answer."""
    error = frame.get("payload", {})
    if frame["type"] != "error" or error["code"] not in RETRYABLE:
        return None
    return float(error.get("retry_after_ms", 0)) / 1000 + BREATH_S


def _comparable(frame: Frame) -> Frame:
    """A frame without what differs from one question to the next: our ids, and how far the stream is."""
    kept = {name: value for name, value in frame.items() if name not in ("reply_to", "thread_id")}
    return kept | {
        "payload": {name: value for name, value in frame.get("payload", {}).items() if name != "head"}
    }


async def _own_thread(line: Line, secret: str) -> Ids:
    """Say one thing; the ids of what that made, once its answer has ended or taken too long."""
    text = f"{secret}: `netra attack` checks that nobody else can read this. The thread may be deleted."
    answers = await line.ask({"type": "user_message", "payload": {"text": text}})
    accepted = [each for each in answers if each["type"] == "accepted"]
    if not accepted:
        code = answers[0]["payload"].get("code", "no answer") if answers else "no answer"
        raise AttackError(f"The deployment does not accept a message of its own user ({code}).")
    run_id, message_id = accepted[0]["run_id"], accepted[0]["payload"]["message_id"]
    (thread_id,) = {each["thread_id"] for each in line.heard if each.get("run_id") == run_id}
    try:
        async with asyncio.timeout(RUN_PATIENCE_S):
            while not any(e["type"] == "agent_completed" and e.get("run_id") == run_id for e in line.heard):
                await line.read()
    except TimeoutError:
        pass  # nobody works here, or slowly; ids are all that is needed
    return Ids(thread=thread_id, run=run_id, message=message_id, word=f"probe-{secret[-1]}")
