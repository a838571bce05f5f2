"""Module names from paths and paths from module names, by the source roots. No I/O."""

from collections.abc import Iterable, Mapping

_SUFFIXES = frozenset({"py", "pyi", "pyw"})


class Names:
    """The modules of a tree. One file may have several names, one for each source root above it."""

    def __init__(self, source_roots: Iterable[str]) -> None:
        """Source roots are folders from the root; the longest one wins."""
        roots = {_folder(root) for root in source_roots} or {""}
        self._roots = sorted(roots, key=lambda root: (-len(root), root))
        self._paths: dict[str, str] = {}
        self._packages: dict[str, tuple[str, ...]] = {}

    def add(self, paths: Iterable[str], links: Mapping[str, str]) -> None:
        """Makes Python files known; a link is another name of the file that it means."""
        for path in paths:
            self._add(path, path)
        for link, path in links.items():
            if link.endswith(".py"):
                self._add(link, path)

    def _add(self, path: str, meant: str) -> None:
        for name in self.of(path):
            known = self._paths.get(name)
            if known is None or _rank(meant) < _rank(known):
                self._paths[name] = meant

    def of(self, path: str) -> tuple[str, ...]:
        """All names of a file, that of the longest source root first; none if it cannot be imported."""
        folder, slash, file = path.rpartition("/")
        stem, _, suffix = file.rpartition(".")
        if suffix not in _SUFFIXES or not stem.isidentifier():
            return ()
        packages = self._packages.get(folder)
        if packages is None:
            packages = self._packages[folder] = self._names_of(folder + slash)
        if stem == "__init__":
            return tuple(each[:-1] for each in packages if each)
        return tuple(each + stem for each in packages)

    def _names_of(self, folder: str) -> tuple[str, ...]:
        """What the names of all modules in a folder begin with, once for each source root above it."""
        below = (folder[len(root) :] for root in self._roots if folder.startswith(root))
        return tuple(
            each.replace("/", ".")
            for each in below
            if all(part.isidentifier() for part in each.split("/")[:-1])
        )

    def path(self, module: str) -> str | None:
        """The file of a module."""
        return self._paths.get(module)

    def locate(self, dotted: str) -> tuple[str, tuple[str, ...]]:
        """The longest module that a dotted name starts with, and the rest; the module may be empty."""
        module, rest = dotted, []
        while module and module not in self._paths:
            module, _, last = module.rpartition(".")
            rest.append(last)
        return module, tuple(reversed(rest))

    def others(self, path: str) -> tuple[str, ...]:
        """All names that lead to a file, links to it included."""
        return tuple(sorted(name for name, meant in self._paths.items() if meant == path))

    def tops(self) -> frozenset[str]:
        """First parts of all module names."""
        return frozenset(name.partition(".")[0] for name in self._paths)

    def expected(self, module: str) -> str:
        """The path of a module that may not exist: as known, else in the first source root given."""
        return self._paths.get(module) or self._roots[-1] + module.replace(".", "/") + ".py"

    def pretend(self, module: str, path: str) -> None:
        """Makes a module that has been deleted known, so that references to it are still seen."""
        for name in {module, *self.of(path)}:
            self._paths.setdefault(name, path)

    def absolute(self, path: str, module: str, level: int) -> str | None:
        """The module that a relative import in a file means; None if it leaves the source root."""
        if not level:
            return module
        for name in self.of(path) or ("",):
            parts = name.split(".") if name else []
            up = level - (1 if path.endswith(("__init__.py", "__init__.pyi")) else 0)
            if up < len(parts) or (up == len(parts) and module):
                return ".".join([*parts[: len(parts) - up], *([module] if module else [])])
        return None


def _folder(root: str) -> str:
    clean = root.strip().replace("\\", "/").removeprefix("./").strip("/")
    return "" if clean in ("", ".") else clean + "/"


def _rank(path: str) -> int:
    """Which of two files of one name Python takes: the package, then the module; a stub is last."""
    return 2 if path.endswith(".pyi") else 0 if path.endswith("/__init__.py") else 1
