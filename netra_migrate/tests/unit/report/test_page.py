import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from netra_migrate.report.charts import durations, intervals, progress
from netra_migrate.report.material import Material, State, StepView
from netra_migrate.report.page import forms, page
from netra_migrate.tests.unit.report.example import BEFORE, material

ALLOWED = {
    "a",
    "b",
    "body",
    "br",
    "code",
    "details",
    "div",
    "footer",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
}
ALLOWED |= {
    "li",
    "line",
    "main",
    "meta",
    "nav",
    "p",
    "pre",
    "rect",
    "section",
    "span",
    "style",
    "summary",
    "svg",
}
ALLOWED |= {"table", "tbody", "td", "th", "thead", "title", "tr", "ul"}
VOID = {"br", "meta"}


class Reader(HTMLParser):
    """Collects elements and attributes, and sees that all are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """It must be the innermost one."""
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    """The whole page of a migration half done."""
    return page(material()).decode()


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    """The same, parsed."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_hostile_names_and_messages_make_no_element(read: Reader, text: str) -> None:
    """`<script>` in a file's name, a test's id and an error is text."""
    assert read.tags <= ALLOWED
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J\\u202egpj.py" in text


def test_nothing_inline_and_nothing_from_elsewhere(read: Reader) -> None:
    """No event attribute, no inline style, no address beyond the page itself."""
    assert not {name for name in read.attributes if name.startswith("on") or name == "style"}
    assert all(link.startswith("#") for link in read.links)


def test_nothing_unprintable_is_left(text: str) -> None:
    """Controls and marks that turn text are spelled; line breaks are the template's own."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_the_policy_allows_this_style_and_nothing_else(text: str) -> None:
    """The hash in the policy is that of the style sheet as it stands in the page."""
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;"
    assert policy.replace("+", "&#43;") in text.replace("+", "&#43;")


def test_every_section_is_there(text: str) -> None:
    """One for each kind of material."""
    found = re.findall('<section id="([a-z]+)"', text)
    assert found == [
        "summary", "phases", "steps", "refusals", "causes", "forms", "handlers", "shadow", "gate", "checks",
    ]  # fmt: skip


def test_a_migration_that_has_not_begun_has_a_page() -> None:
    """Only the summary."""
    empty = Material(legacy="a.old", canonical="a.new", root="/r", written_at="")
    assert re.findall('<section id="([a-z]+)"', page(empty).decode()) == ["summary"]


def test_forms_compare_before_and_now() -> None:
    """A form that is gone is shown with its zero."""
    rows = {form: (before, now) for form, before, now in forms(material())}
    assert (rows["from"], rows["import"]) == ((BEFORE["from"], 2), (3, 0))


def test_errors_are_grouped(text: str) -> None:
    """Two ImportErrors of different paths are one line."""
    assert "ImportError: cannot import &#39;X&#39; from &lt;path&gt;:&lt;n&gt;" in text
    assert ">2 \u00d7<" in text


def test_long_lists_are_bounded() -> None:
    """Ten thousand steps make a page that opens."""
    steps = tuple(StepView(number=number, paths=(f"a{number}.py",)) for number in range(10_000))
    text = page(msgspec.structs.replace(material(), steps=steps)).decode()
    assert "… and 9600 more" in text
    assert "a401.py" not in text


def test_names_that_are_not_utf8_do_not_stop_the_page() -> None:
    """The byte is spelled."""
    steps = (StepView(number=1, paths=("a\udcff.py",)),)
    assert "a\\xff.py" in page(msgspec.structs.replace(material(), steps=steps)).decode()


def test_the_bar_is_as_long_as_what_is_done() -> None:
    """Three of four steps: three quarters of the bar."""
    steps = [
        StepView(number=n, paths=("a.py",), state=State.DONE if n < 4 else State.WAITING)
        for n in (1, 2, 3, 4)
    ]
    assert 'class="done" x="0.00" y="0" width="538.50"' in progress(steps)


def test_no_time_no_columns() -> None:
    """A chart of nothing is not drawn."""
    assert durations([StepView(number=1, paths=("a.py",))]) == ""


def test_an_interval_beyond_the_axis_ends_at_it() -> None:
    """Whatever the figure, the drawing stays inside its box."""
    wild = msgspec.structs.replace(material().figures[0], low=-50.0, high=900.0)
    places = [float(place) for place in re.findall(r'x[12]="([\d.]+)"', intervals(wild, reach=1.0))]
    assert min(places) >= 0
    assert max(places) <= 720
