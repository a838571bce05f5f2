import msgspec

from netra_migrate.report.escaping import as_json, visible


def test_plain_text_of_any_language_stays() -> None:
    """Letters are letters."""
    assert visible("app/größe_日本.py") == "app/größe_日本.py"


def test_what_does_not_print_is_spelled() -> None:
    """A clear-screen, a mark that turns text around, a line break, a byte that is not UTF-8."""
    assert visible("a\x1b[2J\u202eb\n\udcff") == "a\\x1b[2J\\u202eb\\x0a\\xff"


def test_json_takes_names_that_are_not_utf8() -> None:
    """Such a name would end msgspec's encoder; the rest of the value is unchanged."""
    assert msgspec.json.decode(as_json({"a\udcff": ("é", 1, None)})) == {"a\\xff": ["é", 1, None]}
