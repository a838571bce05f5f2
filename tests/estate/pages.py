"""Reads page files: hand-written files of the estate, with the truth of a line behind a `§` on it.

`=== PATH [key=value]...` begins a page. `§ KIND ARGUMENT... [key=value]...` at a line's end is taken off
the text and becomes part of the truth; see `truth.note` for the kinds. Nothing here looks at Python.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "pages"
HEAD = "=== "
SPLIT = "§ "


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is true of one line."""

    line: int
    kind: str
    arguments: tuple[str, ...]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file to write: its text without marks, what is true of it, and how it is to be written."""

    path: str
    text: str
    notes: tuple[Note, ...]
    options: Mapping[str, str]

    @property
    def role(self) -> str:
        """What the file is there for, or nothing."""
        return self.options.get("role", "")


def read() -> list[Page]:
    """All pages, in the order of their files' names."""
    return [
        page for file in sorted(FOLDER.glob("*.txt")) for page in _pages(file.read_bytes().decode("utf-8"))
    ]


def page(path: str, marked: str, options: Mapping[str, str] | None = None) -> Page:
    """A page from a text with marks."""
    lines: list[str] = []
    notes: list[Note] = []
    # Most text has no marks, and there is much of it: nothing behind the last one is looked at.
    end = (marked + "\n").index("\n", marked.rindex(SPLIT)) if SPLIT in marked else 0
    head, rest = marked[:end], marked[end:]
    for number, line in enumerate(head.split("\n"), 1):
        text, *marks = _parts(line)
        lines.append(text)
        notes += [_note(number, mark) for mark in marks]
    return Page(path=path, text="\n".join(lines) + rest, notes=tuple(notes), options=options or {})


def _pages(content: str) -> Iterator[Page]:
    for section in ("\n" + content).split("\n" + HEAD)[1:]:
        head, _, text = section.partition("\n")
        path, options = _head(head)
        yield page(path, text if text.endswith("\n") or not text else text + "\n", options)


def _head(head: str) -> tuple[str, dict[str, str]]:
    """Paths have spaces, so options are taken off from the end."""
    options: dict[str, str] = {}
    words = head.split(" ")
    while "=" in words[-1]:
        key, _, value = words.pop().partition("=")
        options[key] = value
    return " ".join(words), options


def _parts(line: str) -> list[str]:
    if SPLIT not in line:
        return [line]
    text, *marks = line.split(SPLIT)
    return [text.rstrip(), *(mark.strip() for mark in marks)]


def _note(number: int, mark: str) -> Note:
    kind, *words = mark.split()
    options = dict(word.split("=", 1) for word in words if "=" in word)
    flags = {word: "true" for word in words if word == "relative"}
    plain = tuple(word for word in words if "=" not in word and word not in flags)
    return Note(
        line=number + int(options.pop("line", "0")), kind=kind, arguments=plain, options=options | flags
    )
