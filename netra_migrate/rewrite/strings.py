"""Code that stands in strings, such as after `python -c`: rewritten by the same engine when it parses on its own."""

import ast
import re
from collections.abc import Callable

import libcst as cst

from netra_migrate.domain.rewriting import Refused, Rewritten
from netra_migrate.rewrite.code import literal
from netra_migrate.rewrite.work import Work

_COMMAND = re.compile(r"-c\s+(['\"])(?P<code>.*?)\1", re.DOTALL)

Rewrite = Callable[[str], Rewritten | Refused]


def take_code(work: Work, rewrite: Rewrite) -> None:
    """Rewrite strings with imports of legacy modules in them; `rewrite` does it for a whole text."""
    modules = sorted(work.names.modules, key=len, reverse=True)
    imports = re.compile(
        rf"(?:^|[;\n]|-c\s+['\"])[ \t]*(?:from|import)[ \t]+(?:{'|'.join(map(re.escape, modules))})\b"
    )
    for string in work.code.all(cst.SimpleString):
        if not any(module in string.value for module in modules) or _is_docstring(work, string):
            continue
        value = literal(string)
        if value is None or not imports.search(value):
            continue
        raw = string.value[len(string.prefix) + len(string.quote) : -len(string.quote)]
        escape = next((each for each in (_plain, _escaped) if each(value) == raw), None)
        if escape is None:
            work.refuse(
                string, "code in a string imports the legacy module, and has escapes: rewrite it by hand."
            )
            continue
        command = _COMMAND.search(value)
        begin, end = command.span("code") if command else (0, len(value))
        if command is None and _is_words(value):
            continue
        new = _rewritten(work, string, value[begin:end], rewrite)
        if new is not None:
            start, stop = work.code.span(string)
            lead = start + len(string.prefix) + len(string.quote)
            work.edits.add(lead, stop - len(string.quote), escape(value[:begin] + new + value[end:]), "code")


def _is_words(value: str) -> bool:
    """Whether a text only begins like code: `"from a.b import"`, which files are searched for."""
    try:
        ast.parse(_dedent(value, _indent(value)))
    except SyntaxError:
        return len(value.strip().splitlines()) == 1 and not re.search(r"[{}%]", value)
    return False


def _plain(text: str) -> str:
    return text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _rewritten(work: Work, string: cst.SimpleString, code: str, rewrite: Rewrite) -> str | None:
    indent = _indent(code)
    result = rewrite(_dedent(code, indent))
    if isinstance(result, Refused):
        reason = result.refusals[0].reason
        work.refuse(string, f"code in a string imports the legacy module, and cannot be rewritten: {reason}")
        return None
    lines = result.content.decode().splitlines(keepends=True)
    return "".join(indent + line if line.strip() else line for line in lines)


def _indent(code: str) -> str:
    lines = [line for line in code.split("\n") if line.strip()]
    found = re.match(r"[ \t]*", lines[0]) if lines else None
    return found[0] if found else ""


def _dedent(code: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) if line.strip() else line for line in code.splitlines(True))


def _is_docstring(work: Work, string: cst.SimpleString) -> bool:
    return isinstance(work.code.parents[string], cst.Expr)
