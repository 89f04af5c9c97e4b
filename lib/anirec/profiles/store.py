"""Where lists are kept: profiles in an SQLite database that several processes use."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anirec.config import InputError, data_dir
from anirec.profiles.profile import MAX_ENTRIES, Entry, Profile, Unresolved

MIGRATIONS = (
    """
    CREATE TABLE profile (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT,
        created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT;
    CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
        anime_id INTEGER NOT NULL,
        rating REAL,
        status TEXT,
        liked INTEGER,
        UNIQUE (profile, anime_id)
    ) STRICT;
    CREATE TABLE unresolved (
        position INTEGER PRIMARY KEY,
        profile INTEGER NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
        title TEXT NOT NULL,
        rating REAL,
        status TEXT,
        liked INTEGER,
        anime_id INTEGER
    ) STRICT;
    CREATE INDEX unresolved_of ON unresolved (profile);
    """,
    """
    CREATE TABLE change (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        profile INTEGER NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
        before TEXT NOT NULL
    ) STRICT;
    CREATE INDEX change_of ON change (profile);
    """,
    """
    ALTER TABLE entry ADD COLUMN details TEXT;
    ALTER TABLE unresolved RENAME COLUMN anime_id TO mal_id;
    ALTER TABLE unresolved ADD COLUMN other_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE unresolved ADD COLUMN details TEXT;
    """,
)
"""What takes the database from version n, ``PRAGMA user_version``, to n + 1."""

WAIT_S = 15.0
"""Seconds to wait for another process to finish writing."""

MOST_UNDONE = 100
"""Changes of a profile that can be undone, the last ones."""


class UnknownProfile(InputError):
    """No profile is kept under this token or name: the link is wrong, or it was deleted."""


class ProfileStore:
    """Profiles in an SQLite database that several processes use at once.

    A profile is kept under an unguessable token, of which only a hash is stored, or, on one's own
    machine, under a name. Each change is a transaction of its own: it is kept or was never made,
    whenever a process dies.

    Parameters
    ----------
    file : the database; made, for the owner's eyes only, if there is none.

    Raises
    ------
    InputError
        If the file is no such database, or of a newer version.
    """

    def __init__(self, file: Path) -> None:
        self.file = Path(file)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch(mode=0o600)
        with self._database() as database:
            self._migrate(database)

    @classmethod
    def of(cls, dataset: str) -> ProfileStore:
        """Return the store of a dataset's profiles: its anime ids are what they consist of."""
        return cls(data_dir() / "profiles" / f"{dataset}.sqlite")

    def create(self, profile: Profile | None = None) -> tuple[StoredProfile, str]:
        """Keep a new profile; return it and the token that opens it, which is not stored.

        The token is safe in an address and must not be logged.
        """
        token = secrets.token_urlsafe(24)
        stored = self._created(_token_key(token), None)
        if profile is not None:
            stored.update(profile.entries, profile.unresolved)
        return stored, token

    def open(self, token: str) -> StoredProfile:
        """Return the profile that a token opens. Raises UnknownProfile if there is none."""
        return self._found(
            _token_key(token), "this link opens no profile: it may have been deleted"
        )

    def named(self, name: str) -> StoredProfile:
        """Return the profile of that name, a new one if there is none: for one's own machine.

        Raises
        ------
        InputError
            If the name is empty.
        """
        name = " ".join(name.split())
        if not name:
            raise InputError("give the profile a name")
        return self._created(f"name:{name}", name)

    def names(self) -> list[str]:
        """Return the names of the profiles that have one; the others are nobody else's business."""
        with self._database() as database:
            rows = database.execute("SELECT name FROM profile WHERE name IS NOT NULL ORDER BY name")
            return [name for (name,) in rows]

    def _created(self, key: str, name: str | None) -> StoredProfile:
        with self._database() as database:
            database.execute(
                "INSERT INTO profile (key, name) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (key, name),
            )
        return self._found(key, "the profile was deleted meanwhile: try again")

    def _found(self, key: str, complaint: str) -> StoredProfile:
        with self._database() as database:
            row = database.execute("SELECT id FROM profile WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise UnknownProfile(complaint)
        return StoredProfile(self, row[0])

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that is committed unless the block raises."""
        database = sqlite3.connect(self.file, timeout=WAIT_S, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("BEGIN IMMEDIATE")
            with database:
                yield database
        except sqlite3.OperationalError as error:
            raise InputError(f"{self.file} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.file} is damaged ({error}): move it away") from error
        finally:
            database.close()

    def _migrate(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise InputError(
                f"{self.file} is of version {version}, newer than {len(MIGRATIONS)}: update anirec"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in filter(str.strip, script.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number}")


@dataclass(frozen=True)
class StoredProfile:
    """A profile kept in a `ProfileStore`; every method reads or writes the database.

    Raises
    ------
    UnknownProfile
        By each method, once the profile was deleted.
    """

    store: ProfileStore
    _id: int

    def read(self) -> Profile:
        """Return the profile as it is now."""
        with self._database() as database:
            return self._read(database)

    def set(self, anime_id: int, **changes: object) -> Profile:
        """Add an entry or change some of its values (see `Entry`); return the profile."""
        with self._database() as database:
            changed = self._read(database).set(anime_id, **changes)
            return self._apply(database, {anime_id: changed[anime_id]})

    def remove(self, anime_id: int) -> Profile:
        """Remove an entry, if it is there; return the profile."""
        with self._database() as database:
            return self._apply(database, {anime_id: None})

    def update(
        self,
        entries: Mapping[int, Entry | None],
        unresolved: tuple[Unresolved, ...] | None = None,
    ) -> Profile:
        """Make several changes as one, such as an import; return the profile.

        Parameters
        ----------
        entries : by anime id; None removes one.
        unresolved : replaces those of the profile, unless None.

        Raises
        ------
        InputError
            If the profile would have more than `MAX_ENTRIES`; nothing is changed then.
        """
        with self._database() as database:
            return self._apply(database, entries, unresolved)

    def undo(self) -> Profile:
        """Take the last change back, if there is one; return the profile."""
        with self._database() as database:
            row = database.execute(
                "SELECT position, before FROM change WHERE profile = ? "
                "ORDER BY position DESC LIMIT 1",
                (self._id,),
            ).fetchone()
            if row is not None:
                database.execute("DELETE FROM change WHERE position = ?", (row[0],))
                self._restore(database, json.loads(row[1]))
            return self._read(database)

    def can_undo(self) -> bool:
        """Return whether there is a change to take back."""
        with self._database() as database:
            query = "SELECT EXISTS (SELECT 1 FROM change WHERE profile = ?)"
            return bool(database.execute(query, (self._id,)).fetchone()[0])

    def delete(self) -> None:
        """Delete everything that is kept of the profile, its history included."""
        with self._database() as database:
            database.execute("PRAGMA secure_delete = ON")
            database.execute("DELETE FROM profile WHERE id = ?", (self._id,))

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self.store._database() as database:
            query = "SELECT EXISTS (SELECT 1 FROM profile WHERE id = ?)"
            if not database.execute(query, (self._id,)).fetchone()[0]:
                raise UnknownProfile("the profile was deleted: reload the page for a new one")
            yield database

    def _read(self, database: sqlite3.Connection) -> Profile:
        entries = database.execute(
            "SELECT anime_id, rating, status, liked, details FROM entry WHERE profile = ? "
            "ORDER BY position",
            (self._id,),
        )
        missing = database.execute(
            "SELECT title, mal_id, other_id, rating, status, liked, details FROM unresolved "
            "WHERE profile = ? ORDER BY position",
            (self._id,),
        )
        return Profile(
            {anime_id: _entry(values) for anime_id, *values in entries},
            tuple(
                Unresolved(title, _entry(values), mal_id, other_id)
                for title, mal_id, other_id, *values in missing
            ),
        )

    def _apply(
        self,
        database: sqlite3.Connection,
        entries: Mapping[int, Entry | None],
        unresolved: tuple[Unresolved, ...] | None = None,
    ) -> Profile:
        """Make changes, remember how it was, and return the profile."""
        old = self._read(database)
        before = {str(a): _values(old[a]) if a in old else None for a in map(int, entries)}
        missing = None
        if unresolved is not None and unresolved != old.unresolved:
            missing = _missing_values(old.unresolved)
        after = {str(a): None if e is None else _values(e) for a, e in entries.items()}
        if before != after or missing is not None:
            database.execute(
                "INSERT INTO change (profile, before) VALUES (?, ?)",
                (self._id, json.dumps({"entries": before, "unresolved": missing})),
            )
            database.execute(
                "DELETE FROM change WHERE profile = ?1 AND position NOT IN "
                "(SELECT position FROM change WHERE profile = ?1 ORDER BY position DESC LIMIT ?2)",
                (self._id, MOST_UNDONE),
            )
            kept = _missing_values(unresolved or ()) if missing is not None else None
            self._restore(database, {"entries": after, "unresolved": kept})
        profile = self._read(database)
        if len(profile) + len(profile.unresolved) > MAX_ENTRIES:
            raise InputError(f"a profile holds at most {MAX_ENTRIES:,} entries: remove some first")
        return profile

    def _restore(self, database: sqlite3.Connection, state: Mapping) -> None:
        """Set entries, and all that is unresolved unless None, to what ``state`` says."""
        gone = [(self._id, int(a)) for a, values in state["entries"].items() if values is None]
        database.executemany("DELETE FROM entry WHERE profile = ? AND anime_id = ?", gone)
        database.executemany(
            "INSERT INTO entry (profile, anime_id, rating, status, liked, details) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (profile, anime_id) DO UPDATE SET "
            "rating = excluded.rating, status = excluded.status, liked = excluded.liked, "
            "details = excluded.details",
            [
                (self._id, int(a), *_four(values))
                for a, values in state["entries"].items()
                if values
            ],
        )
        if state["unresolved"] is not None:
            database.execute("DELETE FROM unresolved WHERE profile = ?", (self._id,))
            database.executemany(
                "INSERT INTO unresolved (profile, title, mal_id, other_id, rating, status, liked, "
                "details) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(self._id, *_seven(values)) for values in state["unresolved"]],
            )


def _token_key(token: str) -> str:
    return f"token:{hashlib.sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


DETAILS = (
    "episodes_watched", "times_watched", "rewatching", "started_on", "finished_on", "comments",
    "tags", "extra",
)  # fmt: skip
"""What is kept of an entry as JSON: those of it that say something."""


def _values(entry: Entry) -> list:
    """Return an entry as the database has it: rating, status, liked, details."""
    said = {name: getattr(entry, name) for name in DETAILS}
    details = {name: v for name, v in said.items() if v is not None and v is not False and v != ""}
    if not entry.extra:
        del details["extra"]
    return [
        entry.rating,
        entry.status,
        None if entry.liked is None else int(entry.liked),
        json.dumps(details, ensure_ascii=False) if details else None,
    ]


def _entry(values: list) -> Entry:
    rating, status, liked, details = values
    known = json.loads(details) if details else {}
    if "extra" in known:
        known["extra"] = tuple((name, text) for name, text in known["extra"])
    return Entry(rating, status, None if liked is None else bool(liked), **known)


def _missing_values(unresolved: tuple[Unresolved, ...]) -> list[list]:
    return [[m.title, m.mal_id, m.other_id, *_values(m.entry)] for m in unresolved]


def _four(values: list) -> list:
    """Return an entry's values; a change of before there were details has none."""
    return values if len(values) == 4 else [*values, None]


def _seven(values: list) -> list:
    """Return the values of what the catalogue lacks; those of before there were details too."""
    return values if len(values) == 7 else [*values[:2], "", *values[2:], None]
