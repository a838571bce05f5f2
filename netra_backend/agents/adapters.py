"""Makes an `AgentFunction` of what people have: functions, generators, pydantic-ai, LangGraph.

Frameworks are told apart by the module of the object's class and imported only when the object
comes from them. Nothing here runs an agent by itself.
"""

import contextlib
import functools
import importlib
import inspect
import os
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from netra_backend.agents.context import AgentFunction, Context
from netra_backend.agents.errors import AgentSpecError

ACCEPTED: Final = (
    "`async def run(ctx) -> str | None`, an async generator function of text, an object with either as its "
    "`__call__` or `run`, a pydantic-ai Agent, or a compiled LangGraph graph"
)


def load_agent(spec: str) -> AgentFunction:
    """The agent that `module:object` names; `object` may have dots, the current directory counts.

    Raises:
        AgentSpecError: there is no such module or object, it cannot be imported, or it is no agent.
    """
    module_name, colon, path = spec.partition(":")
    if not colon or not module_name or not path or module_name.endswith(".py") or "/" in module_name:
        raise AgentSpecError(
            f"`{spec}` does not name an agent: write it as module:object, for example my_agents:support."
        )
    found: Any = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise AgentSpecError(
                f"`{module_name}` has no `{path}`: check the part of `{spec}` after the colon."
            )
        found = getattr(found, name)
    try:
        return adapt(found)
    except AgentSpecError as error:
        raise AgentSpecError(f"`{spec}` cannot be used as an agent: {error}") from error


def _module(name: str) -> Any:
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise AgentSpecError(
                f"There is no module `{name}`: start Netra in the folder that holds it, or install it."
            ) from error
        raise AgentSpecError(
            f"`{name}` needs the module `{error.name}`, which is not installed: install it."
        ) from error
    except Exception as error:  # somebody else's module may raise anything
        raise AgentSpecError(f"`{name}` cannot be imported: {type(error).__name__}: {error}") from error


def adapt(obj: Any) -> AgentFunction:
    """The agent function for an object of one of the `ACCEPTED` kinds.

    Raises:
        AgentSpecError: it is none of them, or one that cannot work; the message says what to do.
    """
    if comes_from(obj, "pydantic_ai"):
        from netra_backend.agents.adapt_pydantic_ai import adapt_pydantic_ai

        return adapt_pydantic_ai(obj)
    if comes_from(obj, "langgraph"):
        from netra_backend.agents.adapt_langgraph import adapt_langgraph

        return adapt_langgraph(obj)
    if inspect.isclass(obj):
        raise AgentSpecError(f"{obj.__name__} is a class: name an instance of it, such as {obj.__name__}().")
    function = _function_of(obj)
    if function is None:
        raise AgentSpecError(f"it is {_described(obj)}; an agent is {ACCEPTED}.")
    _check_takes_context(function)
    return (
        _from_generator(function)
        if _makes(function, inspect.isasyncgenfunction)
        else _from_coroutine(function)
    )


def comes_from(obj: Any, package: str) -> bool:
    """Whether the object's class, or a class that it derives from, is of `package`."""
    return any(cls.__module__.split(".")[0] == package for cls in type(obj).__mro__)


def _function_of(obj: Any) -> Callable[..., Any] | None:
    """What to call with the context: the object itself, or its `run`; None when there is nothing."""
    for candidate in (obj, getattr(obj, "run", None)):
        if callable(candidate) and (
            _makes(candidate, inspect.iscoroutinefunction) or _makes(candidate, inspect.isasyncgenfunction)
        ):
            return candidate  # type: ignore[no-any-return] # anything that was found to be callable
    return None


def _makes(candidate: Any, kind: Callable[[Any], bool]) -> bool:
    """Whether calling it gives `kind`, also through `partial`, `functools.wraps` or `__call__`."""
    while isinstance(candidate, functools.partial):
        candidate = candidate.func
    return kind(inspect.unwrap(candidate)) or kind(type(candidate).__call__)


def _check_takes_context(function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        raise AgentSpecError(
            "it must take exactly one argument, the context: `async def run(ctx)`."
        ) from None


def _described(obj: Any) -> str:
    if inspect.isfunction(obj):
        return "an ordinary function: make it `async def`"
    if inspect.ismodule(obj):
        return "a module: name the object inside it"
    return f"an object of type {type(obj).__name__}"


def _from_coroutine(function: Callable[..., Any]) -> AgentFunction:
    async def run(ctx: Context) -> str | None:
        answer = await function(ctx)
        if answer is None or isinstance(answer, str):
            return answer
        raise TypeError(f"The agent returned {type(answer).__name__}; it must return text or None.")

    return run


def _from_generator(function: Callable[..., AsyncGenerator[Any, None]]) -> AgentFunction:
    async def run(ctx: Context) -> None:
        async with contextlib.aclosing(function(ctx)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, str):
                    raise TypeError(f"The agent yielded {type(piece).__name__}; it must yield text.")
                await ctx.write(piece)

    return run
