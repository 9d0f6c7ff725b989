"""A folder that PostgreSQL's own user can reach: pytest's temporary folders admit their owner only."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def reachable_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scrip-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
