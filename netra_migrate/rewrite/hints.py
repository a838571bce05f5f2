"""Which strings are annotations: those in annotations, and those that `typing` is given for types."""

import itertools
from collections.abc import Iterator
from enum import Enum, auto

import libcst as cst

from netra_migrate.rewrite.scopes import Scope

_MODULES = frozenset({"typing", "typing_extensions"})


class Text(Enum):
    """What a string is where it stands: text, or the code of a type."""

    PLAIN = auto()
    HINT = auto()
    """For `typing`, until a call or another subscript in it."""
    ANNOTATION = auto()
    """All in an annotation."""
    LITERAL = auto()
    """In `Literal[...]`: text whatever is around."""

    @property
    def is_code(self) -> bool:
        """Whether a string is the code of a type."""
        return self in (Text.HINT, Text.ANNOTATION)

    def around(self, inner: "Text") -> "Text":
        """What strings are in a part that would be `inner`, in one that is this."""
        if self is Text.LITERAL or (self is Text.ANNOTATION and inner is not Text.LITERAL):
            return self
        return inner


class Typing:
    """What a file calls the things of `typing`."""

    def __init__(self) -> None:
        self._names: dict[str, dict[cst.CSTNode | None, str]] = {}
        """By name, then by the import; empty for the module itself."""

    def take(self, name: str, statement: cst.Import | cst.ImportFrom, alias: cst.ImportAlias) -> None:
        """Note an import that binds `name`."""
        taken = alias.evaluated_name
        if isinstance(statement, cst.Import):
            module, taken = taken, ""
        else:
            named = isinstance(statement.module, cst.Name) and not statement.relative
            module = cst.ensure_type(statement.module, cst.Name).value if named else ""
        if module in _MODULES:
            self._names.setdefault(name, {})[statement] = taken

    def of_subscript(self, value: cst.BaseExpression, scope: Scope) -> Text:
        """What strings are in `value[...]`."""
        called = self._called(value, scope)
        if called == "Literal":
            return Text.LITERAL
        return Text.HINT if called else Text.PLAIN

    def of_arguments(self, function: cst.BaseExpression, scope: Scope) -> Iterator[Text]:
        """What strings are in each argument of a call, without end."""
        called = self._called(function, scope)
        first, others = (called == "cast"), called in ("NewType", "TypeVar")
        yield Text.HINT if first else Text.PLAIN
        yield from itertools.repeat(Text.HINT if others else Text.PLAIN)

    def _called(self, node: cst.BaseExpression, scope: Scope) -> str | None:
        """The name in `typing` of what an expression is; also through the module, which LibCST does not see."""
        head = node.value if isinstance(node, cst.Attribute) else node
        rest = node.attr.value if isinstance(node, cst.Attribute) else ""
        if not isinstance(head, cst.Name) or head.value not in self._names:
            return None
        imports = self._names[head.value]
        known = (imports[each.node] for each in scope[head.value] if each.node in imports)
        return next((rest or name for name in known if bool(rest) != bool(name)), None)
