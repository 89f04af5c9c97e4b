"""Lists that are imported, kept and exported."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.profiles import Entry, Profile, ProfileStore, UnknownProfile, Unresolved
from anirec.profiles import store as profile_store

TITLES = [
    (1, "Cowboy Bebop", "Cowboy Bebop", "カウボーイビバップ"),
    (5, "Naruto", None, "ナルト"),
    (6, "Shingeki no Kyojin", "Attack on Titan", "進撃の巨人"),
    (7, 'Tom & "Jerry" <b>', None, None),
    (8, "Monster", None, None),
    (9, "Steins;Gate", None, None),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    names = ["anime_id", "title", "title_english", "title_japanese"]
    return Catalogue(pd.DataFrame(TITLES, columns=names).assign(members=range(6, 0, -1)))


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "kept" / "profiles.sqlite")


# --- what an entry means


@pytest.mark.parametrize(
    ("entry", "disliked", "watched", "finished", "stands_for"),
    [
        (Entry(), False, True, True, None),
        (Entry(rating=9), False, True, True, 9),
        (Entry(rating=4), True, True, True, 4),
        (Entry(liked=True), False, True, True, 9),
        (Entry(liked=False), True, True, False, None),
        (Entry(rating=8, liked=False), True, True, False, 8),
        (Entry(status="completed"), False, True, True, None),
        (Entry(status="watching"), False, True, False, None),
        (Entry(status="dropped"), True, True, False, None),
        (Entry(rating=7, status="dropped"), False, True, False, 7),
        (Entry(status="plan_to_watch"), False, False, False, None),
        (Entry(status="plan_to_watch", liked=False), True, True, False, None),
        (Entry(status="unknown"), False, False, False, None),
        (Entry(status="unknown", rating=9), False, True, False, 9),
        (Entry(status="unknown", episodes_watched=3), False, True, False, None),
        (Entry(status="unknown", times_watched=1), False, True, True, None),
        (Entry(status="wont_watch"), False, False, False, None),
        (Entry(status="wont_watch", liked=False), True, True, False, None),
        (Entry(status="watching", rewatching=True), False, True, True, None),
        (Entry(status="dropped", times_watched=2), True, True, True, None),
    ],
)
def test_what_an_entry_means(
    entry: Entry, disliked: bool, watched: bool, finished: bool, stands_for: float | None
) -> None:
    assert (entry.watched, entry.finished) == (watched, finished)
    assert (1 in Profile({1: entry}).dislikes) is disliked
    assert entry.stands_for == stands_for


def test_entries_are_checked() -> None:
    for rating in (0, 10.5, float("nan")):
        with pytest.raises(InputError, match="must be from 1 to 10"):
            Entry(rating=rating)
    with pytest.raises(InputError, match="unknown status 'seen': choose one of watching, "):
        Entry(status="seen")


@pytest.mark.parametrize(
    ("ratings", "disliked"),
    [
        ((4, 3, 4, 2, 1), {2, 1}),
        ((10, 9, 10, 8, 6), set()),
        ((8, 7, 9, 4, 3), {4, 3}),
        ((4,), {4}),
        ((5,), set()),
    ],
)
def test_a_low_rating_is_low_for_the_person(ratings: tuple, disliked: set[int]) -> None:
    profile = Profile.of(dict(enumerate(ratings)))
    assert {ratings[place] for place in profile.dislikes} == disliked


def test_profiles_do_not_change() -> None:
    empty = Profile()
    one = empty.set(5, rating=8)
    two = one.set(6).set(5, liked=True)
    assert (len(empty), len(one), len(two)) == (0, 1, 2)
    assert two[5] == Entry(rating=8, liked=True)
    assert two.remove(5).remove(99) == Profile({6: Entry()})
    assert Profile.of({5: 8.0, 6: None}) == Profile({5: Entry(rating=8), 6: Entry()})
    assert Profile.of(two) is two


MIXED = Profile(
    {
        1: Entry(9, "completed"),
        5: Entry(None, "dropped"),
        7: Entry(3, "on_hold", False),
        8: Entry(None, "plan_to_watch", True),
    },
    (Unresolved('=Title, with "quotes" & <tags>', Entry(7, "completed"), 4000),),
)


# --- the store


def test_a_profile_is_found_again_by_its_token_only(store: ProfileStore) -> None:
    stored, token = store.create(MIXED)
    assert ProfileStore(store.file).open(token).read() == MIXED
    assert len(token) >= 32
    assert store.create()[1] != token
    with pytest.raises(UnknownProfile, match="this link opens no profile"):
        store.open(token[:-1])
    assert store.names() == []
    assert token.encode() not in b"".join(f.read_bytes() for f in store.file.parent.iterdir())
    assert store.file.stat().st_mode & 0o077 == 0
    assert stored.read() == MIXED


def test_named_profiles_are_listed(store: ProfileStore) -> None:
    store.create_named("  Mika  ").set(1, rating=8)
    store.create_named("Aoi")
    store.create()
    assert store.names() == ["Aoi", "Mika"]
    assert store.named("Mika").read() == Profile({1: Entry(8)})
    with pytest.raises(InputError, match="give the list a name"):
        store.named(" ")


def test_nobody_changes_anothers(store: ProfileStore) -> None:
    first, second = store.create(MIXED)[0], store.create(MIXED)[0]
    first.set(1, rating=1)
    first.remove(5)
    first.undo()
    first.delete()
    assert second.read() == MIXED
    assert not second.can_undo() or second.undo() == Profile()


def test_changes_are_undone_one_by_one(store: ProfileStore) -> None:
    stored, _ = store.create()
    states = [stored.read()]
    states.append(stored.set(1, rating=8))
    states.append(stored.set(1, liked=True))
    states.append(stored.set(5, status="dropped"))
    states.append(stored.remove(1))
    states.append(stored.update(MIXED.entries, MIXED.unresolved))
    assert stored.set(5) == states[-1]  # nothing changed: nothing to undo
    for state in states[-2::-1]:
        assert stored.can_undo()
        back = stored.undo()
        assert dict(back) == dict(state)
        assert back.unresolved == state.unresolved
    assert not stored.can_undo()
    assert stored.undo() == Profile()


def test_the_last_hundred_changes_can_be_undone(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_store, "MOST_UNDONE", 3)
    stored, _ = store.create()
    for rating in range(1, 8):
        stored.set(1, rating=rating)
    for _ in range(9):
        stored.undo()
    assert stored.read()[1].rating == 4


def test_deleting_leaves_nothing(store: ProfileStore) -> None:
    stored, token = store.create(MIXED)
    stored.set(9, rating=2)
    stored.delete()
    for call in (stored.read, stored.undo, stored.delete, lambda: stored.set(1)):
        with pytest.raises(UnknownProfile, match="the profile was deleted"):
            call()
    with pytest.raises(UnknownProfile):
        store.open(token)
    with sqlite3.connect(store.file) as database:
        for table in ("profile", "entry", "unresolved", "change"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_too_many_entries_change_nothing(
    store: ProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_store, "MAX_ENTRIES", 3)
    stored, _ = store.create(Profile({1: Entry()}))
    with pytest.raises(InputError, match="a profile holds at most 3 entries"):
        stored.update({2: Entry(), 3: Entry(), 4: Entry()})
    assert list(stored.read()) == [1]


def test_text_is_data_not_sql(store: ProfileStore) -> None:
    evil = "x'); DROP TABLE profile; --"
    stored = store.create_named(evil)
    stored.update({}, (Unresolved(evil),))
    with pytest.raises(UnknownProfile):
        store.open("' OR 1=1 --")
    assert store.names() == [evil]
    assert stored.read().unresolved == (Unresolved(evil),)


def test_an_older_database_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "old.sqlite"
    with monkeypatch.context() as old:
        old.setattr(profile_store, "MIGRATIONS", profile_store.MIGRATIONS[:1])
        ProfileStore(file).create_named("Mika")
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        database.execute("INSERT INTO entry (profile, anime_id, rating) VALUES (1, 5, 8)")
    stored = ProfileStore(file).named("Mika")
    assert stored.read() == Profile({5: Entry(8)})
    assert stored.set(5, rating=9)[5].rating == 9
    assert stored.undo()[5].rating == 8


def test_a_change_from_before_there_were_details_is_undone(tmp_path: Path) -> None:
    stored = ProfileStore(tmp_path / "old.sqlite").create_named("Mika")
    stored.set(5, rating=9, comments="again!", episodes_watched=0)
    stored.update({}, (Unresolved("Lost", Entry(3, tags="a, b"), 7),))
    before = {"entries": {"5": [8, "watching", None]}, "unresolved": [["Old", 4, 6, None, 1]]}
    with sqlite3.connect(stored.store.file) as database:
        database.execute("UPDATE change SET before = ? WHERE position = 2", [json.dumps(before)])
    known = Profile({5: Entry(8, "watching")}, (Unresolved("Old", Entry(6, None, True), 4),))
    assert stored.undo() == known


def test_all_that_an_entry_says_is_kept(store: ProfileStore) -> None:
    entry = Entry(
        8.5, "unknown", False, 0, 2, True, "2016-05-00", "2017-01-02", "line\nline", "x, y",
        (("my_priority", "HIGH"), ("my_discuss", "")),
    )  # fmt: skip
    stored, token = store.create(Profile({1: entry}, (Unresolved("", entry, None, "AniList 1"),)))
    assert store.open(token).read() == Profile(
        {1: entry}, (Unresolved("", entry, None, "AniList 1"),)
    )
    stored.set(1, rating=2, comments="")
    assert stored.undo()[1] == entry


def test_databases_that_cannot_be_used(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"of version 99, newer than \d+: update anirec"):
        ProfileStore(newer)
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match=r"is damaged .*: move it away"):
        ProfileStore(damaged)
    assert damaged.read_bytes().startswith(b"no database")


def _add(file: Path, token: str, first: int) -> None:
    stored = ProfileStore(file).open(token)
    for anime_id in range(first, first + 60):
        stored.set(anime_id, rating=7)


def test_two_processes_write_at_once(store: ProfileStore) -> None:
    stored, token = store.create()
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(store.file, token, n)) for n in (0, 1000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert set(stored.read()) == {*range(60), *range(1000, 1060)}


def test_what_was_saved_survives_a_kill(store: ProfileStore) -> None:
    _, token = store.create()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from anirec.profiles import ProfileStore\n"
        "stored = ProfileStore(Path(sys.argv[1])).open(sys.argv[2])\n"
        "for anime_id in range(10**6):\n"
        "    stored.set(anime_id, rating=7)\n"
        "    print(anime_id, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(store.file), token]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        said = [int(writer.stdout.readline()) for _ in range(20)]
        time.sleep(0.05)
        os.kill(writer.pid, signal.SIGKILL)
        said += [int(line) for line in writer.stdout.read().splitlines() if line.strip()]
    kept = store.open(token).read()
    assert set(said) <= set(kept)
    assert len(kept) <= len(said) + 1
    store.open(token).set(5, rating=1)
