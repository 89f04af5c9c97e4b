"""Where lists are kept: profiles in an SQLite database that several processes use."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from anirec.config import InputError, data_dir
from anirec.profiles.merging import Rule, merge
from anirec.profiles.profile import (
    MAX_ENTRIES,
    Entry,
    Profile,
    Unresolved,
    merged_unresolved,
)

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
    """
    ALTER TABLE profile ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE change ADD COLUMN author TEXT NOT NULL DEFAULT '';
    ALTER TABLE change ADD COLUMN after TEXT;
    """,
    """
    ALTER TABLE profile ADD COLUMN teaches INTEGER NOT NULL DEFAULT 0;
    """,
)
"""What takes the database from version n, ``PRAGMA user_version``, to n + 1."""

WAIT_S = 15.0
"""Seconds to wait for another process to finish writing."""

MOST_UNDONE = 100
"""Changes of a profile that can be undone, the last ones."""

EMPTY_DAYS = 1
"""A profile under a token of which nothing was ever said is deleted after so many days."""


class UnknownProfile(InputError):
    """No profile is kept under this token or name: the link is wrong, or it was deleted."""


def new_token() -> str:
    """Return an unguessable token, safe in an address, for a profile to be created later."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Deleted:
    """What was deleted, in memory only: enough to keep it again (`ProfileStore.restore`)."""

    profile: Profile
    key: str
    name: str | None


class ProfileStore:
    """Profiles in an SQLite database that several processes use at once.

    A profile is kept under an unguessable token, of which only a hash is stored, or, on one's own
    machine, under a name. Each change is a transaction of its own: it is kept or was never made,
    whenever a process dies.

    Parameters
    ----------
    file : the database; made, for the owner's eyes only, if there is none. None keeps profiles in
        memory, as long as this store lives.

    Raises
    ------
    InputError
        If the file is no such database, or of a newer version.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = None if file is None else Path(file)
        self._memory: sqlite3.Connection | None = None
        if self.file is None:
            self._memory = sqlite3.connect(
                ":memory:", isolation_level=None, check_same_thread=False
            )
        else:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.touch(mode=0o600)
        with self._database() as database:
            self._migrate(database)

    @classmethod
    def of(cls, dataset: str) -> ProfileStore:
        """Return the store of a dataset's profiles: its anime ids are what they consist of."""
        return cls(cls.file_of(dataset))

    @staticmethod
    def file_of(dataset: str) -> Path:
        """Return where a dataset's profiles are kept, whether or not any are."""
        return data_dir() / "profiles" / f"{dataset}.sqlite"

    def create(
        self, profile: Profile | None = None, token: str | None = None
    ) -> tuple[StoredProfile, str]:
        """Keep a new profile; return it and the token that opens it, which is not stored.

        The token is safe in an address and must not be logged. Profiles that nobody ever used are
        deleted on the way (`EMPTY_DAYS`).

        Parameters
        ----------
        profile : what it holds at first.
        token : one handed out before (`new_token`); a new one if None.
        """
        token = token or new_token()
        self._expire()
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
        """Return the profile of that name. Raises UnknownProfile if there is none."""
        name = _checked_name(name)
        return self._found(f"name:{name}", f"there is no list {name!r}: it may have been deleted")

    def create_named(self, name: str, profile: Profile | None = None) -> StoredProfile:
        """Keep a new profile under a name, on one's own machine.

        Raises
        ------
        InputError
            If the name is empty, or a profile has it already.
        """
        name = _checked_name(name)
        with self._database() as database:
            made = database.execute(
                "INSERT INTO profile (key, name) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (f"name:{name}", name),
            )
            if not made.rowcount:
                raise InputError(f"there is a list {name!r} already: choose another name")
        stored = self.named(name)
        if profile is not None:
            stored.update(profile.entries, profile.unresolved)
        return stored

    def restore(self, deleted: Deleted) -> StoredProfile:
        """Keep again what was deleted, under what it was kept under; its history is gone.

        Raises
        ------
        InputError
            If another profile has taken its name since.
        """
        if deleted.name is not None:
            return self.create_named(deleted.name, deleted.profile)
        stored = self._created(deleted.key, None)
        stored.update(deleted.profile.entries, deleted.profile.unresolved)
        return stored

    def stamp(self) -> tuple[int, ...]:
        """Return what changes whenever the database does; cheap enough to ask every second."""
        if self._memory is not None:
            return (self._memory.total_changes,)
        times = []
        for file in (self.file, self.file.with_name(f"{self.file.name}-wal")):
            try:
                told = file.stat()
            except FileNotFoundError:
                continue
            times += [told.st_mtime_ns, told.st_size]
        return tuple(times)

    def _expire(self) -> None:
        """Delete the profiles under a token of which nothing was ever said."""
        with self._database() as database:
            database.execute(
                "DELETE FROM profile WHERE name IS NULL AND created < datetime('now', ?) "
                "AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.profile = profile.id) "
                "AND NOT EXISTS (SELECT 1 FROM unresolved WHERE unresolved.profile = profile.id) "
                "AND NOT EXISTS (SELECT 1 FROM change WHERE change.profile = profile.id)",
                (f"-{EMPTY_DAYS} days",),
            )

    def teaching(self) -> dict[int, Profile]:
        """Return the profiles that the models may learn from, by a number of each."""
        with self._database() as database:
            rows = database.execute("SELECT id FROM profile WHERE teaches = 1").fetchall()
            return {number: StoredProfile(self, number)._read(database) for (number,) in rows}

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
        if self._memory is not None:
            database = self._memory
        else:
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
            if self._memory is None:
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

    Attributes
    ----------
    store : where it is kept.
    author : whose changes `undo` takes back: those of one page of several that are open.

    Raises
    ------
    UnknownProfile
        By each method, once the profile was deleted.
    """

    store: ProfileStore
    _id: int
    author: str = ""

    def by(self, author: str) -> StoredProfile:
        """Return the same profile for another author of changes."""
        return replace(self, author=author)

    def revision(self) -> int:
        """Return a number that grows with each change of the profile, by whomever."""
        with self._database() as database:
            return self._of_profile(database, "revision")

    def teaches(self) -> bool:
        """Return whether its owner lets the models learn from it; not unless they said so."""
        with self._database() as database:
            return bool(self._of_profile(database, "teaches"))

    def teach(self, on: bool) -> None:
        """Let the models learn from it from now on, or no longer."""
        with self._database() as database:
            database.execute("UPDATE profile SET teaches = ? WHERE id = ?", (int(on), self._id))

    def name(self) -> str | None:
        """Return the name it is kept under; None where it is kept under a token."""
        with self._database() as database:
            return self._of_profile(database, "name")

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
        unresolved: tuple[Unresolved, ...] = (),
    ) -> Profile:
        """Make several changes as one, such as an import; return the profile.

        Parameters
        ----------
        entries : by anime id; None removes one.
        unresolved : added to those of the profile; the later entry of a title counts.

        Raises
        ------
        InputError
            If the profile would have more than `MAX_ENTRIES`; nothing is changed then.
        """
        with self._database() as database:
            missing = merged_unresolved(self._read(database).unresolved, unresolved)
            return self._apply(database, entries, missing)

    def take_in(self, imported: Profile, rule: Rule = Rule.MERGE) -> Profile:
        """Take in an import as one change, by a rule; return the profile.

        Raises
        ------
        InputError
            If the profile would have more than `MAX_ENTRIES`; nothing is changed then.
        """
        with self._database() as database:
            old = self._read(database)
            new = merge(old, imported, rule).profile
            changes: dict[int, Entry | None] = {
                anime_id: entry for anime_id, entry in new.items() if old.get(anime_id) != entry
            }
            changes |= dict.fromkeys(old.keys() - new.keys())
            return self._apply(database, changes, new.unresolved)

    def undo(self) -> Profile:
        """Take the author's last change back, if there is one; return the profile.

        What others changed since of the same anime stays as they left it.
        """
        with self._database() as database:
            row = database.execute(
                "SELECT position, before, after FROM change WHERE profile = ? AND author = ? "
                "ORDER BY position DESC LIMIT 1",
                (self._id, self.author),
            ).fetchone()
            if row is not None:
                position, before, after = row
                database.execute("DELETE FROM change WHERE position = ?", (position,))
                state = json.loads(before)
                if after is not None:
                    self._keep_others_changes(database, state, json.loads(after))
                self._restore(database, state)
            return self._read(database)

    def can_undo(self) -> bool:
        """Return whether there is a change of the author's to take back."""
        with self._database() as database:
            query = "SELECT EXISTS (SELECT 1 FROM change WHERE profile = ? AND author = ?)"
            return bool(database.execute(query, (self._id, self.author)).fetchone()[0])

    def delete(self) -> Deleted:
        """Delete everything that is kept of the profile, its history included.

        Returns what it held, which is nowhere but in memory then.
        """
        with self._database() as database:
            deleted = Deleted(
                self._read(database),
                self._of_profile(database, "key"),
                self._of_profile(database, "name"),
            )
            database.execute("PRAGMA secure_delete = ON")
            database.execute("DELETE FROM profile WHERE id = ?", (self._id,))
        return deleted

    def _of_profile(self, database: sqlite3.Connection, column: str) -> int | str | None:
        query = f"SELECT {column} FROM profile WHERE id = ?"
        return database.execute(query, (self._id,)).fetchone()[0]

    def _keep_others_changes(
        self, database: sqlite3.Connection, before: dict, after: Mapping
    ) -> None:
        """Leave out of ``before`` what is not as the change left it, ``after``."""
        now = self._read(database)
        for anime_id, values in after["entries"].items():
            entry = now.get(int(anime_id))
            if (None if entry is None else _values(entry)) != values:
                before["entries"].pop(anime_id, None)
        if before["unresolved"] is not None and after["unresolved"] != _missing_values(
            now.unresolved
        ):
            before["unresolved"] = None

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
        """Make changes, remember how it was, and return the profile.

        ``unresolved`` is all that the catalogue lacks, as it was if None.
        """
        old = self._read(database)
        before = {str(a): _values(old[a]) if a in old else None for a in map(int, entries)}
        after = {str(a): None if e is None else _values(e) for a, e in entries.items()}
        same = unresolved is None or unresolved == old.unresolved
        missing = None if same else _missing_values(unresolved)
        if before != after or missing is not None:
            was = None if missing is None else _missing_values(old.unresolved)
            database.execute(
                "INSERT INTO change (profile, author, before, after) VALUES (?, ?, ?, ?)",
                (
                    self._id,
                    self.author,
                    json.dumps({"entries": before, "unresolved": was}),
                    json.dumps({"entries": after, "unresolved": missing}),
                ),
            )
            database.execute(
                "DELETE FROM change WHERE profile = ?1 AND position NOT IN "
                "(SELECT position FROM change WHERE profile = ?1 ORDER BY position DESC LIMIT ?2)",
                (self._id, MOST_UNDONE),
            )
            self._restore(database, {"entries": after, "unresolved": missing})
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
        database.execute("UPDATE profile SET revision = revision + 1 WHERE id = ?", (self._id,))


def _token_key(token: str) -> str:
    return f"token:{hashlib.sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


DETAILS = (
    "episodes_watched", "times_watched", "rewatching", "started_on", "finished_on", "comments",
    "tags", "extra", "uncounted",
)  # fmt: skip
"""What is kept of an entry as JSON: those of it that say something."""


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InputError("give the list a name")
    return name


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
