"""A process that has imported what the gateway imports first, and forks gateways on request.

A line of JSON on standard input starts one, a line on standard output tells its pid, and another one its end. What is
imported here is what takes long and looks at no setting: the SDKs. The gateway's own modules are imported in the fork,
under the environment asked for, as `python -m gateway` does.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import traceback
from typing import Any

FIRST = ("anthropic", "openai", "stripe", "aiohttp", "psycopg", "psycopg_pool", "msgspec", "structlog", "uvloop")
PR_SET_PDEATHSIG = 1
KERNEL = ctypes.CDLL(None)


def main() -> None:
    for name in FIRST:
        importlib.import_module(name)
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    orders = b""
    while True:
        ready = select.select([0, woken], [], [])[0]
        if 0 in ready:
            octets = os.read(0, 65536)
            if not octets:
                return
            *lines, orders = (orders + octets).split(b"\n")
            for line in lines:
                _fork(json.loads(line), (woken, wake))
        if woken in ready:
            os.read(woken, 65536)
            _reap()


def _fork(order: dict[str, Any], mine: tuple[int, int]) -> None:
    ready, tell = os.pipe()
    pid = os.fork()
    if pid:
        # Told once it has its session and its log: from then on it can be killed as a whole.
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        _say({"pid": pid})
        return
    status = 1
    try:
        _become(order, (*mine, ready))
        os.close(tell)
        runpy.run_module("gateway", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, this process must end here, and say why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _become(order: dict[str, Any], mine: tuple[int, ...]) -> None:
    """Makes this fork what a process started for the order would be."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in mine:
        os.close(descriptor)
    os.setsid()
    KERNEL.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for found, wanted in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(found, wanted)
    os.close(log)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _say(news: dict[str, int]) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


if __name__ == "__main__":
    main()
