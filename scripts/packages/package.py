"""From an archive to a package: the checked manifest and the files of the prompt, main file first."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from scripts.packages.limits import LIMITS, Limits, PackageRefused, shown
from scripts.packages.manifest import MANIFEST_NAME, Manifest, parse_manifest
from scripts.packages.paths import clean_path, same_file_key
from scripts.packages.tar import read_entries

PROMPT_SUFFIXES = {".md", ".mdc", ".txt", ""}
# Without one of these the first listed file is the main one.
MAIN_NAMES = ("SKILL.md", "AGENT.md")
LICENCE = re.compile(r"(?:(?:un)?licen[cs]e|copying)(?:\.(?:md|txt))?|licen[cs]e[-.][a-z0-9.-]*(?<!\.md)(?<!\.mdc)")


@dataclass(frozen=True)
class PromptFile:
    """One text file of the prompt."""

    path: str
    content: str


@dataclass(frozen=True)
class Package:
    """What is imported: files in prompt order, the main file first."""

    manifest: Manifest
    files: tuple[PromptFile, ...]


def read_package(path: Path, limits: Limits = LIMITS) -> Package:
    """Read one archive. Raises PackageRefused with the reason, OSError when the file cannot be read."""
    # A named pipe would block on open, a device would never end: look before opening.
    status = path.stat()
    if not S_ISREG(status.st_mode):
        raise PackageRefused("not a regular file")
    if status.st_size > limits.archive_octets:
        raise PackageRefused(f"the archive is larger than {limits.archive_octets} octets")
    with path.open("rb") as file:
        contents: dict[str, bytes] = {}
        keys: dict[str, str] = {}
        folders: set[str] = set()
        for entry in read_entries(file, limits):
            name = clean_path(entry.path, limits)
            if entry.is_folder:
                folders.add(same_file_key(name))
                continue
            _take(name, entry.content, contents, keys)
    _check_no_file_is_a_folder(keys, folders)
    return package_of(_below_root(contents), limits)


def _take(name: str, content: bytes, contents: dict[str, bytes], keys: dict[str, str]) -> None:
    if not name:
        raise PackageRefused("a file without a name")
    key = same_file_key(name)
    if key in keys:
        other = keys[key]
        how = "is there twice" if other == name else f"differs from {shown(other)} only in case or spelling"
        raise PackageRefused(f"{shown(name)} {how}")
    keys[key] = name
    contents[name] = content


def _check_no_file_is_a_folder(keys: dict[str, str], folders: set[str]) -> None:
    parents = folders | {str(parent) for key in keys for parent in PurePosixPath(key).parents}
    for key, name in keys.items():
        if key in parents:
            raise PackageRefused(f"{shown(name)} is a file and a folder")


def _below_root(contents: dict[str, bytes]) -> dict[str, bytes]:
    """The files with paths from the manifest's folder: the top, or the one folder that holds everything (npm pack)."""
    if MANIFEST_NAME in contents:
        return contents
    tops = {name.split("/", 1)[0] for name in contents}
    top = tops.pop() if len(tops) == 1 else ""
    if f"{top}/{MANIFEST_NAME}" not in contents:
        raise PackageRefused(f"no {MANIFEST_NAME}")
    return {name.removeprefix(f"{top}/"): content for name, content in contents.items()}


def package_of(contents: dict[str, bytes], limits: Limits = LIMITS) -> Package:
    """The package made of these files, by their paths from the manifest's folder. PackageRefused with the reason."""
    manifest = parse_manifest(contents[MANIFEST_NAME], limits)
    for path in manifest.files:
        if path not in contents:
            raise PackageRefused(f"the listed file {shown(path)} is not in the archive")
    names = prompt_order(manifest)
    if not names:
        raise PackageRefused("no file that makes a prompt (.md, .mdc, .txt or without extension)")
    files = tuple(PromptFile(name, _text(name, contents)) for name in names)
    if not any(file.content.strip() for file in files):
        raise PackageRefused("the prompt is empty")
    # Joined by a blank line, as the database does.
    octets = sum(len(file.content.encode()) for file in files) + 2 * (len(files) - 1)
    if octets > limits.prompt_octets:
        raise PackageRefused(f"the prompt is larger than {limits.prompt_octets} octets")
    return Package(manifest, files)


def prompt_order(manifest: Manifest) -> list[str]:
    """The listed files that make the prompt: the main one, then the others as listed."""
    names = [path for path in manifest.files if is_prompt_file(path)]
    main = manifest.main
    if main is not None:
        if main not in names:
            raise PackageRefused(f"main {shown(main)} is not among the listed prompt files")
    else:
        by_name = (next((n for n in names if PurePosixPath(n).name == wanted), None) for wanted in MAIN_NAMES)
        main = next((name for name in by_name if name is not None), names[0] if names else None)
    return [name for name in names if name == main] + [name for name in names if name != main]


def is_prompt_file(path: str) -> bool:
    """Text for a model by its name: never the manifest, never a licence."""
    name = PurePosixPath(path).name
    if name.lower() == MANIFEST_NAME or LICENCE.fullmatch(name.lower()):
        return False
    return PurePosixPath(path).suffix.lower() in PROMPT_SUFFIXES


def _text(name: str, contents: dict[str, bytes]) -> str:
    try:
        text = contents[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackageRefused(f"{shown(name)} is not UTF-8") from error
    if "\0" in text:
        raise PackageRefused(f"{shown(name)} holds a NUL character")
    return text
