"""What names mean: each rule of the Python reference by itself. `test_scopes_of_libcst` compares with LibCST."""

import textwrap
from collections.abc import Iterator

import libcst as cst
import pytest

from netra_migrate.rewrite.code import Code
from netra_migrate.rewrite.encoding import decode
from netra_migrate.rewrite.scopes import Assignment

_CASES = {
    "a module's names are seen in its functions": """
        import a  # 1
        def f(): return a  # uses 1
    """,
    "a function's names are not seen outside": """
        def f():
            import a  # 1
        a  # uses nothing
    """,
    "a name bound anywhere in a function is its own": """
        import a  # 1
        def f():
            for i in ():
                a  # uses 4
            a = i  # 4
    """,
    "of two bindings a use has those before it": """
        def f():
            a = 1  # 1
            a  # uses 1
            a = 2  # 2
            a  # uses 1, 2
    """,
    "an outer name is not used where the own one is, also before it is bound again": """
        import a  # 1
        def f(a):  # 2
            a  # uses 2
            a = 2  # 3
    """,
    "what is given to a name is evaluated before": """
        a = 1  # 1
        a = a  # 2, uses 1
    """,
    "a loop's values are evaluated before its names": """
        a = ()  # 1
        for a in a:  # 2, uses 1
            a  # uses 1, 2
    """,
    "targets are bound from the left": """
        def f(z):
            a = a[0] = z  # 1, uses 1
    """,
    "a class's names are not seen in its methods": """
        import a  # 1
        class C:
            a = 2  # 2
            a  # uses 2
            def f(self): return a  # uses 1
            b = [a for i in ()]  # uses 1
            c = [i for i in a]  # uses 2
    """,
    "a class looks up what it has not got yet in the module": """
        import a  # 1
        def f():
            import a  # 2
            class C:
                a = a  # 3, uses 1
    """,
    "defaults, annotations, decorators and bases are evaluated outside": """
        import a  # 1
        @a  # uses 1
        def f(
            a: a,  # 2, uses 1
            b=a,  # uses 1
        ) -> a:  # uses 1
            a  # uses 2
        class C(
            a,  # uses 1
        ):
            a = 1  # 3
    """,
    "a function's name is its binding": """
        def a():  # 1
            a  # uses 1
        class B(a):  # uses 1
            pass
    """,
    "global": """
        import a  # 1
        def f():
            global a
            a = 2  # 2
            def g(): return a  # uses 1, 2
            a  # uses 1, 2
    """,
    "a class's global is not its methods'": """
        import a  # 1
        def f():
            import a  # 2
            class C:
                global a
                a  # uses 1
                def g(self): return a  # uses 2
    """,
    "nonlocal, past a function and a class": """
        import a  # 1
        def f():
            def g():
                class C:
                    a = 0  # 2
                    def h(self):
                        nonlocal a
                        a = 1  # 3
                        a  # uses 3, 4
            a = 2  # 4
    """,
    "nonlocal, of what is only deleted": """
        import a  # 2
        def f():
            def g():
                nonlocal a
                a = 1  # 1
            g()
            del a  # uses 1
    """,
    "a comprehension has names of its own": """
        import a, b  # 1
        [a for a in a]  # 2, uses 1, 2
        a  # uses 1
    """,
    "conditions and later loops of a comprehension see its names": """
        def f(z):
            return [
                (a, b)  # uses 1, 2
                for a in z  # 1
                for b in a  # 2, uses 1
                if b  # uses 2
                for c in b  # uses 2
            ]
    """,
    "a walrus binds outside of comprehensions": """
        def f(z):
            if any([a := i for i in z]):  # 1
                a  # uses 1
    """,
    "names of a match": """
        def f(z, a):  # 1
            match z:
                case {"k": k, **a}:  # 2
                    a  # uses 1, 2
                case [*a]:  # 3
                    a  # uses 1, 2, 3
                case C(a=b) as a:  # 4
                    a  # uses 1, 2, 3, 4
                case a.b:  # uses 1, 2, 3, 4
                    pass
    """,
    "with and except": """
        def f(z):
            with z as (a, [b, *c]):  # 1
                a  # uses 1
            try:
                pass
            except z as a:  # 2
                a  # uses 1, 2
    """,
    "attributes and subscripts are no bindings": """
        def f(a):  # 1
            a.b = 1  # uses 1
            a[0] = 1  # uses 1
            a += 1  # 2
            del a  # uses 1, 2
            f(a=1)
            b.a
    """,
    "an annotation alone binds": """
        import a  # 1
        def f():
            a: int  # 2
            a  # uses 2
    """,
    "lambda": """
        import a  # 1
        lambda a, b=a: a  # 2, uses 1, 2
    """,
    "type parameters and aliases": """
        import a  # 1
        @a  # uses 1
        def f[a: a](  # 2, uses 2
            b: a  # uses 2
        ) -> a:  # uses 2
            a  # uses 2
        type b[*a] = a  # 3, uses 3
        class C[**a](  # 4
            a  # uses 4
        ):
            a  # uses 4
    """,
    "type parameters see the class that they stand in": """
        class C:
            a = 1  # 1
            def f[b: a](  # uses 1
                self, c: a  # uses 1
            ):
                a  # uses nothing
    """,
    "annotations in strings": """
        from typing import Optional, Literal, cast, TypeVar
        import typing as t
        import a  # 1
        def f(
            b: "a",  # uses 1
            c: list["a.c"] = "a",  # uses 1
            d: "Optional['a']" = 0,  # uses 1
            e: Literal["a"] = 0, f: t.Literal["a"] = 0, g: "a b" = 0,
            j: Literal[Optional["a"]] = 0,
            h: "x." "a" = 0, i: "x" ".x, a" = 0,  # uses 1
        ): ...
        A = Optional["a"]  # uses 1
        B = t.Optional["a"]  # uses 1
        C = list["a"], f("a"), Optional[f("a"), "a".f()]
        cast("a", "a")  # uses 1
        TypeVar("a", bound="a")  # uses 1
    """,
    "of a module in a package the longest part that is imported": """
        import a.b  # 1
        import a  # 2
        a.b.c  # uses 1
        a.c  # uses 1, 2
        a.b.c[0].d  # uses 1
        a.b[a.b].c  # uses 1
        def f(a):  # 3
            a.b  # uses 3
        def g():
            import a.c  # 4
            a.b  # uses 1
            a.c  # uses 4
    """,
    "an import with another name": """
        import x.a as a, y as z  # 1
        from x import b as a  # 2
        from x import a as b  # 3
        a  # uses 1, 2
        b  # uses 3
    """,
    "a module looks up what it has not got yet in the builtins": """
        len
        len = 1  # 1
        len  # uses 1
    """,
    "the condition is evaluated first": """
        a if (a := f()) else a  # 1, uses 1
    """,
}


def _marked(lines: list[str]) -> tuple[dict[int, int], dict[int, set[int]]]:
    """Which line has which binding, and which bindings a line is to use."""
    bound: dict[int, int] = {}
    uses: dict[int, set[int]] = {}
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[2]
        numbers, _, used = said.partition("uses")
        bound |= {int(each): number for each in numbers.replace(",", " ").split()}
        if used:
            uses[number] = {int(each) for each in used.replace(",", " ").split() if each != "nothing"}
    return bound, uses


def _assignments(code: Code) -> Iterator[Assignment]:
    return (each for scope in code.scopes for each in scope.assignments)


@pytest.mark.parametrize("name", _CASES)
def test_a_rule(name: str) -> None:
    """In each case the names marked by numbers are used on the lines that say so, and on no other."""
    text = textwrap.dedent(_CASES[name])
    code = Code(decode(text.encode()), path="m.py", module="m")
    bound, uses = _marked(text.splitlines())

    found: dict[int, set[int]] = {number: set() for number in bound}
    for each in _assignments(code):
        for number, line in bound.items():
            if (
                each.node is not None
                and code.line(each.node) == line
                and each.name in ("a", "a.b", "a.c", "b", "len")
            ):
                found[number] |= {code.line(use) for use in each.references}

    said = {number: {line for line, used in uses.items() if number in used} for number in bound}
    assert found == said


def test_what_has_no_meaning_is_free() -> None:
    """Not builtins, keywords, attributes, or what is in strings; and not what is local, however late."""
    text = """
    from x import *
    one, len, f(two=three.four), "five"
    six: "seven"
    def f(eight=nine):
        eight, ten
        ten = 1
    eleven
    eleven = 12
    match one:
        case thirteen: thirteen
    [fourteen := each for each in ()]
    fourteen
    """
    code = Code(decode(textwrap.dedent(text).encode()), path="m.py", module="m")

    assert code.free == {"one", "f", "three", "nine", "eleven"}


def test_a_builtin_has_no_node() -> None:
    """It is a meaning all the same, with its uses."""
    code = Code(decode(b"len(x)\n"), path="m.py", module="m")

    (builtin,) = code.top["len"]

    assert (builtin.is_builtin, builtin.is_import, builtin.node) == (True, False, None)
    assert [isinstance(each, cst.Name) for each in builtin.references] == [True]
    assert code.top["x"] == ()
