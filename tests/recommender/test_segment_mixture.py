"""A profile's mixture of the community's segments, as the box says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_run import MECHA, SCHOOL, community, small_run

from anirec.analysis.clustering import segment_users
from anirec.analysis.mixture import MIXTURE_FILE, SegmentMixture
from anirec.interactions import Interactions
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> AnimeRecommender:
    paths = small_run(tmp_path_factory.mktemp("run"))
    lists = Interactions.from_frame(community())
    segments = segment_users(lists, n_components=3, n_clusters=2)
    of_first = lists.user_ids[segments.labels == 0] % 2
    names = ["Mecha", "School"] if of_first.mean() > 0.5 else ["School", "Mecha"]
    SegmentMixture.fit(segments, lists, names).save(paths.tables / MIXTURE_FILE)
    return AnimeRecommender.load(paths)


def test_a_taste_is_told_in_shares(recommender: AnimeRecommender) -> None:
    told = recommender.segment_mixture(dict.fromkeys(MECHA, 9.0))
    assert told.shares["share"].sum() == pytest.approx(1)
    assert told.shares["segment"].tolist() == ["Mecha", "School"]
    assert told.n_titles == 5 and told.is_guess
    share = f"{told.shares['share'].iloc[0]:.0%}".replace("%", " %")
    assert told.text.startswith(f"Your taste, guessed from 5 titles: {share} Mecha")
    every = recommender.segment_mixture(dict.fromkeys((*MECHA, *SCHOOL)))
    assert not every.is_guess and every.text.startswith("Your taste: ")


def test_what_is_disliked_or_planned_is_no_taste(recommender: AnimeRecommender) -> None:
    liked = {1: Entry(rating=9.0), 2: Entry(liked=True)}
    against = {6: Entry(rating=2.0), 7: Entry(liked=False), 8: Entry(status="plan_to_watch")}
    alone = recommender.segment_mixture(Profile(liked))
    beside = recommender.segment_mixture(Profile(liked | against))
    assert beside.n_titles == 2
    assert beside.shares.equals(alone.shares)


def test_nothing_to_tell_from_is_none(recommender: AnimeRecommender, tmp_path: Path) -> None:
    assert recommender.segment_mixture({}) is None
    assert recommender.segment_mixture({11: 9.0}) is None  # nobody's list has it
    without = AnimeRecommender.load(small_run(tmp_path))
    assert without.segment_mixture({1: 9.0}) is None
