"""Reading archives: what ordinary archivers write comes in, everything else is refused in one clear line."""

import gzip
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.packages.limits import LIMITS, PackageRefused
from scripts.packages.package import Package, is_prompt_file, read_package
from tests.py.packages.archives import archive, entry, files_of, good_entries, pax, raw
from tests.py.packages.hostile import GROUPS


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Package]:
    def read_octets(octets: bytes) -> Package:
        path = tmp_path / "package.tar.gz"
        path.write_bytes(octets)
        return read_package(path)

    return read_octets


def reason(read: Callable[[bytes], Package], octets: bytes) -> str:
    try:
        package = read(octets)
    except PackageRefused as refusal:
        return str(refusal)
    return f"came in as {package.manifest.name}"


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_archives_are_refused_in_one_line_that_says_why(
    group: Callable[[], Iterator[tuple[str, bytes, str]]], read: Callable[[bytes], Package]
) -> None:
    wrong = []
    for name, octets, words in group():
        said = reason(read, octets)
        if words not in said or not said.isprintable() or not said.isascii() or len(said) > 300:
            wrong.append(f"{name}: expected {words!r}, got {said[:300]!r}")
    assert wrong == []


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_come_in_from_every_kind_of_tar(tar_format: int, read: Callable[[bytes], Package]) -> None:
    # 140 characters do not fit the name field; each format has its own way round.
    long_path = "a" * 60 + "/" + "b" * 76 + ".md"
    package = read(archive(files_of({long_path: "hello"}, files=[long_path]), tar_format))
    assert [(file.path, file.content) for file in package.files] == [(long_path, "hello")]


def test_names_beyond_ascii_come_in(read: Callable[[bytes], Package]) -> None:
    package = read(archive(files_of({"grüße/こんにちは.md": "hello"}, files=["grüße/こんにちは.md"])))
    assert package.files[0].path == "grüße/こんにちは.md"


def test_a_plain_tar_comes_in_like_a_gzipped_one(read: Callable[[bytes], Package]) -> None:
    packed = archive(files_of())
    assert read(gzip.decompress(packed)) == read(packed)


def test_folders_dots_and_one_folder_around_all_are_seen_through(read: Callable[[bytes], Package]) -> None:
    plain = read(archive(files_of()))
    dotted = {f"./{name}": content for name, content in files_of().items()}
    packed_by_npm = {f"package/{name}": content for name, content in files_of().items()}
    assert read(archive(dotted)) == plain
    assert read(archive(packed_by_npm)) == plain
    assert read(raw(entry("docs/", kind=b"5"), entry("docs/", kind=b"5"), good_entries())) == plain


def test_times_and_attributes_in_pax_headers_do_no_harm(read: Callable[[bytes], Package]) -> None:
    headers = pax(kind=b"g", comment="0123abcd") + pax(mtime="1.5", LIBARCHIVE__xattr__x="y")
    assert read(raw(headers, good_entries())) == read(archive(files_of()))


def test_files_that_make_no_prompt_may_hold_anything(read: Callable[[bytes], Package]) -> None:
    contents = {"logo.png": bytes(range(256)), "run.sh": b"\xff\0", "SKILL.md": "hello", "LICENSE": b"\xff"}
    package = read(archive(files_of(contents, files=list(contents))))
    assert [file.path for file in package.files] == ["SKILL.md"]


def test_as_many_entries_as_allowed_come_in(read: Callable[[bytes], Package]) -> None:
    others = b"".join(entry(f"{number}.bin") for number in range(LIMITS.entries - 2))
    assert read(raw(good_entries(), others)).manifest.name == "@tests/greeter"


@pytest.mark.parametrize(
    ("files", "main", "order"),
    [
        (["b.md", "a.txt", "c.mdc", "README"], None, ["b.md", "a.txt", "c.mdc", "README"]),
        (["b.md", "x/SKILL.md", "c.md"], None, ["x/SKILL.md", "b.md", "c.md"]),
        (["b.md", "AGENT.md", "SKILL.md"], None, ["SKILL.md", "b.md", "AGENT.md"]),
        (["b.md", "AGENT.md"], None, ["AGENT.md", "b.md"]),
        (["SKILL.md", "b.md", "c.md"], "c.md", ["c.md", "SKILL.md", "b.md"]),
        (["SKILL.md", "b.md"], "./b.md", ["b.md", "SKILL.md"]),
        (["index.js", "b.md", "LICENSE", "prpm.json", "data.json", ".cursorrules"], None, ["b.md", ".cursorrules"]),
        ([{"path": "b.md", "format": "cursor"}, "a.md"], None, ["b.md", "a.md"]),
    ],
)
def test_the_main_file_comes_first_then_the_list(
    files: list[str | dict[str, str]], main: str | None, order: list[str], read: Callable[[bytes], Package]
) -> None:
    names = [file["path"] if isinstance(file, dict) else file for file in files]
    contents: dict[str, bytes | str] = {name: f"text of {name}" for name in names if name != "prpm.json"}
    package = read(archive(files_of(contents, files=files, main=main)))
    assert [(file.path, file.content) for file in package.files] == [(name, f"text of {name}") for name in order]


def test_texts_stay_as_they_are_but_for_a_byte_order_mark(read: Callable[[bytes], Package]) -> None:
    package = read(archive(files_of({"SKILL.md": b"\xef\xbb\xbf# T\r\n\ttext  \r\n"})))
    assert package.files[0].content == "# T\r\n\ttext  \r\n"


@pytest.mark.parametrize(
    "name", ["LICENSE", "licence", "LICENSE.md", "License.txt", "COPYING", "UNLICENSE", "LICENSE-MIT"]
)
def test_a_licence_never_makes_a_prompt(name: str) -> None:
    assert not is_prompt_file(f"docs/{name}")


@pytest.mark.parametrize(
    "name", ["license-checker.md", "licensing.md", "copying-files.md", "README", ".cursorrules", "A.MD"]
)
def test_what_only_sounds_like_a_licence_does(name: str) -> None:
    assert is_prompt_file(f"docs/{name}")


def test_what_is_no_file_is_refused_unopened(tmp_path: Path) -> None:
    # Opening a pipe nobody writes to would wait for ever.
    os.mkfifo(tmp_path / "package.tar.gz")
    with pytest.raises(PackageRefused, match="not a regular file"):
        read_package(tmp_path / "package.tar.gz")
