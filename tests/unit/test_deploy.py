"""The files to deploy with say what the program understands: commands, options, settings, probes and paths."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from netra_backend.cli import app
from netra_backend.http.health import router
from netra_backend.probes import NAMES
from netra_backend.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXTS = {path: path.read_text(encoding="utf-8") for path in sorted(DEPLOY.rglob("*")) if path.is_file()}
DOCKERFILE = TEXTS[DEPLOY / "Dockerfile"]
OURS = {"NETRA_DATABASE_PASSWORD", "NETRA_VALKEY_PASSWORD"}
"""Words of the compose file itself, which it makes addresses of."""


def settings() -> set[str]:
    """Every variable that the program reads."""
    return {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {"NETRA_METRICS_PORT"}


def compose() -> Mapping[str, Any]:
    """The services of the compose file."""
    found: Mapping[str, Any] = yaml.safe_load(TEXTS[DEPLOY / "compose/compose.yaml"])["services"]
    return found


def manifests() -> list[dict[str, Any]]:
    """The Kubernetes manifests."""
    return list(yaml.safe_load_all(TEXTS[DEPLOY / "kubernetes/netra.yaml"]))


def containers() -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each container with the pod that it is in."""
    pods = [each["spec"]["template"]["spec"] for each in manifests() if each["kind"] == "Deployment"]
    return [(pod, container) for pod in pods for container in pod["containers"]]


def commands() -> Iterator[Sequence[str]]:
    """Every command of `netra` that any file calls."""
    yield from (each["command"] for name, each in compose().items() if name.startswith(("gateway", "worker")))
    yield from (container["args"] for _, container in containers())
    yield from (re.findall(r'"(\w+)"', line) for line in re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE))
    for text in TEXTS.values():
        yield from (shlex.split(found) for found in re.findall(r"\bnetra (user [a-z]+[^\n`]*)", text))
    for found in re.findall(r"`args: ([^`]+)`", TEXTS[DEPLOY / "README.md"].replace("\n  ", " ")):
        yield found.split()


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_exists(command: Sequence[str]) -> None:
    """The command line takes it, options included."""
    found: Any = typer.main.get_command(app)
    words = list(command)
    while hasattr(found, "commands"):
        name = words.pop(0)
        assert name in found.commands
        found = found.commands[name]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


def test_commands_are_found() -> None:
    """What the test above looks at: two gateways, two workers, two manifests, the image, the documents."""
    assert len(list(commands())) >= 10


def test_every_setting_exists() -> None:
    """No file names a variable that the program does not read."""
    named = {name for text in TEXTS.values() for name in re.findall(r"\bNETRA_[A-Z_]+\b", text)}
    assert "NETRA_SIGNING_KEY" in named
    assert named - settings() - OURS == set()


def test_example_has_what_compose_asks_for() -> None:
    """Each variable of the compose file is in the example, and the example holds no secret."""
    asked = set(re.findall(r"\$\{([A-Z_]+)", TEXTS[DEPLOY / "compose/compose.yaml"]))
    lines = [
        line for line in TEXTS[DEPLOY / "compose/example.env"].splitlines() if "=" in line and line[0] != "#"
    ]
    example = dict(line.split("=", 1) for line in lines)
    assert set(example) == asked
    assert {name for name, text in example.items() if text} == {"NETRA_PUBLIC_URL", "NETRA_MODEL"}


def test_every_copied_path_exists() -> None:
    """What the image is built from is in the checkout, and is let into the build."""
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)]
    paths = [path for line in copied for path in line]
    assert len(paths) >= 8
    assert [path for path in paths if not (ROOT / path).exists()] == []
    let_in = re.findall(r"^!(.*)$", TEXTS[DEPLOY / "Dockerfile.dockerignore"], re.MULTILINE)
    assert [path for path in paths if not path.startswith(tuple(let_in))] == []


def test_nothing_runs_as_root_or_writes_to_the_root() -> None:
    """In the image, in compose and in Kubernetes."""
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") > DOCKERFILE.rindex("\nRUN ")
    for name, service in compose().items():
        if name.startswith(("gateway", "worker")):
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        locked = container["securityContext"]
        assert (locked["readOnlyRootFilesystem"], locked["allowPrivilegeEscalation"]) == (True, False)
        assert locked["capabilities"] == {"drop": ["ALL"]}


def test_every_probe_is_answered() -> None:
    """Gateways have the one pair of paths, workers the other, on the port that they are told."""
    gateway = {route.path for route in router.routes if hasattr(route, "path")}
    for _, container in containers():
        port = container["ports"][0]
        paths = {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
        assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {
            port["name"]
        }
        if "--metrics-port" in container["args"]:
            assert paths <= set(NAMES)
            assert str(port["containerPort"]) in container["args"]
        else:
            assert paths <= gateway
            assert f"EXPOSE {port['containerPort']}\n" in DOCKERFILE
            assert f"NETRA_PORT={port['containerPort']} " in DOCKERFILE


def test_there_is_time_to_drain() -> None:
    """What stops a process waits longer than a drain and a lease."""
    least = Settings.model_fields["drain_s"].default + Settings.model_fields["lease_s"].default
    assert all(pod["terminationGracePeriodSeconds"] > least for pod, _ in containers())
    graces = [each["stop_grace_period"] for each in compose().values() if "stop_grace_period" in each]
    assert [int(grace.removesuffix("s")) > least for grace in graces] == [True] * 4


def test_services_are_two_and_two() -> None:
    """Two gateways, two workers, the stores, and nginx that knows both gateways."""
    assert set(compose()) == {"gateway-1", "gateway-2", "worker-1", "worker-2", "nginx", "postgres", "valkey"}
    servers = re.findall(r"server (gateway-\d):8000;", TEXTS[DEPLOY / "compose/nginx.conf"])
    assert servers == ["gateway-1", "gateway-2"]
    mounted = [
        path.split(":")[0]
        for each in compose().values()
        for path in each.get("volumes", ())
        if path[0] == "."
    ]
    assert [path for path in mounted if not (DEPLOY / "compose" / path).is_file()] == []
