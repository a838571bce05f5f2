"""Turns what tools take and give into JSON values. Never fails: an unknown object becomes its text."""

from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from netra_backend.domain.threads import storable


def jsonable(value: object) -> Any:
    """The value as JSON: models as objects, bytes as base64, NaN and infinity as text."""
    try:
        return from_json(to_json(value, serialize_unknown=True, bytes_mode="base64", inf_nan_mode="strings"))
    except PydanticSerializationError:  # text that is no UTF-8
        return storable(repr(value))
