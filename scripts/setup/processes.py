"""Starting and ending programs: each in a session of its own, each told to end when the starter dies."""

import contextlib
import grp
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.setup.console import warn

LARGEST_LOG = 50_000_000  # bytes; a larger one is put aside at the next start


@dataclass
class Child:
    """A program that was started here, in a session of its own: a terminal's Ctrl-C reaches only the starter."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(
        self, *, first: signal.Signals = signal.SIGTERM, last: signal.Signals = signal.SIGKILL, wait: float
    ) -> None:
        """Sends `first`, waits up to `wait` seconds for a clean end, then `last`; ends what is left of its session."""
        if self.process.poll() is None:
            self.process.send_signal(first)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                warn(f"{self.name} did not end within {wait:.0f} s: {last.name}")
                self.process.send_signal(last)
                self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def last_lines(self, count: int = 12) -> str:
        """The end of its log, for the person who has to find out why it died."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 16_384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])


def as_user(user: str | None, argv: Sequence[str | Path]) -> list[str]:
    """The same command, run as another user (None: as the caller)."""
    prefix = (
        [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user_group(user)}", "--init-groups", "--"]
    )
    return [*prefix, *(str(word) for word in argv)]


def user_group(user: str) -> str:
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
    dies_with_us: signal.Signals = signal.SIGTERM,
) -> Child:
    """Starts a program whose output is added to `log`.

    `dies_with_us` is the signal it gets when this process ends without having stopped it (kill -9).
    """
    words = as_user(user, argv)
    guard = ["setpriv", "--pdeathsig", dies_with_us.name.removeprefix("SIG")]
    command = [*guard, *words[1:]] if user else [*guard, "--", *words]
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_name(log.name + ".old"))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return Child(name, process, log)
