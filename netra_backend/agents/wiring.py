"""Puts the agents together that the settings name. The only file here that knows all the others."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from netra_backend.agents.adapters import load_agent
from netra_backend.agents.context import AgentFunction
from netra_backend.agents.demo import demo_agent
from netra_backend.agents.runner import Agents
from netra_backend.agents.tools import Search
from netra_backend.settings import Settings


@asynccontextmanager
async def configured_agents(settings: Settings, search: Search) -> AsyncIterator[Agents]:
    """The agents that the settings name; a local model's process ends with this block."""
    async with AsyncExitStack() as stack:
        if settings.agent is not None:
            name, agent = settings.agent.rpartition(":")[2], load_agent(settings.agent)
        else:
            name, agent = settings.model, await _model(settings, search, stack)
        yield Agents(default=agent, default_name=name, named={"demo": demo_agent(search)})


async def _model(settings: Settings, search: Search, stack: AsyncExitStack) -> AgentFunction:
    if settings.model == "demo":
        return demo_agent(search)
    # Imported only where used: the model's libraries take longer to load than all the rest.
    from netra_backend.agents.grounded import grounded_agent
    from netra_backend.agents.llm import model_agent
    from netra_backend.agents.local_model import MODEL_NAME, LocalModel

    if settings.model == "local":
        local = LocalModel(new_key=secrets.token_urlsafe)
        stack.push_async_callback(local.stop)
        base_url = await local.start()
        small = grounded_agent(MODEL_NAME, base_url=base_url, api_key=local.api_key, search=search)
        stack.push_async_callback(small.aclose)
        return small
    key = settings.model_api_key
    model = model_agent(
        settings.model,
        base_url=settings.model_base_url,
        api_key=key.get_secret_value() if key else None,
        search=search,
    )
    stack.push_async_callback(model.aclose)
    return model
