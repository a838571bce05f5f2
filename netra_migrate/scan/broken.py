"""Reads a Python file that is no Python: imports and names by their text alone, line by line. Pure."""

import ast
import re
from collections.abc import Iterator

from netra_migrate.domain.references import Context, Form
from netra_migrate.scan.embedded import names_of
from netra_migrate.scan.facts import Aim, Facts, Import, Literal, Mention
from netra_migrate.scan.mentions import Match, find
from netra_migrate.scan.text import Text
from netra_migrate.sources.naming import Names

_STATEMENT = re.compile(
    r"^(?P<indent>[ \t]*)(?P<code>from[ \t]+[.\w]+[ \t]+import[ \t]+(?:\([^()]*\)|\*|[\w \t,]+)"
    r"|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[\w.]+(?:[ \t]+as[ \t]+\w+)?)*)",
    re.MULTILINE,
)
_PATCH = re.compile(r"(?:patch|setattr)\(\s*$")


def read_broken(content: str, *, path: str, aim: Aim, names: Names) -> Facts:
    """What can be told of a file without understanding it; everything in it is taken at its word."""
    text = Text(content)
    imports: list[Import] = []
    spans: list[tuple[int, int]] = []
    for match in _STATEMENT.finditer(content):
        for each in _imports(match, text, content, path=path, names=names):
            imports.append(each)
            spans.append(match.span())
    literals: list[Literal] = []
    mentions: list[Mention] = []
    for found in find(content, aim):
        if not any(start <= found.start < end for start, end in spans):
            named = _named(found, content, text)
            if isinstance(named, Literal):
                literals.append(named)
            else:
                mentions.append(named)
    return Facts(imports=tuple(imports), literals=tuple(literals), mentions=tuple(mentions))


def _imports(
    match: "re.Match[str]", text: Text, content: str, *, path: str, names: Names
) -> Iterator[Import]:
    try:
        node = ast.parse(match["code"].strip()).body[0]
    except SyntaxError:
        return
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return
    line = content.count("\n", 0, match.start("code")) + 1
    column = len(match["indent"]) + len(match["code"].split()[0]) + 1
    contexts = (Context.CONDITIONAL,) if match["indent"] else ()
    level = node.level if isinstance(node, ast.ImportFrom) else 0
    for module, taken, local in names_of(node):
        absolute = names.absolute(path, module, level)
        if absolute:
            shown = text.shown(line)
            yield Import(line, column, absolute, taken, local, bool(level), contexts, None, (), shown)


def _named(match: Match, content: str, text: Text) -> Literal | Mention:
    start = content.rfind("\n", 0, match.start) + 1
    line, column = content.count("\n", 0, match.start) + 1, match.start - start
    before = content[start : match.start]
    quoted = before[:-1] if before.endswith(("'", '"')) else None
    if quoted is not None and _PATCH.search(quoted) and match.by in (".", ""):
        whole = re.match(r"[\w.]+", content[match.start :])
        dotted = whole.group() if whole else match.module
        return Literal(line, column, Form.PATCH, dotted, (), (), text.shown(line))
    form = Form.COMMENT if "#" in before else Form.STRING
    return Mention(line, column, form, match.side, match.module, match.rest, match.by, (), text.shown(line))
