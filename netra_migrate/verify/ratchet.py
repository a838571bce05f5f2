"""The ratchet: what is left of the old may become less and never more. Its file is committed with the tree."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from netra_migrate.domain.handlers import Shape
from netra_migrate.domain.outcomes import ConfigurationError, TreeError
from netra_migrate.domain.references import Side
from netra_migrate.domain.survey import Survey
from netra_migrate.domain.verification import Finding, Ratchet
from netra_migrate.sources.files import inside, write

FILE = "migration.ratchet.json"


def counted(survey: Survey) -> Ratchet:
    """What is left now: references by form, handlers of the old kind, unreadable files that name the module."""
    counts = Counter(str(reference.form) for reference in survey.of(Side.LEGACY))
    counts["handler"] = sum(each.shape in (Shape.LEGACY, Shape.BOTH) for each in survey.handlers)
    counts["unparsable"] = sum(bool(each.found_by_text) for each in survey.unparsable)
    return Ratchet(counts={form: count for form, count in sorted(counts.items()) if count})


def raised(survey: Survey, ratchet: Ratchet) -> Iterator[Finding]:
    """Every form of which there is more than last time, at the last place where it stands."""
    for form, count in counted(survey).counts.items():
        before = ratchet.counts.get(form, 0)
        if count > before:
            path, line = _last(survey, form)
            yield Finding(
                path=path,
                line=line,
                sentence=f"{form}: {count} now and {before} last time; take the new ones out again.",
            )


def _last(survey: Survey, form: str) -> tuple[str, int]:
    places = [(each.path, each.line) for each in survey.of(Side.LEGACY) if each.form == form]
    return max(places, default=(FILE, 1))


def updated(survey: Survey, ratchet: Ratchet | None, *, may_rise: bool = False) -> Ratchet:
    """The ratchet for the next time: never higher than the last one, unless that is asked for."""
    now = counted(survey)
    if ratchet is None or may_rise:
        return now
    lowered = {form: min(count, ratchet.counts.get(form, 0)) for form, count in now.counts.items()}
    return Ratchet(counts={form: count for form, count in lowered.items() if count})


def read_ratchet(root: Path) -> Ratchet | None:
    """The ratchet of a tree, if it has one.

    Raises:
        ConfigurationError: the file is no ratchet; for example two branches were merged into it.
    """
    try:
        content = inside(root, FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(content, type=Ratchet)
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f"{FILE}: {error}; take the lower number of each form, or write it anew with `verify --update`."
        ) from error


def write_ratchet(root: Path, ratchet: Ratchet) -> None:
    """Write it, one form a line, so that merges show what changed.

    Raises:
        TreeError: it cannot be written.
    """
    try:
        write(inside(root, FILE), msgspec.json.format(msgspec.json.encode(ratchet), indent=2) + b"\n")
    except OSError as error:
        raise TreeError(f"{FILE} cannot be written: {error.strerror}.") from error
