"""Which paths a package may use.

Nothing is ever written under these names, but they are stored, shown and compared, so a name that means another file
on another system (absolute, `..`, another case, another spelling of the same letters) is refused rather than repaired.
"""

import unicodedata

from scripts.packages.limits import LIMITS, Limits, PackageRefused, shown

# Control, format (bidi overrides, zero width), surrogate, line and paragraph separators: a path that lies when shown.
UNSHOWABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean_path(path: str, limits: Limits = LIMITS) -> str:
    """The path without `.` parts and doubled slashes. PackageRefused when it is not a plain relative path."""
    if len(path.encode("utf-8", "surrogatepass")) > limits.path_octets:
        raise PackageRefused(f"path longer than {limits.path_octets} octets: {shown(path)}")
    if any(unicodedata.category(character) in UNSHOWABLE for character in path):
        raise PackageRefused(f"path with control characters: {shown(path)}")
    if "\\" in path:
        raise PackageRefused(f"path with a backslash: {shown(path)}")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        raise PackageRefused(f"absolute path: {shown(path)}")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PackageRefused(f"path with '..': {shown(path)}")
    if len(parts) > limits.path_parts:
        raise PackageRefused(f"path of more than {limits.path_parts} parts: {shown(path)}")
    return "/".join(parts)


def same_file_key(path: str) -> str:
    """Equal for two paths that some file system takes for one: letters composed, case folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())
