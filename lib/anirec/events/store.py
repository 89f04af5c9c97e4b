"""Where events are kept: an append-only table in SQLite, durable before it is acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd

from anirec.config import InputError, data_dir
from anirec.events.event import NOBODY, Event

TABLES = """
CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY,
    user INTEGER NOT NULL,
    anime INTEGER NOT NULL,
    time INTEGER NOT NULL,
    op TEXT NOT NULL,
    rating INTEGER,
    status TEXT,
    facts TEXT,
    UNIQUE (user, anime, time)
) STRICT;
CREATE INDEX IF NOT EXISTS event_of_anime ON event (anime);
CREATE INDEX IF NOT EXISTS deletion ON event (user) WHERE op = 'delete-user';
CREATE TABLE IF NOT EXISTS source (
    name TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    line INTEGER NOT NULL,
    header TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS rejected (
    source TEXT NOT NULL,
    line INTEGER NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (source, line, reason)
) STRICT;
"""
VERSION = 1
WAIT_S = 15.0
"""Seconds to wait for another process to finish writing."""


@dataclass(frozen=True)
class SourcePlace:
    """How far a source has been read.

    Attributes
    ----------
    offset : bytes that are dealt with.
    line : lines among them.
    header : of a CSV file, its first line.
    """

    offset: int = 0
    line: int = 0
    header: str | None = None


class EventStore:
    """Events in the order in which they came, each with a number, ``seq``.

    An event is the same as an earlier one of the same user, anime and time: it is kept once. A
    batch is on the disk, with how far its source was read, before `append` returns; so whatever
    kills the process, a source read on from its `place` loses nothing and repeats nothing.

    Parameters
    ----------
    file : the database; made, for the owner's eyes only, if there is none.

    Raises
    ------
    InputError
        If the file is no such database or cannot be written; by each method.
    """

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.file.touch(mode=0o600)
            self._database = sqlite3.connect(
                self.file, timeout=WAIT_S, isolation_level=None, check_same_thread=False
            )
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise InputError(f"{self.file} is of a newer version: update anirec")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            if version < VERSION:
                self._database.executescript(TABLES)
                self._database.execute(f"PRAGMA user_version = {VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    @classmethod
    def of(cls, dataset: str) -> Self:
        """Return the store of a dataset's events."""
        return cls(file_of(dataset))

    def append(
        self,
        events: Sequence[Event],
        rejected: Sequence[tuple[int, str]] = (),
        source: str | None = None,
        place: SourcePlace | None = None,
    ) -> int:
        """Keep a batch durably; return how many of its events are new.

        Parameters
        ----------
        rejected : line and reason of what was no event.
        source, place : where they come from, and how far that is read with them.
        """
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                before = database.total_changes
                database.executemany(
                    "INSERT INTO event (user, anime, time, op, rating, status, facts) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [(e.user, e.anime, e.time, e.op, e.rating, e.status, e.facts) for e in events],
                )
                new = database.total_changes - before
                database.executemany(
                    "INSERT INTO rejected VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(source or "", line, reason) for line, reason in rejected],
                )
                if source is not None and place is not None:
                    database.execute(
                        "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?)",
                        (source, place.offset, place.line, place.header),
                    )
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return new

    def place(self, source: str) -> SourcePlace:
        """Return how far a source has been read."""
        row = self._one("SELECT offset, line, header FROM source WHERE name = ?", source)
        return SourcePlace(*row) if row else SourcePlace()

    @property
    def last(self) -> int:
        """The number of the last event; 0 where there is none."""
        return self._one("SELECT coalesce(max(seq), 0) FROM event")[0]

    @property
    def n_rejected(self) -> int:
        return self._one("SELECT count(*) FROM rejected")[0]

    def has(self, event: Event) -> bool:
        """Return whether an event is known already."""
        query = "SELECT EXISTS (SELECT 1 FROM event WHERE user = ? AND anime = ? AND time = ?)"
        return bool(self._one(query, event.user, event.anime, event.time)[0])

    def users_between(self, after: int, until: int) -> list[int]:
        """Return whose lists events of these numbers are about, ascending."""
        rows = self._rows(
            "SELECT DISTINCT user FROM event WHERE seq > ? AND seq <= ? AND user >= 0 "
            "ORDER BY user",
            (after, until),
        )
        return [user for (user,) in rows]

    def users_from(self, first: int) -> list[int]:
        """Return the users of that number and above, ascending."""
        rows = self._rows("SELECT DISTINCT user FROM event WHERE user >= ? ORDER BY user", (first,))
        return [user for (user,) in rows]

    def forget(self, until: int) -> int:
        """Delete what is kept of deleted accounts, but for the deletion; return how many events.

        Only deletions among the first ``until`` events count, those that every snapshot knows.
        """
        database = self._database
        try:
            database.execute("PRAGMA secure_delete = ON")
            with database:
                return database.execute(
                    "DELETE FROM event WHERE op != 'delete-user' AND user >= 0 AND EXISTS "
                    "(SELECT 1 FROM event AS gone WHERE gone.user = event.user AND gone.anime = 0 "
                    "AND gone.op = 'delete-user' AND gone.time >= event.time "
                    "AND gone.seq > event.seq AND gone.seq <= ?)",
                    (until,),
                ).rowcount
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def users_with(self, anime_ids: Iterable[int], until: int) -> list[int]:
        """Return whose lists events about some anime are about."""
        ids = list(map(int, anime_ids))
        marks = ", ".join("?" * len(ids))
        rows = self._rows(
            f"SELECT DISTINCT user FROM event WHERE anime IN ({marks}) AND seq <= ? AND user >= 0",
            (*ids, until),
        )
        return [user for (user,) in rows]

    def of_users(self, users: Sequence[int] | None, until: int) -> pd.DataFrame:
        """Return the events of some users, or all, up to a number, in the order of their times.

        Columns ``seq``, ``user_id``, ``anime_id``, ``time``, ``op``, ``rating``, ``status``.
        """
        query = (
            "SELECT seq, user, anime, time, op, rating, status FROM event "
            "WHERE user >= 0 AND seq <= ?"
        )
        if users is None:
            rows = self._rows(query, (until,))
        else:
            rows = []
            for start in range(0, len(users), 500):
                some = [int(user) for user in users[start : start + 500]]
                marks = ", ".join("?" * len(some))
                rows += self._rows(f"{query} AND user IN ({marks})", (until, *some))
        names = ["seq", "user_id", "anime_id", "time", "op", "rating", "status"]
        frame = pd.DataFrame(rows, columns=names)
        frame["rating"] = frame["rating"].astype("float64")
        return frame.sort_values(["time", "seq"], kind="stable", ignore_index=True)

    def facts(self, until: int) -> list[tuple[int, str]]:
        """Return (anime, facts) of the catalogue's events up to a number, in order of time."""
        return self._rows(
            "SELECT anime, facts FROM event WHERE user = ? AND seq <= ? ORDER BY time, seq",
            (NOBODY, until),
        )

    def anime_between(self, after: int, until: int) -> list[int]:
        """Return the anime that ``anime`` and ``set`` events of these numbers are about."""
        rows = self._rows(
            "SELECT DISTINCT anime FROM event WHERE seq > ? AND seq <= ? "
            "AND op IN ('anime', 'set') ORDER BY anime",
            (after, until),
        )
        return [anime for (anime,) in rows]

    def deletes_between(self, after: int, until: int) -> bool:
        """Return whether events of these numbers delete accounts."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM event WHERE op = 'delete-user' AND seq > ? AND seq <= ?)"
        )
        return bool(self._one(query, after, until)[0])

    def says_of_catalogue(self, after: int, until: int) -> bool:
        """Return whether events of these numbers tell facts of anime."""
        query = "SELECT EXISTS (SELECT 1 FROM event WHERE seq > ? AND seq <= ? AND user = ?)"
        return bool(self._one(query, after, until, NOBODY)[0])

    def close(self) -> None:
        self._database.close()

    def _one(self, query: str, *values: object) -> tuple | None:
        try:
            return self._database.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> InputError:
        if isinstance(error, sqlite3.OperationalError | OSError):
            return InputError(f"{self.file} cannot be used: {error}")
        return InputError(f"{self.file} is damaged ({error}): restore it from a copy")


def file_of(dataset: str) -> Path:
    """Return where a dataset's events are kept."""
    return data_dir() / "events" / f"{dataset}.sqlite"
