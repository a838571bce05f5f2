"""Whether new bytes are Python, and what differs from the old ones. Nothing of the target is run."""

import ast
import difflib
import warnings

from netra_migrate.apply.files import shown
from netra_migrate.sources.decoding import forgive
from netra_migrate.sources.nesting import too_deep

_PYTHON = (".py", ".pyi")


def unreadable(path: str, content: bytes) -> str | None:
    """Why `content` is not Python, by the running one's grammar or LibCST's newer one; None if it is.

    Files of other kinds are always readable.
    """
    if not path.endswith(_PYTHON):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the target's code, for its authors
            ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, SyntaxError) and _by_libcst(content):
            return None
        return f"{shown(path)}: is not Python after the rewrite ({error})"
    return None


def _by_libcst(content: bytes) -> bool:
    if too_deep(forgive(content)) is not None:
        return False
    import libcst  # a quarter of a second, which commands that only look need not wait for

    try:
        libcst.parse_module(content)
    except (libcst.ParserSyntaxError, SyntaxError, ValueError, LookupError, RecursionError):
        return False
    return True


def diff(path: str, before: bytes, after: bytes | None) -> bytes:
    """A unified diff that `git apply` and `patch` take, byte for byte, whatever the line ends are."""
    old, new = _lines(before), _lines(after or b"")
    name = _quoted(path)
    to = b"/dev/null" if after is None else b"b/" + name
    lines = difflib.diff_bytes(difflib.unified_diff, old, new, b"a/" + name, to, lineterm=b"\n")
    return b"".join(
        line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines
    )


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _quoted(path: str) -> bytes:
    return shown(path).encode()
