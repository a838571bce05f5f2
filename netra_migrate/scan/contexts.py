"""Where in a file a statement stands: the blocks around it. Pure."""

import ast
from collections.abc import Iterator

from netra_migrate.domain.references import Context

Contexts = tuple[Context, ...]


def within(contexts: Contexts, context: Context) -> Contexts:
    """The contexts one block deeper; each is named once, the outermost first."""
    return contexts if context in contexts else (*contexts, context)


def parts(node: ast.stmt, contexts: Contexts) -> Iterator[tuple[ast.AST, Contexts]]:
    """The children of a statement, each with its own contexts."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _split(node, node.body, contexts, within(contexts, Context.FUNCTION))
        case ast.ClassDef():
            yield from _split(node, node.body, contexts, within(contexts, Context.CLASS))
        case ast.If():
            inner = within(contexts, _condition(node.test))
            yield from _split(node, node.orelse, inner, within(contexts, Context.CONDITIONAL))
        case ast.Try() | ast.TryStar():
            yield from _all(node, within(contexts, Context.TRY))
        case ast.Match():
            yield from _all(node, within(contexts, Context.CONDITIONAL))
        case _:
            yield from _all(node, contexts)


def _all(node: ast.AST, contexts: Contexts) -> Iterator[tuple[ast.AST, Contexts]]:
    return ((child, contexts) for child in ast.iter_child_nodes(node))


def _split(
    node: ast.stmt, body: list[ast.stmt], outer: Contexts, inner: Contexts
) -> Iterator[tuple[ast.AST, Contexts]]:
    """Decorators, bases and defaults stand outside of what they decorate."""
    inside = set(map(id, body))
    return ((child, inner if id(child) in inside else outer) for child in ast.iter_child_nodes(node))


def _condition(test: ast.expr) -> Context:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return Context.TYPE_CHECKING if name == "TYPE_CHECKING" else Context.CONDITIONAL
