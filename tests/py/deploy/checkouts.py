"""Copies of migrations/ and sql/ that a test may change before it deploys them."""

import shutil
from pathlib import Path

from gateway.version import ROOT


class Checkout:
    """A folder with migrations/ and sql/ as they are here, to be changed at will."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("migrations", "sql"):
            shutil.copytree(ROOT / folder, root / folder)

    def append(self, file: str, text: str) -> None:
        with (self.root / file).open("a") as opened:
            opened.write(text)

    def add_migration(self, name: str, up: str, down: str | None) -> None:
        """A migration after all others; without `down` it has no rollback file."""
        newest = sorted(self.root.glob("migrations/*[!k].sql"))[-1]
        depends = f"-- depends: {newest.name.removesuffix('.sql')}\n"
        (self.root / f"migrations/{name}.sql").write_text(depends + up)
        if down is not None:
            (self.root / f"migrations/{name}.rollback.sql").write_text(down)
