"""Judging by the future: nothing of it is learned from, and only what can be found is asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anirec.config import InputError
from anirec.evaluation import entry_days, over_time, split_at_day
from anirec.models import ItemKNN, Popularity

DAY = pd.Timestamp("2020-01-01")


def dated(rows: list[tuple[int, int, str | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user_id", "anime_id", "finished"])
    frame["finished"] = pd.to_datetime(frame["finished"]).astype("datetime64[s]")
    return frame.assign(rating=8.0)


@pytest.fixture
def ratings() -> pd.DataFrame:
    """User 1 has six entries before the day and three after it, user 2 too few, user 3 no later
    one; anime 9 is on nobody's list before, and nothing dates one entry."""
    early, late = "2019-05-05", "2020-01-01"
    rows = [(1, anime, early) for anime in range(6)]
    rows += [(1, 6, late), (1, 7, "2021-03-01"), (1, 9, late)]
    rows += [(2, anime, early) for anime in (0, 6)] + [(2, 1, late)]
    rows += [(3, anime, early) for anime in range(8)]
    return dated([*rows, (1, 8, None)])


def test_lists_are_parted_at_the_day(ratings: pd.DataFrame) -> None:
    split = split_at_day(ratings, "2020-01-01")
    assert split.day == DAY
    assert split.train.user_ids.tolist() == [1, 2, 3]
    assert split.train.anime_ids.tolist() == list(range(8))
    assert split.train.lengths.tolist() == [6, 2, 8]
    assert split.given.user_ids.tolist() == split.hidden.user_ids.tolist() == [1]
    assert split.hidden.anime_ids[split.hidden.indices].tolist() == [6, 7]
    assert (split.n_undated, split.n_new) == (1, 1)


def test_the_most_telling_date_counts(ratings: pd.DataFrame) -> None:
    frame = ratings.assign(
        started=pd.Timestamp("2001-01-01"), updated=pd.Timestamp("2002-02-02 10:30")
    )
    days = entry_days(frame)
    assert days.iloc[0] == pd.Timestamp("2019-05-05")
    assert days.iloc[-1] == pd.Timestamp("2002-02-02")
    assert entry_days(ratings[["user_id"]]).isna().all()


def test_by_default_a_tenth_of_the_entries_come_after() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (user, int(anime), str(np.datetime64("2015-01-01") + int(rng.integers(1000))))
        for user in range(60)
        for anime in rng.permutation(40)[:20]
    ]
    split = split_at_day(dated(rows))
    assert 0.08 < 1 - split.train.nnz / len(rows) < 0.12
    assert split.hidden.nnz + split.train.nnz <= len(rows)


def test_who_knows_what_comes_next_ranks_it_first() -> None:
    """Everybody watches one to five, then six; whoever had it all watched it before."""
    rows = [(u, a, f"2019-01-{a:02d}") for u in range(1, 31) for a in range(1, 6)]
    rows += [(u, 6, "2019-01-09") for u in range(1, 16)]
    rows += [(u, a, f"2019-02-{a:02d}") for u in range(31, 75) for a in range(11, 16)]
    rows += [(u, 6, "2020-02-02") for u in range(16, 31)]
    table = over_time(
        {"popularity": Popularity(), "item-knn": ItemKNN(shrinkage=0)}, dated(rows), None, DAY
    )
    ndcg = table.query("metric == 'ndcg' and k == 10 and target == 'watched'")
    value = ndcg.set_index("model")["value"]
    assert value["item-knn"] == 1
    assert value["popularity"] < 1
    assert (table["day"] == DAY).all()
    assert ndcg["users"].eq(15).all()


def test_without_dates_or_future(ratings: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="no entry is dated: one of finished, updated, started"):
        split_at_day(ratings.drop(columns="finished"))
    with pytest.raises(InputError, match="nobody has 5 entries before 2030-01-01 and one since"):
        split_at_day(ratings, "2030-01-01")
