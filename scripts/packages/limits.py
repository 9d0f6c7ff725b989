"""What an archive may measure at most, and the one error that says why a package was refused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in octets, counts in entries. Real packages are some kilobytes; a bomb is stopped while it is read."""

    archive_octets: int = 2 * 1024 * 1024
    unpacked_octets: int = 8 * 1024 * 1024
    file_octets: int = 1024 * 1024
    entries: int = 1_000
    manifest_octets: int = 256 * 1024
    path_octets: int = 512
    path_parts: int = 32
    prompt_octets: int = 1024 * 1024

    def describe(self) -> str:
        """The limits as one line for people."""
        return (
            f"archive {self.archive_octets} octets, unpacked {self.unpacked_octets}, each file {self.file_octets}, "
            f"manifest {self.manifest_octets}, joined prompt {self.prompt_octets}, {self.entries} entries, "
            f"paths of {self.path_octets} octets and {self.path_parts} parts"
        )


LIMITS = Limits()


class PackageRefused(Exception):
    """The package cannot be imported; the text is one line that says why."""


def shown(text: str) -> str:
    """Text of a stranger as it may appear on a terminal: quoted, escaped and short."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")
