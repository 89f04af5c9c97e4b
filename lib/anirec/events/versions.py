"""Versions of what is served: written whole, switched at once, the last three kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from anirec.config import InputError, Paths
from anirec.files import read_json, written_whole
from anirec.models.snapshot import put_in_place, sync_folder, to_disk

KEPT = 3
"""Versions kept, the one served among them."""

ABOUT = "version.json"
CURRENT = "current.json"
CATALOGUE = "anime.parquet"


@dataclass(frozen=True)
class Version:
    """One version of the models.

    Attributes
    ----------
    number : 1 and up; 0 stands for the run's own models, without events.
    folder : its models, a folder each, and the catalogue where events changed it; None for 0.
    events : how many events it knows.
    made : when, UTC, to the second; empty for 0.
    """

    number: int
    folder: Path | None = None
    events: int = 0
    made: str = ""

    def file(self, name: str | Path) -> Path | None:
        """Return one of its files; None if it has none of that name."""
        if self.folder is None or not (self.folder / name).exists():
            return None
        return self.folder / name

    def __str__(self) -> str:
        if not self.number:
            return "the run's own models"
        return f"version {self.number} of {self.made}, with {self.events:,} events"


RUN = Version(0)


class Versions:
    """The versions of a dataset's models, below ``live`` in the folder of its outputs.

    Which one is served is said by one small file that is replaced as a whole. Versions are made
    from a run's models: once these are learned anew, older versions are no longer served.
    """

    def __init__(self, paths: Paths) -> None:
        self.folder = paths.outputs / "live"
        self._paths = paths

    @property
    def base(self) -> str:
        """What tells the run's models from those of another run."""
        return fingerprint(*self._paths.models.glob("*/model.json"))

    @property
    def pointer(self) -> Path:
        """The file that says which version is served."""
        return self.folder / CURRENT

    def current(self) -> Version:
        """Return the version served."""
        said = self._pointer()
        if said.get("base") != self.base:
            return RUN
        return self._known().get(said["version"], RUN)

    def publish(self, write: Callable[[Path], None], events: int) -> Version:
        """Make a version and serve it.

        Parameters
        ----------
        write : fills an empty folder.
        events : how many events it knows.
        """
        known = self._known()
        number = max([0, *known, self._pointer().get("last", 0)]) + 1
        folder = self.folder / f"{number:08d}"
        beside = self.folder / f".{os.getpid()}.{number:08d}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        try:
            write(beside)
            about = {"version": number, "events": events, "made": made, "base": self.base}
            with (beside / ABOUT).open("w", encoding="utf-8") as stream:
                json.dump(about, stream)
                to_disk(stream)
            put_in_place(beside, folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        self._serve(number, number, events)
        kept = {folder, *(known[old].folder for old in sorted(known)[-(KEPT - 1) :])}
        for old in set(self.folder.glob("[0-9]*")) - kept:
            shutil.rmtree(old, ignore_errors=True)
        return Version(number, folder, events, made)

    def rollback(self) -> Version:
        """Serve the version before the one served, at last the run's own models.

        Raises
        ------
        InputError
            If these are served already.
        """
        current = self.current()
        if not current.number:
            raise InputError("the run's own models are served: there is nothing to go back to")
        earlier = [number for number in self._known() if number < current.number]
        said = self._pointer()
        self._serve(max(earlier, default=0), said["last"], said["seen"])
        return self.current()

    @property
    def seen(self) -> int | None:
        """How many events the last version made of these models knows, served or gone back from;
        None where none was made."""
        said = self._pointer()
        return said["seen"] if said.get("base") == self.base else None

    def clean(self) -> None:
        """Delete what a process that died left half-written."""
        for left in self.folder.glob(".*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)

    def _serve(self, number: int, last: int, seen: int) -> None:
        said = {"version": number, "last": last, "seen": seen, "base": self.base}
        with written_whole(self.pointer) as beside, beside.open("w", encoding="utf-8") as stream:
            json.dump(said, stream)
            to_disk(stream)
        sync_folder(self.folder)

    def _pointer(self) -> dict:
        try:
            return read_json(self.pointer)
        except ValueError:
            return {}

    def _known(self) -> dict[int, Version]:
        """Return the versions of the present base by number."""
        found, base = {}, self.base
        for file in self.folder.glob(f"[0-9]*/{ABOUT}"):
            about = json.loads(file.read_text(encoding="utf-8"))
            if about["base"] == base:
                version = Version(about["version"], file.parent, about["events"], about["made"])
                found[version.number] = version
        return found


def fingerprint(*files: Path) -> str:
    """Return what tells whether any of some files was written anew."""
    told = []
    for file in sorted(files):
        if file.is_file():
            about = file.stat()
            told.append(f"{file.parent.name}/{file.name} {about.st_size} {about.st_mtime_ns}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
