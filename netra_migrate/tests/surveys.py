"""Surveys in a few words, for tests of plans: references by form, modules by what they import."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from netra_migrate.configuration import Configuration
from netra_migrate.domain.handlers import HandlerClass
from netra_migrate.domain.references import Context, Form, Reference, Side
from netra_migrate.domain.survey import Survey, Symbol
from netra_migrate.scan.cycles import cycles
from netra_migrate.scan.handlers import read_handlers, settle
from netra_migrate.scan.symbols import module_symbols
from netra_migrate.tests.scanning import CONFIGURATION, names, tree

OLD = """
class BaseMessageHandler(ABC):
    async def handle(self, user_id, payload): ...
class Start(BaseMessageHandler):
    def __init__(self, supervisor, db): ...
    def get_message_type(self): return "start"
    async def handle(self, user_id, payload): ...
class Ping(BaseMessageHandler):
    message_types = ["ping"]
    async def handle(self, user_id, payload): ...
def make(supervisor): ...
LIMIT = 3
"""
NEW = """
class BaseHandler(ABC):
    async def handle_message(self, user_id, websocket, message): ...
class Start(BaseHandler):
    def __init__(self, supported_types): ...
    supported_types = ["start"]
class StartRun(BaseHandler):
    def __init__(self, supervisor): ...
    supported_types = ["start"]
class Ping(BaseHandler):
    message_types = ["ping"]
LIMIT = 4
"""


def uses(
    path: str,
    *symbols: str,
    form: Form = Form.FROM,
    module: str = "app.old",
    alias: str | None = None,
    via: tuple[str, ...] = (),
    exists: bool | None = None,
    contexts: tuple[Context, ...] = (),
) -> Reference:
    """A reference to the legacy side, on line 3."""
    return Reference(
        path=path,
        line=3,
        side=Side.LEGACY,
        form=form,
        module=module,
        symbols=symbols,
        aliases=symbols if alias is None else (alias,),
        via=via,
        exists=exists,
        contexts=contexts,
    )


def survey(
    *references: Reference,
    imports: Mapping[str, Iterable[str]] | None = None,
    configuration: Configuration = CONFIGURATION,
    old: str = OLD,
    new: str = NEW,
) -> Survey:
    """A survey of a tree with `app/old.py` and `app/new.py`."""
    graph = {module: tuple(sorted(imported)) for module, imported in (imports or {}).items()}
    return Survey(
        root="/tree",
        files=2,
        data_files=0,
        excluded={},
        references=tuple(sorted(references)),
        handlers=settle(
            [*_handlers("app.old", old, configuration), *_handlers("app.new", new, configuration)]
        ),
        calls=(),
        claims=(),
        clashes=(),
        cycles=cycles(graph),
        imports=graph,
        legacy=_symbols("app.old", old),
        canonical=_symbols("app.new", new),
        unparsable=(),
    )


def write_tree(root: Path, files: Mapping[str, str]) -> None:
    """Files with their texts below a folder."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _handlers(module: str, text: str, configuration: Configuration) -> tuple[HandlerClass, ...]:
    path = module.replace(".", "/") + ".py"
    return read_handlers(tree(text), path=path, module=module, resolve=names(), configuration=configuration)


def _symbols(module: str, text: str) -> tuple[Symbol, ...]:
    return module_symbols(tree(text), module=module, resolve=names(Message="app.schemas.Message"))
