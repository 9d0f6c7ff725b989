"""`scripts/import-packages` over a real database."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest

from gateway.version import ROOT
from scripts.packages.__main__ import main
from scripts.packages.importer import Owner, publish
from scripts.packages.limits import PackageRefused
from scripts.packages.package import package_of, read_package
from tests.py.packages.archives import archive, files_of
from tests.py.packages.hostile import GROUPS
from tests.py.support.database import Database

TABLES = ("packages", "package_versions", "package_files")
# Real packages, on machines that have them beside the checkout.
REAL_PACKAGES = ROOT.parent / "shared" / "data" / "packages"

Import = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run_import(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Import:
    """Runs the command and returns its status and its lines."""
    monkeypatch.setenv("DATABASE_URL", database.url("postgres"))

    def run(*arguments: object) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, capsys.readouterr().out.splitlines()

    return run


def new_name() -> str:
    """A package name that no other test of the module has used."""
    return f"@tests/p{uuid4().hex}"


def stored(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def rows_in(database: Database) -> list[int]:
    return [database.value(f"select count(*) from playground.{table}") for table in TABLES]


def new_user(database: Database) -> tuple[UUID, str]:
    user_id, email = uuid4(), f"{uuid4().hex}@example.com"
    database.rows("select api.register_user(%s, null, 'hash', sha256('token'))", [email], role="scrip_gateway")
    user_id = database.value("select admin.find_user(%s)", [email], role="scrip_operator")
    return user_id, email


def test_a_package_is_imported_once_and_then_unchanged(run_import: Import, database: Database, tmp_path: Path) -> None:
    name = new_name()
    contents = {"b.md": "second", "SKILL.md": "first\n", "code.js": "1"}
    path = stored(tmp_path / "one.tgz", archive(files_of(contents, name=name, files=["b.md", "SKILL.md", "code.js"])))
    assert run_import(path) == (0, [f"imported  {name} 1.0.0"])
    assert run_import(path) == (0, [f"unchanged {name} 1.0.0"])
    prompt, octets, sha256 = database.rows(
        """
        select prompt, prompt_octets, prompt_sha256 = sha256(convert_to(prompt, 'UTF8'))
        from playground.package_versions join playground.packages using (package_id)
        where name = %s
        """,
        [name],
    )[0]
    assert (prompt, octets, sha256) == ("first\n\n\nsecond", 14, True)
    files = database.rows(
        """
        select position, path, content
        from playground.package_files join playground.packages using (package_id)
        where name = %s
        order by position
        """,
        [name],
    )
    assert files == [(1, "SKILL.md", "first\n"), (2, "b.md", "second")]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"contents": {"SKILL.md": "Say goodbye."}}, id="other text"),
        pytest.param({"description": "Greets better"}, id="other description"),
        pytest.param(
            {"contents": {"skill.txt": "# Greeter\nSay hello.\n"}, "files": ["skill.txt"]}, id="other file name"
        ),
    ],
)
def test_other_content_under_a_version_is_refused(
    changed: dict, run_import: Import, database: Database, tmp_path: Path
) -> None:
    name = new_name()
    run_import(stored(tmp_path / "a.tgz", archive(files_of(name=name))))
    before = rows_in(database)
    other = stored(tmp_path / "b.tgz", archive(files_of(name=name, **changed)))
    assert run_import(other) == (1, [f"refused   {other}: Version 1.0.0 of {name} is there with other content."])
    assert rows_in(database) == before


def test_a_folder_gives_a_line_an_archive_and_one_refusal_stops_nothing(
    run_import: Import, database: Database, tmp_path: Path
) -> None:
    first, last = new_name(), new_name()
    stored(tmp_path / "a.tar.gz", archive(files_of(name=first)))
    bad = stored(tmp_path / "b.tgz", b"no archive")
    stored(tmp_path / "c.tar", archive(files_of(name=last)))
    stored(tmp_path / "readme.md", b"not looked at")
    status, lines = run_import(tmp_path)
    assert status == 1
    assert [line.split(":")[0] for line in lines] == [
        f"imported  {first} 1.0.0",
        f"refused   {bad}",
        f"imported  {last} 1.0.0",
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_archives_leave_no_row(group: Callable, run_import: Import, database: Database, tmp_path: Path) -> None:
    count = 0
    for count, (_, octets, _) in enumerate(group(), 1):
        stored(tmp_path / f"{count:03}.tar.gz", octets)
    before = rows_in(database)
    status, lines = run_import(tmp_path)
    assert status == 1
    assert len(lines) == count
    assert all(line.startswith("refused ") for line in lines)
    assert rows_in(database) == before


def test_what_the_database_alone_refuses_leaves_no_row_either(
    run_import: Import, database: Database, tmp_path: Path
) -> None:
    before = rows_in(database)
    like_an_id = stored(tmp_path / "a.tgz", archive(files_of(name=str(uuid4()))))
    status, lines = run_import(like_an_id)
    assert (status, len(lines)) == (1, 1)
    assert lines[0].endswith("name must not look like an id.")
    assert run_import(like_an_id, "--organization", uuid4())[0] == 1
    assert rows_in(database) == before


def test_missing_files_and_empty_folders_are_refused(run_import: Import, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, lines = run_import(tmp_path / "none.tgz", tmp_path / "empty")
    assert status == 1
    assert lines == [
        f"refused   {tmp_path}/none.tgz: No such file or directory",
        f"refused   {tmp_path}/empty: a folder without archives",
    ]


def test_a_private_package_is_its_author_s(run_import: Import, database: Database, tmp_path: Path) -> None:
    name = new_name()
    author_id, email = new_user(database)
    other_id, other_email = new_user(database)
    path = stored(tmp_path / "a.tgz", archive(files_of(name=name)))
    assert run_import(path, "--author", email, "--private")[0] == 0
    assert database.value("select api.get_package(%s, %s) ->> 'name'", [author_id, name], "scrip_gateway") == name
    for stranger in (other_id, None):
        with pytest.raises(psycopg.Error) as refused:
            database.value("select api.get_package(%s, %s)", [stranger, name], "scrip_gateway")
        assert refused.value.sqlstate == "SCP01"
    # Somebody else neither takes the name over nor makes the package public.
    newer = stored(tmp_path / "b.tgz", archive(files_of(name=name, version="2.0.0")))
    assert "belongs to somebody else" in run_import(newer, "--author", other_email, "--private")[1][0]
    assert "belongs to somebody else" in run_import(newer)[1][0]
    assert "cannot change" in run_import(newer, "--author", email)[1][0]


def test_the_same_package_published_at_once_is_there_once(database: Database, tmp_path: Path) -> None:
    package = package_of(
        {path: text.encode() if isinstance(text, str) else text for path, text in files_of(name=new_name()).items()}
    )
    callers = 8
    together = Barrier(callers)

    def publish_with_the_others(_: int) -> bool:
        with database.connect("scrip_operator") as connection:
            together.wait()
            return publish(connection, package, Owner())

    with ThreadPoolExecutor(callers) as pool:
        assert sorted(pool.map(publish_with_the_others, range(callers))) == [False] * (callers - 1) + [True]


def test_two_contents_published_at_once_leave_one(database: Database) -> None:
    name = new_name()
    together = Barrier(2)

    def publish_text(text: str) -> str:
        files = files_of({"SKILL.md": text}, name=name)
        package = package_of({path: str(content).encode() for path, content in files.items()})
        with database.connect("scrip_operator") as connection:
            together.wait()
            try:
                return "imported" if publish(connection, package, Owner()) else "unchanged"
            except PackageRefused as refusal:
                return str(refusal)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(publish_text, ["one", "two"]))
    assert said == [f"Version 1.0.0 of {name} is there with other content.", "imported"]


def test_real_packages_come_in_as_they_are(run_import: Import, database: Database, tmp_path: Path) -> None:
    name = new_name()
    paths = [stored(tmp_path / "own.tar.gz", archive(files_of(name=name))), *sorted(REAL_PACKAGES.glob("*.tar.gz"))]
    status, lines = run_import(*paths)
    assert (status, [line.split()[0] for line in lines]) == (0, ["imported"] * len(paths))
    for path in paths:
        package = read_package(path)
        prompt = database.value(
            "select prompt from engine.find_package_version(null, %s, null)", [package.manifest.name]
        )
        assert prompt == "\n\n".join(file.content for file in package.files)


def test_the_command_runs_as_a_person_types_it(database: Database, tmp_path: Path) -> None:
    name = new_name()
    good, bad = stored(tmp_path / "a.tgz", archive(files_of(name=name))), stored(tmp_path / "b.tgz", b"x")
    done = subprocess.run(
        [ROOT / "scripts" / "import-packages", good, bad],
        env=os.environ | {"DATABASE_URL": database.url("postgres")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0] == f"imported  {name} 1.0.0"
    assert done.stderr.splitlines()[-1] == "1 imported, 0 unchanged, 1 refused"
