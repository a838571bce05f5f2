"""The plan of a migration: what symbols become, the files in their order, and what is still to decide."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.plan import Decision, Plan, Target
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.survey import Survey
from netra_migrate.planning.order import estate, steps
from netra_migrate.planning.targets import Sides, base_symbols, check_rules
from netra_migrate.scan.symbols import is_dunder
from netra_migrate.sources.naming import Names

_HELD = ("class", "function", "value")


def plan(survey: Survey, configuration: Configuration) -> Plan:
    """What is to be done, the same for the same survey.

    Raises:
        ConfigurationError: a rule is about a symbol or a target that does not exist.
    """
    used = _used(survey, configuration)
    sides = Sides(
        survey.legacy, survey.canonical, configuration, base_symbols(survey.handlers, configuration)
    )
    check_rules(sides, used)
    names = sorted({*used, *configuration.symbols, *_held(survey)})
    targets = tuple(_target(name, used.get(name, ()), sides) for name in names)
    whole = estate(survey, configuration)
    ordered = steps(whole)
    planned = {path for step in ordered for path in step.paths}
    return Plan(
        targets=targets,
        steps=ordered,
        open_questions=tuple(each for each in targets if not each.decided),
        left_alone=tuple(sorted({each.path for each in survey.of(Side.LEGACY)} - planned)),
    )


def _held(survey: Survey) -> set[str]:
    return {each.name for each in survey.legacy if each.kind in _HELD and not each.name.startswith("_")}


def _starred(survey: Survey) -> set[str]:
    """What a star brings, with the names that the module itself took from others."""
    return _held(survey) | {
        each.name for each in survey.legacy if each.kind == "import" and "." in "".join(each.bases[:1])
    }


def _used(survey: Survey, configuration: Configuration) -> dict[str, list[Reference]]:
    """Legacy symbols that code depends on, with where; a star takes all that the module holds.

    A patch of something that is not there says nothing about a symbol: the patch is dead.
    """
    found: dict[str, list[Reference]] = defaultdict(list)
    names_of = Names(configuration.project.source_roots)
    for each in survey.of(Side.LEGACY):
        dead = each.form is Form.PATCH and each.exists is False
        own = configuration.legacy.module in names_of.of(each.path)
        if each.binds and not dead and not own and each.path.endswith(".py"):
            for symbol in (symbol for symbol in each.symbols if not is_dunder(symbol.partition(".")[0])):
                names = _starred(survey) if symbol == "*" else {symbol.partition(".")[0]}
                for name in names:
                    found[name].append(each)
    return found


def _target(name: str, users: Sequence[Reference], sides: Sides) -> Target:
    target = sides.target(name)
    if (
        users
        and target.to is None
        and all(each.form is Form.STAR for each in users)
        and not _twin(name, sides)
    ):
        users = ()  # what a star brings is not yet used; a file that uses it is refused by its line
    if users and target.decided and target.decision is Decision.NONE:
        where = f"{users[0].path}:{users[0].line}"
        reason = f"symbols.{name}: it has no target but is used at {where}; take the use out or name a target"
        return msgspec.structs.replace(target, decided=False, reason=reason)
    if not users and not target.decided:
        return Target(symbol=name, decision=Decision.NONE, reason="nobody uses it by name")
    return target


def _twin(name: str, sides: Sides) -> bool:
    return any(each.name == name for each in sides.canonical)
