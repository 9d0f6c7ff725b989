"""Which code a database runs: the one fingerprint that the deploy writes and the gateway compares."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_version(root: Path = ROOT) -> str:
    """The SHA-256, in hex, over the names and contents of every .sql file under migrations/ and sql/ of `root`.

    Raises FileNotFoundError when there is no such file: an empty fingerprint would match nothing for no visible reason.
    """
    files = sorted(path for folder in ("migrations", "sql") for path in (root / folder).rglob("*.sql"))
    if not files:
        raise FileNotFoundError(f"no .sql files under {root}/migrations and {root}/sql")
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        # The length keeps the end of one file from being read as the beginning of the next.
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
