"""What a file is, by its name alone, and why some names are left out of every scan."""

import re
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """How a file is read."""

    PYTHON = "python"
    NOTEBOOK = "notebook"
    DATA = "data"


class Reason(StrEnum):
    """Why a file was left out; the words of `Survey.excluded`."""

    IGNORED = "ignored"
    BACKUP = "backup"
    VENDORED = "vendored"
    OUTSIDE = "outside"
    TOO_LARGE = "too-large"


LARGEST = 10 * 1024 * 1024
"""Bytes. Beyond it nobody wrote the file by hand, and one of them would cost a whole scan's time."""

_PYTHON = frozenset({"py", "pyi", "pyw"})
_DATA = frozenset(
    [
        "toml",
        "yaml",
        "yml",
        "json",
        "jsonc",
        "json5",
        "ini",
        "cfg",
        "conf",
        "env",
        "properties",
        "sh",
        "bash",
        "zsh",
        "bat",
        "cmd",
        "ps1",
        "md",
        "rst",
        "txt",
        "adoc",
        "html",
        "xml",
        "tf",
        "hcl",
        "mk",
        "service",
        "spec",
        "tmpl",
        "tpl",
        "j2",
        "jinja",
        "jinja2",
        "in",
        "graphql",
        "sql",
        "dockerfile",
    ]
)
_NAMES = re.compile(
    r"(?:Dockerfile|Containerfile|Makefile|GNUmakefile|makefile|Procfile|Jenkinsfile|Justfile|justfile|"
    r"CODEOWNERS|Vagrantfile|Rakefile|README|CHANGELOG|Caddyfile|\.env|\.coveragerc|\.pylintrc|\.flake8)"
    r"(?:[.-][\w.-]+)?"
)
_VENDORED = re.compile(
    r"(?:^|/)(?:node_modules|bower_components|\.?venv|\.virtualenv|virtualenv|site-packages|dist-packages|"
    r"_vendor|\.tox|\.nox|\.eggs|__pypackages__|__pycache__|\.git|\.hg|\.svn|"
    r"\.mypy_cache|\.ruff_cache|\.pytest_cache|\.hypothesis|\.netra-migrate|[^/]*\.egg-info)/"
    r"|^(?:vendor|vendored|third_party|third-party)/"  # deeper they are as often a word of the trade
)
_BACKUP_FOLDER = re.compile(
    r"(?:^|/)(?:\.?backups|[^/]*[._-]backups?|backups?[._-][^/]*\d[^/]*|\.history|[^/]*\.(?:bak|orig|old))/"
)
_BACKUP_FILE = re.compile(
    r"(?:~|\.(?:bak|orig|backup|old|save|rej|sw[po])\d*|\.pyi?\.[\w.-]*(?:\d{6,}|bak|backup|old|orig)[\w.-]*|"
    r"[._-](?:bak|backup)(?:[._-]?\d[\d._-]*)?\.pyi?|#)$"
)


def kind(path: str) -> Kind | None:
    """How a file of this name is read, or None for one that cannot name a module in a way we know."""
    name = path.rpartition("/")[2]
    suffix = name.rpartition(".")[2].lower()
    if suffix in _PYTHON:
        return Kind.PYTHON
    if suffix == "ipynb":
        return Kind.NOTEBOOK
    known = suffix in _DATA or "." not in name or _NAMES.fullmatch(name)
    return Kind.DATA if known else None


def unwanted(path: str) -> Reason | None:
    """Why a file of this name is left out, if it is. `path` is from the root, with `/`.

    A folder named just `backup` stays: it is as often a feature as a copy.
    """
    folder, slash, name = path.rpartition("/")
    return _unwanted_folder(folder + slash) or (Reason.BACKUP if _BACKUP_FILE.search(name) else None)


@lru_cache(maxsize=4096)
def _unwanted_folder(folder: str) -> Reason | None:
    """The same of all files in a folder, whose path ends with `/`; asked for each of them."""
    if _VENDORED.search(folder):
        return Reason.VENDORED
    return Reason.BACKUP if _BACKUP_FOLDER.search(folder) else None
