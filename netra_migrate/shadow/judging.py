"""The verdict on one message: return values of two kinds brought to one, then effects. Pure.

Legacy handlers return None and raise, or swallow what was raised and say so in a message; canonical ones return
True or False, and send one error frame with the False.
"""

from netra_migrate.domain.shadow import Difference, Verdict
from netra_migrate.shadow.children import Ended
from netra_migrate.shadow.showing import shown, shown_text

Judged = tuple[Verdict, tuple[Difference, ...]]


def judge(legacy: Ended, canonical: Ended, differences: tuple[Difference, ...]) -> Judged:
    """The verdict, and the differences that stand when both kinds of return value are one."""
    if legacy.late or canonical.late:
        return Verdict.TIMEOUT, differences
    if canonical.died is not None:
        return Verdict.NEW_FAILED, differences
    if canonical.failed or canonical.returned is False:
        return _judge_failure(legacy, differences)
    if legacy.failed:
        return Verdict.LEGACY_FAILED, differences
    if not _acts(canonical):
        return (Verdict.HOLLOW if _acts(legacy) else Verdict.BOTH_HOLLOW), differences
    if canonical.returned is not True:
        returned = shown("returned", canonical.returned)
        differences = (Difference(path="returned", legacy="True or False", canonical=returned), *differences)
    return _by(differences)


def words(ended: Ended) -> str:
    """How a side ended, for people."""
    if ended.late:
        return "timed out"
    if ended.died is not None:
        return ended.died
    if ended.raised is not None:
        return f"raised {ended.raised.kind}: {shown_text(ended.raised.text)}"
    return f"returned {'None' if ended.returned is None else shown('returned', ended.returned)}"


def _judge_failure(legacy: Ended, differences: tuple[Difference, ...]) -> Judged:
    """The new handler failed in good order: so must the legacy one have, by raising or by swallowing."""
    if legacy.died is not None:
        return Verdict.LEGACY_FAILED, differences
    if legacy.raised is not None:
        return _by(_without_error_frame(differences))
    if legacy.swallowed or legacy.returned is False:
        return _by(differences)
    return Verdict.NEW_FAILED, differences


def _without_error_frame(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Where the legacy handler raised, the one frame that takes the exception's place is no difference."""
    if (
        len(differences) == 1
        and differences[0].legacy is None
        and differences[0].path.startswith("connection.")
    ):
        return ()
    return differences


def _acts(ended: Ended) -> bool:
    """Whether anything outside was touched; a payload changed under the caller's hands is no deed."""
    return any(effect.target != "input" for effect in ended.effects)


def _by(differences: tuple[Difference, ...]) -> Judged:
    return (Verdict.DIFFERS if differences else Verdict.SAME), differences
