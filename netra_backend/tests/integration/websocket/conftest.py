"""Settings of the socket suites: a worker is drained at once, for its agents wait until they are cancelled."""

from pathlib import Path

import pytest

from netra_backend.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults but for the drain, with everything in the test's folder."""
    return Settings(data_dir=tmp_path, port=0, drain_s=0)
