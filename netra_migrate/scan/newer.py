"""Takes syntax newer than the running Python out of a text, so that `ast` can read the rest of it.

Lines stay where they are. Only for reading: what comes out is never written anywhere.
"""

import re

import libcst


def without_news(text: str) -> str | None:
    """The text in older words, or None if LibCST cannot read it either."""
    try:
        module = libcst.parse_module(text)
        return module.visit(_Older(module)).code
    except (libcst.ParserSyntaxError, libcst.CSTValidationError, RecursionError, ValueError):
        return None


class _Older(libcst.CSTTransformer):
    """Type parameters, type aliases, new f-strings and t-strings, bare tuples after `except`."""

    def __init__(self, module: libcst.Module) -> None:
        super().__init__()
        self._module = module

    def leave_FunctionDef(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.FunctionDef, updated_node: libcst.FunctionDef
    ) -> libcst.FunctionDef:
        return updated_node.with_changes(type_parameters=None)

    def leave_ClassDef(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.ClassDef, updated_node: libcst.ClassDef
    ) -> libcst.ClassDef:
        return updated_node.with_changes(type_parameters=None)

    def leave_TypeAlias(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.TypeAlias, updated_node: libcst.TypeAlias
    ) -> libcst.Assign:
        return libcst.Assign([libcst.AssignTarget(updated_node.name)], updated_node.value)

    def leave_FormattedString(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.FormattedString, updated_node: libcst.FormattedString
    ) -> libcst.SimpleString:
        return self._plain(original_node)

    def leave_TemplatedString(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.TemplatedString, updated_node: libcst.TemplatedString
    ) -> libcst.SimpleString:
        return self._plain(original_node)

    def leave_ExceptHandler(  # noqa: N802 -- LibCST's name
        self, original_node: libcst.ExceptHandler, updated_node: libcst.ExceptHandler
    ) -> libcst.ExceptHandler:
        kind = updated_node.type
        if not isinstance(kind, libcst.Tuple) or kind.lpar:
            return updated_node
        return updated_node.with_changes(
            type=kind.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
        )

    def _plain(self, node: libcst.CSTNode) -> libcst.SimpleString:
        """A string of the same height that keeps the words."""
        code = self._module.code_for_node(node)
        words = re.sub(r"[\"'\\]|\r\n?", " ", code.replace("\r\n", "\n"))
        return libcst.SimpleString(f'"""{words} """')
