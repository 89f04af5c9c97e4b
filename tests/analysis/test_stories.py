"""What the recommender says to people, told by one that is made up."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from anirec.analysis import stories
from anirec.analysis.finding import Absence

TITLES = [
    *("Haikyuu!!", "Slam Dunk", "Kuroko no Basket", "K-On!", "Lucky☆Star"),
    *(f"Sports {n}" for n in range(6)),
    *(f"Quiet {n}" for n in range(6)),
]
SPORTS = [True, True, True, False, False, *[True] * 6, *[False] * 6]


class MadeUp:
    """Recommends sports to who likes any, else quiet days; popularity the same to everybody."""

    def __init__(self) -> None:
        self.anime = pd.DataFrame(
            {
                "title": TITLES,
                "genres": [["Sports"] if sports else ["Comedy"] for sports in SPORTS],
                "members": range(len(TITLES), 0, -1),
                "is_adult": False,
            },
            index=pd.Index(range(10, 10 + len(TITLES)), name="anime_id"),
        )
        self.segments = {"Sports": [10, 11], "Quiet": [13]}

    def model(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(anime_ids_=self.anime.index.to_numpy())

    def recommend(self, profile, k: int = 10, model: str | None = None) -> pd.DataFrame:
        sports = any(self.anime.at[anime_id, "genres"] == ["Sports"] for anime_id in profile)
        alike = np.array(SPORTS) == (sports or model == "popularity")
        left = self.anime[alike & ~self.anime.index.isin(list(profile))].head(k).reset_index()
        found = left.assign(rank=range(1, len(left) + 1), match=1.0)
        return found if model in ("popularity", "content") else found.assign(because="why not")

    def similar(self, anime_id: int, k: int = 10, model: str | None = None) -> pd.DataFrame:
        return self.recommend({anime_id: None}, k).assign(similarity=0.5)

    def for_segment(self, segment: str, k: int = 10) -> pd.DataFrame:
        return self.recommend({self.segments[segment][0]: None}, k)


@pytest.fixture
def recommender() -> MadeUp:
    return MadeUp()


def test_a_story_tells_what_was_liked_what_comes_first_and_why(recommender) -> None:
    told = stories.tell(recommender)
    assert list(dict.fromkeys(told["person"])) == ["sports through and through", "quiet days"]
    assert not told.isna().any(axis=None)
    quiet = stories.one_story(told, "quiet days")
    assert quiet.answer == (
        "They gave K-On! 9, Lucky☆Star 8 and Non Non Biyori 9. two-stage puts Quiet 0 first "
        "(why not). None of its 5 would be shown to everybody."
    )
    assert quiet.view["model"].tolist() == list(stories.ASKED)
    assert quiet.effect.value == 0
    assert stories.one_story(told, "sports through and through").effect.value == 1
    missing = stories.one_story(told, "dark and clever")
    assert isinstance(missing, Absence) and missing.asks.endswith("?")


def test_five_stories_count_different_titles(recommender) -> None:
    told = stories.tell(recommender)
    found = stories.five_stories(told)
    assert found.effect.value == 1 and found.effect.n == 10
    # Popularity leaves out what is on the list, and shows the same beyond it.
    assert "2 of 5 people" in found.answer and "8 different titles in 10 places" in found.answer
    assert len(found.table) == 2 * len(stories.ASKED)
    assert isinstance(stories.five_stories(told.head(20)), Absence)


def test_well_known_titles_lead_to_their_like_more_often_than_chance(recommender) -> None:
    found = stories.where_well_known_lead(recommender, 4)
    assert found.table["liked"].tolist() == ["Haikyuu!!", "Slam Dunk", "K-On!"]
    assert found.effect.value == 1
    assert found.effect.null == pytest.approx((2 * 9 / 17 + 8 / 17) / 3)
    bare = MadeUp()
    bare.anime = bare.anime[~bare.anime["title"].isin(TITLES[:5])]
    assert isinstance(stories.where_well_known_lead(bare), Absence)


def test_titles_on_several_lists_are_counted(recommender) -> None:
    best = stories.best_known_titles(recommender, 3)
    assert best["title"].tolist() == TITLES[:3]
    lists = stories.ask_for_each(recommender, best["title"], 4)
    found = stories.one_title_liked(lists)
    assert found.table["rank"].tolist() == [1, 2, 3, 4] * 3
    assert list(found.view) == ["rank", *TITLES[:3]]
    assert found.effect.value == 1  # Sports 0 and 1 are on all three, each other title on two


def test_segments_and_likeness_are_told(recommender) -> None:
    found = stories.what_segments_get(recommender, 3)
    assert found.table["segment"].tolist() == ["Sports", "Quiet"] and found.effect.value == 1
    recommender.segments = {}
    assert isinstance(stories.what_segments_get(recommender), Absence)
    similar = stories.what_is_similar(recommender, 10, 3)
    assert len(similar.table) == 9 and similar.effect.value == pytest.approx(6 / 9)
    assert stories.what_can_be_found(recommender).effect.value == 1


def test_following_is_told_and_drawn() -> None:
    places = pd.DataFrame({"lists": [0, 3, 100], "place": [40, 90, 2]})
    found = stories.new_title(places, ["A"], "New", ["B", "C"])
    assert "place 40 before anybody has it (A speak for it), and at 2 once 100 do" in found.answer
    bottom, top = found.figure.axes[0].get_ylim()
    assert bottom > top  # the first place is on top
    steps = pd.DataFrame(
        {"step": [1, 2, 1, 2], "rated": "", "title": ["X", "X", "Y", "Y"], "place": [1, 9, 8, 2]}
    )
    lists = pd.DataFrame({"rated": ["B: 9", "C: 3"], "recommended": ["X", "Y"]})
    found = stories.profile_followed(steps, lists)
    assert "2 different lists of five. Y climbs furthest, from place 8 to 2." in found.answer
    assert {text.get_text() for text in found.figure.axes[0].texts} == {"X", "Y"}
