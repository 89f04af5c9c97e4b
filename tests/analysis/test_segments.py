"""Questions of segments, put to a community whose segments are known and to too small ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_clustering import GENRES, community

from anirec.analysis import portraits, segments
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


def test_planted_segments_are_stable_and_the_control_is_not(audience) -> None:
    table = segments.how_many(audience, n_components=6).table
    at_four = table[table["segments"] == 4].set_index("of")["agreement"]
    assert at_four["the lists"] > 0.9
    assert at_four["control: dealt anew"] < 0.3


def test_entries_dealt_anew_keep_reach_and_length() -> None:
    lists = community()
    anew = segments.dealt_anew(lists)
    reach = [np.bincount(part.indices, minlength=70) for part in (lists, anew)]
    assert np.corrcoef(*reach)[0, 1] > 0.99
    assert anew.nnz > 0.7 * lists.nnz  # in these dense lists many would double
    assert (anew.lengths <= lists.lengths).all()
    assert all(len(np.unique(row)) == len(row) for row in np.split(anew.indices, anew.indptr[1:-1]))


def test_every_segment_has_a_portrait_of_its_own(audience) -> None:
    table = portraits.portraits(audience).table
    assert table["segment"].is_unique and sorted(table["segment"]) == sorted(GENRES)
    for name, words in zip(table["segment"], table["insight"], strict=True):
        assert f"times as much {name} as everybody's" in words
    assert table["commonest_genres"].str.startswith("Comedy").all()


def test_axes_are_contrasts_of_genres(audience) -> None:
    table = segments.axes_in_words(audience).table
    assert (table["most"] > 0.3).any() and (table["least"] < -0.3).any()
    assert (table["one_end"] != table["other_end"]).all()


QUESTIONS = (
    segments.explained_variance, segments.how_many, portraits.portraits, segments.axes_in_words,
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
