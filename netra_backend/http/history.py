"""Threads and messages of the asking user, page by page."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from netra_backend.domain.ids import MessageId, ThreadId
from netra_backend.domain.threads import fitting
from netra_backend.http.answers import documented, json_answer
from netra_backend.http.dependencies import Asker, Deps
from netra_backend.protocol.payloads import ThreadHistoryPayload, ThreadsPayload
from netra_backend.protocol.views import message_view, thread_view

router = APIRouter(tags=["history"])

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/api/threads", responses=documented(ThreadsPayload))
async def threads(asker: Asker, deps: Deps, limit: Limit = 50, before: UUID | None = None) -> Response:
    """The user's threads, last used first; `before` is the last one of the page before."""
    page = await deps.store.threads(
        asker.owner,
        limit=min(limit, deps.settings.page_limit),
        before=ThreadId(str(before)) if before else None,
    )
    return json_answer(
        ThreadsPayload(threads=[thread_view(each) for each in page.items], has_more=page.has_more)
    )


@router.get("/api/threads/{thread_id}/messages", responses=documented(ThreadHistoryPayload))
async def messages(
    thread_id: UUID, asker: Asker, deps: Deps, limit: Limit = 50, before: UUID | None = None
) -> Response:
    """The newest messages of a thread before `before`, oldest first."""
    found = await deps.store.history(
        asker.owner,
        ThreadId(str(thread_id)),
        limit=min(limit, deps.settings.page_limit),
        before=MessageId(str(before)) if before else None,
    )
    page = fitting(found, deps.settings.page_bytes)
    return json_answer(
        ThreadHistoryPayload(messages=[message_view(each) for each in page.items], has_more=page.has_more)
    )
