from hypothesis import given
from hypothesis import strategies as st

from netra_migrate.scan.cycles import condensed, cycles

GRAPHS = st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh")))


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a module imports in the end."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for each in graph.get(waiting.pop(), ()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen


def test_cycles_sorted() -> None:
    """Each group and the groups themselves; a module that imports itself is one."""
    graph = {"z": ["y"], "y": ["x"], "x": ["z"], "b": ["a"], "a": ["b", "x"], "s": ["s"], "t": ["a"]}
    assert cycles(graph) == (("a", "b"), ("s",), ("x", "y", "z"))
    assert condensed(graph) == (("x", "y", "z"), ("a", "b"), ("s",), ("t",))


def test_no_modules() -> None:
    """Nothing gives nothing."""
    assert (cycles({}), condensed({})) == ((), ())


@given(GRAPHS)
def test_groups_are_those_that_reach_each_other(graph: dict[str, set[str]]) -> None:
    """By definition: two modules are in one group if and only if each imports the other in the end."""
    expected = {
        tuple(sorted({one, *(other for other in reachable(graph, one) if one in reachable(graph, other))}))
        for one in graph
        if one in reachable(graph, one)
    }
    assert set(cycles(graph)) == expected


@given(GRAPHS)
def test_imported_before_importer(graph: dict[str, set[str]]) -> None:
    """Every module once, and what it imports earlier or in its own group."""
    groups = condensed(graph)
    place = {module: at for at, group in enumerate(groups) for module in group}
    assert sorted(module for group in groups for module in group) == sorted(set(graph).union(*graph.values()))
    assert all(place[imported] <= place[module] for module in graph for imported in graph[module])


@given(GRAPHS)
def test_the_order_does_not_depend_on_the_mapping(graph: dict[str, set[str]]) -> None:
    """The same graph written the other way round."""
    turned = {module: sorted(graph[module], reverse=True) for module in reversed(list(graph))}
    assert condensed(turned) == condensed(graph)


def test_chains_longer_than_the_stack() -> None:
    """Without recursion."""
    graph = {str(number): [str(number + 1)] for number in range(20_000)}
    assert len(condensed(graph)) == 20_001
    assert cycles(graph | {"20000": ["0"]}) == (tuple(sorted(map(str, range(20_001)))),)
