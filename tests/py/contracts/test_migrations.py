"""Migrations that have landed are frozen: databases have run them, and will never run them again."""

import hashlib
from itertools import pairwise

import pytest

from gateway.version import ROOT

pytestmark = pytest.mark.contract

# One line a file, as sha256sum writes them: (cd migrations && sha256sum *.sql) > tests/py/contracts/migrations.sha256
LANDED = ROOT / "tests/py/contracts/migrations.sha256"


def test_landed_migrations_are_unchanged_and_new_ones_are_noted() -> None:
    noted = {name: digest for digest, name in map(str.split, LANDED.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in ROOT.glob("migrations/*.sql")}
    assert found == noted, "a landed migration was edited (write a new one), or a new one is not in migrations.sha256"


def test_every_migration_has_its_way_back_and_its_place() -> None:
    names = sorted(path.name.removesuffix(".sql") for path in ROOT.glob("migrations/*.sql"))
    ups = [name for name in names if not name.endswith(".rollback")]
    assert names == sorted(ups + [f"{name}.rollback" for name in ups])
    assert [int(name.split("_")[0]) for name in ups] == list(range(1, len(ups) + 1))
    for before, name in pairwise(ups):
        first = (ROOT / f"migrations/{name}.sql").read_text().splitlines()[0]
        assert first == f"-- depends: {before}", f"{name} must name the migration before it"
