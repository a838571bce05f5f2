"""Reads `migration.toml`. Every mistake in it is one plain sentence that starts with the key's path."""

import ast
import difflib
import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from netra_migrate.configuration import Configuration, SymbolRule
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.plan import Decision

_WHERE = re.compile(r"(?P<said>.*?)(?: - at `(?P<key>key in )?\$?(?P<path>[^`]*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `(.*)`, got `(.*)`")
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


def load(path: Path) -> Configuration:
    """The configuration in a file.

    Raises:
        ConfigurationError: the file is not there, is no TOML, or says something that cannot be.
    """
    try:
        raw = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ConfigurationError(f"{path}: {reason}; `netra migrate init` writes a first one.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: this is not TOML: {error}.") from error
    configuration = _converted(raw)
    for mistake in _mistakes(configuration):
        raise ConfigurationError(mistake)
    return configuration


def _converted(raw: dict[str, Any]) -> Configuration:
    try:
        return msgspec.convert(raw, Configuration, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_sentence(str(error), raw)) from error


def _sentence(message: str, raw: Mapping[str, Any]) -> str:
    match = _WHERE.fullmatch(message)
    said, path = (match["said"], match["path"] or "") if match else (message, "")
    keys = _keys(path, raw)
    if unknown := _UNKNOWN.fullmatch(said):
        return _unknown((*keys, unknown[1]))
    if missing := _MISSING.fullmatch(said):
        return f"{_path((*keys, missing[1]))}: this key is missing; add it."
    if expected := _EXPECTED.fullmatch(said):
        wanted, got = (
            " or ".join(_WORDS.get(each, each) for each in part.split(" | ")) for part in expected.groups()
        )
        return f"{_path(keys)}: this must be {wanted}, and is {got}."
    if said.startswith("Invalid enum value"):
        return f"{_path(keys)}: {said.partition('value ')[2]} is none of {', '.join(Decision)}."
    return f"{_path(keys)}: {said[:1].lower()}{said[1:]}."


def _keys(path: str, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Msgspec shows the keys of a mapping as `[...]`; the one meant is the first that does not convert."""
    keys: list[str] = []
    for part in re.findall(r"\.?(\[[^\]]*\]|[^.\[]+)", path):
        if part != "[...]":
            keys.append(part)
        elif keys == ["symbols"]:
            keys.append(next((name for name, rule in raw["symbols"].items() if not _fits(rule)), part))
        else:
            keys.append("*")
    return tuple(keys)


def _fits(rule: object) -> bool:
    try:
        msgspec.convert(rule, SymbolRule, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def _path(keys: tuple[str, ...]) -> str:
    return ".".join(keys).replace(".[", "[") or "migration.toml"


def _unknown(keys: tuple[str, ...]) -> str:
    known = _known(keys[:-1])
    near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}."
    return f"{_path(keys)}: there is no such key; {advice}"


def _known(section: tuple[str, ...]) -> list[str]:
    """The keys of a section."""
    kind: Any = Configuration
    for part in section:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = get_type_hints(kind).get(part, kind)
            kind = next((each for each in get_args(kind) if _is_section(each)), kind)
    return sorted(kind.__struct_fields__) if _is_section(kind) else []


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _mistakes(configuration: Configuration) -> Iterator[str]:
    yield from _names(configuration)
    yield from _paths(configuration)
    for name, rule in configuration.symbols.items():
        yield from _rule(f"symbols.{name}", name, rule)
    yield from _figures(configuration)
    yield from _suites(configuration)


def _names(configuration: Configuration) -> Iterator[str]:
    legacy, canonical = configuration.legacy, configuration.canonical
    dotted = {"legacy.module": legacy.module, "canonical.module": canonical.module}
    for key, name in dotted.items():
        if not _is_dotted(name):
            yield f"{key}: {name!r} is not a module's name; write it as in an import, such as 'app.handlers'."
    if legacy.module == canonical.module:
        yield f"canonical.module: {canonical.module!r} is the legacy module too; name the one to go to."
    for key, name in (("legacy.method", legacy.method), ("canonical.method", canonical.method)):
        if not name.isidentifier():
            yield f"{key}: {name!r} is not a method's name; write the name alone."
    yield from _parts(configuration)
    yield from _sockets(configuration)


def _sockets(configuration: Configuration) -> Iterator[str]:
    canonical = configuration.canonical
    fixture, expression = canonical.socket_fixture, canonical.socket_in_tests
    if fixture is not None and not fixture.isidentifier():
        yield f"canonical.socket_fixture: {fixture!r} is not a fixture's name; write the name alone."
    if expression is not None and not _is_expression(expression):
        yield f"canonical.socket_in_tests: {expression!r} is not an expression; write one, such as 'FakeSocket()'."
    for at, name in enumerate(canonical.imports_in_tests):
        if "." not in name or not _is_dotted(name):
            yield f"canonical.imports_in_tests[{at}]: {name!r} is not a dotted name; write 'app.testing.FakeSocket'."


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _parts(configuration: Configuration) -> Iterator[str]:
    legacy, canonical = configuration.legacy, configuration.canonical
    for key, value in (
        ("canonical.base", canonical.base),
        ("canonical.message_class", canonical.message_class),
    ):
        if value is not None and not _is_dotted(value):
            yield f"{key}: {value!r} is not a name; write a name of the module or a dotted path."
    for key, names in (
        ("legacy.parameters", legacy.parameters),
        ("canonical.parameters", canonical.parameters),
    ):
        for at, name in enumerate(names):
            if not name.isidentifier() or name in names[:at] or name == "self":
                yield f"{key}[{at}]: {name!r} cannot be a parameter here; name each once, without self."


def _paths(configuration: Configuration) -> Iterator[str]:
    project = configuration.project
    lists = {"source_roots": project.source_roots, "exclude": project.exclude, "tests": project.tests}
    if not project.source_roots:
        yield "project.source_roots: there is none; name the folder from which imports start, such as '.'."
    for key, patterns in lists.items():
        for at, pattern in enumerate(patterns):
            if _leaves(pattern, is_pattern=key != "source_roots"):
                yield f"project.{key}[{at}]: {pattern!r} leaves the root; name something inside of it."
    if configuration.shadow and configuration.shadow.messages and _leaves(configuration.shadow.messages):
        yield f"shadow.messages: {configuration.shadow.messages!r} leaves the root; move the file into it."


def _leaves(path: str, *, is_pattern: bool = False) -> bool:
    clean = path.replace("\\", "/").lstrip("!")
    if clean.startswith("/") and not is_pattern:
        return True
    return (
        "\0" in path or posixpath.normpath(clean.lstrip("/")).split("/")[0] == ".." or clean.startswith("~")
    )


def _rule(key: str, name: str, rule: SymbolRule) -> Iterator[str]:
    if not name.isidentifier():
        yield f"{key}: {name!r} is not a name of the legacy module; write the name alone."
    if rule.to is not None and not _is_dotted(rule.to):
        yield f"{key}.to: {rule.to!r} is not a dotted name; write it as in 'app.handlers.Name'."
    if rule.decision is Decision.RENAMED and rule.to is None:
        yield f"{key}.to: this key is missing; say what the symbol is renamed to."
    if rule.decision is Decision.NONE and (rule.to or rule.drop or rule.rename or rule.add):
        yield f"{key}.decision: 'none' says that there is no target, but the rule has one; take out one of both."
    for argument in rule.drop:
        if argument in rule.rename:
            yield f"{key}.drop: {argument!r} is dropped and renamed too; decide for one."
    for argument in rule.add:
        if argument in rule.rename.values():
            yield f"{key}.add: {argument!r} is added and is the new name of another; decide for one."


def _figures(configuration: Configuration) -> Iterator[str]:
    validation, shadow, speed = configuration.validation, configuration.shadow, configuration.performance
    figures: dict[str, float] = {
        "validation.timeout_s": validation.timeout_s,
        "validation.jobs": validation.jobs,
    }
    if shadow is not None:
        figures["shadow.timeout_s"] = shadow.timeout_s
    if speed is not None:
        figures |= {"performance.timeout_s": speed.timeout_s, "performance.pairs": speed.pairs}
    if configuration.suites is not None:
        figures |= {
            "suites.timeout_s": configuration.suites.timeout_s,
            "suites.runs": configuration.suites.runs,
        }
    for key, figure in figures.items():
        if not 0 < figure < float("inf"):
            yield f"{key}: {figure} is not possible; give a number above 0."
    if speed is not None and not speed.command:
        yield "performance.command: it is empty; name the command that prints the figures."


def _suites(configuration: Configuration) -> Iterator[str]:
    suites = configuration.suites
    if suites is None:
        return
    if not suites.command:
        yield "suites.command: it is empty; name the command that runs the suites."
    if suites.expected and suites.expected_file:
        yield "suites.expected: there is an expected_file too; keep one of both."
    lists = {"each_file": suites.each_file or (), "fails_before": suites.fails_before or ()}
    for key, paths in lists.items():
        for at, path in enumerate(paths):
            if path not in suites.tests:
                yield f"suites.{key}[{at}]: {path!r} is none of suites.tests; add it there or take it out here."


def _is_dotted(name: str) -> bool:
    return bool(name) and all(part.isidentifier() for part in name.split("."))
