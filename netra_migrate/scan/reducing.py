"""Cuts a file down to what matters for handlers: imports, values, and the classes and functions in question.

Parsing is most of a scan's time. What is cut becomes empty lines, so that line numbers stay.
"""

import ast
import re
from collections.abc import Iterable

_TOP = re.compile(rb"^(?:@|class\b|def\b|async\b|[A-Za-z_\"'])", re.MULTILINE)
_CONTINUES = (b"else", b"elif", b"except", b"finally")
_NAMED = re.compile(rb"(?:@[^\n]*\n(?:[ \t)#][^\n]*\n|\n)*)*(?:class|def|async\s+def)\s+(\w+)")
_WORD = re.compile(rb"\w+", re.ASCII)
_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_NAMED_NODES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_QUOTES = re.compile(rb"\"\"\"|'''")
_AT_MARGIN = re.compile(rb"\n(?:class|def|async|@|import|from)\b")


def pruned(tree: ast.Module, content: str, wanted: Iterable[str]) -> ast.Module:
    """The same of a syntax tree; `wanted` are words here."""
    lines = _LINES.findall(content.encode(errors="surrogatepass"))
    blocks = [b"".join(lines[_first(node) - 1 : node.end_lineno]) for node in tree.body]
    names = [_name(node) for node in tree.body]
    keep = _kept(blocks, names, tuple(each.encode() for each in wanted))
    return ast.Module([node for at, node in enumerate(tree.body) if at in keep], [])


def _first(node: ast.stmt) -> int:
    if not isinstance(node, _NAMED_NODES):
        return node.lineno
    return min((node.lineno, *(each.lineno for each in node.decorator_list)))


def _name(node: ast.stmt) -> bytes | None:
    return node.name.encode() if isinstance(node, _NAMED_NODES) else None


def reduced(content: bytes, wanted: Iterable[bytes]) -> bytes | None:
    """The file without top-level classes and functions that neither hold `wanted` nor are named by those that do.

    None where text in quotes stands at the margin and could be taken for code: read the whole then.
    """
    if b"\r" in content or _margin_in_quotes(content):
        return None
    blocks = _blocks(content)
    names = [match[1] if (match := _NAMED.match(block)) else None for block in blocks]
    keep = _kept(blocks, names, tuple(wanted))
    return b"".join(block if at in keep else b"\n" * block.count(b"\n") for at, block in enumerate(blocks))


def _kept(blocks: list[bytes], names: list[bytes | None], wanted: tuple[bytes, ...]) -> set[int]:
    """Blocks that hold something wanted or are no definitions, and definitions named by those that are kept."""
    keep = {at for at, block in enumerate(blocks) if not names[at] or any(each in block for each in wanted)}
    by_name = {name: at for at, name in enumerate(names) if name and at not in keep}
    waiting = list(keep)
    while waiting and by_name:
        words = set(_WORD.findall(blocks[waiting.pop()]))
        for name in words & by_name.keys():
            keep.add(by_name[name])
            waiting.append(by_name.pop(name))
    return keep


def _blocks(content: bytes) -> list[bytes]:
    """Top-level statements; decorators are part of what they decorate."""
    starts = [0]
    decorated = False
    for match in _TOP.finditer(content):
        if content.startswith(_CONTINUES, match.start()):
            continue
        if not decorated:
            starts.append(match.start())
        decorated = match[0] == b"@"
    return [content[start:end] for start, end in zip(starts, [*starts[1:], len(content)], strict=True)]


def _margin_in_quotes(content: bytes) -> bool:
    """Whether a triple-quoted text may hold a line that looks like a top-level definition."""
    opened = -1
    for match in _QUOTES.finditer(content):
        if opened < 0:
            opened = match.end()
        else:
            if _AT_MARGIN.search(content, opened, match.start()):
                return True
            opened = -1
    return opened >= 0
