"""Finds a PostgreSQL of at least 15 with Scrip's extensions, or brings one: installed, or unpacked without root."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.setup.console import SetupError, step, warn
from scripts.setup.paths import SCRIPTS, data_home, is_root

OLDEST_MAJOR = 15
EXTENSIONS = ("pg_cron", "plpgsql_check", "pgtap")
# Debian's names; {} is the major version.
PACKAGES = ("postgresql-{}", "postgresql-{}-cron", "postgresql-{}-plpgsql-check", "postgresql-{}-pgtap")


@dataclass(frozen=True)
class Postgres:
    """The programs of one PostgreSQL and what lies beside them."""

    bin: Path
    share: Path
    version: str
    is_unpacked: bool = False

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def has_extension(self, name: str) -> bool:
        return (self.share / "extension" / f"{name}.control").exists()

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in EXTENSIONS if not self.has_extension(name))


def find_postgres(*, needs: tuple[str, ...]) -> Postgres | None:
    """The oldest usable installed PostgreSQL (closest to what Scrip is tested on), else an unpacked one, else None."""
    candidates = [] if os.environ.get("SCRIP_ROOTLESS") else _installed()
    for postgres in [*candidates, *_unpacked()]:
        if all(postgres.has_extension(name) for name in needs):
            return postgres
    return None


def require_postgres(*, for_tests: bool) -> Postgres:
    """Finds or brings a PostgreSQL.

    Raises SetupError naming the packages when this machine can neither install nor unpack them.
    """
    needs = EXTENSIONS if for_tests else ("pg_cron",)
    postgres = find_postgres(needs=needs)
    if postgres is None:
        _bring_postgres()
        postgres = find_postgres(needs=needs)
    if postgres is None:
        wanted = ", ".join(name.format(OLDEST_MAJOR) for name in PACKAGES)
        raise SetupError(
            f"PostgreSQL {OLDEST_MAJOR} or newer with {', '.join(needs)} is missing and cannot be had here: "
            f"install the packages {wanted} (Debian's names), or set DATABASE_URL to a server"
        )
    return postgres


def require_client() -> None:
    """Makes sure that `psql` is on PATH, for servers that were not started here. Raises SetupError."""
    if shutil.which("psql"):
        return
    postgres = find_postgres(needs=())
    if postgres is None:
        _bring_postgres(client_only=True)
        postgres = find_postgres(needs=())
    clients = [postgres.bin] if postgres else [data_home() / "rootless" / "bin"]
    put_on_path(clients[0])
    if not shutil.which("psql"):
        raise SetupError("psql is missing: install the package postgresql-client")


def put_on_path(folder: Path) -> None:
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def upgrade_minor(postgres: Postgres) -> Postgres:
    """Takes a newer minor version when apt offers one: minors are security fixes.

    Left alone, with a word about it: machines where another cluster runs on these programs, since it would restart.
    """
    if postgres.is_unpacked or not _may_install() or not str(postgres.bin).startswith("/usr/lib/postgresql/"):
        return postgres
    package = f"postgresql-{postgres.major}"
    subprocess.run(
        ["apt-get", "-qq", "-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=0", "update"],
        capture_output=True,
        check=False,
    )
    installed, offered = _policy(package)
    if not offered or installed == offered:
        return postgres
    if _clusters_running():
        warn(
            f"{package} {installed} could be {offered}: another cluster of this machine is running, so upgrade by hand"
        )
        return postgres
    with step(f"upgrading {package} {installed} → {offered}"):
        _apt_get("install", "--only-upgrade", package, f"postgresql-client-{postgres.major}")
    return find_postgres(needs=("pg_cron",)) or postgres


def _installed() -> list[Postgres]:
    found = []
    for folder in Path("/usr/lib/postgresql").glob("*/bin"):
        found.append(_describe(folder, Path("/usr/share/postgresql") / folder.parent.name, is_unpacked=False))
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir", "--sharedir"], capture_output=True, text=True, check=False)
        lines = answer.stdout.splitlines()
        if answer.returncode == 0 and len(lines) == 2 and not lines[0].startswith("/usr/lib/postgresql/"):
            found.append(_describe(Path(lines[0]), Path(lines[1]), is_unpacked=False))
    return _usable(found)


def _unpacked() -> list[Postgres]:
    prefix = data_home() / "rootless"
    found = []
    for folder in (prefix / "usr/lib/postgresql").glob("*/bin"):
        share = prefix / "usr/share/postgresql" / folder.parent.name
        found.append(_describe(prefix / "bin", share, is_unpacked=True))
    return _usable(found)


def _usable(found: list[Postgres | None]) -> list[Postgres]:
    return sorted((p for p in found if p is not None and p.major >= OLDEST_MAJOR), key=lambda p: p.major)


def _describe(folder: Path, share: Path, *, is_unpacked: bool) -> Postgres | None:
    if not (os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK)):
        return None
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\) (\d+(\.\d+)*)", answer.stdout)
    return Postgres(folder, share, match.group(1), is_unpacked) if match else None


def _may_install() -> bool:
    return is_root() and not os.environ.get("SCRIP_ROOTLESS") and shutil.which("apt-get") is not None


def _bring_postgres(*, client_only: bool = False) -> None:
    if _may_install():
        _install(client_only)
    elif shutil.which("apt-get") and shutil.which("dpkg"):
        _unpack(client_only)


def _install(client_only: bool) -> None:
    with step("fetching the package lists"):
        _apt_get("update")
    if client_only:
        with step("installing postgresql-client"):
            _apt_get("install", "postgresql-client")
        return
    packages = (*_offered_packages(()), *_missing_curl())
    with step("installing " + " ".join(packages)):
        _apt_get("install", "postgresql-common")
        with _without_main_cluster():
            _apt_get("install", *packages)


def _unpack(client_only: bool) -> None:
    prefix = data_home() / "rootless"
    _run_rootless(prefix)
    private = ("-o", f"Dir::State={prefix}/apt/state", "-o", f"Dir::Cache={prefix}/apt/cache")
    private += ("-o", "Dir::State::status=/var/lib/dpkg/status")
    packages = (*_offered_packages(private), *_missing_curl())
    with step("unpacking " + " ".join(packages) + f" into {prefix}"):
        _run_rootless(prefix, *(packages[:1] if client_only else packages))


def _run_rootless(prefix: Path, *packages: str) -> None:
    prefix.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([SCRIPTS / "setup" / "rootless.sh", prefix, *packages], check=False)
    if done.returncode:
        raise SetupError(f"PostgreSQL could not be unpacked into {prefix} (the lines above say why)")


def _offered_packages(apt_options: tuple[str, ...]) -> tuple[str, ...]:
    """The package names of the oldest major version that apt offers with every extension."""
    for major in range(OLDEST_MAJOR, OLDEST_MAJOR + 10):
        packages = tuple(name.format(major) for name in PACKAGES)
        if all(_policy(name, apt_options)[1] for name in packages):
            return packages
    raise SetupError(
        f"apt offers no PostgreSQL of version {OLDEST_MAJOR} or newer with pg_cron, plpgsql_check and pgTAP: "
        "add the PostgreSQL project's repository (apt.postgresql.org), or set DATABASE_URL to a server"
    )


def _missing_curl() -> tuple[str, ...]:
    """For the line that scripts/serve prints."""
    return () if shutil.which("curl") else ("curl",)


def _policy(package: str, apt_options: tuple[str, ...] = ()) -> tuple[str, str]:
    """Installed and offered version of a package; each empty when there is none."""
    answer = subprocess.run(
        ["apt-cache", *apt_options, "policy", package],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout

    def version(label: str) -> str:
        match = re.search(rf"^  {label}: (\S+)", answer, re.MULTILINE)
        return match.group(1) if match and match.group(1) != "(none)" else ""

    return version("Installed"), version("Candidate")


def _apt_get(*arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-qq", "-y", "--no-install-recommends", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise SetupError(f"apt-get {' '.join(arguments)} failed:\n{last}")


@contextmanager
def _without_main_cluster() -> Iterator[None]:
    """Keeps Debian from starting a cluster of its own, which nobody asked for; its file is put back afterwards."""
    conf = Path("/etc/postgresql-common/createcluster.conf")
    before = conf.read_text() if conf.exists() else ""
    conf.write_text(before + "\ncreate_main_cluster = false\n")
    try:
        yield
    finally:
        conf.write_text(before)


def _clusters_running() -> bool:
    answer = subprocess.run(["pg_lsclusters", "--no-header"], capture_output=True, text=True, check=False)
    return any("online" in line for line in answer.stdout.splitlines())
