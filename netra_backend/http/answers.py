"""JSON answers from the wire's own structs, and their schemas for the OpenAPI document."""

from typing import Any

from msgspec import Struct
from starlette.responses import Response

from netra_backend.protocol.messages import encode


def json_answer(value: Any, *, status: int = 200) -> Response:
    """`value`, encoded as on the socket."""
    return Response(encode(value), status_code=status, media_type="application/json")


def documented(struct: type[Struct], *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for an answer made of `struct`."""
    schema = {"$ref": f"#/components/schemas/{struct.__name__}"}
    return {
        status: {"description": struct.__doc__ or "", "content": {"application/json": {"schema": schema}}},
        "4XX": {
            "description": "Refused.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
        },
    }
