"""The report: one HTML file that needs nothing else. Every word of the target goes through `visible` and autoescape."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from netra_migrate.domain.handlers import Shape
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.domain.references import Form, Side
from netra_migrate.report import charts
from netra_migrate.report.causes import causes
from netra_migrate.report.escaping import visible
from netra_migrate.report.material import Material, State

SHOWN: Final = 400
"""Rows of one list: more is no reading matter; `--json` has all of it."""

DIFF_LINES: Final = 2000
"""Lines of one diff that a page shows."""


def page(material: Material) -> bytes:
    """The whole file, UTF-8."""
    css = style()
    policy = f"default-src 'none'; style-src 'sha256-{_digest(css)}'; base-uri 'none'; form-action 'none'"
    text = (
        _environment()
        .get_template("report.html.j2")
        .render(
            sections(material),
            style=Markup(css),  # noqa: S704 - the kit's own style sheet
            policy=policy,
        )
    )
    return text.encode("utf-8", "backslashreplace")


def sections(material: Material) -> dict[str, Any]:
    """What the templates of report and dashboard use."""
    done = sum(step.state is State.DONE for step in material.steps)
    return {
        "m": material,
        "done": done,
        "share_done": done / len(material.steps) if material.steps else 0.0,
        "states": Counter(step.state.value for step in material.steps),
        "forms": forms(material),
        "causes": causes(material.failures),
        "matrix": matrix(material.phases),
        "phase_names": tuple(dict.fromkeys(outcome.phase for outcome in material.phases)),
        "handlers": _handlers(material),
        "charts": charts,
        "alike": sum(verdict.good for verdict in material.verdicts),
        "reach": charts.reach(material.figures),
        "shown": SHOWN,
    }


def forms(material: Material) -> tuple[tuple[str, int, int], ...]:
    """Legacy references by form: the form's word, how many there were, how many there are."""
    if material.survey is None:
        return ()
    now = Counter(reference.form.value for reference in material.survey.of(Side.LEGACY))
    before = material.before or now
    return tuple((form, before.get(form, 0), now[form]) for form in Form if before.get(form) or now[form])


def matrix(outcomes: Sequence[PhaseOutcome]) -> Mapping[str, Mapping[str, PhaseOutcome]]:
    """Test to phase to outcome."""
    rows: dict[str, dict[str, PhaseOutcome]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.test, {})[outcome.phase] = outcome
    return rows


def _handlers(material: Material) -> tuple[Any, ...]:
    if material.survey is None:
        return ()
    order = tuple(Shape)
    told = [handler for handler in material.survey.handlers if handler.shape is not Shape.UNRELATED]
    return tuple(sorted(told, key=lambda each: (order.index(each.shape), each.path, each.line)))


def fragment(name: str, values: Mapping[str, Any]) -> str:
    """One section alone, as the dashboard sends it."""
    return _environment().get_template(f"{name}.html.j2").render(values)


def style() -> str:
    """The style sheet of report and dashboard."""
    return (files("netra_migrate.report") / "templates" / "page.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("netra_migrate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["difflines"] = _difflines
    environment.filters["seconds"] = _seconds
    return environment


def _shown(value: Any) -> Any:
    """Every expression of a template passes here; markup is the kit's own, all else is a stranger's."""
    return value if isinstance(value, Markup) else visible(str(value))


_KINDS: Final = {"+": "add", "-": "del", "@": "hunk"}


def _difflines(diff: str) -> list[tuple[str, str]]:
    """Each line of a unified diff with its class."""
    lines = diff.split("\n")[:DIFF_LINES]
    return [
        ("" if line[:3] in ("+++", "---") else _KINDS.get(line[:1], ""), line.expandtabs(4)) for line in lines
    ]


def _seconds(value: float) -> str:
    if value < 0.0005:
        return "-"
    return (
        f"{value * 1000:.0f} ms"
        if value < 1
        else f"{value:.1f} s"
        if value < 120
        else f"{value / 60:.1f} min"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
