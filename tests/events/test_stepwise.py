"""A title new today, and a profile rating by rating."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.config import Paths
from anirec.events.stepwise import arrival, places_by_step, recommendations_by_step
from anirec.interactions import Interactions
from anirec.models import HybridEASE, load_model


def test_a_new_title_is_placed_by_what_it_is_and_moves_as_its_lists_come(
    paths: Paths, lists: pd.DataFrame
) -> None:
    anime = pd.read_parquet(paths.processed / "anime.parquet")
    known = lists["anime_id"].value_counts()
    new, fan = int(known.index[10]), [int(a) for a in known.index[:3]]
    told = arrival(Interactions.from_frame(lists), anime, new, fan)
    assert told.places["lists"].tolist()[:4] == [0, 1, 2, 3]
    assert told.places["place"].nunique() > 2
    assert told.places["lists"].iloc[-1] >= 100
    assert told.places["place"].iloc[-1] < told.places["place"].iloc[0] / 2
    titles = anime.set_index("anime_id")["title"]
    assert set(told.reasons) <= set(titles[fan])


def test_recommendations_follow_each_rating(paths: Paths, lists: pd.DataFrame) -> None:
    anime = pd.read_parquet(paths.processed / "anime.parquet").set_index("anime_id")
    rated = {
        int(a): r for a, r in zip(lists["anime_id"].unique()[:3], (9.0, 2.0, 8.0), strict=True)
    }
    model = load_model(paths.models / HybridEASE.NAME)
    told = recommendations_by_step(model, rated, anime["title"], k=4)
    assert told["rated"].iloc[1].endswith(": 2")
    assert told["recommended"].nunique() == 3
    assert (told["recommended"].str.count(" · ") == 3).all()
    assert np.isin(list(rated), model.anime_ids_).all()
    steps = places_by_step(model, rated, anime["title"], k=4)
    best = steps[steps["place"] <= 4].sort_values(["step", "place"]).groupby("step")["title"]
    assert best.agg(" · ".join).tolist() == told["recommended"].tolist()
    assert steps.groupby("title")["place"].min().max() <= 4
    third = steps[steps["step"] == 3]
    assert not set(third["title"]) & set(anime.loc[list(rated), "title"])
