"""Archives built for the tests: good ones by the standard library, bad ones header by header."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

BLOCK = 512
END = bytes(2 * BLOCK)


def manifest(**changed: Any) -> dict[str, Any]:
    """A good manifest; fields that are given replace its own, those given as None are left out."""
    fields = {
        "name": "@tests/greeter",
        "version": "1.0.0",
        "description": "Greets",
        "format": "claude",
        "subtype": "skill",
        "files": ["SKILL.md"],
    } | changed
    return {name: value for name, value in fields.items() if value is not None}


def files_of(contents: Mapping[str, bytes | str] | None = None, **changed: Any) -> dict[str, bytes | str]:
    """The files of a package whose manifest is `manifest(**changed)`."""
    own: dict[str, bytes | str] = {"prpm.json": json.dumps(manifest(**changed))}
    return own | dict(contents or {"SKILL.md": "# Greeter\nSay hello.\n"})


def archive(files: Mapping[str, bytes | str], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """A gzipped tar as an ordinary archiver writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tar_format) as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def header(
    name: bytes, size: int = 0, kind: bytes = b"0", prefix: bytes = b"", size_field: bytes | None = None
) -> bytes:
    """One tar header, its sum right."""
    block = bytearray(BLOCK)
    block[0:100] = name.ljust(100, b"\0")
    block[100:108] = b"0000644\0"
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[345:500] = prefix.ljust(155, b"\0")
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def entry(name: bytes | str, content: bytes | str = b"", kind: bytes = b"0") -> bytes:
    """One entry, header and padded content."""
    name = name.encode() if isinstance(name, str) else name
    data = content.encode() if isinstance(content, str) else content
    return header(name, len(data), kind) + data + bytes(-len(data) % BLOCK)


def pax(kind: bytes = b"x", **records: str) -> bytes:
    """An extension header for the next entry; a dot in a key is written as two underscores."""
    data = b""
    for key, value in records.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        data += str(length).encode() + body
    return entry("PaxHeader", data, kind)


def good_entries(**changed: Any) -> bytes:
    """The entries of a good package, without an end mark."""
    return b"".join(entry(name, content) for name, content in files_of(**changed).items())


def raw(*parts: bytes, end: bytes = END) -> bytes:
    """A gzipped tar of exactly these blocks."""
    return gzip.compress(b"".join(parts) + end, compresslevel=1)
