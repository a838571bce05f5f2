import json
from typing import Any

import jsonschema
import msgspec
import pytest

from netra_migrate.report.findings import Finding, Level, of_survey
from netra_migrate.report.sarif import sarif
from netra_migrate.tests.unit.report.example import survey

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {
        "startLine": {"type": "integer", "minimum": 1},
        "startColumn": {"type": "integer", "minimum": 1},
        "snippet": TEXT,
    },
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {
                        "uri": {"pattern": r"^[A-Za-z0-9%/._~-]+$"},
                        "uriBaseId": {"const": "SRCROOT"},
                    },
                    "additionalProperties": False,
                },
                "region": REGION,
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "items": LOCATION},
        "partialFingerprints": {"additionalProperties": {"type": "string"}, "minProperties": 1},
    },
    "additionalProperties": False,
}
RULE = {
    "type": "object",
    "required": ["id", "shortDescription", "help"],
    "properties": {
        "id": {"type": "string"},
        "name": {"pattern": "^[A-Z][A-Za-z]+$"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE}
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "originalUriBaseIds": {"type": "object"},
                    "results": {"type": "array", "items": RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""What the standard says of the parts that are used; nothing else may be there."""


def document(*findings: Finding) -> dict[str, Any]:
    """As a reader gets it: through JSON."""
    whole: dict[str, Any] = json.loads(msgspec.json.encode(sarif(findings, version="0.1.0")))
    return whole


def results(*findings: Finding) -> list[dict[str, Any]]:
    """The results of the only run."""
    found: list[dict[str, Any]] = document(*findings)["runs"][0]["results"]
    return found


def finding(path: str = "app/a.py", *, line: int = 3, text: str = "import legacy") -> Finding:
    """One finding of a rule."""
    return Finding(
        rule="legacy-reference",
        level=Level.WARNING,
        path=path,
        line=line,
        column=1,
        message="It does.",
        text=text,
    )


def test_a_scan_is_sarif() -> None:
    """All that a scan finds, hostile names among it, keeps the standard."""
    jsonschema.validate(document(*of_survey(survey())), SCHEMA)


def test_no_findings_are_sarif() -> None:
    """An empty list is a clean run."""
    jsonschema.validate(document(), SCHEMA)


def test_every_result_points_to_its_rule() -> None:
    """The index and the id name the same rule."""
    run = document(*of_survey(survey()))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]


def test_levels_follow_what_breaks() -> None:
    """A dead patch is an error, an import a warning, a comment a note."""
    levels = {result["ruleId"]: result["level"] for result in results(*of_survey(survey()))}
    assert (levels["dead-patch"], levels["legacy-reference"], levels["legacy-mention"]) == (
        "error",
        "warning",
        "note",
    )


def test_fingerprints_stay_when_lines_move() -> None:
    """A line that slid down, or was indented, is the same finding."""
    (before,), (after,) = results(finding(line=3)), results(finding(line=90, text="  import  legacy"))
    assert before["partialFingerprints"] == after["partialFingerprints"]


@pytest.mark.parametrize("other", [finding("app/b.py"), finding(text="import legacy as l"), finding(line=4)])
def test_fingerprints_tell_findings_apart(other: Finding) -> None:
    """Another file, another text, or the same text a second time."""
    first, second = results(finding(), other)
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_a_name_with_spaces_and_bytes_is_a_uri() -> None:
    """Bytes that are not UTF-8 are kept as they are."""
    (result,) = results(finding("a b/\udcff#.py"))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/%FF%23.py"
