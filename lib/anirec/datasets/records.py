"""Records of a CSV file, however damaged, and an exact account of what is none.

A file is read in blocks. The good records go on, as UTF-8 with ``\\n`` line ends, to a stream that
any CSV reader can take; of each stretch that is no record is kept where it was and why.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from anirec.datasets.reading import BLOCK_SIZE

LOOKAHEAD = 1 << 20
"""Bytes that are searched for the end of a record, and for the next one after a bad one."""

MANY_BAD = 50_000
"""Bad stretches after which a file may be given up."""

_QUOTED = rb'"(?:[^"]++|"")*+"'
_QUOTED_IN_LINE = rb'"(?:[^"\r\n\0]++|"")*+"'
_BARE = rb'(?:[^",\r\n][^,"\r\n]*+)?+'
_BARE_IN_LINE = rb'(?:[^",\r\n\0][^,"\r\n\0]*+)?+'
_BARE_WITH_QUOTES = rb'(?:[^",\r\n][^,\r\n]*+)?+'
_KEY = rb'(?:[ \t]*+\d++(?:\.0++)?[ \t]*+|"\d++(?:\.0++)?")'
_LINE_END = rb"(?:\r\n|\n|\r)"
_LINE_ENDS = re.compile(_LINE_END)


@dataclass(frozen=True)
class Bad:
    """A stretch that is no record: its first physical line, record number, bytes and hash."""

    line: int
    record: int
    reason: str
    offset: int
    length: int
    sha256: str


@dataclass
class Account:
    """What became of a file's records. Lines and records are counted from 1, the header's.

    Attributes
    ----------
    good : number of records passed on.
    bad : the stretches that are none.
    repaired : reason -> indexes (among the good ones, from 0) of the records it was done to.
    starts, lines, records : the good records from index ``starts[i]`` on are at lines
        ``lines[i]``, ``lines[i] + 1``, ... and have the numbers ``records[i]``, ...
    """

    good: int = 0
    bad: list[Bad] = field(default_factory=list)
    repaired: dict[str, list[int]] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    records: list[int] = field(default_factory=list)

    @classmethod
    def of_lines(cls, n: int) -> Account:
        """Return the account of a file of ``n`` records of one line each, none of them bad."""
        return cls(good=n, starts=[0], lines=[2], records=[2])

    @property
    def last_record(self) -> int:
        """The number of the last good record; 0 if there is none."""
        return self.place(self.good - 1)[1] if self.good else 0

    def place(self, index: int) -> tuple[int, int]:
        """Return physical line and record number of the good record ``index``."""
        run = bisect_right(self.starts, index) - 1
        past = index - self.starts[run]
        return self.lines[run] + past, self.records[run] + past


class TooManyBad(Exception):
    """So much of a file is no record that the rest is not worth reading."""

    def __init__(self, account: Account) -> None:
        super().__init__(f"{len(account.bad)} bad records")
        self.account = account


class Splitter:
    """Splits text into records of ``width`` fields, of which those at ``keys`` are numbers.

    With ``in_line``, line breaks inside fields become blanks, so that a record is a line. A file of
    which ten times ``max_bad_fraction`` is no record is given up early.
    """

    def __init__(
        self,
        width: int,
        keys: Sequence[int],
        out: BinaryIO,
        in_line: bool = False,
        max_bad_fraction: float = 1.0,
    ) -> None:
        self.account = Account()
        self._in_line = in_line
        self._max_bad_fraction = max_bad_fraction
        self._out = out
        self._line, self._record, self._offset = 1, 1, 0

        def record(quoted: bytes, bare: bytes, key: bytes | None = None) -> bytes:
            any_field = b"(?:" + quoted + b"|" + bare + b")"
            return b",".join(key if key and i in keys else any_field for i in range(width))

        self._run = re.compile(b"(?:" + record(_QUOTED_IN_LINE, _BARE_IN_LINE) + _LINE_END + b")*+")
        end = b"(?:" + _LINE_END + rb"|\Z)"
        self._one = re.compile(record(_QUOTED, _BARE) + end)
        self._keyed = re.compile(record(_QUOTED, _BARE, _KEY) + end)
        self._loose = re.compile(record(_QUOTED_IN_LINE, _BARE_WITH_QUOTES) + end)
        one = b"(?:" + _QUOTED + b"|" + _BARE + b")"
        self._any = re.compile(one + b"(?:," + one + b")*+" + end)

    def skip(self, data: bytes) -> None:
        """Count the header, which lies before what `feed` is given."""
        self._advance(data, records=1)

    def feed(self, data: bytes, last: bool) -> int:
        """Pass on the records at the start of ``data``; return how many bytes were dealt with."""
        at = 0
        while at < len(data):
            end = self._run.match(data, at).end()
            if end > at:
                self._pass_on_run(data[at:end])
                at = end
            if at == len(data) or (not last and len(data) - at < LOOKAHEAD):
                break
            at = self._pass_on_one(data, at, last)
        n_bad = len(self.account.bad)
        if n_bad > MANY_BAD and n_bad > 10 * self._max_bad_fraction * (n_bad + self.account.good):
            raise TooManyBad(self.account)
        return at

    def _pass_on_run(self, run: bytes) -> None:
        """Pass on records of one line each."""
        try:
            run.decode()
        except UnicodeDecodeError:
            for line in run.splitlines(keepends=True):
                self._pass_on(line, line)
            return
        text = _unix(run)
        n = text.count(b"\n")
        self._mark_run()
        self._out.write(text)
        self.account.good += n
        self._advance(run, records=n)

    def _pass_on_one(self, data: bytes, at: int, last: bool) -> int:
        """Pass on, or put on record as bad, what begins at ``at``; return where it ends."""
        line_end = _LINE_ENDS.search(data, at)
        next_line = line_end.end() if line_end else len(data)
        line = data[at:next_line]
        if not line.strip(b" \t\r\n\0"):
            self._reject(line, "NUL bytes only" if b"\0" in line else "blank line")
            return next_line
        match = self._one.match(data, at)
        if match and not self._next_keyed(data, next_line, match.end()):
            self._pass_on(match[0], match[0])
            return match.end()
        match = self._loose.match(data, at)
        if match:
            self._pass_on(match[0], _requoted(match[0]))
            return match.end()
        end, reason = self._bad_extent(data, at, next_line, last)
        self._reject(data[at:end], reason)
        return end

    def _bad_extent(self, data: bytes, at: int, next_line: int, last: bool) -> tuple[int, str]:
        """Return where the bad stretch that begins at ``at`` ends, and what is wrong with it."""
        cut_off = last and data[-1:] not in (b"\n", b"\r")
        if data.count(b'"', at, next_line) % 2:
            match = self._any.match(data, at)
            limit = match.end() if match else len(data)
            keyed = self._next_keyed(data, next_line, limit)
            if keyed:
                return keyed, "unclosed quotation mark"
            if not match:
                cut = cut_off and limit == len(data)
                return limit, "cut off at the end of the file" if cut else "unclosed quotation mark"
            next_line = limit
        if cut_off and next_line == len(data):
            return next_line, "cut off at the end of the file"
        if self._any.match(data, at, next_line):
            return next_line, "wrong number of fields"
        return next_line, "misplaced quotation mark"

    def _next_keyed(self, data: bytes, at: int, limit: int) -> int | None:
        """Return the first line start in ``[at, limit)`` where a whole record with keys begins."""
        while at < limit:
            if self._keyed.match(data, at):
                return at
            line_end = _LINE_ENDS.search(data, at, limit)
            if not line_end:
                return None
            at = line_end.end()
        return None

    def _pass_on(self, raw: bytes, record: bytes) -> None:
        index = self.account.good
        repairs = []
        if b"\0" in record:
            record = record.replace(b"\0", b"")
            repairs.append("NUL bytes removed")
        try:
            record.decode()
        except UnicodeDecodeError:
            record = record.decode("cp1252", errors="replace").encode()
            repairs.append("not UTF-8, read as Windows-1252")
        for reason in repairs:
            self.account.repaired.setdefault(reason, []).append(index)
        self._mark_run()
        record = _unix(record).removesuffix(b"\n")
        if self._in_line:
            record = record.replace(b"\n", b" ")
        self._out.write(record + b"\n")
        self.account.good += 1
        self._advance(raw, records=1)

    def _reject(self, stretch: bytes, reason: str) -> None:
        digest = hashlib.sha256(stretch).hexdigest()
        place = (self._line, self._record, reason, self._offset, len(stretch), digest)
        self.account.bad.append(Bad(*place))
        self._advance(stretch, records=1)

    def _mark_run(self) -> None:
        account = self.account
        here = (self._line, self._record)
        if not account.starts or account.place(account.good) != here:
            account.starts.append(account.good)
            account.lines.append(self._line)
            account.records.append(self._record)

    def _advance(self, raw: bytes, records: int) -> None:
        self._line += raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
        self._record += records
        self._offset += len(raw)


def _unix(data: bytes) -> bytes:
    if b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _requoted(line: bytes) -> bytes:
    """Return a record in which quotation marks inside bare fields are quoted as they should be."""
    text = line.decode("utf-8", errors="surrogateescape").rstrip("\r\n")
    fields = re.findall(r'(?:^|,)("(?:[^"]|"")*"(?=,|$)|[^,]*)', text)
    plain = (f[1:-1].replace('""', '"') if f[:1] == '"' else f for f in fields)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(plain)
    return out.getvalue().encode("utf-8", errors="surrogateescape")


def split(stream: BinaryIO, splitter: Splitter) -> Account:
    """Feed a whole file, whose first line is its header, to a splitter; return its account."""
    pending = stream.read(BLOCK_SIZE)
    mark = len(pending) - len(pending.removeprefix(codecs.BOM_UTF8))
    start = mark + header_of(pending[mark:])[1]
    splitter.skip(pending[:start])
    pending = pending[start:]
    while True:
        block = stream.read(BLOCK_SIZE)
        pending = pending[splitter.feed(pending, last=not block) :]
        if not block:
            return splitter.account
        pending += block


def header_of(data: bytes) -> tuple[list[str], int]:
    """Return the names in a file's first line, and how many bytes the line takes."""
    line_end = _LINE_ENDS.search(data)
    size = line_end.end() if line_end else len(data)
    text = data[:size].decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return [name.strip() for name in next(csv.reader([text]), [])], size
