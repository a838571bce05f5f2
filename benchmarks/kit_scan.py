"""`python -m benchmarks.kit_scan TREE CACHE JOBS`: one scan as a process of its own; prints what it found."""

import json
import sys
from pathlib import Path

import msgspec

from netra_migrate.configuration import Configuration
from netra_migrate.domain.references import Side
from netra_migrate.scan.scanning import scan


def main(tree: Path, cache: Path, jobs: int) -> None:
    """Scan and say how much there was."""
    configuration = msgspec.toml.decode((tree / "migration.toml").read_bytes(), type=Configuration)
    survey = scan(configuration, tree, cache=cache, jobs=jobs, progress=lambda done, total: None)
    importers = {each.path for each in survey.of(Side.LEGACY) if each.binds}
    importers -= {each.path for each in survey.unparsable}
    print(json.dumps({"files": survey.files + survey.data_files, "importers": len(importers)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
