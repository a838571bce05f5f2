"""Applying a plan and taking it back: whole steps or none, whatever happens in between."""

from netra_migrate.apply.applying import apply
from netra_migrate.apply.records import Noted
from netra_migrate.apply.rollback import Returned, rollback
from netra_migrate.apply.session import Tree, recover
from netra_migrate.apply.status import StepStatus, history, status
from netra_migrate.apply.terms import Applied, Checks, Options, Removal, State, StepResult, Tools

__all__ = [
    "Applied",
    "Checks",
    "Noted",
    "Options",
    "Removal",
    "Returned",
    "State",
    "StepResult",
    "StepStatus",
    "Tools",
    "Tree",
    "apply",
    "history",
    "recover",
    "rollback",
    "status",
]
