"""Effects side by side."""

from netra_migrate.domain.shadow import Difference
from netra_migrate.shadow.children import Effect
from netra_migrate.shadow.effects import arranged, differences, unsteady


def _sent(*arguments: object, target: str = "connection.ws", method: str = "send") -> Effect:
    return Effect(target, method, list(arguments), {})


def test_equal_effects_differ_in_nothing() -> None:
    """Whole values are compared."""
    assert differences([_sent({"a": [1, 2]})], [_sent({"a": [1, 2]})], ignored=()) == ()


def test_a_missing_and_an_additional_call_are_differences() -> None:
    """Order counts: a call that moved is missing here and additional there."""
    one, two = _sent(1, method="one"), _sent(2, method="two")
    found = differences([one, two], [two, one], ignored=())
    assert sorted((each.legacy is None, each.path) for each in found) == [
        (False, "connection.ws.two"),
        (True, "connection.ws.two"),
    ]
    assert found[0].canonical == "connection.ws.two(2)"
    assert differences([one, two], [two, one], ignored=("connection.ws.*",)) == ()


def test_kinds_count_and_missing_keys_count() -> None:
    """1 is not True to a client, and a key with null is not a key that is missing."""
    assert [each.path for each in differences([_sent(1)], [_sent(True)], ignored=())] == [
        "connection.ws.send.0"
    ]
    assert differences([_sent({"a": None})], [_sent({"b": 1})], ignored=()) == (
        Difference(path="connection.ws.send.0.a", legacy="null", canonical=None),
        Difference(path="connection.ws.send.0.b", legacy=None, canonical="1"),
    )


def test_json_within_a_text_is_compared_as_json() -> None:
    """So that one random id does not hide the whole frame; key order does not matter."""
    first, second = _sent('{"id": 1, "text": "a"}'), _sent('{"text": "a", "id": 2}')
    assert unsteady([first], [second]) == {"connection.ws.send.0.id"}
    assert differences([first], [second], ignored=("connection.ws.send.0.id",)) == ()
    assert (
        len(differences([first], [_sent('{"id": 1, "text": "b"}')], ignored=("connection.ws.send.0.id",)))
        == 1
    )


def test_positions_in_lists_share_a_path() -> None:
    """A list of rows with random ids has one path to ignore, however long it is."""
    rows = [_sent([{"id": 1}, {"id": 2}])]
    assert unsteady(rows, [_sent([{"id": 3}, {"id": 4}])]) == {"connection.ws.send.0.*.id"}


def test_long_texts_say_where_they_part() -> None:
    """They are not shown in full."""
    (each,) = differences([_sent("a" * 50 + "b")], [_sent("a" * 50 + "c")], ignored=())
    assert each.legacy == '"aaaaaaaaaaaa"… (51 characters, differs from character 51 on)'


def test_without_order_each_target_keeps_its_own() -> None:
    """Two connections served at once may take turns in any way."""
    one, two = _sent(1, target="connection.a"), _sent(2, target="connection.b")
    assert arranged([two, one], in_order=False) == arranged([one, two], in_order=False)
    assert arranged([two, one], in_order=True) == [two, one]
