"""Portraits of known segments, and the files that others read of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_clustering import GENRES, community
from test_segments import ANIME

from anirec.analysis import portraits, resampling, segments
from anirec.analysis.finding import Absence
from anirec.analysis.mixture import MIXTURE_FILE
from anirec.catalogue.features import item_features
from anirec.config import Paths

TITLES = ANIME.set_index("anime_id")["title"]


@pytest.fixture(scope="module")
def audience() -> segments.Audience:
    lists = community()
    return segments.find_audience(lists, ANIME, item_features(ANIME, lists.anime_ids), 6, 4)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Sports fans are older and came later; women are two in three of the music fans."""
    rng = np.random.default_rng(0)
    user = np.arange(400)
    genre = user % 4
    year = rng.integers(2010, 2014, size=400)
    year[(genre == 0) & (rng.random(400) < 0.9)] = 2013
    female = rng.random(400) < np.where(genre == 1, 0.67, 0.33)
    return pd.DataFrame(
        {
            "user_id": user,
            "age": np.where(genre == 0, 40.0, 20.0) + rng.normal(size=400),
            "gender": np.where(female, "Female", "Male"),
            "joined": pd.to_datetime([f"{y}-06-01" for y in year]),
        }
    )


@pytest.fixture(scope="module")
def trials(audience) -> resampling.Resampling:
    return resampling.resampled(audience, 6, n_bootstraps=3)


@pytest.fixture(scope="module")
def cards(audience, people, trials) -> list[portraits.Portrait]:
    return portraits.draw_cards(audience, TITLES, people, trials)


def own_titles(name: str) -> set[str]:
    return {
        title
        for title, genres in zip(ANIME["title"], ANIME["genres"], strict=True)
        if name in genres
    }


def test_every_segment_has_a_card_of_its_own(audience, cards) -> None:
    assert sorted(card.name for card in cards) == sorted(GENRES)
    for card in cards:
        assert card.special["genre"].iloc[0] == card.name
        assert card.common["genre"].iloc[0] == "Comedy"
        assert set(card.loved["title"]) <= own_titles(card.name)
        assert (card.loved["share"] >= portraits.LIKELY).all()
        assert len(set(card.typical) & own_titles(card.name)) >= 6
        assert f"times as much {card.name} as everybody's" in card.insight
        assert card.nearest in GENRES and card.nearest != card.name
    table = portraits.portraits(audience, cards).table
    assert table["segment"].is_unique and table["commonest_genres"].str.startswith("Comedy").all()


def test_cards_tell_age_gender_and_growth_where_they_are_known(audience, cards) -> None:
    by_name = {card.name: card for card in cards}
    sports, music = by_name["Sports"], by_name["Music"]
    assert sports.age == pytest.approx(40, abs=1) and music.age == pytest.approx(20, abs=1)
    assert music.female > 0.55 > sports.female
    assert sports.growth["share"].iloc[-1] > 2 * sports.growth["share"].iloc[0]
    assert (sports.growth["low"] <= sports.growth["share"]).all()
    assert "of 2013: a change." in sports.insight and "median age is 40" in sports.insight
    plain = portraits.draw_cards(audience, TITLES)
    assert all(card.growth is None and "median age" not in card.insight for card in plain)


def test_advice_needs_what_is_distinct_and_stable(audience, cards, trials) -> None:
    for card in cards:
        assert card.advice.startswith(f"Programme: a block of {card.name}, led by {card.name}"[:30])
        assert all(word in card.advice for word in ("Licensing: ", "Marketing: "))
    shaky = replace(trials, kept=np.full(4, 0.5))
    unsure = portraits.draw_cards(audience, TITLES, None, shaky)
    assert all(card.advice == "" and "not stable" in card.insight for card in unsure)
    untried = portraits.draw_cards(audience, TITLES)
    assert all(card.advice == "" for card in untried)


def test_cards_can_be_picked(cards) -> None:
    handle = portraits.picker(cards)
    (control,) = handle.controls
    assert list(control.options) == [card.name for card in cards]
    control.value = cards[2].name
    assert cards[2].insight[:40] in handle.children[-1].value
    assert portraits.picker([]) is None


def test_the_card_figure_shows_bars_beside_the_cloud(cards) -> None:
    figure = portraits.card_finding(cards[0]).figure
    words = [text.get_text() for axes in figure.axes for text in axes.get_yticklabels()]
    assert cards[0].special["genre"].iloc[0] in words and "Comedy" in words
    assert len(figure.axes) == 4  # cloud, two kinds of bars, growth
    cloud = figure.axes[0].images[0].get_array()
    assert (cloud < 250).any()


def test_what_is_kept_tells_of_every_user_and_segment(audience, cards, tmp_path: Path) -> None:
    paths = Paths.of("sample", output_dir=tmp_path)
    portraits.keep(audience, cards, paths)
    users = pd.read_parquet(paths.tables / "segments.parquet")
    assert users["user_id"].tolist() == list(range(400))
    assert users[GENRES].sum(axis=1).round(4).eq(1).all()
    assert (users[GENRES].idxmax(axis=1) == users["segment"].astype(str)).mean() > 0.95
    told = json.loads((paths.tables / "segment_profiles.json").read_text("utf-8"))["segments"]
    assert [row["segment"] for row in told] == audience.names.tolist()
    for row in told:
        assert row["genres_by_lift"][0]["genre"] == row["segment"]
        assert row["genres_by_share"][0]["genre"] == "Comedy"
        assert row["users"] == (users["segment"] == row["segment"]).sum()
        assert len(row["titles"]) == 5 and row["insight"] and row["typical_list"]
    assert (paths.tables / MIXTURE_FILE).is_file()


def test_without_segments_that_is_kept_and_nothing_older(audience, cards, tmp_path: Path) -> None:
    paths = Paths.of("sample", output_dir=tmp_path)
    portraits.keep(audience, cards, paths)
    portraits.keep(Absence("Which audiences are there?", "Too few."), [], paths)
    assert not (paths.tables / MIXTURE_FILE).exists()
    told = json.loads((paths.tables / "segment_profiles.json").read_text("utf-8"))
    assert told == {"segments": [], "absent": "Too few."}
    assert pd.read_parquet(paths.tables / "segments.parquet").empty
    assert pd.read_csv(paths.tables / portraits.TITLES_FILE).empty
