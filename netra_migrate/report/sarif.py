"""Findings as SARIF 2.1.0, the format that code hosts show beside the lines (OASIS, 27 March 2020)."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from netra_migrate.report.escaping import visible
from netra_migrate.report.findings import Finding

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_RULES: Final[dict[str, tuple[str, str]]] = {
    "legacy-reference": (
        "Code depends on the legacy module.",
        "Deleting the legacy module breaks this place. `netra migrate plan` says when its turn comes, "
        "`netra migrate apply --write` rewrites it.",
    ),
    "legacy-mention": (
        "Text or data mentions the legacy module.",
        "Nothing breaks at import, but readers and tables that are looked up at run time are led astray. "
        "Read it and change it by hand.",
    ),
    "missing-target": (
        "A name is imported that does not exist.",
        "This raises ImportError as soon as it runs. Import the name from where it is, or remove the import.",
    ),
    "dead-patch": (
        "A patch string names nothing.",
        "The test patches a path that does not exist, so it raises or tests nothing. Name the place where the "
        "object is looked up.",
    ),
    "unparsable": (
        "A Python file cannot be read.",
        "No tool can say what it imports. Mend it, delete it, or leave it out under `project.exclude`.",
    ),
    "duplicate-claim": (
        "Two handlers claim one message type.",
        "Which of them answers depends on import order. Leave the claim to one.",
    ),
    "duplicate-name": (
        "Two classes have one name.",
        "An import that is moved from one to the other changes its meaning silently. Decide under `[symbols]`.",
    ),
    "hollow-handler": (
        "A handler reports success and does nothing.",
        "Callers take the message for handled. Give it its work, or delete it and its claim.",
    ),
    # The conditions of `verify`.
    "module-gone": ("The legacy module is still there.", "Delete it when nothing depends on it any more."),
    "no-references": (
        "Code still depends on the legacy module.",
        "Migrate this place before the module goes.",
    ),
    "no-patches": ("A test still patches the legacy module.", "Patch the name where it is looked up now."),
    "no-mentions": (
        "A string or data names the legacy module.",
        "It fails when it is looked up; name the new one.",
    ),
    "parsable": (
        "An unreadable file names the legacy module.",
        "Mend or delete it: nobody can say what it imports.",
    ),
    "imports-resolve": ("A canonical name does not exist.", "This raises ImportError; import what is there."),
    "one-interface": ("A handler has the old interface.", "Give it the canonical method alone."),
    "no-adapter": ("An adapter is left.", "Migrate the handler that it wraps, and delete the adapter."),
    "no-unused-imports": ("An import is not used.", "The migration left it; delete it."),
    "no-duplicate-claims": ("Two handlers claim one message type.", "Leave the claim to one of them."),
    "reachable": ("A handler is used by nobody.", "Register it, or delete it."),
    "effectful": ("A handler does nothing.", "Give it its work, or delete it and its claim."),
    "shadow": ("The new handler does something else.", "Compare both sides in the output of the shadow run."),
    "ratchet": ("There is more of the old than last time.", "Take what is new out again."),
}
"""Rule to its sentence and its help."""


def sarif(findings: Sequence[Finding], *, version: str) -> dict[str, Any]:
    """One run of one tool. Paths are relative to the root of the tree, under the base id `SRCROOT`."""
    rules = sorted({finding.rule for finding in findings})
    seen: Counter[str] = Counter()
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(rules, version)},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the tree."}}},
                "results": [_result(finding, rules.index(finding.rule), seen) for finding in findings],
            }
        ],
    }


def _driver(rules: Sequence[str], version: str) -> dict[str, Any]:
    return {"name": "netra migrate", "version": version, "rules": [_rule(rule) for rule in rules]}


def _rule(rule: str) -> dict[str, Any]:
    sentence, text = _RULES.get(
        rule, (f"The check {rule} found something.", "Read the message and mend the place.")
    )
    return {
        "id": rule,
        "name": "".join(word.capitalize() for word in rule.split("-")),
        "shortDescription": {"text": sentence},
        "fullDescription": {"text": f"{sentence} {text}"},
        "help": {"text": text, "markdown": text},
    }


def _result(finding: Finding, index: int, seen: Counter[str]) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(1, finding.line)}
    if finding.column:
        region["startColumn"] = finding.column
    if finding.text:
        region["snippet"] = {"text": visible(finding.text)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level.value,
        "message": {"text": visible(finding.message)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.path), "uriBaseId": "SRCROOT"},
                    "region": region,
                }
            }
        ],
        "partialFingerprints": {"netraMigrate/v1": _fingerprint(finding, seen)},
    }


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))


def _fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """Stays when lines are inserted above: rule, file, words, and which of several alike it is."""
    words = " ".join((finding.text or finding.message).split())
    key = "\0".join((finding.rule, finding.path, words))
    seen[key] += 1
    whole = f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:32]
