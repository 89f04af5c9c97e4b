"""Lists and catalogue with what events changed."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest

from anirec.config import Paths
from anirec.datasets.schema import validated
from anirec.events.community import Community
from anirec.events.event import Event
from anirec.events.store import EventStore

DAY = 1_700_000_000 * 10**6


@pytest.fixture
def store(paths: Paths) -> EventStore:
    return EventStore.of("sample")


@pytest.fixture
def community(paths: Paths, store: EventStore) -> Community:
    return Community(paths, store)


def rated(lists: pd.DataFrame) -> tuple[int, int, int]:
    """Return user, anime and rating of the first entry that has one."""
    first = lists.dropna(subset="rating").iloc[0]
    return int(first["user_id"]), int(first["anime_id"]), int(first["rating"])


def entry(community: Community, user: int, anime: int, until: int = 99) -> object:
    frame = community.entries(until, [user])
    found = frame.loc[frame["anime_id"] == anime, "rating"]
    return found.item() if len(found) else "no entry"


def test_the_latest_event_counts_however_late_it_comes(community, store, lists) -> None:
    user, anime, rating = rated(lists)
    store.append([Event("set", DAY + 5, user, anime, rating=1)])
    store.append([Event("set", DAY + 2, user, anime, rating=2)])
    assert entry(community, user, anime) == 1
    assert entry(community, user, anime, until=0) == rating
    store.append([Event("delete-entry", DAY + 4, user, anime)])
    assert entry(community, user, anime) == 1
    store.append([Event("delete-entry", DAY + 6, user, anime)])
    assert entry(community, user, anime) == "no entry"
    assert entry(community, user, anime, until=1) == 1


def test_who_is_deleted_keeps_only_what_came_later(community, store, lists) -> None:
    user, anime, _ = rated(lists)
    store.append(
        [
            Event("set", DAY + 1, user, anime, rating=3),
            Event("delete-user", DAY + 2, user),
            Event("set", DAY + 1, user, anime + 1, rating=3),
        ]
    )
    assert community.entries(99, [user]).empty
    everybody = community.entries(99)
    assert len(everybody) == (lists["user_id"] != user).sum()
    store.append([Event("set", DAY + 3, user, anime, rating=4)])
    assert community.entries(99, [user])["rating"].tolist() == [4]


def test_an_entry_dated_later_by_the_table_stands(community, store, paths, lists) -> None:
    table = pq.read_table(paths.processed / "ratings.parquet").to_pandas()
    table["updated"] = pd.Timestamp("2024-01-01")
    table.to_parquet(paths.processed / "ratings.parquet")
    user, anime, rating = rated(table)
    dated = Community(paths, store)
    store.append([Event("set", DAY, user, anime, rating=1)])
    assert entry(dated, user, anime) == rating
    store.append([Event("set", DAY + 10**14, user, anime, rating=2)])
    assert entry(dated, user, anime) == 2


def test_facts_make_and_change_anime(community, store) -> None:
    before = community.catalogue(0)
    known = before.column("anime_id")[0].as_py()
    facts = '{"title": "Brand New", "genres": ["Drama", "Hentai"], "aired_from": "2024-02-03"}'
    store.append(
        [
            Event("anime", DAY, anime=77_000_000, facts=facts),
            Event("anime", DAY, anime=known, facts='{"episodes": 7}'),
            Event("anime", DAY + 1, anime=known, facts='{"episodes": 8}'),
        ]
    )
    after = validated("anime", community.catalogue(99))
    assert after.num_rows == before.num_rows + 1
    rows = {row["anime_id"]: row for row in after.to_pylist()}
    assert rows[known]["episodes"] == 8
    assert rows[known]["title"] == before.column("title")[0].as_py()
    new = rows[77_000_000]
    assert (new["title"], new["year"], new["is_adult"]) == ("Brand New", 2024, True)


def test_tables_are_made_from_the_events_as_often_as_wanted(community, store, paths, lists) -> None:
    user, anime, _ = rated(lists)
    other = int(lists["user_id"].iloc[-1])
    store.append(
        [
            Event("set", DAY, user, anime, rating=2),
            Event("delete-user", DAY, other),
            Event("anime", DAY, anime=77_000_000, facts='{"title": "Brand New"}'),
            Event("set", DAY, user, 77_000_000, rating=9),
        ]
    )
    expected = community.entries(99)
    texts = []
    for _ in range(2):
        community.write_tables(99)
        ratings = pq.read_table(paths.processed / "ratings.parquet")
        validated("ratings", ratings)
        validated("anime", pq.read_table(paths.processed / "anime.parquet"))
        texts.append(ratings.to_pandas().to_csv())
    assert texts[0] == texts[1]
    assert ratings.num_rows == len(expected)
    theirs = ratings.to_pandas().query("user_id == @user and anime_id in (@anime, 77_000_000)")
    assert theirs["rating"].tolist() == [2, 9]
    assert not (ratings.column("user_id").to_numpy() == other).any()
