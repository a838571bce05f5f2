"""What users do."""

from typing import Any


async def test_a_message_is_answered(service: Any) -> None:
    """Login, a message, its answer."""
    async with service.browser(await service.login()) as browser:
        await browser.send("user_message", {"text": "What is 6 * 7?"})
        ended = await browser.until("agent_completed")
        assert ended["payload"]["status"] == "completed"
        assert ended["payload"]["message"]["content"] == "6 * 7 = 42"
    assert await service.said() == ["6 * 7 = 42", "What is 6 * 7?"]


async def test_an_agent_is_started(service: Any) -> None:
    """A task instead of a message."""
    async with service.browser(await service.login()) as browser:
        await browser.send("start_agent", {"query": "Hello"})
        ended = await browser.until("agent_completed")
        assert ended["payload"]["message"]["content"] == "You said: Hello"


async def test_the_thread_is_shown_again(service: Any) -> None:
    """History of the one thread, in order."""
    async with service.browser(await service.login()) as browser:
        await browser.send("user_message", {"text": "Hello"})
        thread_id = (await browser.until("agent_completed"))["thread_id"]
        await browser.send("get_thread_history", {}, thread_id=thread_id)
        history = await browser.until("thread_history")
        contents = [message["content"] for message in history["payload"]["messages"]]
        assert contents == ["Hello", "You said: Hello"]


async def test_a_sign_of_life(service: Any) -> None:
    """A ping is answered; a run can be told to stop; health says which messages there are."""
    token = await service.login()
    async with service.browser(token) as browser:
        await browser.send("ping", {})
        await browser.until("pong")
        await browser.send("user_message", {"text": "Hello"})
        run_id = (await browser.until("agent_completed"))["run_id"]
        stopped = await service.request(token, "POST", f"/chat/runs/{run_id}/stop")
        assert len(stopped["answers"]) == 1
    health = await service.request(token, "GET", "/chat/health")
    assert {"start_agent", "stop_agent", "user_message"} <= set(health["messages"])
