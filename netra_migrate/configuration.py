"""`migration.toml`: what is to be migrated, as frozen values. Unknown keys are mistakes, not ignored."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from netra_migrate.domain.plan import Decision


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Project(_Section, frozen=True, kw_only=True):
    """`[project]`. `root` is relative to the file; everything else is relative to `root`.

    Attributes:
        source_roots: folders from which imports start.
        exclude: further glob patterns to leave out, in gitignore's syntax.
        tests: patterns of test files.
    """

    root: str = "."
    source_roots: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = ()
    tests: tuple[str, ...] = ("test_*.py", "*_test.py", "conftest.py", "**/tests/**")


class LegacySide(_Section, frozen=True, kw_only=True):
    """`[legacy]`: the module to leave, and its interface. `parameters` are without `self`.

    `bases`: classes that make a subclass a legacy handler; by default those of the module that have
    the method. `service`: names that dispatch to handlers.
    """

    module: str
    method: str = "handle"
    parameters: tuple[str, ...] = ("user_id", "payload")
    bases: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    keep: bool = False
    """Whether the module stays when nothing refers to it any more."""


class CanonicalSide(_Section, frozen=True, kw_only=True):
    """`[canonical]`: the module to go to, and its interface.

    Attributes:
        base: what a migrated handler inherits from, a name of the module.
        message_class: annotation of the message parameter, a name of the module or a dotted path.
        socket_class: the same for the connection, or none.
        payload: the legacy payload as an expression over the new parameters.
        message: how a message is made of a payload, where a call has only that; `{class}`, `{type}` and
            `{payload}` are filled in.
        imports: dotted names that `payload` and `message` use.
        socket_fixture: the pytest fixture that tests without a connection take one from.
        socket_in_tests: an expression for the connection in tests that cannot take a fixture.
        imports_in_tests: dotted names that `socket_in_tests` uses.
        errors: exceptions that legacy handlers raise, to the domain errors that take their place.
    """

    module: str
    method: str = "handle_message"
    parameters: tuple[str, ...] = ("user_id", "websocket", "message")
    base: str | None = None
    message_class: str | None = None
    socket_class: str | None = None
    payload: str = "message.payload"
    message: str = "{class}(type={type}, payload={payload})"
    imports: tuple[str, ...] = ()
    socket_fixture: str | None = None
    socket_in_tests: str | None = None
    imports_in_tests: tuple[str, ...] = ()
    errors: Mapping[str, str] = {}


class SymbolRule(_Section, frozen=True, kw_only=True):
    """`[symbols.Name]`: what a legacy symbol becomes; see `domain.plan.Target`."""

    decision: Decision | None = None
    to: str | None = None
    drop: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}
    add: Mapping[str, str] = {}
    imports: tuple[str, ...] = ()
    reason: str = ""


class Adapter(_Section, frozen=True, kw_only=True):
    """`[adapter]`: dotted names that wrap a legacy handler as a canonical one, and the other way."""

    to_canonical: str
    to_legacy: str | None = None


class Validation(_Section, frozen=True, kw_only=True):
    """`[validation]`: the command that must not get redder.

    Attributes:
        command: arguments, without a shell. `{tests}` stands for the test files beside a step, and
            `{junit}` for a file that the command may write JUnit XML to.
        quick: an optional command that runs first, such as a type checker or one test file.
        timeout_s: of one run; after it the whole process group is ended and the step fails.
        jobs: test files at once, where tests are independent: pytest-xdist, which must be installed where
            the command runs. What depends on its neighbours differs between runs: see `baseline --times`.
        environment: added to the environment of the command.
    """

    command: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    timeout_s: float = 900
    jobs: int = 1
    environment: Mapping[str, str] = {}


class Shadow(_Section, frozen=True, kw_only=True):
    """`[shadow]`: the two handlers to compare, as `module:callable`, made by the target's own code.

    `messages`: a JSON Lines file of recorded messages; without it messages are generated from the
    message types claimed. `timeout_s`: for one message on one side.
    """

    legacy: str
    canonical: str
    messages: str | None = None
    timeout_s: float = 10
    ignore: tuple[str, ...] = ()
    """Paths of effects that may differ, such as `*.created_at`, beyond those that A/A shows."""


class Performance(_Section, frozen=True, kw_only=True):
    """`[performance]`: a command that prints one JSON object of figures, name to number.

    `lower_is_better`: by name, default true. `worse_by`: the smallest loss that counts, as a share.
    """

    command: tuple[str, ...]
    pairs: int = 20
    lower_is_better: Mapping[str, bool] = {}
    worse_by: float = 0.05
    timeout_s: float = 300


class Subjects(_Section, frozen=True, kw_only=True):
    """`[suites.subjects]`: what `{subject}` stands for in each phase; also the phase of the records."""

    baseline: str = "legacy"
    adapter: str = "adapter"
    gradual: str = "adapter"
    final: str = "migrated"


class Suites(_Section, frozen=True, kw_only=True):
    """`[suites]`: tests that go with the migration and know how they end in each phase; for `run`.

    In all values `{root}` stands for the tree that is migrated, `{here}` for the folder of the first
    `migration.toml`, also in a copy, and `{subject}` for that of the phase.

    Attributes:
        command: arguments, without a shell; with `{tests}` and `{junit}` as in `[validation]`.
        folder: where the command runs.
        tests: the suites' files, from `folder`.
        each_file: those of them that run after each migrated file; all, unless it is set.
        fails_before: those in which something must fail before the migration; all, unless it is set.
        expected: a command that prints the records, a list of `{"test": …, "phase": …, "outcome": …,
            "reasons": […]}` as JSON: how a test ends on a subject, and what a failure has to name (one of
            the reasons, none for any). A test without a record passes.
        expected_file: the same as a file.
        runs: of the migrated tree, that must all say the same.
        timeout_s: of one run.
        environment: added to the environment of both commands.
    """

    command: tuple[str, ...]
    folder: str = "{root}"
    tests: tuple[str, ...] = ()
    each_file: tuple[str, ...] | None = None
    fails_before: tuple[str, ...] | None = None
    expected: tuple[str, ...] = ()
    expected_file: str | None = None
    subjects: Subjects = Subjects()
    runs: int = 2
    timeout_s: float = 1800
    environment: Mapping[str, str] = {}


class Configuration(_Section, frozen=True, kw_only=True):
    """The whole file. `folder` is where it stands; it is not part of the file."""

    project: Project = Project()
    legacy: LegacySide
    canonical: CanonicalSide
    symbols: Mapping[str, SymbolRule] = {}
    adapter: Adapter | None = None
    validation: Validation = Validation()
    shadow: Shadow | None = None
    performance: Performance | None = None
    suites: Suites | None = None


def root(configuration: Configuration, file: Path) -> Path:
    """The root of the tree, absolute: `project.root` from where `migration.toml` stands."""
    return (file.resolve().parent / configuration.project.root).resolve()
