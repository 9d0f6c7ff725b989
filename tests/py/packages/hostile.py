"""Every archive that must not come in, and the words by which the refusal says why."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

from scripts.packages.limits import LIMITS
from tests.py.packages.archives import archive, entry, files_of, good_entries, header, manifest, pax, raw

MB = 1024 * 1024


def with_entry(*parts: bytes) -> bytes:
    """A good package and something else after it."""
    return raw(good_entries(), *parts)


def with_manifest(text: str | bytes) -> bytes:
    return archive({"prpm.json": text, "SKILL.md": "Say hello."})


def with_fields(**changed: Any) -> bytes:
    return archive(files_of(**changed))


def extra_field(json_text: str) -> bytes:
    """A good manifest with one more field, written as it stands."""
    return with_manifest(json.dumps(manifest())[:-1] + ', "more": ' + json_text + "}")


def paths() -> Iterator[tuple[str, bytes, str]]:
    yield "absolute path", with_entry(entry("/etc/passwd")), "absolute path"
    yield "absolute path of another system", with_entry(entry("C:/boot.ini")), "absolute path"
    yield "backslashes", with_entry(entry("..\\up.md")), "backslash"
    yield "dots up", with_entry(entry("../up.md")), "'..'"
    yield "dots up inside", with_entry(entry("a/../../up.md")), "'..'"
    yield "dots up by prefix", with_entry(header(b"up.md", prefix=b"../..")), "'..'"
    yield "dots up by pax", with_entry(pax(path="../../up.md"), entry("ok.md")), "'..'"
    yield "dots up in a folder", with_entry(entry("../up/", kind=b"5")), "'..'"
    yield "dots up in the list", with_fields(files=["../SKILL.md"]), "'..'"
    yield "absolute in the list", with_fields(files=["/SKILL.md"]), "absolute path"
    yield "dots up by long name", with_entry(entry("L", b"../" * 40 + b"up.md\0", b"L"), entry("ok.md")), "'..'"
    yield "path of bad UTF-8", with_entry(entry(b"\xff\xfe.md")), "not UTF-8"
    yield "line end in a path", with_entry(pax(path="a\nb.md"), entry("ok.md")), "control characters"
    yield "escape in a path", with_entry(entry("\x1b[2Jb.md")), "control characters"
    yield "turned writing in a path", with_entry(entry("a\u202edm.exe")), "control characters"
    yield "long path", with_entry(pax(path="a" * 600), entry("ok.md")), "longer than 512"
    yield "deep path", with_entry(entry("a/" * 40 + "b.md")), "more than 32 parts"
    yield "no name", with_entry(entry(".")), "without a name"
    yield "the same twice", with_entry(entry("SKILL.md", "Say no.")), "is there twice"
    yield "the same in other dots", with_entry(entry("./a//b.md"), entry("a/./b.md")), "is there twice"
    yield "two manifests", with_entry(entry("prpm.json", "{}")), "is there twice"
    yield "another case", with_entry(entry("skill.MD", "Say no.")), "only in case"
    yield "another spelling", with_entry(entry("caf\u00e9.md"), entry("cafe\u0301.md")), "only in case or spelling"
    yield "manifest in another case", with_entry(entry("PRPM.json", "{}")), "only in case"
    yield "file and folder", with_entry(entry("SKILL.md/more.md")), "a file and a folder"
    yield "folder of a file's name", with_entry(entry("skill.md/", kind=b"5")), "a file and a folder"


def kinds() -> Iterator[tuple[str, bytes, str]]:
    for kind, words in (
        (b"1", "hard link"),
        (b"2", "symbolic link"),
        (b"3", "character device"),
        (b"4", "block device"),
        (b"6", "named pipe"),
        (b"S", "sparse file"),
        (b"K", "link with a long name"),
        (b"Z", "unknown kind"),
    ):
        yield words, with_entry(entry("x.md", kind=kind)), words
    yield "folder with content", with_entry(entry("x/", "text", kind=b"5")), "has content"
    yield "size by pax", with_entry(pax(size="1"), entry("x.md")), "changes 'size'"
    yield "link by pax", with_entry(pax(linkpath="/etc"), entry("x.md")), "changes 'linkpath'"
    yield "sparse by pax", with_entry(pax(GNU__sparse__major="1"), entry("x.md")), "changes 'GNU.sparse.major'"
    yield "two pax headers", with_entry(pax(path="a"), pax(path="b"), entry("x.md")), "two extension headers"
    yield "damaged pax", with_entry(entry("p", b"999 path=x\n", b"x"), entry("x.md")), "damaged pax"
    yield "path for all by pax", with_entry(pax(kind=b"g", path="b.md"), entry("x.md")), "changes 'path'"


def sizes() -> Iterator[tuple[str, bytes, str]]:
    many = b"".join(entry(f"{number}.md") for number in range(LIMITS.entries))
    yield "1,001 entries", with_entry(many), "more than 1000 entries"
    yield "100,000 entries", raw(*(header(b"%d.md" % number) for number in range(100_000))), "more than 1000 entries"
    yield "100,000 folders", raw(*(header(b"%d/" % number, kind=b"5") for number in range(100_000))), "1000 entries"
    yield "large file", with_entry(entry("x.bin", bytes(LIMITS.file_octets + 1))), "larger than 1048576"
    yield "bomb of one file", with_entry(header(b"x.bin", 2**32), bytes(100 * MB)), "larger than 1048576"
    nine = b"".join(entry(f"{number}.bin", bytes(LIMITS.file_octets)) for number in range(9))
    yield "bomb of many files", with_entry(nine), "more than 8388608"
    yield "bomb after the end", raw(good_entries(), end=bytes(50 * MB)), "more than 8388608"
    yield "bomb in a pax header", with_entry(header(b"p", 2**31, b"x"), bytes(50 * MB)), "extension header of more"
    yield "bomb in a gzip of gzips", gzip.compress(gzip.compress(bytes(50 * MB))), "not a tar archive"
    yield "large archive", bytes(LIMITS.archive_octets + 1), "archive is larger"
    yield "size below zero", with_entry(header(b"x.md", size_field=b"-0000000001\0")), "unreadable size"
    yield "binary size", with_entry(header(b"x.md", size_field=b"\xff" * 12)), "unreadable size"
    yield "large manifest", extra_field('"' + "x" * 300_000 + '"'), "larger than 262144"
    listed = [f"{number}.md" for number in range(2)]
    big = dict.fromkeys(listed, "x" * (LIMITS.file_octets - 10))
    yield "large prompt", archive(files_of(big, files=listed)), "prompt is larger"


def damages() -> Iterator[tuple[str, bytes, str]]:
    good = archive(files_of())
    plain = gzip.decompress(good)
    yield "nothing", b"", "cut short"
    yield "no archive", b"Say hello.", "middle of a header"
    yield "random octets", bytes(range(256)) * 8, "not a tar archive"
    yield "half a gzip", good[: len(good) // 2], "gzip"
    yield "gzip with a wrong sum", good[:-8] + bytes(8), "gzip"
    yield "something after the gzip", good + b"more", "gzip"
    yield "half a tar", gzip.compress(plain[: 2 * 512]), "no end mark"
    yield "half a header", gzip.compress(plain[:300]), "middle of a header"
    yield "broken header in the middle", with_entry(b"\1" + entry("x.md")[1:]), "damaged header"
    yield "no end mark", raw(good_entries(), end=b""), "no end mark"
    yield "something after the end", raw(good_entries(), bytes(1024), b"more".ljust(512, b"\0")), "follows the end"
    yield "extension without a file", with_entry(pax(path="x.md")), "damaged header"
    yield "only an end", raw(), "no prpm.json"


def manifests() -> Iterator[tuple[str, bytes, str]]:
    yield "no manifest", archive({"SKILL.md": "Say hello."}), "no prpm.json"
    yield "manifest too deep", archive({"a/b/prpm.json": "{}", "a/b/SKILL.md": "x"}), "no prpm.json"
    yield "manifest of bad UTF-8", with_manifest(b'{"name": "\xff"}'), "prpm.json is not UTF-8"
    yield "manifest in UTF-16", with_manifest("{}".encode("utf-16")), "not UTF-8"
    yield "no JSON", with_manifest("{'name': 1}"), "not JSON"
    yield "open string", with_manifest('{"name": "' + '\\"' * 100_000), "not JSON"
    yield "list", with_manifest("[]"), "not a JSON object"
    yield "null", with_manifest("null"), "not a JSON object"
    yield "doubled key", with_manifest('{"name": "a", "name": "b"}'), "'name' twice"
    yield "doubled key below", extra_field('{"a": 1, "a": 2}'), "'a' twice"
    yield "many keys, one doubled", with_manifest("{" + '"a":1,' * 30_000 + '"b":2}'), "twice"
    yield "depth", extra_field("[" * 100_000 + "]" * 100_000), "nests deeper"
    yield "depth of objects", extra_field('{"a":' * 20_000 + "1" + "}" * 20_000), "nests deeper"
    yield "NaN", extra_field("NaN"), "NaN"
    yield "Infinity", extra_field("-Infinity"), "Infinity"
    yield "number without bounds", extra_field("1e999"), "without bounds"
    yield "5,000 digits", extra_field("9" * 5_000), "digits"
    yield "NUL in a string", extra_field('"a\\u0000b"'), "NUL"
    yield "NUL in a key", extra_field('{"a\\u0000b": 1}'), "NUL"
    yield "half a character", extra_field('"\\ud800"'), "surrogate"


def fields() -> Iterator[tuple[str, bytes, str]]:
    for name in (None, 7, "", "Greeter", "@tests/", "@/greeter", "a b", "../x", ".hidden", "@a/b/c", "x" * 215, "a\n"):
        yield f"name {name!r:.20}", with_fields(name=name), "name"
    for version in (None, 1, "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0-a..b", "1.0.0\n"):
        yield f"version {version!r}", with_fields(version=version), "version"
    yield "long version", with_fields(version="1.0." + "9" * 300), "version is longer"
    yield "description of another type", with_fields(description=["x"]), "description is not a string"
    yield "long description", with_fields(description="x" * 2_001), "description is longer"
    yield "control characters", with_fields(description="a\x1b[2J"), "description holds control"
    yield "no format", with_fields(format=None), "format is missing"
    yield "format of two words", with_fields(format="a b"), "not one lower case word"
    yield "subtype of another type", with_fields(subtype={}), "subtype is missing or not a string"
    yield "tags", with_fields(tags="a,b"), "tags is not a list"
    yield "tags of numbers", with_fields(tags=[1]), "tags holds"
    yield "author", with_fields(author=3), "author is not a string"
    yield "author in parts", with_fields(author={"name": ["x"]}), "author holds something else"
    yield "licence", with_fields(license=["MIT"]), "license is not a string"


def listed_files() -> Iterator[tuple[str, bytes, str]]:
    yield "no list of files", with_fields(files=None), "files is missing"
    yield "list of another type", with_fields(files="SKILL.md"), "not a list"
    yield "empty list", with_fields(files=[]), "no file that makes a prompt"
    yield "number as a file", with_fields(files=[1]), "no path"
    yield "object without a path", with_fields(files=[{"name": "SKILL.md"}]), "no path"
    yield "empty path", with_fields(files=["./"]), "empty path"
    yield "listed twice", with_fields(files=["SKILL.md", "./SKILL.md"]), "twice"
    yield "501 files", with_fields(files=[f"{number}.md" for number in range(501)]), "more than 500"
    yield "missing file", with_fields(files=["SKILL.md", "MORE.md"]), "'MORE.md' is not in the archive"
    yield "missing by case", with_fields(files=["skill.md"]), "not in the archive"
    yield "missing main", with_fields(main="MAIN.md"), "main 'MAIN.md' is not among"
    yield (
        "main that is no prompt",
        archive(files_of({"a.js": "1", "b.md": "b"}, files=["a.js", "b.md"], main="a.js")),
        "main",
    )
    only = {"LICENSE": "Do.", "LICENCE.md": "Do.", "code.py": "1", "COPYING": "Do."}
    yield "no prompt file", archive(files_of(only, files=[*only, "prpm.json"])), "no file that makes a prompt"
    yield "empty prompt", archive(files_of({"SKILL.md": " \n\t"})), "prompt is empty"
    yield "prompt of bad UTF-8", archive(files_of({"SKILL.md": b"\xc3\x28"})), "'SKILL.md' is not UTF-8"
    yield "prompt of half characters", archive(files_of({"SKILL.md": b"\xed\xa0\x80"})), "not UTF-8"
    yield "NUL in the prompt", archive(files_of({"SKILL.md": b"a\0b"})), "NUL"


GROUPS = (paths, kinds, sizes, damages, manifests, fields, listed_files)
