"""A PostgreSQL cluster of our own: a folder, a unix socket nobody else can reach, and pg_cron.

with Cluster(folder, postgres) as cluster:
    cluster.url("scrip_gateway", "scrip")
"""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg

from scripts.setup.console import SetupError, say
from scripts.setup.paths import is_root
from scripts.setup.processes import Child, as_user, start
from scripts.setup.system import Postgres

DATABASE = "scrip"
ROLES = ("postgres", "scrip_owner", "scrip_gateway", "scrip_cron", "scrip_operator", "scrip_analyst")
SOCKET_FILE = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes
START_SECONDS = 300  # recovery after a crash may take a while
MB = 1024 * 1024


class Cluster:
    """One cluster in one folder. At most one process may use a folder at a time; callers hold a lock.

    durable: fsync and full commits; only throw-away clusters go without.
    trusting: whoever reaches the socket (its folder admits the owner and root only) may be any role, also later ones;
    otherwise peer authentication with the roles of `ROLES`.
    settings: lines for the configuration, over those made here.
    """

    def __init__(
        self,
        folder: Path,
        postgres: Postgres,
        *,
        durable: bool = True,
        trusting: bool = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "pg"
        self.log = self.folder / "postgres.log"
        self.postgres = postgres
        self.durable = durable
        self.trusting = trusting
        self.settings = settings or {}
        self.user = server_user()
        self.socket = socket_folder(self.folder)
        self.server: Child | None = None

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, role: str = "postgres", database: str = DATABASE) -> str:
        """Where `role` reaches `database`, as libpq and yoyo understand it."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket), safe='')}"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def start(self) -> None:
        """Starts the server, making the cluster first when there is none; returns when it accepts connections.

        Raises SetupError with the end of its log when it does not start.
        """
        self._make_folders()
        if not self.exists:
            self._create()
        self._stop_left_over()
        self._check_version()
        self._write_configuration(self.data, self.preload())
        self.server = self._launch(self.data)
        self._wait_until_ready("postgres")

    def stop(self) -> None:
        """Ends the server: clients are disconnected, everything is written."""
        if self.server is not None:
            self.server.stop(first=signal.SIGINT, last=signal.SIGQUIT, wait=60)
            self.server = None

    def kill(self) -> None:
        """kill -9 of the postmaster, for tests; its backends notice and end, `start` recovers."""
        if self.server is None:
            return
        pid = self.server.process.pid
        # Stopped first: a backend forked after the count would be waited for by nobody.
        self.server.process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self.server.process.kill()
        self.server.process.wait()
        self.server = None
        # A backend that still runs holds the shared memory, and the next start would refuse.
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)

    def remove(self) -> None:
        """Stops the server and deletes the cluster with all its data."""
        self.stop()
        if self.exists:
            self._stop_left_over()
        for folder in (self.data, self.folder / "pg.new", self.socket):
            shutil.rmtree(folder, ignore_errors=True)

    def preload(self) -> str:
        """The libraries to load at start, of those this PostgreSQL has.

        Not plpgsql_check: whoever asks it something loads it. Elsewhere its hooks slow every statement down, and some
        versions (2.8) now and then end a call with "cannot find parent statement on pldbgapi2 call stack".
        """
        return ",".join(name for name in ("pg_cron", "pg_stat_statements") if self.postgres.has_extension(name))

    def _create(self) -> None:
        """Made under another name and renamed when complete: an interrupted attempt leaves nothing half-done."""
        new = self.folder / "pg.new"
        shutil.rmtree(new, ignore_errors=True)
        self._make_owned(new)
        command: list[str | Path] = [self.postgres.bin / "initdb", "-D", new, "-U", "postgres", "--auth=peer"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"] + ([] if self.durable else ["--no-sync"])
        done = subprocess.run(as_user(self.user, command), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode:
            raise SetupError(f"initdb failed: {done.stderr.strip()[-500:]}")
        with (new / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists = 'scrip.conf'\n")
        # pg_cron's launcher dies once a second until its database exists: first the database, then the preload.
        self._write_configuration(new, "")
        self.server = self._launch(new)
        try:
            self._wait_until_ready("postgres")
            with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
                connection.execute(f"create database {DATABASE} template template0")
        finally:
            self.stop()
        new.rename(self.data)

    def _write_configuration(self, data: Path, preload: str) -> None:
        lines = self._base_settings() | {"shared_preload_libraries": preload}
        if "pg_cron" in preload:
            lines |= {"cron.database_name": DATABASE, "cron.host": str(self.socket)}
        if not self.durable:
            lines |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        lines |= self.settings
        quoted = ((name, value.replace("'", "''")) for name, value in lines.items())
        self._write(data / "scrip.conf", "".join(f"{name} = '{value}'\n" for name, value in quoted))
        if self.trusting:
            self._write(data / "pg_hba.conf", "local all all trust\n")
            return
        users = {pwd.getpwuid(os.geteuid()).pw_name, "root", self.user or "root"}
        pairs = "".join(f"scrip {user} {role}\n" for user in sorted(users) for role in ROLES)
        self._write(data / "pg_hba.conf", "local all all peer map=scrip\n")
        self._write(data / "pg_ident.conf", pairs)

    def _base_settings(self) -> dict[str, str]:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        buffers = min(512 * MB, max(64 * MB, memory // 8)) // MB
        return {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "port": "5432",
            "max_connections": "100" if self.durable else "400",
            "shared_buffers": f"{buffers}MB",
            "effective_cache_size": f"{memory // 2 // MB}MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_lock_waits": "on",
            "lc_messages": "C.UTF-8",
        }

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o600)
        if self.user:
            shutil.chown(path, self.user)

    def _launch(self, data: Path) -> Child:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        return start(
            "PostgreSQL",
            [self.postgres.bin / "postgres", "-D", data],
            log=self.log,
            user=self.user,
            env=env | {"LC_ALL": "C.UTF-8"},
            dies_with_us=signal.SIGINT,
        )

    def _wait_until_ready(self, database: str) -> None:
        assert self.server is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.server.process.poll() is not None:
                raise SetupError(f"PostgreSQL did not start; the end of {self.log}:\n{self.server.last_lines()}")
            try:
                psycopg.connect(self.url("postgres", database), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.03)
        self.stop()
        raise SetupError(f"PostgreSQL was not ready within {START_SECONDS} s; see {self.log}")

    def _stop_left_over(self) -> None:
        """A server that outlived whoever started it: ours, since the folder is, and in the way."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        pg_ctl = self.postgres.bin / "pg_ctl"
        status = as_user(self.user, [pg_ctl, "status", "-D", self.data])
        if subprocess.run(status, capture_output=True, cwd="/", check=False).returncode == 0:
            say("a server left over from an interrupted run is stopped")
            stop = as_user(self.user, [pg_ctl, "stop", "-D", self.data, "-m", "fast", "-w", "-t", "60"])
            if subprocess.run(stop, capture_output=True, cwd="/", check=False).returncode:
                raise SetupError(f"the server that still runs in {self.data} could not be stopped")

    def _check_version(self) -> None:
        made_with = (self.data / "PG_VERSION").read_text().strip()
        if made_with != str(self.postgres.major):
            raise SetupError(
                f"the database in {self.data} was made by PostgreSQL {made_with}, this machine now has "
                f"{self.postgres.version}: install postgresql-{made_with} again, or start over with --reset"
            )

    def _make_folders(self) -> None:
        missing = [self.folder, *self.folder.parents]
        for folder in reversed([f for f in missing if not f.exists()]):
            folder.mkdir(mode=0o755)
            folder.chmod(0o755)
        self._make_owned(self.socket)
        reach = as_user(self.user, ["test", "-w", self.socket])
        if subprocess.run(reach, cwd="/", check=False).returncode:
            raise SetupError(
                f"the user {self.user} cannot reach {self.folder}: choose another folder (--data or SCRIP_DATA)"
            )

    def _make_owned(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()
        if self.user and folder.lstat().st_uid == 0:
            shutil.chown(folder, self.user)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise SetupError(f"{folder} belongs to somebody else: remove it, or choose another data folder")
        folder.chmod(0o700)


def server_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root. None: as the caller."""
    if not is_root():
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def socket_folder(folder: Path) -> Path:
    """The folder of the socket: beside the data, unless that path is too long for a socket's address."""
    near = folder.absolute() / "run"
    if len(os.fsencode(near / SOCKET_FILE)) <= LONGEST_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"scrip-{os.geteuid()}-{name}"
