"""Who sent a request."""

from fastapi import HTTPException, Request

from chat.runtime import Runtime
from netra_backend.domain.errors import Unauthenticated


async def caller(runtime: Runtime, request: Request) -> str:
    """The user of the request's bearer token."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        return await runtime.account_of(token)
    except Unauthenticated as error:
        raise HTTPException(401, str(error)) from error
