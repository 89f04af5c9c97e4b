"""The store: kept once, in order of time, read on from where one stopped, bad lines told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from anirec.config import InputError
from anirec.events.event import Event
from anirec.events.reading import Reader
from anirec.events.store import EventStore

DAY = 1_700_000_000


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return EventStore(tmp_path / "events" / "some.sqlite")


def told_to(notes: list) -> object:
    return lambda source, line, reason: notes.append((Path(source).name, line, reason))


def test_an_event_is_kept_once(store: EventStore) -> None:
    event = Event("set", DAY, user=1, anime=5, rating=8)
    assert store.append([event, event]) == 1
    assert store.append([event]) == 0
    assert store.has(event) and not store.has(Event("set", DAY + 1, user=1, anime=5))
    assert (store.last, store.users_between(0, 9)) == (1, [1])


def test_events_come_back_in_the_order_of_their_times(store: EventStore) -> None:
    for time in (3, 1, 2):
        store.append([Event("set", time, user=1, anime=5, rating=time)])
    assert store.of_users([1], 99)["rating"].tolist() == [1, 2, 3]
    assert store.of_users([1], 2)["rating"].tolist() == [1, 3]
    assert store.of_users([2], 99).empty


def test_bad_lines_are_told_and_the_rest_goes_on(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(
        '{"user": 1, "anime": 5, "time": 1}\n\nnonsense\n[1]\n'
        '{"user": 1, "anime": 6, "rating": 99, "time": 1}\n{"user": 2, "anime": 5, "time": 1}\n'
    )
    notes: list = []
    reader = Reader(store, told_to(notes))
    reader.take_rest(str(file))
    assert notes == [
        ("some.jsonl", 3, "it is no JSON"),
        ("some.jsonl", 4, "it is no JSON object"),
        ("some.jsonl", 5, "rating 99 is no whole number from 1 to 10 (leave it out if none)"),
        ("some.jsonl", 6, None),
    ]
    assert (store.last, store.n_rejected, reader.account.rejected) == (2, 3, 3)


def test_csv_is_told_from_its_header(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("user,anime,rating,time\n1,5,8,2023-11-14\n1,6,,2023-11-14\n1,7\n")
    notes: list = []
    Reader(store, told_to(notes)).take_rest(str(file))
    assert notes == [("some.csv", 4, "it has 2 cells, the header 4"), ("some.csv", 4, None)]
    assert store.of_users([1], 9)["rating"].isna().tolist() == [False, True]
    other = tmp_path / "other.csv"
    other.write_text("id,score\n1,2\n")
    with pytest.raises(InputError, match="neither JSON lines nor CSV"):
        Reader(store, told_to(notes)).take_rest(str(other))


def test_a_growing_file_is_read_on_line_by_line(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("user,anime,time\n1,5,1\n1,6")
    notes: list = []
    reader = Reader(store, told_to(notes))
    assert reader.take(str(tmp_path)) and not reader.take(str(tmp_path))
    assert store.last == 1
    with file.open("a") as stream:
        stream.write(",1\n1,7,1\n")
    again = Reader(EventStore(store.file), told_to(notes))
    assert again.take(str(tmp_path))
    assert notes == [("some.csv", 2, None), ("some.csv", 4, None)]
    assert again.account.accepted == 2 and store.last == 3


def test_a_file_written_anew_is_read_from_its_start(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text('{"user": 1, "anime": 5, "time": 1}\n' * 3)
    Reader(store, told_to([])).take_rest(str(file))
    file.write_text('{"user": 1, "anime": 6, "time": 1}\n')
    Reader(store, told_to([])).take_rest(str(file))
    assert store.last == 2


def test_long_files_are_taken_in_batches(store: EventStore, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("anirec.events.reading.READ", 64)
    file = tmp_path / "some.jsonl"
    file.write_text("".join(f'{{"user": {n}, "anime": 5, "time": 1}}\n' for n in range(20)))
    notes: list = []
    Reader(store, told_to(notes)).take_rest(str(file))
    assert [line for _, line, _ in notes][-1] == 20 and len(notes) > 5
    assert store.last == 20


def test_what_cannot_be_used_says_so(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"no database" * 999)
    with pytest.raises(InputError, match=r"damaged\.sqlite is damaged"):
        EventStore(damaged)
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="update anirec"):
        EventStore(newer)
    with pytest.raises(InputError, match="is missing"):
        Reader(EventStore(tmp_path / "new.sqlite"), told_to([])).take_rest(str(tmp_path / "no"))
