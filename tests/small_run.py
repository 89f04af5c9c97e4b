"""A small catalogue and community with two tastes, and a run fitted on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anirec.catalogue.catalogue import COLUMNS
from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.interactions import Interactions
from anirec.models import EASE, ContentTfidf, Popularity

ROWS = [
    # id, title, type, year, episodes, genres, members, adult
    (1, "Iron Sky", "TV", 2001, 24, ["Mecha", "Drama"], 900, False),
    (2, "Iron Sky II", "TV", 2003, 24, ["Mecha", "Drama"], 700, False),
    (3, "Iron Sky III", "TV", 2005, 24, ["Mecha", "Drama"], 500, False),
    (4, "Steel Hearts", "TV", 2010, 12, ["Mecha", "Romance"], 400, False),
    (5, "Star Walker", "Movie", 2012, 1, ["Mecha", "Space"], 300, False),
    (6, "Tea Time", "TV", 2008, 12, ["Comedy", "School"], 800, False),
    (7, "Tea Time: Encore", "OVA", 2009, 2, ["Comedy", "School"], 200, False),
    (8, "Club Room Diary", "TV", 2011, 12, ["Comedy", "School"], 600, False),
    (9, "Lunch Break", "ONA", 2013, 12, ["Comedy"], 100, False),
    (10, "Night Nurses", "OVA", 2014, 2, ["Comedy"], 150, True),
    (11, "Nobody Saw This", "TV", None, None, None, 5, False),
]
MECHA, SCHOOL = (1, 2, 3, 4, 5), (6, 7, 8, 9, 10)


def catalogue() -> pd.DataFrame:
    names = ["anime_id", "title", "type", "year", "episodes", "genres", "members", "is_adult"]
    anime = pd.DataFrame(ROWS, columns=names)
    anime["score"] = np.linspace(8, 6, len(anime))
    anime["studios"] = [["Kite"] if i % 2 else ["Moon", "Kite"] for i in anime["anime_id"]]
    anime["title_english"] = None
    return anime


def community() -> pd.DataFrame:
    """Half of the people watch mecha mostly, half school comedies; nobody anime 11."""
    rng = np.random.default_rng(1)
    rows = []
    for user in range(300):
        own = MECHA if user % 2 else SCHOOL
        for anime_id in (*MECHA, *SCHOOL):
            if rng.random() < (0.7 if anime_id in own else 0.1):
                rows.append((user, anime_id, int(rng.integers(5, 11))))
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])


def small_run(root: Path) -> Paths:
    """Write a catalogue and fitted models below ``root``, as a run would."""
    paths = Paths.of(
        "sample", processed_dir=root / "processed/sample", output_dir=root / "outputs/sample"
    )
    paths.processed.mkdir(parents=True)
    anime = catalogue()
    anime.reindex(columns=COLUMNS).to_parquet(paths.processed / "anime.parquet")
    train = Interactions.from_frame(community())
    features = item_features(anime, train.anime_ids)
    for model in (Popularity(), EASE(l2=20), ContentTfidf()):
        model.fit(train, features=features).save(paths.models / model.NAME)
    return paths
