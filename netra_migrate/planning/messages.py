"""What the class of messages holds, read from its file: the fields for type and payload, and the enum of types."""

import ast
from pathlib import Path

import msgspec

from netra_migrate.planning.guessing import parsed
from netra_migrate.scan.syntax import block, dotted, last
from netra_migrate.sources.files import read
from netra_migrate.sources.naming import Names

_TYPES = ("type", "message_type", "kind", "event")
_PAYLOADS = ("payload", "data", "body", "content")
_HOPS = 5
"""Packages that hand a class on; real trees have one or two."""
_FILLED = frozenset(("field", "Field"))


class Message(msgspec.Struct, frozen=True):
    """The fields of the message class that matter here.

    Attributes:
        enum: the absolute name of the class of message types, where it is one of the tree.
        required: fields without a default besides type and payload.
    """

    type: str | None
    payload: str | None
    enum: str | None
    required: tuple[str, ...]


def message(root: Path, name: str | None, names: Names) -> Message | None:
    """The fields of a class by its dotted name; None where its text is not in the tree."""
    found = _definition(root, name, names) if name else None
    if found is None:
        return None
    node, imported = found
    fields = {
        each.target.id: each
        for each in block(node.body)
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    kind = next((each for each in _TYPES if each in fields), None)
    payload = next((each for each in _PAYLOADS if each in fields), None)
    annotated = dotted(fields[kind].annotation) if kind else None
    enum = imported.get(annotated or "")
    bases = _enum(root, enum, names)
    return Message(
        type=kind,
        payload=payload,
        enum=enum if bases else None,
        required=tuple(
            each for each, field in fields.items() if each not in (kind, payload) and not _has_default(field)
        ),
    )


def _has_default(field: ast.AnnAssign) -> bool:
    value = field.value
    if isinstance(value, ast.Call) and last(dotted(value.func) or "") in _FILLED:
        named = any(each.arg in ("default", "default_factory") for each in value.keywords)
        return named or any(not (isinstance(each, ast.Constant) and each.value is ...) for each in value.args)
    return value is not None


def _enum(root: Path, name: str | None, names: Names) -> set[str]:
    """The bases of a class, if it is an enumeration."""
    found = _definition(root, name, names) if name else None
    bases = {last(dotted(each) or "") for each in found[0].bases} if found else set()
    return bases if any(each.endswith("Enum") for each in bases) else set()


def _definition(root: Path, name: str, names: Names) -> tuple[ast.ClassDef, dict[str, str]] | None:
    """A class by its dotted name, through imports that hand it on; with what names mean in its file."""
    for _ in range(_HOPS):
        module, _, wanted = name.rpartition(".")
        path = next((each for each in _files(module, names) if (root / each).is_file()), None)
        if path is None:
            return None
        tree = parsed(read(root, path))
        meanings = bound(tree, path, names) | {
            each.name: f"{module}.{each.name}" for each in block(tree.body) if isinstance(each, ast.ClassDef)
        }
        for each in block(tree.body):
            if isinstance(each, ast.ClassDef) and each.name == wanted:
                return each, meanings
        name = meanings.get(wanted, "")
    return None


def _files(module: str, names: Names) -> tuple[str, ...]:
    path = names.expected(module)
    return (path, path.removesuffix("/__init__.py") + ".py", path.removesuffix(".py") + "/__init__.py")


def bound(tree: ast.Module, path: str, names: Names) -> dict[str, str]:
    """Names bound by the imports at the top of a file, to what they stand for."""
    found: dict[str, str] = {}
    for statement in block(tree.body):
        if isinstance(statement, ast.Import):
            found.update((each.asname, each.name) for each in statement.names if each.asname)
        elif isinstance(statement, ast.ImportFrom):
            module = names.absolute(path, statement.module or "", statement.level)
            found.update((each.asname or each.name, f"{module}.{each.name}") for each in statement.names)
    return found
