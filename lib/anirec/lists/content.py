"""From the bytes of a file to its text: packed files, encodings, limits."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
import zlib

from anirec.config import InputError

MAX_TEXT = 48 * 2**20
"""Bytes of a list's content, at most: twenty thousand entries of an export in UTF-8 take 30 MB."""

MAX_UPLOAD = MAX_TEXT
"""Bytes of a file to import, at most: a list fits whether it is packed or not."""

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
MOST_LAYERS = 2
"""How often a file may be packed: a .gz in a .zip."""

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,30})["']""", re.I)
_HIGH_RUNS = re.compile(rb"[\xc0-\xff]+")


def text_of(content: bytes) -> str:
    """Return the text of a list's file, unpacked and decoded, without a byte order mark.

    Raises
    ------
    InputError
        If it is too large, damaged, or holds several files or none.
    """
    if len(content) > MAX_UPLOAD:
        raise InputError(f"the file is larger than {MAX_UPLOAD >> 20} MB: no list is")
    for _ in range(MOST_LAYERS):
        if content.startswith(GZIP):
            content = _gunzipped(content)
        elif content.startswith((ZIP, EMPTY_ZIP)):
            content = _unzipped(content)
    if content.startswith((GZIP, ZIP)):
        raise InputError("the file is packed more than twice: unpack it")
    return _decoded(content).lstrip("\ufeff").strip("\0")


def _gunzipped(content: bytes) -> bytes:
    """Return what is gzipped, stopping as soon as it is too much."""
    parts: list[bytes] = []
    room = MAX_TEXT + 1
    while content.startswith(GZIP):
        unpacking = zlib.decompressobj(wbits=31)
        try:
            parts.append(unpacking.decompress(content, room))
        except zlib.error:
            raise InputError("the .gz file is damaged: download it again") from None
        room -= len(parts[-1])
        if room <= 0:
            raise InputError(f"the .gz file holds more than {MAX_TEXT >> 20} MB: no list does")
        if not unpacking.eof:
            raise InputError("the .gz file is cut off: download it again")
        content = unpacking.unused_data
    return b"".join(parts)


def _unzipped(content: bytes) -> bytes:
    """Return the one file that a .zip holds, stopping as soon as it is too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = [
                entry
                for entry in archive.infolist()
                if not entry.is_dir()
                and not entry.filename.startswith("__MACOSX/")
                and not entry.filename.rpartition("/")[2].startswith(".")
            ]
            if not held:
                raise InputError("the .zip file is empty: choose the list you exported")
            if len(held) > 1:
                raise InputError(f"the .zip file holds {len(held)} files: choose one of them")
            if held[0].flag_bits & 1:
                raise InputError("the .zip file has a password: unpack it")
            with archive.open(held[0]) as stream:
                unpacked = stream.read(MAX_TEXT + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError):
        raise InputError("the .zip file is damaged: download it again") from None
    if len(unpacked) > MAX_TEXT:
        raise InputError(f"the .zip file holds more than {MAX_TEXT >> 20} MB: no list does")
    return unpacked


def _decoded(content: bytes) -> str:
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    head = content[:400]
    if len(head) >= 4 and head.count(0) > len(head) / 4 and b"\0\0\0" not in head[:40]:
        return content.decode("utf-16-le" if head[1] == 0 else "utf-16-be", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(head)
    if declared:
        try:
            name = codecs.lookup(declared[1].decode("ascii")).name
            if not name.startswith(("utf-8", "utf-16", "utf-32")):
                return content.decode(name, errors="replace")
        except (LookupError, ValueError):
            pass
    text = content.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    if sum(c > "\x7f" for c in text) - damaged >= damaged:
        return text  # UTF-8 with a few bad bytes
    return content.decode(_code_page(content), errors="replace")


def _code_page(content: bytes) -> str:
    """Return which of the code pages that Windows uses a text is most likely in."""
    try:
        japanese = content.decode("cp932")
    except UnicodeDecodeError:
        japanese = ""
    kana = sum("\u3040" <= c <= "\u30ff" for c in japanese)
    if japanese and kana >= 2 and kana * 4 >= sum(c > "\x7f" for c in japanese):
        return "cp932"
    runs = [len(run) for run in _HIGH_RUNS.findall(content)]
    # Cyrillic words are high bytes throughout; in Western ones a high byte stands alone.
    return "cp1251" if runs and sum(runs) / len(runs) >= 3 else "cp1252"
