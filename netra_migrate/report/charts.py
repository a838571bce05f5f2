"""Small charts as inline SVG: presentation attributes and classes only, so that no style is inline."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from netra_migrate.report.escaping import visible
from netra_migrate.report.material import FigureView, State, StepView

WIDTH: Final = 720
"""Units of the view box; the style makes it as wide as its place."""

_ORDER: Final = (State.DONE, State.WORKING, State.REFUSED, State.ROLLED_BACK, State.WAITING)


def progress(steps: Sequence[StepView]) -> Markup:
    """One bar, a piece for each state, as long as its share of the steps."""
    counts = [(state, sum(step.state is state for step in steps)) for state in _ORDER]
    words = ", ".join(f"{count} {state}" for state, count in counts if count)
    left, pieces = 0.0, Markup()
    for state, count in counts:
        if not count:
            continue
        width = WIDTH * count / len(steps)
        pieces += Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="14"/>').format(
            state.value, left, max(1.0, width - 1.5)
        )
        left += width
    return _svg(pieces, height=14, title=f"Steps: {words or 'none'}", kind="progress")


def durations(steps: Sequence[StepView]) -> Markup:
    """A column for each step, as high as the seconds it took."""
    longest = max((step.seconds for step in steps), default=0.0)
    if longest <= 0:
        return Markup()
    slot, columns = WIDTH / len(steps), Markup()
    for index, step in enumerate(steps):
        height = max(1.0, 52 * step.seconds / longest) if step.seconds else 0.0
        columns += Markup(
            '<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>'
        ).format(
            step.state.value,
            index * slot,
            56 - height,
            max(0.6, min(28.0, slot - 2)),
            height,
            visible(f"Step {step.number}: {step.seconds:.2f} s"),
        )
    return _svg(
        columns, height=58, title=f"Seconds by step; the longest took {longest:.2f} s", kind="columns"
    )


def share(part: float, whole: float, *, kind: str) -> Markup:
    """A bar of `part` in a track of `whole`, for a row of a table."""
    width = 100.0 * part / whole if whole > 0 else 0.0
    return Markup(
        '<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="8"/><rect class="{}" width="{:.2f}" height="8"/></svg>'
    ).format(kind, min(100.0, width))


def intervals(figure: FigureView, *, reach: float) -> Markup:
    """The loss with its interval on an axis from `-reach` to `+reach`; dashed: the limit."""
    middle, scale = WIDTH / 2, (WIDTH / 2 - 12) / reach

    def at(value: float) -> float:
        return middle + scale * min(reach, max(-reach, value))

    kind = "done" if figure.good else "refused"
    drawing = Markup(
        '<line class="axis" x1="0" x2="{w}" y1="16" y2="16"/><line class="zero" x1="{m}" x2="{m}" y1="3" y2="29"/>'
        '<line class="limit" x1="{l:.1f}" x2="{l:.1f}" y1="3" y2="29"/>'
        '<line class="whisker {k}" x1="{a:.1f}" x2="{b:.1f}" y1="16" y2="16"/>'
        '<line class="whisker {k}" x1="{a:.1f}" x2="{a:.1f}" y1="10" y2="22"/>'
        '<line class="whisker {k}" x1="{b:.1f}" x2="{b:.1f}" y1="10" y2="22"/>'
        '<line class="dot {k}" x1="{c:.1f}" x2="{c:.1f}" y1="16" y2="16"/>'
    ).format(
        w=WIDTH, m=middle, l=at(figure.limit), k=kind, a=at(figure.low), b=at(figure.high), c=at(figure.worse)
    )
    words = (
        f"{figure.name}: {figure.worse:+.1%} worse, interval {figure.low:+.1%} to {figure.high:+.1%}, "
        f"limit {figure.limit:+.1%}"
    )
    return _svg(drawing, height=32, title=words, kind="interval")


def reach(figures: Sequence[FigureView]) -> float:
    """The end of the axis that all figures share, so that they can be compared by eye."""
    widest = max((abs(value) for f in figures for value in (f.low, f.high, f.limit, f.worse)), default=0.0)
    return min(max(widest * 1.1, 0.01), 10.0)


def _svg(inner: Markup, *, height: int, title: str, kind: str) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"><title>{}</title>{}</svg>'
    ).format(kind, WIDTH, height, escape(visible(title)), inner)
