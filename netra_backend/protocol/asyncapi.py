"""The AsyncAPI 3 document of the wire, generated from the frames' types; nothing is written twice."""

import inspect
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from netra_backend.protocol import messages
from netra_backend.protocol.errors import CloseCode

REF = "#/components/schemas/{name}"

CLIENT_FRAMES: tuple[type, ...] = get_args(messages.WebSocketMessage)
SERVER_FRAMES: tuple[type, ...] = (
    *get_args(messages.DurableFrame),
    *get_args(messages.LiveFrame),
    *get_args(messages.ControlFrame),
)

DESCRIPTION = """\
JSON text frames over one WebSocket. Authenticate by `Authorization: Bearer`, by the session cookie with an
allowed `Origin`, or by a first frame `authenticate`. The subprotocol `netra.v1` is accepted when offered.
"""


def asyncapi(*, version: str) -> dict[str, Any]:
    """The document, ready for JSON. `version` is the server's.

    Actions are the server's: it receives what clients send.
    """
    _, schemas = msgspec.json.schema_components((*CLIENT_FRAMES, *SERVER_FRAMES), ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Netra", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "ws": {
                "address": "/ws",
                "description": f"Close codes: {_close_codes()}.",
                "messages": {
                    frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"}
                    for frame in (*CLIENT_FRAMES, *SERVER_FRAMES)
                },
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", CLIENT_FRAMES),
            "fromServer": _operation("send", SERVER_FRAMES),
        },
        "components": {
            "messages": {frame.__name__: _message(frame) for frame in (*CLIENT_FRAMES, *SERVER_FRAMES)},
            "schemas": _jsonable(schemas),
        },
    }


def schemas_of(*types: type) -> dict[str, Any]:
    """JSON Schemas (2020-12) by name of the types and of everything that they are made of."""
    return _jsonable(msgspec.json.schema_components(types, ref_template=REF)[1])


def _operation(action: str, frames: tuple[type, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/ws"},
        "messages": [{"$ref": f"#/channels/ws/messages/{frame.__name__}"} for frame in frames],
    }


def _message(frame: type) -> dict[str, Any]:
    return {
        "name": frame.__struct_config__.tag,  # type: ignore[attr-defined]  # every frame is a Struct
        "summary": inspect.getdoc(frame),
        "payload": {"$ref": REF.format(name=frame.__name__)},
    }


def _close_codes() -> str:
    return ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in CloseCode)


def _jsonable(schemas: Mapping[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = msgspec.to_builtins(schemas)
    return converted
