"""Where things lie: the checkout, and the data folder outside it."""

import os
from pathlib import Path

from scripts.setup.console import SetupError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


def is_root() -> bool:
    return os.geteuid() == 0


def data_home() -> Path:
    """`SCRIP_DATA`, or a folder that suits the caller: root's lies where PostgreSQL's own user can reach it."""
    given = os.environ.get("SCRIP_DATA")
    if given:
        home = Path(given).expanduser().absolute()
    elif is_root():
        home = Path("/var/lib/scrip")
    else:
        share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        home = Path(share).absolute() / "scrip"
    if home == ROOT or ROOT in home.parents:
        raise SetupError(f"the data folder {home} lies inside the checkout: choose another one (--data or SCRIP_DATA)")
    return home
