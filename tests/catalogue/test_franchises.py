"""Franchises: labelled pairs of real titles, and the order of the parts."""

from __future__ import annotations

import html
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.franchise_finding import find_franchises
from anirec.catalogue.franchises import Franchises
from anirec.config import ROOT

LABELLED = Path(__file__).parents[1] / "data"


def labelled_pairs() -> pd.DataFrame:
    return pd.read_csv(LABELLED / "franchise_pairs.csv")


def labelled_titles() -> pd.DataFrame:
    anime = pd.read_csv(LABELLED / "franchise_titles.csv", keep_default_na=False)
    anime["genres"] = anime["genres"].str.split(";")
    return anime.assign(anime_id=range(len(anime)), members=1)


def precision_and_recall(anime: pd.DataFrame, pairs: pd.DataFrame) -> tuple[float, float]:
    number = dict(zip(anime["title"], find_franchises(anime).number, strict=True))
    pairs = pairs[pairs["first"].isin(number.keys()) & pairs["second"].isin(number.keys())]
    found = (pairs["first"].map(number) == pairs["second"].map(number)).to_numpy()
    same = (pairs["label"] == "same").to_numpy()
    return (found & same).sum() / found.sum(), (found & same).sum() / same.sum()


def test_labelled_pairs_are_many_and_balanced() -> None:
    counts = labelled_pairs()["label"].value_counts()
    assert counts["same"] >= 150
    assert counts["different"] >= 100


def test_pairs_among_the_labelled_titles() -> None:
    precision, recall = precision_and_recall(labelled_titles(), labelled_pairs())
    assert precision >= 0.95
    assert recall >= 0.85


def test_pairs_in_a_real_catalogue(real_data: Path) -> None:
    anime = pd.read_csv(real_data / "mal-2016" / "anime.csv").rename(columns={"name": "title"})
    anime["title"] = anime["title"].map(html.unescape)
    anime["genres"] = [g.split(", ") if isinstance(g, str) else [] for g in anime["genre"]]
    anime = anime.sort_values("members", ascending=False).drop_duplicates("title")
    pairs = labelled_pairs()
    present = pairs["first"].isin(anime["title"]) & pairs["second"].isin(anime["title"])
    assert present.sum() >= 290
    precision, recall = precision_and_recall(anime, pairs)
    assert precision >= 0.95
    assert recall >= 0.85


def test_franchises_of_the_sample() -> None:
    """Every pair of the sample's anime whose franchise is known there."""
    anime = pd.read_csv(ROOT / "data" / "sample" / "anime-dataset-2023.csv")
    anime = anime.rename(columns={"Name": "title", "English name": "title_english"})
    anime["title_english"] = anime["title_english"].where(anime["title_english"] != "UNKNOWN")
    anime["genres"] = anime["Genres"].str.split(", ")
    number = dict(zip(anime["anime_id"], find_franchises(anime).number, strict=True))
    known = pd.read_csv(ROOT / "data" / "sample" / "franchises.csv")
    known["found"] = known["anime_id"].map(number)

    def pairs(column: str) -> set[tuple[int, int]]:
        groups = known.groupby(column)["anime_id"]
        return {pair for _, ids in groups for pair in combinations(sorted(ids), 2)}

    same, found = pairs("franchise"), pairs("found")
    assert len(same & found) >= 0.95 * len(found)
    assert len(same & found) >= 0.85 * len(same)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Bakemonogatari", "Owarimonogatari", True),
        ("Naruto", "Boruto: Naruto the Movie", True),
        ("Fate/Zero", "Fate/stay night", True),
        ("Air", "Air Gear", False),
        ("Monster", "Monster Musume no Iru Nichijou", False),
        ("Aria The Animation", "Hidan no Aria", False),
    ],
)
def test_hard_pairs(first: str, second: str, same: bool) -> None:
    anime = labelled_titles()
    number = dict(zip(anime["title"], find_franchises(anime).number, strict=True))
    assert (number[first] == number[second]) == same


SAGA = [
    # title, type, year, members
    ("Saga Frontier", "TV", 2001, 900),
    ("Saga Frontier 2nd Season", "TV", 2003, 700),
    ("Saga Frontier III", "TV", 2004, 500),
    ("Saga Frontier Movie", "Movie", 2005, 300),
    ("Saga Frontier (2015)", "TV", 2015, 950),
    ("Lone Wolf of Nowhere", "TV", 2002, 800),
]


def saga(dated: bool = True, rows: list[tuple] = SAGA) -> pd.DataFrame:
    anime = pd.DataFrame(rows, columns=["title", "type", "year", "members"])
    anime["genres"] = [["Drama", "Space"]] * 5 + [["Comedy"]]
    anime = anime.assign(anime_id=range(10, 10 + len(anime)))
    return anime if dated else anime.drop(columns="year").sample(frac=1, random_state=1)


def mask(franchises: Franchises, *anime_ids: int) -> np.ndarray:
    return np.isin(franchises.anime_ids, anime_ids)


def ids(franchises: Franchises, which: np.ndarray) -> list[int]:
    return sorted(franchises.anime_ids[which].tolist())


@pytest.mark.parametrize("dated", [True, False])
def test_parts_are_in_the_order_of_watching(dated: bool) -> None:
    franchises = find_franchises(saga(dated))
    first = int(np.flatnonzero(franchises.anime_ids == 10)[0])
    order = franchises.anime_ids[franchises.parts(first)].tolist()
    assert order == ([10, 11, 12, 13, 14] if dated else [10, 11, 12, 14, 13])


def test_sequels_of_the_unfinished_come_too_early() -> None:
    franchises = find_franchises(saga())
    nothing = mask(franchises)
    # The remake of 2015 has more members than what came before it: it stands alone.
    assert ids(franchises, franchises.too_early(nothing)) == [11, 12, 13]
    assert ids(franchises, franchises.too_early(mask(franchises, 10))) == [12, 13]
    # Who finished the second season knows the first.
    assert ids(franchises, franchises.too_early(mask(franchises, 11))) == [13]


def test_next_part_follows_the_furthest_one_finished() -> None:
    franchises = find_franchises(saga())
    for seen, following in [((10,), [11]), ((10, 11), [12]), ((11,), [12]), ((12, 15), [13])]:
        seen_mask = mask(franchises, *seen)
        assert ids(franchises, franchises.next_parts(seen_mask, seen_mask)) == following
    # A part already planned is not suggested again.
    chosen = franchises.next_parts(mask(franchises, 10), mask(franchises, 10, 11))
    assert 11 not in ids(franchises, chosen)


def test_known_franchises() -> None:
    franchises = find_franchises(saga())
    assert ids(franchises, franchises.known(mask(franchises, 13))) == [10, 11, 12, 13, 14]
    assert ids(franchises, franchises.known(mask(franchises, 15))) == [15]


def test_catalogues_with_little_in_them() -> None:
    bare = pd.DataFrame({"anime_id": [3, 4], "title": ["K", None]})
    franchises = find_franchises(bare)
    assert franchises.number.tolist() == [0, 1] or franchises.number.tolist() == [1, 0]
    assert not franchises.sequel.any()
    assert len(find_franchises(bare.iloc[:0]).number) == 0
