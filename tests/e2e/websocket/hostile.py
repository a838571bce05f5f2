"""An agent that answers as an attacker would who has the model in hand; `LEAK` is where he listens."""

import asyncio
from contextlib import suppress

from netra_backend.agents.context import Context, ToolError

LEAK = "http://leak.invalid"
STAY = "Stay."
"""Whoever asks with this word gets all of the text, and an end only by the stop button."""

ANSWER = f"""# Hostile

<script>window.stolen = 1; fetch("{LEAK}/script")</script>
<img src="{LEAK}/html-image" onerror="window.stolen = 2">
<svg onload="window.stolen = 3"><image href="{LEAK}/svg" /></svg>
<iframe src="{LEAK}/frame"></iframe>
<style>@import url("{LEAK}/style");</style>

![picture]({LEAK}/markdown-image)
![data](data:text/html,<script>window.stolen=4</script>)
[script link](javascript:alert(1))
[entity link](java&#115;cript:alert(2))
[data link](data:text/html,<script>alert(3)</script>)
[vbscript link](vbscript:alert(4))
[honest link](https://example.com/)
[reference link][one]

[one]: javascript:alert(5)

`<b>code</b>`

End of the attack.
"""


async def answer(ctx: Context) -> str:
    """The attack in the thought, in the tools' names, arguments, results and errors, and in the answer.

    The answer is written in pieces that end within tags and addresses, so that what is half there is
    drawn as well.
    """
    await ctx.think(ANSWER)
    async with ctx.tool("<img src=x onerror=alert(6)>", {"page": ANSWER, "<script>": [ANSWER]}) as call:
        call.result = {"<img src=x onerror=alert(7)>": ANSWER}
    with suppress(ToolError):
        async with ctx.tool("broken", ANSWER):
            raise ToolError(ANSWER)
    for at in range(0, len(ANSWER), 7):
        await ctx.write(ANSWER[at : at + 7])
    if STAY in ctx.text:
        await asyncio.Event().wait()
    return ANSWER
