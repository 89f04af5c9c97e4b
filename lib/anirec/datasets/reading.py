"""Raw files as plain UTF-8 text, whatever they are packed or encoded in."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, is_zipfile

import numpy as np

from anirec.config import InputError

BLOCK_SIZE = 1 << 22
_LF, _CR = ord("\n"), ord("\r")


@dataclass(frozen=True)
class RawPath:
    """Where a raw file lies: on its own, packed as .gz, or as a member of a .zip archive."""

    file: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """The raw file's own name, whatever it is packed in."""
        return Path(self.member).name if self.member else self.file.name.removesuffix(".gz")


@dataclass(frozen=True)
class Text:
    """A raw file as text.

    Attributes
    ----------
    file : UTF-8 (or what claims to be); the raw file itself where it is neither packed nor UTF-16.
    sha256 : of the raw file, packed or not.
    n_lines : number of lines, the header among them.
    line_end : the line end if the text is plain: valid UTF-8 without NUL, with one kind of line
        end and no stray carriage return. None otherwise.
    truncated : whether the packed file ends before its time.
    open_end : whether the last line has no line end.
    """

    file: Path
    sha256: str
    n_lines: int
    line_end: str | None
    truncated: bool
    open_end: bool


def raw_path(folder: Path, *names: str) -> RawPath | None:
    """Return where the first raw file of ``names`` is in a folder; None if none is there.

    It may lie there as it is, as ``name.gz``, or in a .zip archive of any name.
    """
    return next(filter(None, (_path_of(folder, name) for name in names)), None)


def _path_of(folder: Path, name: str) -> RawPath | None:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.is_file():
            return RawPath(file)
    archives = sorted(folder.glob("*.zip"), key=lambda file: (file.stem != name, file.name))
    for archive in archives:
        for member in _members(archive):
            if Path(member).name == name:
                return RawPath(archive, member)
    return None


def _members(archive: Path) -> list[str]:
    """Return the names of the files in a .zip archive; one that is broken has none."""
    if not is_zipfile(archive):
        return []
    with ZipFile(archive) as packed:
        return packed.namelist()


def broken_archives(folder: Path) -> list[Path]:
    """Return the .zip files of a folder that cannot be opened: cut-off downloads, as a rule."""
    return [file for file in sorted(folder.glob("*.zip")) if not is_zipfile(file)]


def header_bytes(raw: RawPath) -> bytes:
    """Return the first block of a raw file's text, in which its header is."""
    with _opened(raw) as stream:
        return next(_Blocks(stream).decoded(), b"")


def as_text(raw: RawPath, scratch: Path) -> Text:
    """Read a raw file once, unpacking and recoding it into ``scratch`` where it needs to be.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    facts = _Facts()
    with _opened(raw) as stream, ExitStack() as stack:
        blocks = _Blocks(stream)
        decoded = blocks.decoded()
        first = next(decoded, b"")
        packed = raw.member is not None or raw.file.suffix == ".gz"
        as_it_is = not packed and blocks.encoding is None
        digest = hashlib.sha256(blocks.mark)
        out = None if as_it_is else stack.enter_context(scratch.open("wb"))
        for block in chain([first], decoded):
            facts.add(block)
            if out:
                out.write(block)
            else:
                digest.update(block)
    if not as_it_is:
        with raw.file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    file = raw.file if as_it_is else scratch
    return Text(
        file=file,
        sha256=digest.hexdigest(),
        n_lines=facts.n_lines,
        line_end=facts.line_end(),
        truncated=blocks.truncated,
        open_end=facts.open_end,
    )


class _Facts:
    """What a text is made of, learned block by block."""

    def __init__(self) -> None:
        self._n_lf = self._n_cr = self._n_crlf = 0
        self._plain = True
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._last = b""

    def add(self, block: bytes) -> None:
        values = np.frombuffer(block, np.uint8)
        self._n_lf += int(np.count_nonzero(values == _LF))
        if b"\r" in block:
            self._n_cr += int(np.count_nonzero(values == _CR))
            self._n_crlf += block.count(b"\r\n")
        self._n_crlf += self._last == b"\r" and block[:1] == b"\n"
        self._last = block[-1:]
        if self._plain:
            self._plain = b"\0" not in block and self._is_utf_8(block)

    def _is_utf_8(self, block: bytes) -> bool:
        if block.isascii() and not self._decoder.getstate()[0]:
            return True
        try:
            self._decoder.decode(block)
        except UnicodeDecodeError:
            return False
        return True

    @property
    def open_end(self) -> bool:
        return self._last not in (b"", b"\n", b"\r")

    @property
    def n_lines(self) -> int:
        lone_cr = self._n_cr - self._n_crlf
        return self._n_lf + lone_cr + self.open_end

    def line_end(self) -> str | None:
        if not self._plain or self._decoder.getstate()[0]:
            return None
        if self._n_cr == 0:
            return "\n"
        return "\r\n" if self._n_cr == self._n_crlf == self._n_lf else None


class _Blocks:
    """A stream of bytes in blocks, without byte order mark, recoded to UTF-8 from UTF-16."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.encoding: str | None = None
        self.mark = b""
        self.truncated = False

    def decoded(self) -> Iterator[bytes]:
        block = self._read()
        self.mark, self.encoding = _encoding(block)
        block = block.removeprefix(self.mark)
        if self.encoding is None:
            while block:
                yield block
                block = self._read()
            return
        decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        while block:
            yield decoder.decode(block).encode("utf-8", "replace")
            block = self._read()
        if rest := decoder.decode(b"", final=True):
            yield rest.encode()

    def _read(self) -> bytes:
        """Return the next block; what a broken archive still gives, and then nothing."""
        parts: list[bytes] = []
        size = 0
        try:
            while size < BLOCK_SIZE and not self.truncated:
                part = self._stream.read1(BLOCK_SIZE - size)
                if not part:
                    break
                parts.append(part)
                size += len(part)
        except (EOFError, zlib.error, BadZipFile, gzip.BadGzipFile):
            self.truncated = True
        return b"".join(parts)


def _encoding(start: bytes) -> tuple[bytes, str | None]:
    """Return the byte order mark of a text and its encoding, None for UTF-8."""
    if start.startswith(codecs.BOM_UTF8):
        return codecs.BOM_UTF8, None
    if start.startswith(codecs.BOM_UTF16_LE):
        return codecs.BOM_UTF16_LE, "utf-16-le"
    if start.startswith(codecs.BOM_UTF16_BE):
        return codecs.BOM_UTF16_BE, "utf-16-be"
    if start[1:8:2] == b"\0\0\0\0" and b"\0" not in start[0:8:2]:
        return b"", "utf-16-le"
    if start[0:8:2] == b"\0\0\0\0" and b"\0" not in start[1:8:2]:
        return b"", "utf-16-be"
    return b"", None


@contextmanager
def _opened(raw: RawPath) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        try:
            if raw.member is not None:
                archive = stack.enter_context(ZipFile(raw.file))
                stream = stack.enter_context(archive.open(raw.member))
            elif raw.file.suffix == ".gz":
                stream = stack.enter_context(gzip.open(raw.file))
            else:
                stream = stack.enter_context(raw.file.open("rb"))
        except (BadZipFile, RuntimeError, NotImplementedError) as error:
            raise InputError(f"{raw.file} cannot be unpacked ({error})") from None
        except PermissionError:
            raise InputError(f"{raw.file} cannot be read: allow yourself to read it") from None
        yield stream


def lines_at(file: Path, numbers: np.ndarray) -> Iterator[bytes]:
    """Yield the lines of a file with the given numbers, ascending and counted from 0.

    Lines end in ``\\n``, which is not part of what is yielded.
    """
    wanted = iter(numbers.tolist())
    number = next(wanted, None)
    seen = 0
    with file.open("rb") as stream:
        while number is not None:
            block = stream.read(BLOCK_SIZE) + stream.readline()
            if not block:
                return
            n = int(np.count_nonzero(np.frombuffer(block, np.uint8) == _LF))
            n += not block.endswith(b"\n")
            if number < seen + n:
                lines = block.split(b"\n")
                while number is not None and number < seen + n:
                    yield lines[number - seen]
                    number = next(wanted, None)
            seen += n
