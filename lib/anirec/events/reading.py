"""Events read from files, folders and pipes: in batches, from where one stopped, bad lines told."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from anirec.config import InputError
from anirec.events.event import EVENT_KEYS, BadEvent, Event
from anirec.events.store import EventStore, SourcePlace

READ = 2**18
"""Bytes read at once: what is there, but no more, makes a batch."""

LONGEST = 2**20
"""Bytes of a line, at most."""

PIPE = "-"
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv")
"""Files of a folder that hold events."""


@dataclass
class Intake:
    """What became of the lines read: ``accepted``, ``repeated``, ``rejected``."""

    accepted: int = 0
    repeated: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        return (
            f"{self.accepted:,} events taken in, {self.repeated:,} known already, "
            f"{self.rejected:,} lines rejected"
        )


@dataclass
class Reader:
    """Takes events from sources into a store, a batch at a time, never more than a batch in memory.

    Attributes
    ----------
    store : where they go.
    told : called with the source, the line, and None once everything up to that line is on the
        disk, or the reason why that line was rejected.
    """

    store: EventStore
    told: Callable[[str, int, str | None], None]
    account: Intake = field(default_factory=Intake)

    def take(self, source: str) -> bool:
        """Take in what a file, a folder or the pipe (``-``) has to give; return whether there was
        anything. A pipe is read to what is there now.

        Raises
        ------
        InputError
            If the source is missing or is neither JSON lines nor CSV.
        """
        if source == PIPE:
            return self._take_pipe()
        return max((self._take_file(file) for file in files_of(source)), default=False)

    def take_rest(self, source: str) -> None:
        """Take in everything up to the end, a last line without an end included."""
        if source == PIPE:
            while not self.ended and self._take_pipe():
                pass
            return
        for file in files_of(source):
            self._take_file(file, to_the_end=True)

    ended: bool = False
    """Whether the pipe was closed by who writes to it."""

    _tail: bytes = b""
    _piped: SourcePlace = field(default_factory=SourcePlace)

    def _take_pipe(self) -> bool:
        data = os.read(sys.stdin.fileno(), READ)
        if not data:
            self.ended = True
            if self._tail:
                data = b"\n"
        data = self._tail + data
        whole, _, self._tail = data.rpartition(b"\n")
        if len(self._tail) > LONGEST:
            raise InputError(f"the pipe holds a line of over {LONGEST:,} bytes: no event has that")
        if data.endswith(b"\n") or whole:
            self._piped = self._keep(PIPE, whole + b"\n", self._piped, None)
        return not self.ended or bool(whole)

    def _take_file(self, file: Path, to_the_end: bool = False) -> bool:
        name = str(file.resolve())
        place = self.store.place(name)
        if file.stat().st_size < place.offset:  # written anew: what is known is repeated, no more
            place = SourcePlace()
        any_ = False
        with file.open("rb") as stream:
            stream.seek(place.offset)
            while data := stream.read(READ):
                whole, newline, rest = data.rpartition(b"\n")
                while not newline and (more := stream.read(READ)):
                    data += more
                    whole, newline, rest = data.rpartition(b"\n")
                    if len(rest) > LONGEST:
                        raise InputError(f"{file}: a line has over {LONGEST:,} bytes")
                if not newline and not to_the_end:
                    break
                lines = whole + newline if newline else rest
                place = self._keep(str(file), lines, place, name)
                stream.seek(place.offset)
                any_ = True
        return any_

    def _keep(self, shown: str, data: bytes, place: SourcePlace, name: str | None) -> SourcePlace:
        """Keep the events of whole lines; return the place after them."""
        events: list[Event] = []
        rejected: list[tuple[int, str]] = []
        line = place.line
        for raw in data.removesuffix(b"\n").split(b"\n"):
            line += 1
            text = raw.decode("utf-8-sig", "replace").strip()
            if not text:
                continue
            if place.header is None:
                place = replace(place, header=_header(shown, text))
                if place.header:
                    continue
            try:
                events.append(Event.of(_record(text, place.header)))
            except BadEvent as bad:
                rejected.append((line, str(bad)))
        place = SourcePlace(place.offset + len(data), line, place.header)
        new = self.store.append(events, rejected, name or shown, place if name else None)
        self.account.accepted += new
        self.account.repeated += len(events) - new
        self.account.rejected += len(rejected)
        for number, reason in rejected:
            self.told(shown, number, reason)
        self.told(shown, line, None)
        return place


def _header(shown: str, text: str) -> str:
    """Return the first line if it is that of a CSV file, else empty: JSON lines.

    Raises
    ------
    InputError
        If it is neither.
    """
    if text.startswith("{"):
        return ""
    names = next(csv.reader([text]))
    if not {"user", "anime", "time"} <= set(names) or not set(names) <= set(EVENT_KEYS):
        raise InputError(
            f"{shown} is neither JSON lines nor CSV with a header of {', '.join(EVENT_KEYS)}"
        )
    return text


def _record(text: str, header: str | None) -> dict[str, object]:
    """Return a line's record. Raises BadEvent if it is none."""
    if not header:
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            raise BadEvent("it is no JSON") from None
        if not isinstance(record, dict):
            raise BadEvent("it is no JSON object")
        return record
    names, cells = next(csv.reader([header])), next(csv.reader([text]))
    if len(cells) != len(names):
        raise BadEvent(f"it has {len(cells)} cells, the header {len(names)}")
    return dict(zip(names, cells, strict=True))


def files_of(source: str) -> list[Path]:
    """Return the files that a source names: itself, or those of a folder by name.

    Raises
    ------
    InputError
        If it is neither a file nor a folder.
    """
    path = Path(source)
    if path.is_dir():
        return sorted(f for f in path.iterdir() if f.suffix in ENDINGS and f.is_file())
    if not path.is_file():
        raise InputError(f"{source} is missing: name a file or folder of events, or - for a pipe")
    return [path]


def parsed(file: Path) -> Iterator[tuple[int, Event | str]]:
    """Yield line and event, or the reason why it is none, of a file, keeping nothing."""
    header: str | None = None
    with file.open("rb") as stream:
        for line, raw in enumerate(stream, start=1):
            text = raw.decode("utf-8-sig", "replace").strip()
            if not text:
                continue
            if header is None:
                header = _header(str(file), text)
                if header:
                    continue
            try:
                yield line, Event.of(_record(text, header))
            except BadEvent as bad:
                yield line, str(bad)
