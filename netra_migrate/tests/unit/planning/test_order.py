from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from netra_migrate.configuration import Configuration, LegacySide, Project
from netra_migrate.domain.plan import Step
from netra_migrate.domain.references import Form, Reference
from netra_migrate.domain.survey import Unparsable
from netra_migrate.planning.plan import plan
from netra_migrate.tests.scanning import CONFIGURATION
from netra_migrate.tests.surveys import survey, uses
from netra_migrate.tests.unit.scan.trees import SIDES, configuration, look, plant


def paths(
    *references: Reference,
    imports: dict[str, set[str]] | None = None,
    configuration: Configuration = CONFIGURATION,
) -> list[tuple[str, ...]]:
    """The files of each step."""
    return [each.paths for each in plan(survey(*references, imports=imports), configuration).steps]


def test_steps_whole() -> None:
    """A source with its test, a test of its own, and last the legacy module."""
    made = plan(
        survey(
            uses("app/agent.py", "Start", "Ping"),
            uses("app/agent.py", "Start", form=Form.STRING),
            uses("tests/test_agent.py", "Start.handle", form=Form.PATCH),
            uses("tests/test_old.py", "LIMIT"),
            imports={"app.agent": {"app.old"}, "tests.test_agent": {"app.agent"}},
        ),
        CONFIGURATION,
    )
    assert made.steps == (
        Step(
            number=1,
            paths=("app/agent.py", "tests/test_agent.py"),
            tests=("tests/test_agent.py",),
            references=2,
            symbols=("Ping", "Start"),
        ),
        Step(
            number=2,
            paths=("tests/test_old.py",),
            tests=("tests/test_old.py",),
            references=1,
            symbols=("LIMIT",),
        ),
        Step(number=3, paths=("app/old.py",), references=0),
    )


def test_imported_before_importers_also_through_others() -> None:
    """Through files that need no change, against the alphabet."""
    found = paths(
        uses("app/a.py", "Ping"),
        uses("app/c.py", "Ping"),
        imports={
            "app.a": {"app.b", "app.old"},
            "app.b": {"app.c"},
            "app.c": {"app.old"},
            "app.old": {"app.a"},
        },
    )
    assert found == [("app/c.py",), ("app/a.py",), ("app/old.py",)]


def test_cycles_are_one_step() -> None:
    """Files that import one another, without those between that need no change."""
    found = paths(
        uses("app/a.py", "Ping"),
        uses("app/c.py", "Ping"),
        imports={"app.a": {"app.b"}, "app.b": {"app.c"}, "app.c": {"app.a"}},
    )
    assert found == [("app/a.py", "app/c.py"), ("app/old.py",)]


def test_shims_after_those_who_use_them() -> None:
    """The outer shim before the inner one, both before the legacy module."""
    found = paths(
        uses("app/inner.py", "Ping"),
        uses("app/outer.py", "Ping", form=Form.REEXPORT, module="app.inner"),
        uses("app/z.py", "Ping", form=Form.REEXPORT, module="app.outer", via=("app.inner",)),
        imports={"app.inner": {"app.old"}, "app.outer": {"app.inner"}, "app.z": {"app.outer"}},
    )
    assert found == [("app/z.py",), ("app/outer.py",), ("app/inner.py",), ("app/old.py",)]


def test_a_patched_module_is_no_shim() -> None:
    """A patch of a name in it takes nothing from it for good."""
    found = paths(
        uses("app/a.py", "Ping"),
        uses("app/b.py", "Ping"),
        uses("tests/test_a.py", "Ping", form=Form.PATCH, module="app.a", via=("app.a",)),
        imports={"app.b": {"app.a"}, "tests.test_a": {"app.a"}},
    )
    assert found == [("app/a.py", "tests/test_a.py"), ("app/b.py",), ("app/old.py",)]


def test_tests_go_beside_what_they_test() -> None:
    """With the last of what they import; unchanged ones also by name; a name alone ties nothing together."""
    found = plan(
        survey(
            uses("app/a.py", "Ping"),
            uses("app/b.py", "Ping"),
            uses("app/c/__init__.py", "Ping"),
            uses("tests/test_a.py", "Ping"),
            uses("tests/test_c.py", "Ping"),
            imports={
                "tests.test_a": {"app.a", "app.b"},
                "tests.test_b": {"app.b"},
                "tests.test_other": {"app.b"},
                "app.b_test": set(),
            },
        ),
        CONFIGURATION,
    )
    assert [(each.paths, each.tests) for each in found.steps] == [
        (("app/a.py",), ()),
        (("app/b.py", "tests/test_a.py", "tests/test_b.py"), ("tests/test_a.py", "tests/test_b.py")),
        (("app/c/__init__.py",), ()),
        (("tests/test_c.py",), ("tests/test_c.py",)),
        (("app/old.py",), ()),
    ]


def test_what_tests_import_goes_before_them() -> None:
    """Tools of the tests are no tests, wherever they stand."""
    found = plan(
        survey(
            uses("tests/test_a.py", "Ping"),
            uses("tests/tools.py", "Ping"),
            imports={"tests.test_a": {"tests.tools"}},
        ),
        CONFIGURATION,
    )
    assert found.steps[0].paths == ("tests/tools.py", "tests/test_a.py")
    assert found.steps[0].tests == ("tests/test_a.py",)


def test_files_with_words_only_are_left_alone() -> None:
    """Comments, documents, strings and data, and code that stands in files of another kind."""
    made = plan(
        survey(
            uses("app/a.py", form=Form.COMMENT),
            uses("README.md", form=Form.DATA),
            uses("run.sh", "Ping", form=Form.CODE),
            uses("app/b.py", form=Form.DOCSTRING),
            uses("app/b.py", "Ping"),
        ),
        CONFIGURATION,
    )
    assert made.left_alone == ("README.md", "app/a.py", "run.sh")
    assert [each.paths for each in made.steps] == [("app/b.py",), ("app/old.py",)]


def test_files_that_cannot_be_parsed_are_for_people() -> None:
    """No step can rewrite them, and they must not hold up the files that import them."""
    seen = survey(uses("app/a.py", "Ping"), uses("app/b.py", "Ping"))
    broken = Unparsable(path="app/a.py", line=1, reason="invalid syntax")
    made = plan(msgspec.structs.replace(seen, unparsable=(broken,)), CONFIGURATION)
    assert [each.paths for each in made.steps] == [("app/b.py",), ("app/old.py",)]
    assert made.left_alone == ("app/a.py",)


def test_a_legacy_module_that_stays() -> None:
    """No step deletes it; nor one that is gone already."""
    kept = msgspec.structs.replace(CONFIGURATION, legacy=LegacySide(module="app.old", keep=True))
    assert paths(uses("app/a.py", "Ping"), configuration=kept) == [("app/a.py",)]
    assert plan(survey(old=""), CONFIGURATION).steps == ()


def test_source_roots() -> None:
    """Modules are named from them, paths from the root."""
    configuration = msgspec.structs.replace(CONFIGURATION, project=Project(source_roots=(".", "src")))
    found = paths(
        uses("src/app/a.py", "Ping"),
        uses("src/app/b.py", "Ping"),
        imports={"app.a": {"app.b"}},
        configuration=configuration,
    )
    assert found[:2] == [("src/app/b.py",), ("src/app/a.py",)]


MODULES = [f"app.m{number}" for number in range(6)] + [f"tests.test_m{number}" for number in range(3)]


@given(
    st.dictionaries(st.sampled_from(MODULES), st.sets(st.sampled_from([*MODULES, "app.old"]))),
    st.sets(st.sampled_from(MODULES), min_size=1),
    st.sets(st.tuples(st.sampled_from(MODULES), st.sampled_from(MODULES))),
)
def test_every_file_once_and_in_order(
    imports: dict[str, set[str]], users: set[str], shims: set[tuple[str, str]]
) -> None:
    """Whatever imports whatever: once each, sources after what they import, shims after their importers."""

    def path(module: str) -> str:
        return module.replace(".", "/") + ".py"

    direct = [uses(path(each), "Ping") for each in users]
    through = [
        uses(path(user), "Ping", form=Form.REEXPORT, module=shim)
        for user, shim in shims
        if user < shim and shim in users
    ]
    graph = {module: set(imported) - {module} for module, imported in imports.items()}
    for each in through:  # shims do not import those who take from them
        graph[each.module] = graph.get(each.module, set()) - set(MODULES)
    for each in through:
        graph.setdefault(each.path.removesuffix(".py").replace("/", "."), set()).add(each.module)
    found = paths(*direct, *through, imports=graph)
    place = {each: number for number, group in enumerate(found) for each in group}
    assert len(place) == sum(map(len, found))
    assert place.keys() >= {each.path for each in (*direct, *through)} | {"app/old.py"}
    assert found[-1] == ("app/old.py",)
    handing = {each.module for each in through}
    for module, imported in graph.items():
        for other in imported - handing:
            if module in users - handing and other in users and "test" not in module + other:
                assert place[path(other)] <= place[path(module)]
    assert all(place[each.path] < place[path(each.module)] for each in through)


def test_the_plan_is_the_same_for_the_same_survey() -> None:
    """However its mappings are ordered."""
    references = [uses(f"app/m{number}.py", "Ping") for number in range(5)]
    imports = {"app.m0": {"app.m3", "app.m1"}, "app.m4": {"app.m0"}}
    turned = dict(reversed(list(imports.items())))
    assert paths(*references, imports=imports) == paths(*reversed(references), imports=turned)


def test_files_below_a_second_source_root_keep_their_path(tmp_path: Path) -> None:
    """A test that names no legacy symbol is known by imports alone; its name there must lead back to its file."""
    use = "from app.old.talk import Start\n"
    plant(tmp_path, SIDES | {"app/use.py": use, "tests/shop/test_use.py": "import app.use\n"})
    settings = configuration(".", "tests")
    made = plan(look(tmp_path, ".", "tests"), settings)
    assert made.steps[0].paths == ("app/use.py", "tests/shop/test_use.py")
