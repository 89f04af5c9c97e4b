"""Raw files as blocks of UTF-8, whatever they are packed or encoded in."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

from anirec.config import InputError

BLOCK_SIZE = 1 << 23
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def located(folder: Path, name: str) -> Path | None:
    """Return the file ``name`` in a folder, plain or packed as .gz or .zip; None if absent."""
    for ending in ("", ".gz", ".zip"):
        file = folder / f"{name}{ending}"
        if file.is_file():
            return file
    return None


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a raw file for reading, unpacked.

    Raises
    ------
    InputError
        If it is a broken archive, or a .zip that does not hold exactly one .csv.
    """
    if file.suffix == ".gz":
        with gzip.open(file) as stream:
            yield stream
    elif file.suffix == ".zip":
        try:
            with ZipFile(file) as archive:
                inside = [name for name in archive.namelist() if name.endswith(".csv")]
                wanted = [name for name in inside if Path(name).name == file.stem] or inside
                if len(wanted) != 1:
                    raise InputError(f"{file} holds no {file.stem}: unpack it yourself")
                with archive.open(wanted[0]) as stream:
                    yield stream
        except BadZipFile:
            raise InputError(f"{file} is not a whole .zip file: download it again") from None
    else:
        with file.open("rb") as stream:
            yield stream


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the stream's content as UTF-8 without a byte order mark, block by block.

    UTF-16 is told by its byte order mark. A packed stream that ends too early just ends.
    """
    first = _read(stream)
    encoding = _UTF_16.get(first[:2])
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
    block = first[2:] if encoding else first.removeprefix(codecs.BOM_UTF8)
    while block:
        yield decoder.decode(block).encode() if decoder else block
        block = _read(stream)


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(BLOCK_SIZE)
    except (EOFError, zlib.error):
        return b""
