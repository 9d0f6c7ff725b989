"""A strict reader of tar streams, plain or gzipped: every entry of an archive, or a refusal.

Own lines instead of the standard library's reader, because that one repairs what should be refused: it takes a broken
header in the middle for the end, decodes bad names with escapes, lets a later entry of the same name win, and reads
extension headers of any size into memory.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from scripts.packages.limits import LIMITS, Limits, PackageRefused, shown

BLOCK = 512
GZIP_MAGIC = b"\x1f\x8b"
# Long enough for a pax record with the longest path we accept and what usual archivers add (times, owners).
EXTENSION_OCTETS = 64 * 1024
REFUSED_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"K": "a link with a long name",
    b"S": "a sparse file",
}


@dataclass(frozen=True)
class Entry:
    """One entry as the archive names it; a folder has no content."""

    path: str
    is_folder: bool
    content: bytes


class CountedStream:
    """Reads exactly what is asked for and stops when more was unpacked than the limit allows."""

    def __init__(self, source: BinaryIO | gzip.GzipFile, limit_octets: int) -> None:
        self._source = source
        self._limit_octets = limit_octets
        self._read_octets = 0

    def read(self, octets: int) -> bytes:
        """Up to `octets` octets, fewer only at the end. PackageRefused past the limit or when the gzip is damaged."""
        chunks: list[bytes] = []
        while octets > 0:
            try:
                chunk = self._source.read(min(octets, 64 * 1024))
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise PackageRefused("the archive is not a whole gzip stream") from error
            if not chunk:
                break
            self._read_octets += len(chunk)
            if self._read_octets > self._limit_octets:
                raise PackageRefused(f"unpacks to more than {self._limit_octets} octets")
            octets -= len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)

    def read_whole(self, octets: int) -> bytes:
        """Exactly `octets` octets and the padding to the next block."""
        padded = self.read(-(-octets // BLOCK) * BLOCK)
        if len(padded) < -(-octets // BLOCK) * BLOCK:
            raise PackageRefused("the archive ends in the middle of a file")
        return padded[:octets]


def read_entries(file: BinaryIO, limits: Limits = LIMITS) -> Iterator[Entry]:
    """Yield the entries of a tar or gzipped tar, in order. PackageRefused at the first thing that is not plain."""
    magic = file.read(2)
    file.seek(0)
    stream = CountedStream(gzip.GzipFile(fileobj=file) if magic == GZIP_MAGIC else file, limits.unpacked_octets)
    count = 0
    while (header := stream.read(BLOCK)) != bytes(BLOCK):
        count += 1
        if count > limits.entries:
            raise PackageRefused(f"more than {limits.entries} entries")
        yield _read_entry(stream, header, limits)
    while rest := stream.read(64 * 1024):
        if rest.strip(b"\0"):
            raise PackageRefused("something follows the end of the archive")


def _read_entry(stream: CountedStream, header: bytes, limits: Limits) -> Entry:
    """The entry that begins with this header; its extension headers (pax, GNU long names) come before it."""
    path: str | None = None
    seen: set[bytes] = set()
    while True:
        _check_header(header)
        kind, octets = header[156:157], _size(header)
        if kind not in (b"x", b"g", b"L"):
            break
        if kind in seen:
            raise PackageRefused("two extension headers of one kind before an entry")
        seen.add(kind)
        if octets > EXTENSION_OCTETS:
            raise PackageRefused(f"an extension header of more than {EXTENSION_OCTETS} octets")
        extension = stream.read_whole(octets)
        if kind == b"L":
            path = _text(extension.rstrip(b"\0"))
        else:
            path = _pax_path(extension, is_global=kind == b"g") or path
        header = stream.read(BLOCK)
    path = path if path is not None else _header_path(header)
    if kind in REFUSED_KINDS:
        raise PackageRefused(f"{shown(path)} is {REFUSED_KINDS[kind]}")
    if kind == b"5" or (kind in (b"0", b"\0") and path.endswith("/")):
        if octets:
            raise PackageRefused(f"folder {shown(path)} has content")
        return Entry(path, True, b"")
    if kind not in (b"0", b"\0"):
        raise PackageRefused(f"{shown(path)} is of an unknown kind {shown(kind.decode('latin-1'))}")
    if octets > limits.file_octets:
        raise PackageRefused(f"{shown(path)} is larger than {limits.file_octets} octets")
    return Entry(path, False, stream.read_whole(octets))


def _check_header(header: bytes) -> None:
    if not header:
        raise PackageRefused("the archive has no end mark: it is cut short, or no tar archive")
    if len(header) < BLOCK:
        raise PackageRefused("the archive ends in the middle of a header")
    # The sum is taken with its own eight octets read as spaces.
    if _octal(header[148:156]) != sum(header) - sum(header[148:156]) + 8 * 0x20:
        raise PackageRefused("not a tar archive, or a damaged header")


def _size(header: bytes) -> int:
    octets = _octal(header[124:136])
    if octets is None:
        raise PackageRefused("a header with an unreadable size")
    return octets


def _octal(field: bytes) -> int | None:
    """The number of an octal field; None for anything else, the binary form of giant files included."""
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if not digits or digits.strip(b"01234567"):
        return None
    return int(digits, 8)


def _header_path(header: bytes) -> str:
    name = _text(header[0:100].split(b"\0", 1)[0])
    # GNU archives ("ustar  ") keep other things where POSIX ones keep the first part of a long path.
    prefix = _text(header[345:500].split(b"\0", 1)[0]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _pax_path(records: bytes, is_global: bool) -> str | None:
    """The path among pax records `<length> <key>=<value>\\n`; sizes and links told that way are refused."""
    path = None
    while records:
        length_text, _, _ = records.partition(b" ")
        if len(length_text) > 6 or not length_text.isdigit() or not 0 < int(length_text) <= len(records):
            raise PackageRefused("a damaged pax header")
        record, records = records[len(length_text) + 1 : int(length_text)], records[int(length_text) :]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise PackageRefused("a damaged pax header")
        if key in (b"size", b"linkpath") or key.startswith(b"GNU.sparse") or (is_global and key == b"path"):
            raise PackageRefused(f"a pax header that changes {shown(key.decode('latin-1'))}")
        if key == b"path":
            path = _text(value[:-1])
    return path


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PackageRefused(f"a path that is not UTF-8: {shown(name.decode('latin-1'))}") from error
