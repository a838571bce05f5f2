"""Values for people, short: recorded messages hold what people wrote and what lets them in."""

import json
import re

from netra_migrate.shadow.children import Effect

SECRET = re.compile(r"pass|secret|token|auth|cookie|credential|session_?key|api_?key|private", re.IGNORECASE)
LONGEST = 40
HEAD = 12
LONGEST_EFFECT = 300


def shown(path: str, value: object, *, beside: object = None) -> str:
    """One value as JSON, cut short. `beside`: the other side's, to say where two long texts part."""
    if SECRET.search(path.rpartition(".")[2]):
        return f"<hidden, {len(str(value))} characters>"
    if not isinstance(value, str) or len(value) <= LONGEST:
        return json.dumps(value, ensure_ascii=False)[: LONGEST * 2]
    parting = ""
    if isinstance(beside, str) and beside[:HEAD] == value[:HEAD]:
        parting = f", differs from character {_common(value, beside) + 1} on"
    return f"{json.dumps(value[:HEAD], ensure_ascii=False)}… ({len(value)} characters{parting})"


def shown_effect(effect: Effect) -> str:
    """A whole call."""
    arguments = [_shortened("", each) for each in effect.arguments]
    arguments += [f"{key}={_shortened(key, each)}" for key, each in effect.details.items()]
    text = f"{effect.target}.{effect.method}({', '.join(arguments)})"
    return text if len(text) <= LONGEST_EFFECT else f"{text[:LONGEST_EFFECT]}…"


def shown_text(text: str) -> str:
    """The text of an exception: its long words, which may be anything, are cut."""
    short = " ".join(word if len(word) <= LONGEST else f"{word[:HEAD]}…" for word in text.split())
    return short if len(short) <= LONGEST * 4 else f"{short[: LONGEST * 4]}…"


def _shortened(key: str, value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shortened(str(name), item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shortened(key, item) for item in value) + "]"
    return shown(key, value)


def _common(one: str, other: str) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
