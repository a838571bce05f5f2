"""The shadow run: legacy against legacy first, to learn what never repeats, then legacy against canonical."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from netra_migrate.configuration import Configuration
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.shadow import Compared, Message, ShadowReport, Verdict
from netra_migrate.shadow.children import Child, Ended, Order
from netra_migrate.shadow.effects import arranged, differences, leaves, name, unsteady
from netra_migrate.shadow.judging import judge, words

Progress = Callable[[int, int], None]
"""Called with how many messages are handled, and of how many; each is handled three times."""


def shadow(
    configuration: Configuration,
    root: Path,
    messages: Sequence[Message],
    *,
    python: Path,
    progress: Progress,
    legacy_root: Path | None = None,
) -> ShadowReport:
    """Give each message to both handlers, and say of each what came of it.

    `python`: the target's interpreter. `legacy_root`: the tree as it was, when the module is gone from `root`.

    Raises:
        ConfigurationError: there is no `[shadow]`, or a factory cannot be imported.
    """
    if configuration.shadow is None:
        raise ConfigurationError("shadow: set legacy and canonical, each as module:callable.")
    total = 3 * len(messages)

    def side(order: Order, where: Path, done: int) -> list[Ended]:
        timeout_s = 0.0 if configuration.shadow is None else configuration.shadow.timeout_s
        ended = []
        environment = configuration.validation.environment
        with Child(order, python=python, root=where, environment=environment) as child:
            for number, message in enumerate(messages, 1):
                ended.append(child.ask(message.content, timeout_s=timeout_s))
                progress(done + number, total)
        return ended

    before = legacy_root or root
    legacy = _order(configuration, "legacy", before)
    first = side(legacy, before, 0)
    again = side(legacy, before, len(messages))
    new = side(_order(configuration, "canonical", root), root, 2 * len(messages))
    steadiness = [_Steadiness(one, other) for one, other in zip(first, again, strict=True)]
    learned = set().union(*(each.paths for each in steadiness))
    ignored = (*configuration.shadow.ignore, *sorted(learned))
    return ShadowReport(
        compared=tuple(
            _compare(message, one, other, steady, ignored)
            for message, one, other, steady in zip(messages, first, new, steadiness, strict=True)
        ),
        ignored=ignored,
    )


class _Steadiness:
    """What two runs of the legacy handler have in common."""

    def __init__(self, first: Ended, second: Ended) -> None:
        self.in_order = _calls(first, in_order=True) == _calls(second, in_order=True)
        alike = self.in_order or _calls(first, in_order=False) == _calls(second, in_order=False)
        self.paths: set[str] = set()
        if alike:
            self.paths = unsteady(
                arranged(first.effects, in_order=self.in_order),
                arranged(second.effects, in_order=self.in_order),
            )
        found = {path for effect in first.effects for path, _ in leaves(effect)}
        everything = bool(found) and found <= self.paths
        self.unstable = not alike or everything or first.failed != second.failed


def _calls(ended: Ended, *, in_order: bool) -> list[str]:
    return [name(effect) for effect in arranged(ended.effects, in_order=in_order)]


def _compare(
    message: Message, legacy: Ended, canonical: Ended, steady: _Steadiness, ignored: Sequence[str]
) -> Compared:
    found = differences(
        arranged(legacy.effects, in_order=steady.in_order),
        arranged(canonical.effects, in_order=steady.in_order),
        ignored=ignored,
    )
    verdict, counted = judge(legacy, canonical, found)
    if steady.unstable and verdict in (Verdict.SAME, Verdict.DIFFERS):
        verdict = Verdict.UNSTABLE
    return Compared(
        source=message.source,
        type=message.type,
        verdict=verdict,
        legacy=words(legacy),
        canonical=words(canonical),
        swallowed=tuple(legacy.swallowed),
        effects=(len(legacy.effects), len(canonical.effects)),
        differences=counted,
    )


def _order(configuration: Configuration, key: str, root: Path) -> Order:
    sides: Mapping[str, tuple[str, tuple[str, ...]]] = {
        "legacy": (configuration.legacy.method, configuration.legacy.parameters),
        "canonical": (configuration.canonical.method, configuration.canonical.parameters),
    }
    method, parameters = sides[key]
    section = configuration.shadow
    return Order(
        key=f"shadow.{key}",
        factory="" if section is None else getattr(section, key),
        method=method,
        parameters=parameters,
        message_class=_message_class(configuration) if key == "canonical" else None,
        source_roots=tuple(str((root / each).resolve()) for each in configuration.project.source_roots),
        settle_s=0.0 if section is None else section.timeout_s / 4,
    )


def _message_class(configuration: Configuration) -> str | None:
    """As `module:name`, whether it is set as a name of the module or as a dotted path."""
    found = configuration.canonical.message_class
    if not found:
        return None
    module, _, leaf = found.rpartition(".")
    return f"{module or configuration.canonical.module}:{leaf}"
