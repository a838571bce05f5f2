"""The chat page and the dashboard: files that `make web` builds into `static/`. Serves nothing outside that folder."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from netra_backend.domain.errors import NotFound
from netra_backend.http.dependencies import Deps

router = APIRouter(include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
"""Names in `assets/` hold a hash of what is in them, so a name's content never changes."""

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Netra</title></head>
<body><h1>The page is not built yet</h1>
<p>Netra runs, but its chat page has not been built: run <code>make web</code> in the source folder
(it needs Node 20 or later), then reload. Sockets and the HTTP interface work without it.</p>
</body></html>
"""


class Assets(StaticFiles):
    """The page's scripts, styles and fonts. A missing folder only means that nothing is found."""

    async def check_config(self) -> None:
        """The page may be built after the start, or never."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See `StaticFiles`."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = FOR_EVER
        return answer


def assets(static: Path) -> Assets:
    """The files under `/assets`."""
    return Assets(directory=static / "assets", check_dir=False)


@router.get("/")
async def index(deps: Deps) -> Response:
    """The page, asked for anew each time so that a new version is seen at once."""
    return _file(deps.static / "index.html") or HTMLResponse(NOT_BUILT, status_code=503)


@router.get("/dashboard")
async def dashboard(deps: Deps) -> Response:
    """The operators' page. It holds no data: what it shows it asks for, with the role of who looks."""
    return _file(deps.static / "dashboard.html") or HTMLResponse(NOT_BUILT, status_code=503)


@router.get("/{name}")
async def top_level_file(name: str, deps: Deps) -> Response:
    """What lies beside the page, such as its icon; `name` holds no slash, and only real names match."""
    known = {path.name for path in deps.static.iterdir()} if deps.static.is_dir() else set()
    answer = _file(deps.static / name) if name in known and not name.startswith(".") else None
    if answer is None:
        raise NotFound("There is nothing at this address.")
    return answer


def _file(path: Path) -> Response | None:
    return FileResponse(path, headers={"Cache-Control": "no-cache"}) if path.is_file() else None
