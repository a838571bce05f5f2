from pathlib import Path

import pytest

from netra_migrate.domain.references import Form
from netra_migrate.tests.unit.scan.trees import SIDES, found, look, plant

SHIMS = {
    "from-import": "from app.old.talk import Start\n",
    "star": "from app.old.talk import *\n",
    "assignment": "import app.old.talk as t\nStart = t.Start\n",
    "module and attribute": "from app.old import talk\nStart = talk.Start\n",
    "lazy map": 'M = {"Start": "app.old.talk"}\ndef __getattr__(name):\n    return load(M[name], name)\n',
    "lazy import": "def __getattr__(name):\n    from app.old.talk import Start\n    return Start\n",
    "try": "try:\n    from app.old.talk import Start\nexcept ImportError:\n    pass\n",
}


@pytest.mark.parametrize("shim", SHIMS.values(), ids=SHIMS.keys())
def test_a_symbol_is_followed_through_a_shim(shim: str, tmp_path: Path) -> None:
    """Every way to hand a name on counts."""
    (reference,) = found(tmp_path, {"app/shim.py": shim, "app/use.py": "from app.shim import Start as S\n"})
    assert (reference.form, reference.module, reference.symbols, reference.aliases, reference.via) == (
        *(Form.REEXPORT, "app.shim", ("Start",), ("S",)),
        (),
    )


def test_a_chain_names_the_modules_passed(tmp_path: Path) -> None:
    """Nearest first, without the one named and the one meant."""
    files = {
        "app/one.py": "from app.old.talk import Start as One\n",
        "app/two.py": "from .one import One as Two\n",
        "app/three.py": "from app.two import *\n",
        "app/use.py": "import app.three\napp.three.Two()\n",
    }
    (reference,) = found(tmp_path, files)
    assert (reference.form, reference.module, reference.symbols, reference.aliases, reference.via) == (
        *(Form.REEXPORT, "app.three", ("Start",), ("app.three.Two",)),
        ("app.two", "app.one"),
    )


def test_all_hides_what_a_star_would_hand_on(tmp_path: Path) -> None:
    """`__all__` without the name ends the chain."""
    files = {
        "app/one.py": "__all__ = ['other']\nfrom app.old.talk import Start\nother = 1\n",
        "app/two.py": "from app.one import *\n",
        "app/use.py": "from app.two import Start\n",
    }
    assert found(tmp_path, files) == []


def test_a_name_of_its_own_is_no_reexport(tmp_path: Path) -> None:
    """A class of the same name elsewhere stays what it is."""
    files = {"app/own.py": "class Start:\n    pass\n", "app/use.py": "from app.own import Start\n"}
    assert found(tmp_path, files) == []


def test_a_patch_where_the_name_is_used_counts(tmp_path: Path) -> None:
    """It patches what an importer holds, and dies with the import."""
    files = {"app/user.py": "from app.old.talk import Start\n", "app/use.py": 'patch("app.user.Start")\n'}
    (reference,) = found(tmp_path, files)
    assert (reference.form, reference.module, reference.symbols, reference.exists) == (
        *(Form.PATCH, "app.user", ("Start",)),
        True,
    )


def test_a_circle_of_shims_ends(tmp_path: Path) -> None:
    """Modules that hand a name to each other hand on nothing."""
    files = {
        "app/one.py": "from app.two import Start\nimport app.old.talk\n",
        "app/two.py": "from app.one import Start\n",
        "app/use.py": "from app.one import Start\n",
    }
    assert found(tmp_path, files) == []


def test_one_file_may_have_two_names(tmp_path: Path) -> None:
    """With `.` and `app` as roots `old.talk` is the same module; one of the same name elsewhere is not."""
    plant(
        tmp_path,
        {
            **SIDES,
            "app/a.py": "from old.talk import Start\n",
            "other/app/old/talk.py": "x = 1\n",
            "other/b.py": "from other.app.old.talk import x\n",
        },
    )
    references = look(tmp_path, ".", "app").references
    assert [(each.path, each.module) for each in references] == [("app/a.py", "old.talk")]
