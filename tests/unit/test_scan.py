"""The security scan finds what is planted, each kind of it, and finds nothing in this checkout."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.scan.__main__ import ROOT, main
from tests.scan.advisories import UnreachableError, advisories
from tests.scan.leaked import HARMLESS, secrets, tracked
from tests.scan.licences import allowed, licences
from tests.scan.locked import Package, locked

NOBODY = "http://127.0.0.1:9/"
"""Where no database answers."""

# In halves, so that this file is not found itself.
PLANTED = {
    "a private key": "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA1234567890abcdefgh\n",
    "a password in an address": "postgresql://netra:" + "correcthorse@db/netra",
    "a token of AWS": "AKIA" + "Q3EGRIYWWFNHZ2XQ",
    "a token of GitHub": "ghp_" + "x8Jk2LmN4pQr6StU8vWx0yZa2Bc4De6Fg8Hi",
    "a token of GitLab": "glpat-" + "x8Jk2LmN4pQr6StU8vWx",
    "a token of Slack": "xoxb-" + "123456789012-abcdefghij",
    "a key of a model provider": "sk-proj-" + "x8Jk2LmN4pQr6StU8vWx0y",
    "a key of Google": "AIza" + "Sx8Jk2LmN4pQr6StU8vWx0yZa2Bc4De6Fg8",
    "a token of a package registry": "npm_" + "x8Jk2LmN4pQr6StU8vWx0yZa2Bc4De6Fg8Hi",
    "a signed token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhZGEifQ.c2lnbmVk",
    "a secret given as a text": 'api_key = "' + 'x8Jk2LmN4pQr6StU8vWx0yZa"',
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout with nothing wrong in it."""
    root = tmp_path / "checkout"
    for folder in ("requirements", "web", "clients/typescript"):
        (root / folder).mkdir(parents=True)
    (root / "requirements/runtime.txt").write_text(
        "anyio==4.16.0 \\\n    --hash=sha256:00\n", encoding="utf-8"
    )
    for folder in ("web", "clients/typescript"):
        lock_node(root / folder, "MIT")
    (root / ".gitignore").write_text(".env\n", encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)  # noqa: S603, S607 - fixed words
    return root


def lock_node(folder: Path, licence: str | None) -> None:
    """A lock file of npm with one package."""
    entry = {"version": "19.3.1"} | ({"license": licence} if licence else {})
    document = {"packages": {"": {"version": "1.0.0"}, "node_modules/@scope/react": entry}}
    (folder / "package-lock.json").write_text(json.dumps(document), encoding="utf-8")


def scan(root: Path, *arguments: str, database: str = NOBODY) -> int:
    """The exit code of the scan of a checkout."""
    return main(["--root", str(root), "--database", database, *arguments])


@pytest.fixture
def database() -> Iterator[tuple[str, dict[str, list[str]]]]:
    """A database of advisories on this machine: its address, and the advisories by package, to be planted."""
    known: dict[str, list[str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer each question in order, as the interface is documented."""
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            results: list[dict[str, Any]] = [
                {"vulns": [{"id": each} for each in known.get(query["package"]["name"], ())]}
                if query["package"]["name"] in known
                else {}
                for query in asked
            ]
            body = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", known
        server.shutdown()
        thread.join()


def test_clean_checkout_passes(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is found, and what was not looked up is said."""
    assert scan(checkout) == 0
    assert "NOT looked up" in capsys.readouterr().err


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_secret_is_found(checkout: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Each kind, with its line, in a file that is not committed yet; and it is not printed."""
    (checkout / "notes.txt").write_text(f"first line\n{PLANTED[kind]}\n", encoding="utf-8")
    assert scan(checkout) == 1
    said = capsys.readouterr()
    assert f"notes.txt:2: {kind};" in said.err
    assert PLANTED[kind] not in said.err + said.out


def test_every_kind_is_planted(checkout: Path) -> None:
    """All of them at once are all of the patterns: a pattern that can find nothing would be noticed."""
    (checkout / "all.txt").write_text("\n".join(PLANTED.values()), encoding="utf-8")
    found = {each.sentence.partition(";")[0] for each in secrets(checkout, tracked(checkout))}
    assert found == set(PLANTED)


def test_what_git_ignores_is_left_alone(checkout: Path) -> None:
    """A key in `.env` is where it belongs."""
    (checkout / ".env").write_text(PLANTED["a token of GitHub"], encoding="utf-8")
    assert scan(checkout) == 0


def test_harmless_words_are_excused_whole(checkout: Path) -> None:
    """`hunter2` is excused, `hunter22` is not; every excuse has a reason."""
    (checkout / "a.txt").write_text("redis://netra:hunter2@db and redis://netra:…@db", encoding="utf-8")
    assert scan(checkout) == 0
    (checkout / "a.txt").write_text("redis://netra:" + "hunter22@db", encoding="utf-8")
    assert scan(checkout) == 1
    assert all(HARMLESS.values())


def test_forbidden_licence_is_found(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An npm package under a licence that is not on the list, and one without any."""
    lock_node(checkout / "web", "AGPL-3.0-only")
    assert scan(checkout) == 1
    assert (
        "npm @scope/react 19.3.1: its licence 'AGPL-3.0-only' is not on the list" in capsys.readouterr().err
    )
    lock_node(checkout / "web", None)
    assert scan(checkout) == 1
    assert "npm @scope/react 19.3.1: its licence is not known" in capsys.readouterr().err


def test_unknown_python_package_is_found(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A package that is locked, not installed, and in no list."""
    (checkout / "requirements/dev.txt").write_text("left-pad-of-python==1.0\n", encoding="utf-8")
    assert scan(checkout) == 1
    assert "PyPI left-pad-of-python 1.0: its licence is not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("Apache License, Version 2.0", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (GPL-3.0-only OR AGPL-3.0-only)", False),
        ("MIT OR GPL-3.0-only AND AGPL-3.0-only", True),
        ("(MIT", False),
        ("MIT GPL-3.0-only", False),
        ("MIT AND", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_expressions(expression: str, good: bool) -> None:
    """Every part of an AND, one part of an OR; nonsense is not allowed."""
    assert allowed(expression) is good


def test_known_vulnerability_is_found(
    checkout: Path, database: tuple[str, dict[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The package, in which ecosystem, and the advisory's id."""
    address, known = database
    assert scan(checkout, "--online", database=address) == 0
    known["@scope/react"] = ["GHSA-1"]
    assert scan(checkout, "--online", database=address) == 1
    assert "npm @scope/react 19.3.1: GHSA-1; take a version without" in capsys.readouterr().err


def test_unreachable_database_fails_only_when_demanded(checkout: Path) -> None:
    """At a desk without network the rest of the scan counts; in CI nothing may be left out."""
    assert scan(checkout, "--online") == 2


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"results": []}', b'{"results": [[]]}'])
def test_strange_answer_is_no_all_clear(tmp_path: Path, answer: bytes) -> None:
    """A proxy's page or too few answers do not mean that nothing is known."""
    (tmp_path / "answer").write_bytes(answer)
    with pytest.raises(UnreachableError):
        list(advisories([Package("PyPI", "anyio", "4.16.0")], database=(tmp_path / "answer").as_uri()))


def test_no_repository_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback."""
    assert scan(tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_in_this_checkout() -> None:
    """Neither a secret nor a licence that is not on the list; every lock file is read."""
    packages = locked(ROOT)
    assert {"uvicorn", "pytest", "xllamacpp", "react", "vitest"} <= {each.name for each in packages}
    assert [str(each) for each in (*secrets(ROOT, tracked(ROOT)), *licences(packages))] == []
