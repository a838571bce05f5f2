"""Watches a migration and tells followers which sections of the page changed. Reads; never writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Final

import msgspec

from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.report.escaping import visible
from netra_migrate.report.material import Material
from netra_migrate.report.page import fragment, sections

SECTIONS: Final = ("summary", "tests", "causes", "steps", "gate", "phases")
"""In the order of the page: what changes most comes first."""

LOOK_S: Final = 0.4
"""Between two looks at the files; a look is a few `stat` calls."""

QUIET_S: Final = 15.0
"""A comment goes out this often, so that proxies and browsers keep a silent stream open."""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch. `signature` changes whenever `read` would give something else, and is cheap."""

    read: Callable[[], Material]
    signature: Callable[[], Hashable]


class Live:
    """The page as it is now. One task runs `watch`; any number of followers wait for it."""

    def __init__(self, watched: Watched) -> None:
        self.material = watched.read()
        self.fragments = rendered(self.material)
        self.trouble = ""
        self._watched = watched
        self._seen = watched.signature()
        self._changed = asyncio.Event()

    async def watch(self) -> None:
        """Look until cancelled. A state that cannot be read is told, and tried again at the next look."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """One look; wakes the followers if anything is new."""
        signature = await asyncio.to_thread(self._watched.signature)
        if signature == self._seen:
            return
        try:
            self.material = await asyncio.to_thread(self._watched.read)
            self.fragments, self.trouble = await asyncio.to_thread(rendered, self.material), ""
        except (MigrationError, OSError) as error:
            self.trouble = visible(str(error))
        self._seen = signature
        self._changed.set()
        self._changed = asyncio.Event()

    async def events(self) -> AsyncIterator[bytes]:
        """Server-Sent Events: all sections at first, then those that changed; ends with its reader."""
        known: dict[str, str] = {}
        trouble = ""
        while True:
            changed = self._changed
            for name, html in self.fragments.items():
                if known.get(name) != html:
                    known[name] = html
                    yield event("section", {"name": name, "html": html})
            if self.trouble != trouble:
                trouble = self.trouble
                yield event("trouble", trouble or "live")
            try:
                await asyncio.wait_for(changed.wait(), QUIET_S)
            except TimeoutError:
                yield b": still here\n\n"


def rendered(material: Material) -> dict[str, str]:
    """Section to its HTML; those of which nothing is known yet are left out."""
    values = sections(material)
    wanted = [name for name in SECTIONS if name != "phases" or material.phases]
    return {name: fragment(name, values) for name in wanted}


def event(name: str, data: object) -> bytes:
    """One event; JSON has no line breaks, so one `data:` line holds it."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))
