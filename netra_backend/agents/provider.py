"""Reaches a model provider through pydantic-ai: which model, how long to wait, what to try again.

Failures leave as `AgentFailed` with fixed sentences: a provider's own words may hold keys and prompts.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

import httpx
import stamina
from pydantic_ai import ModelSettings, RunContext, exceptions
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse, infer_model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class

from netra_backend.agents.context import AgentFailed
from netra_backend.agents.errors import AgentSpecError

_log: Final = logging.getLogger(__name__)

STALL_TIMEOUT_S: Final = 60.0
"""Between two pieces of an answer; reasoning models think silently for tens of seconds."""

FIRST_RETRY_S: Final = 0.5
"""Doubled for each retry; less would hit the same rate limit again."""

CONNECT_TIMEOUT_S: Final = 5.0
"""A provider that does not answer the door in this time is down."""

ATTEMPTS: Final = 3
"""Requests at most; a person is waiting for the answer."""

MAX_RETRY_AFTER_S: Final = 10.0
"""A provider that wants a longer pause is reported instead: the user can decide better."""


def build_model(name: str, *, base_url: str | None, api_key: str | None) -> Model:
    """The model that pydantic-ai calls `name`, or `name` at the OpenAI-compatible `base_url`.

    The key of the environment is never sent to a `base_url`: it belongs to somebody else.

    Raises:
        AgentSpecError: the name is unknown, or a key or a package is missing; says what to set.
    """
    try:
        if base_url is not None:
            return _compatible(name, base_url, api_key)
        if api_key is None:
            return infer_model(name)
        return infer_model(name, lambda provider: _with_key(provider, api_key))
    except AgentSpecError:
        raise
    except ImportError as error:
        raise AgentSpecError(
            f"The model `{name}` needs a package that is not installed: "
            f'pip install "pydantic-ai-slim[{name.partition(":")[0]}]".'
        ) from error
    except (exceptions.UserError, ValueError) as error:
        raise AgentSpecError(_what_to_set(name, error)) from error


def _compatible(name: str, base_url: str, api_key: str | None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    if httpx.URL(base_url).scheme not in ("http", "https"):
        raise AgentSpecError(
            f"`{base_url}` is not the address of a model: it must start with http:// or https://."
        )
    provider = OpenAICompatibleProvider("compatible", base_url=base_url, api_key=api_key or "none")
    # Without a reason for its end, half of an answer would pass for a whole one.
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    return OpenAIChatModel(name.removeprefix("openai:"), provider=provider, profile=profile)


def _with_key(provider: str, api_key: str) -> Provider[Any]:
    try:
        return infer_provider_class(provider)(api_key=api_key)  # type: ignore[call-arg] # most providers take one
    except TypeError:
        return infer_provider(provider)


def _what_to_set(name: str, error: Exception) -> str:
    provider = name.partition(":")[0]
    if "api_key" in str(error).lower() or "api key" in str(error).lower():
        return (
            f"The model `{name}` needs a key: set NETRA_MODEL_API_KEY (or {provider.upper()}_API_KEY), "
            "or name an endpoint of your own with --model-base-url."
        )
    return f"The model `{name}` is not known: write it as provider:model, such as openai:gpt-4o, or give --model-base-url."


def request_settings(*, stall_s: float, max_tokens: int | None = None) -> ModelSettings:
    """Time limits of each request: to connect, and between two pieces of the answer, in seconds."""
    settings = ModelSettings(
        timeout=httpx.Timeout(connect=CONNECT_TIMEOUT_S, read=stall_s, write=stall_s, pool=stall_s),
        max_retries=0,  # `PatientModel` retries; a client below it would multiply the attempts
    )
    if max_tokens is not None:
        settings["max_tokens"] = max_tokens
    return settings


class PatientModel(WrapperModel):
    """Asks again after 429, 5xx and failures to connect, only as long as nothing has come back."""

    def __init__(self, wrapped: Model, *, first_wait_s: float) -> None:
        super().__init__(wrapped)
        self._retries: dict[str, Any] = {
            "on": _may_retry,
            "attempts": ATTEMPTS,
            "wait_initial": first_wait_s,
            "wait_max": MAX_RETRY_AFTER_S,
            "wait_jitter": first_wait_s,
        }

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer in one piece."""
        with _in_full():
            async for attempt in stamina.retry_context(**self._retries):
                with attempt, _in_brief():
                    return await self.wrapped.request(messages, model_settings, model_request_parameters)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """One answer in pieces; entering it waits for the response's head, so it can be tried again."""
        async with AsyncExitStack() as stack:
            with _in_full():
                async for attempt in stamina.retry_context(**self._retries):
                    with attempt, _in_brief():
                        stream = await stack.enter_async_context(
                            self.wrapped.request_stream(
                                messages, model_settings, model_request_parameters, run_context
                            )
                        )
            yield stream


class _Brief(Exception):
    """A provider's error without its words: stamina logs the `repr` of what it retries."""

    def __init__(self, error: exceptions.ModelAPIError) -> None:
        super().__init__(type(error).__name__)
        self.error = error


@contextmanager
def _in_brief() -> Iterator[None]:
    try:
        yield
    except exceptions.ModelAPIError as error:
        raise _Brief(error) from error


@contextmanager
def _in_full() -> Iterator[None]:
    try:
        yield
    except _Brief as brief:
        raise brief.error from brief.error.__cause__


def _may_retry(error: Exception) -> bool | float:
    """Whether to ask again, or after how many seconds."""
    match error.error if isinstance(error, _Brief) else error:
        case exceptions.ModelQuotaExceededError():
            return False
        case exceptions.ModelTimeoutError(phase=phase) if phase != "connect":
            return False  # the user has waited once already
        case (
            exceptions.ModelRateLimitError()
            | exceptions.ModelUnavailableError()
            | exceptions.ModelServerError()
            | exceptions.ModelConnectionError()
        ) as passing:
            wait = passing.retry_after
            return True if wait is None else wait <= MAX_RETRY_AFTER_S and max(wait, 0.001)
    return False


@contextmanager
def failures_explained(model: str) -> Iterator[None]:
    """Turn what a provider raises into `AgentFailed` with one of four codes.

    `model_rate_limited`, `model_unavailable`, `model_timeout` and `model_error`. `model` is its name.
    """
    try:
        yield
    except (exceptions.AgentRunError, exceptions.FallbackExceptionGroup) as error:
        code, message = _explained(error, model)
        # The cause is cut off, since a logged traceback would show the provider's words.
        _log.warning(
            "The model failed: %s, status %s.", type(error).__name__, getattr(error, "status_code", "-")
        )
        raise AgentFailed(code, message) from None


def _explained(error: Exception, model: str) -> tuple[str, str]:
    if isinstance(error, exceptions.ModelTimeoutError) and error.phase == "connect":
        return "model_unavailable", f"There is no connection to the model {model}. Try again."
    for kind, code, sentence in _FAILURES:
        if isinstance(error, kind):
            return code, sentence.format(model=model)
    return "model_error", f"The model {model} gave an answer that cannot be used. Try again."


_FAILURES: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    # The first that fits counts, so a kind stands before what it derives from.
    (
        exceptions.ModelQuotaExceededError,
        "model_rate_limited",
        "The account for the model {model} has no quota left.",
    ),
    (
        exceptions.ModelRateLimitError,
        "model_rate_limited",
        "The model {model} has too many requests just now. Try again in a minute.",
    ),
    (exceptions.ModelTimeoutError, "model_timeout", "The model {model} stopped answering. Try again."),
    (exceptions.ModelRequestTimeout, "model_timeout", "The model {model} took too long. Try again."),
    (
        exceptions.ModelConnectionError,
        "model_unavailable",
        "There is no connection to the model {model}. Try again.",
    ),
    (
        exceptions.ModelUnavailableError,
        "model_unavailable",
        "The model {model} is not available now. Try again later.",
    ),
    (
        exceptions.ModelServerError,
        "model_unavailable",
        "The model {model} is not available now. Try again later.",
    ),
    (
        exceptions.ModelAuthenticationError,
        "model_error",
        "The model {model} refused the key: whoever runs this server must check it.",
    ),
    (exceptions.ModelNotFoundError, "model_error", "The provider does not know the model {model}."),
    (
        exceptions.ModelContextWindowExceededError,
        "model_error",
        "This conversation is too long for the model {model}. Start a new thread.",
    ),
    (exceptions.ContentFilterError, "model_error", "The model {model} declined to answer this."),
)
