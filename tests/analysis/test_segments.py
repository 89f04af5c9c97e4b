"""Questions of segments, put to a community whose segments are known and to too small ones."""

from __future__ import annotations

import pandas as pd
import pytest
from test_clustering import GENRES, community

from anirec.analysis import portraits, resampling, segments
from anirec.analysis.finding import Absence, Finding
from anirec.catalogue.features import item_features

ANIME = pd.DataFrame(
    {
        "anime_id": range(70),
        "title": [f"Title {i}" for i in range(70)],
        "genres": [["Comedy"]] * 10 + [["Comedy", GENRES[i // 15]] for i in range(60)],
    }
)


@pytest.fixture(scope="module")
def audience() -> segments.Audience:
    lists = community()
    return segments.find_audience(lists, ANIME, item_features(ANIME, lists.anime_ids), 6, 4)


def test_axes_are_contrasts_of_genres(audience) -> None:
    table = segments.axes_in_words(audience).table
    assert (table["most"] > 0.3).any() and (table["least"] < -0.3).any()
    assert (table["one_end"] != table["other_end"]).all()
    genre = ANIME.set_index("title")["genres"].str[-1]
    for column in ("titles_one_end", "titles_other_end"):
        titles = table.loc[:2, column].str.split(", ")
        assert all(len(set(genre[names])) == 1 for names in titles)  # an end is of one genre


def how_many(audience) -> Finding | Absence:
    return resampling.how_many(audience, resampling.resampled(audience, 6, n_bootstraps=2))


def how_apart(audience) -> Finding | Absence:
    return resampling.how_apart(audience, resampling.resampled(audience, 6, n_bootstraps=2))


def portrayed(audience) -> Finding | Absence:
    cards = portraits.draw_cards(audience, ANIME.set_index("anime_id")["title"])
    return portraits.portraits(audience, cards)


QUESTIONS = (
    segments.explained_variance, how_many, how_apart, portrayed, segments.axes_in_words,
    segments.where_they_lie, segments.genres_of_segments, segments.titles_of_segments,
    segments.foretold_by_few_titles,
)  # fmt: skip


@pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
def test_too_small_or_equal_communities_are_an_absence(ask, audience) -> None:
    assert isinstance(ask(audience), Finding)
    few = community(20)
    equal = pd.DataFrame([(u, a, 8) for u in range(60) for a in range(9)])
    equal = equal.set_axis(["user_id", "anime_id", "rating"], axis=1)
    for lists in (few, type(few).from_frame(equal)):
        features = item_features(ANIME, lists.anime_ids)
        found = ask(segments.find_audience(lists, ANIME, features, 6, 10))
        assert isinstance(found, Absence) and found.because.endswith(".")


def test_one_genre_still_gives_segments_and_cards() -> None:
    lists = community()
    plain = ANIME.assign(genres=[["Comedy"]] * 70)
    audience = segments.find_audience(lists, plain, item_features(plain, lists.anime_ids), 6, 4)
    found = portrayed(audience)
    assert isinstance(found, Finding) and found.table["segment"].is_unique
    assert found.table["advice"].tolist() == [""] * 4  # nothing sets one apart by its genre
    assert isinstance(segments.axes_in_words(audience), Absence)
