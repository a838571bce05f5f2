"""The cases of `netra attack`: each tries one way to reach the other person, and says in words what it reached.

None changes anything of the other person where the deployment holds; where it leaks, at most a thread
that this attack made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from netra_backend.attack.deployment import Deployment, Frame, Person
from netra_backend.attack.forging import forged, is_jwt
from netra_backend.attack.probes import NONSENSE, RouteProbe, claim_probes, frame_probes, route_probes
from netra_backend.attack.report import Result

ROUNDS = 20
"""Pairs of requests at once: more than any sensible pool of database connections."""
NEED_THREAD = frozenset(["user_message", "start_agent", "get_thread_history", "follow"])
"""Messages that must find the thread that they name; others may pass over it in silence."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the attack happens, and between whom."""

    deployment: Deployment
    people: tuple[Person, Person]
    asyncapi: dict[str, Any]
    openapi: dict[str, Any]
    jwks: dict[str, Any]

    def pairs(self) -> Iterator[tuple[Person, Person]]:
        """Attacker and victim, both ways."""
        first, second = self.people
        yield first, second
        yield second, first


@dataclass(slots=True)
class Tally:
    """Attempts so far, and what they reached."""

    attempts: int = 0
    leaks: list[str] = field(default_factory=list)

    def attempt(self, leak: str | None) -> None:
        """Count one; `leak` is what it reached, in words."""
        self.attempts += 1
        if leak is not None and leak not in self.leaks:
            self.leaks.append(leak)


Case = Callable[[Scene, Tally], Awaitable[None]]


async def forged_tokens(scene: Scene, tally: Tally) -> None:
    """Attack 30: tokens for the victim that nobody signed, at both doors."""
    for attacker, victim in scene.pairs():
        claims = {"sub": victim.user_id, "tenant_id": victim.tenant_id}
        for fault, token in (
            forged(attacker.token, scene.jwks, claims=claims) if is_jwt(attacker.token) else ()
        ):
            answer = await scene.deployment.request("GET", "/auth/me", token=token)
            tally.attempt(
                f"HTTP takes a token with {fault}: {attacker.name} is {victim.name}"
                if answer.status_code < 400
                else None
            )
            status, hello = await scene.deployment.knock({"Authorization": f"Bearer {token}"})
            tally.attempt(f"a socket opens with a token with {fault}" if hello or status == 101 else None)


async def tokens_in_urls(scene: Scene, tally: Tally) -> None:
    """Attack 34: an address with a token in it is refused whatever the token; the one used is made up."""
    for name in ("token", "access_token", "jwt"):
        made_up = f"?{name}=eyJhbGciOiJub25lIn0.e30.AA"
        status, _ = await scene.deployment.knock({}, query=made_up)
        tally.attempt(
            f"a socket is accepted with ?{name}= in its address" if not 400 <= status < 500 else None
        )
        answer = await scene.deployment.request(
            "GET", f"/auth/me{made_up}", token=scene.people[0].token, follow_redirects=False
        )
        tally.attempt(f"HTTP takes ?{name}= in an address" if answer.status_code < 400 else None)


async def foreign_ids_on_sockets(scene: Scene, tally: Tally) -> None:
    """Attack 35: every message with the victim's ids in each place gets the answer to nonsense."""
    for attacker, victim in scene.pairs():
        void = frame_probes(scene.asyncapi, own=attacker.ids, target=NONSENSE)
        answers = [await attacker.line.ask(empty.as_frame("")) for empty in void]
        for target in victim.ids.all():
            aimed = frame_probes(scene.asyncapi, own=attacker.ids, target=target)
            for probe, expected in zip(aimed, answers, strict=True):
                got = await attacker.line.ask(probe.as_frame(""))
                who = f"{attacker.name} sent `{probe.kind}` with {victim.name}'s id as {probe.field}"
                strict = probe.kind in NEED_THREAD or probe.field != "thread_id"
                tally.attempt(_difference(who, got, expected, strict=strict))


def _difference(who: str, got: list[Frame], expected: list[Frame], *, strict: bool) -> str | None:
    if got != expected:
        return f"{who} and was answered {_said(got)}, but {_said(expected)} for an id that nobody has"
    refused = [each["payload"].get("code") for each in got if each["type"] == "error"]
    if strict and refused != ["not_found"]:
        return f"{who} and was answered {_said(got)}, not `not_found`"
    return None


def _said(frames: list[Frame]) -> str:
    """The kinds of answers; never what is in them."""
    codes = [f"`{each['payload'].get('code', each['type'])}`" for each in frames]
    return " and ".join(codes) or "nothing"


async def foreign_ids_over_http(scene: Scene, tally: Tally) -> None:
    """Attack 35: every route with the victim's ids in each place answers as for nonsense."""
    for attacker, victim in scene.pairs():
        void = route_probes(scene.openapi, own=attacker.ids, target=NONSENSE)
        answers = [await _asked(scene, attacker, empty) for empty in void]
        for target in victim.ids.all():
            aimed = route_probes(scene.openapi, own=attacker.ids, target=target)
            for probe, expected in zip(aimed, answers, strict=True):
                got = await _asked(scene, attacker, probe)
                who = f"{attacker.name} asked {probe.name} with {victim.name}'s id as {probe.field}"
                same = (got.status_code, got.content) == (expected.status_code, expected.content)
                if not same or got.status_code < 400:
                    tally.attempt(f"{who} and got {got.status_code}, not the 404 of an id that nobody has")
                else:
                    tally.attempt(None)
                for trace in victim.traces_in(got.text):
                    tally.attempt(f"{who} and got {trace}")


async def _asked(scene: Scene, attacker: Person, probe: RouteProbe) -> httpx.Response:
    return await scene.deployment.request(
        probe.method, probe.path, token=attacker.token, params=dict(probe.query), json=probe.body
    )


async def untouched(scene: Scene, tally: Tally) -> None:
    """Attack 35: after all that, each has their own thread as it was, and has heard nothing of the other."""
    for person, other in scene.pairs():
        await person.line.ask({"type": "ping", "payload": {}})
        heard = "\n".join(person.line.raw)
        for trace in other.traces_in(heard):
            tally.attempt(f"{person.name}'s socket received {trace}")
        if any(frame["type"] == "typing" for frame in person.line.heard):
            tally.attempt(f"{person.name}'s socket was told that {other.name} is typing")
        path = f"/api/threads/{person.ids.thread}/messages"
        answer = await scene.deployment.request("GET", path, token=person.token)
        said = [each["content"] for each in answer.json().get("messages", ()) if each["role"] == "user"]
        strange = [text for text in said if other.secret in text or text == other.ids.word]
        leak = f"{person.name}'s thread holds messages that {other.name} wrote"
        tally.attempt(leak if strange else None)
        tally.attempt(None if said else f"{person.name}'s thread is not to be read any more")


async def claims(scene: Scene, tally: Tally) -> None:
    """Attack 36: whoever names a user, a tenant, a role or messages of other roles is refused."""
    for attacker in scene.people:
        for probe in claim_probes(scene.asyncapi, own=attacker.ids):
            got = await attacker.line.ask(probe.as_frame(""))
            codes = [each["payload"].get("code") for each in got]
            leak = f"`{probe.kind}` with a field {probe.field} was answered {_said(got)}, not `bad_message`"
            tally.attempt(None if codes == ["bad_message"] else leak)


async def claimed_in_headers(scene: Scene, tally: Tally) -> None:
    """Attack 36: headers that proxies use to name a user are nobody's word here."""
    for attacker, victim in scene.pairs():
        for name in (
            "X-User-Id",
            "X-Forwarded-User",
            "X-Auth-User",
            "Remote-User",
            "X-Tenant-Id",
            "X-Tenant",
        ):
            value = victim.tenant_id if "Tenant" in name else victim.user_id
            answer = await scene.deployment.request(
                "GET", "/auth/me", token=attacker.token, headers={name: value}
            )
            me = answer.json() if answer.status_code == 200 else {}
            same = (me.get("user_id"), me.get("tenant_id")) == (attacker.user_id, attacker.tenant_id)
            tally.attempt(
                None if same or not me else f"the header {name} makes {attacker.name} somebody else"
            )
            anonymous = await scene.deployment.request("GET", "/auth/me", headers={name: value})
            tally.attempt(f"the header {name} logs anybody in" if anonymous.status_code < 400 else None)


async def taking_turns(scene: Scene, tally: Tally) -> None:
    """Attack 37, as far as it shows from outside: requests of both at once see their own threads only."""
    turns = [person for _ in range(ROUNDS) for person in scene.people]
    answers = await asyncio.gather(
        *(scene.deployment.request("GET", "/api/threads?limit=200", token=each.token) for each in turns)
    )
    for person, answer in zip(turns, answers, strict=True):
        other = next(each for each in scene.people if each is not person)
        leak = None
        if other.ids.thread in answer.text or other.traces_in(answer.text):
            leak = f"{person.name}'s list of threads shows {other.name}'s, when both ask at once"
        elif person.ids.thread not in answer.text:
            leak = f"{person.name}'s list of threads lacks {person.name}'s own, when both ask at once"
        tally.attempt(leak)


async def foreign_pages(scene: Scene, tally: Tally) -> None:
    """Attack 38: the cookie of a visitor counts for no page but the deployment's own."""
    for person in scene.people:
        for origin in _evil(scene.deployment.address.http):
            said = {} if origin is None else {"Origin": origin}
            headers = {"Cookie": person.cookie, **said}
            status, hello = await scene.deployment.knock(headers)
            opened = hello is not None or not 400 <= status < 500
            page = "no page at all" if origin is None else f"a page of {origin}"
            tally.attempt(f"{page} may open a socket with {person.name}'s cookie" if opened else None)
            path = f"/api/runs/{person.ids.run}/stop"
            answer = await scene.deployment.request("POST", path, headers=headers)
            acted = answer.status_code < 400
            tally.attempt(f"{page} may stop a run with {person.name}'s cookie" if acted else None)


def _evil(url: str) -> list[str | None]:
    """Origins that are not the deployment's, however much they look like it."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return [
        "https://evil.example",
        "null",
        None,
        "",
        f"{origin}.evil.example",
        f"https://evil.example/{origin}",
        f"{parts.scheme}://{parts.netloc}@evil.example",
        f"{parts.scheme}://evil{parts.netloc}",
    ]


CASES: tuple[tuple[int, str, Case], ...] = (
    (30, "forged tokens, at HTTP and at the socket", forged_tokens),
    (34, "a (made-up) token in the address", tokens_in_urls),
    (35, "every message type with the other's ids", foreign_ids_on_sockets),
    (35, "every HTTP route with the other's ids", foreign_ids_over_http),
    (36, "user, tenant, role and messages said by the client", claims),
    (36, "the same in headers", claimed_in_headers),
    (37, "both users' requests at once", taking_turns),
    (38, "a foreign page with the cookie", foreign_pages),
    (35, "afterwards: nothing heard, nothing changed", untouched),
)


async def run_cases(scene: Scene) -> list[Result]:
    """Every case, one after the other."""
    results = []
    for number, title, case in CASES:
        tally = Tally()
        await case(scene, tally)
        results.append(Result(number, title, tally.attempts, tuple(tally.leaks)))
    return results
