"""The texts that are measured: written for this purpose, one folder a kind, and prompts of packages."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scripts.packages.limits import PackageRefused
from scripts.packages.package import read_package
from scripts.setup.paths import ROOT

FOLDER = ROOT / "tests" / "py" / "estimates" / "samples"
# In the order of the note. Texts of the last kinds were drawn by chance or picked to be the worst there is.
KINDS = {
    "prose": "English prose",
    "code": "code (Python, TypeScript, SQL)",
    "json": "JSON of records",
    "markup": "HTML, XML",
    "minified": "minified JavaScript",
    "blanks": "text laid out with blanks and rules",
    "european": "German, French, Polish",
    "other-scripts": "Russian, Arabic, Hindi, Thai",
    "cjk": "Chinese, Japanese, Korean",
    "emoji": "emoji",
    "addresses": "URLs, UUIDs",
    "digits": "digits, tables of numbers",
    "numbers": "JSON of numbers, SVG paths",
    "hex": "hexadecimal",
    "base64": "base64",
    "rare": "hieroglyphs, runes, other rare signs",
    "short": "a few words",
}


@dataclass(frozen=True)
class Sample:
    """One text: `kind` is a key of KINDS, or None for the prompt of a package."""

    kind: str | None
    name: str
    text: str

    @property
    def octets(self) -> int:
        return len(self.text.encode())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_samples() -> list[Sample]:
    """All samples of the checkout. Raises ValueError for a folder that is no kind."""
    order = list(KINDS)
    files = sorted(FOLDER.glob("*/*"), key=lambda file: (order.index(file.parent.name), file.name))
    return [Sample(file.parent.name, file.stem, file.read_bytes().decode()) for file in files]


def read_prompt(archive: Path) -> Sample:
    """The prompt of a package as a run sends it. Raises PackageRefused naming the archive, OSError."""
    try:
        package = read_package(archive)
    except PackageRefused as error:
        raise PackageRefused(f"{archive}: {error}") from error
    # Joined by a blank line, as the database does.
    text = "\n\n".join(file.content for file in package.files)
    return Sample(None, f"{package.manifest.name} {package.manifest.version}", text)
