import pytest

from netra_migrate.sources.naming import Names


def test_the_longest_source_root_names_a_file_first() -> None:
    """Every root above a file gives it a name."""
    names = Names([".", "app"])
    assert names.of("app/a/b.py") == ("a.b", "app.a.b")
    assert names.of("app/a/__init__.py") == ("a", "app.a")
    assert names.of("a-b/c.py") == ()


def test_a_package_goes_before_a_module_of_its_name() -> None:
    """As in Python."""
    names = Names(["."])
    names.add(["a.py", "a/__init__.py", "a.pyi"], {})
    assert names.path("a") == "a/__init__.py"


@pytest.mark.parametrize(
    ("path", "module", "level", "expected"),
    [
        ("a/b/c.py", "d", 1, "a.b.d"),
        ("a/b/c.py", "", 1, "a.b"),
        ("a/b/__init__.py", "d", 1, "a.b.d"),
        ("a/b/c.py", "d", 2, "a.d"),
        ("a/b/c.py", "d", 3, "d"),
        ("a/b/c.py", "d", 4, None),
        ("a/b/c.py", "x.y", 0, "x.y"),
    ],
)
def test_relative_imports_count_from_the_package(
    path: str, module: str, level: int, expected: str | None
) -> None:
    """And leave the root at last."""
    assert Names(["."]).absolute(path, module, level) == expected


def test_the_longest_module_of_a_dotted_name_is_located() -> None:
    """What follows it is left over."""
    names = Names(["."])
    names.add(["a/b.py"], {})
    assert names.locate("a.b.C.d") == ("a.b", ("C", "d"))
    assert names.locate("x.y") == ("", ("x", "y"))
