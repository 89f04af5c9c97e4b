"""The box without a browser: what it shows of a list, a search and recommendations."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_run import small_run

from anirec.app import box as box_module
from anirec.app.box import RecommenderBox
from anirec.app.cards import (
    card_html,
    details_html,
    recommendations_table,
    title_html,
)
from anirec.app.controls import ANY
from anirec.catalogue.filters import ALL, Filters
from anirec.lists import to_xml
from anirec.profiles import LIST_STATUSES, Entry, Profile, ProfileStore, Unresolved
from anirec.recommender import AnimeRecommender
from anirec.recommender.reasons import Explanation

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> AnimeRecommender:
    return AnimeRecommender.load(small_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(autouse=True)
def no_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search at each keystroke, whatever loop a browser's test has left running."""

    def none() -> None:
        raise RuntimeError("no running event loop")

    monkeypatch.setattr(box_module.asyncio, "get_running_loop", none)


@pytest.fixture
def box(recommender: AnimeRecommender) -> RecommenderBox:
    return RecommenderBox(recommender, k=3)


def cards(box: RecommenderBox) -> list[int]:
    return [card.anime_id for card in box._cards_box.children]


def rows(box: RecommenderBox) -> list[int]:
    return [row.anime_id for row in box._rows_box.children]


def row_of(box: RecommenderBox, anime_id: int):
    return next(row for row in box._rows_box.children if row.anime_id == anime_id)


def hidden(part) -> bool:
    return "anirec-hidden" in part._dom_classes


def recommended(recommender: AnimeRecommender, profile, k: int = 3, **filters) -> list[int]:
    frame = recommender.recommend(profile, k=k, filters=Filters(**filters))
    return frame["anime_id"].tolist()


def test_an_empty_list_offers_titles_to_start_with(box, recommender):
    assert cards(box) == []
    assert hidden(box._list)
    offered = recommender.to_rate({}, k=box_module.STARTERS, filters=Filters())["title"].tolist()
    assert [chip.description for chip in box._starter_chips.children] == offered
    box._starter_chips.children[0].click()
    assert box.title(rows(box)[0]) == offered[0]
    assert hidden(box._starters)


def test_typing_offers_titles_and_picking_one_recommends(box, recommender):
    box.search.value = "tea tmie"
    assert box._matches.children[0].description == "Tea Time (TV, 2008)"
    box._matches.children[0].click()
    assert box.search.value == ""
    assert len(box._matches.children) == 0
    assert rows(box) == [6]
    assert cards(box) == recommended(recommender, {6: Entry(liked=True)})


def test_a_search_that_finds_nothing_says_so(box):
    box.search.value = "<b>qqqq"
    assert len(box._matches.children) == 0
    assert "&lt;b&gt;qqqq" in box._no_match.value


def test_rating_and_thumbs_change_the_entry(box):
    box.add(6)
    row = box._rows_box.children[0]
    row.rating.value = 4
    assert box.profile[6] == Entry(rating=4)
    row.like.click()
    assert box.profile[6] == Entry(liked=True)
    row.like.click()
    assert box.profile[6].liked is None
    row.dislike.click()
    assert box.profile[6].liked is False
    row.rating.value = 3
    assert box.profile[6] == Entry(rating=3)
    row.rating.value = ANY
    assert box.profile[6] == Entry()
    row.status.value = "dropped"
    assert box.profile[6] == Entry(status="dropped")
    row.remove.click()
    assert 6 not in box.profile


def test_each_change_can_be_undone(box):
    box.add(6)
    box.rate(6, 9)
    box.seen(cards(box)[0])
    box.undo()
    assert box.profile.entries == {6: Entry(rating=9)}
    box.undo()
    box.undo()
    assert len(box.profile) == 0
    assert hidden(box._undo)
    box.undo()
    assert len(box.profile) == 0


@pytest.mark.parametrize(
    ("place", "entry"),
    [(0, Entry(status="completed")), (1, Entry(liked=False)), (2, Entry(status="plan_to_watch"))],
)
def test_what_is_said_on_a_card_changes_list_and_cards(box, recommender, place, entry):
    box.add(6)
    first = box._cards_box.children[0]
    anime_id = first.anime_id
    first.children[1].children[place].click()
    assert box.profile[anime_id] == entry
    assert anime_id not in cards(box)
    assert cards(box) == recommended(recommender, box.profile)


def test_more_appends_and_a_new_title_starts_over(box):
    box.add(6)
    before = cards(box)
    box.more()
    assert cards(box)[:3] == before
    assert len(cards(box)) > 3
    box.add(1)
    assert len(cards(box)) == 3


def test_filters_are_passed_on_and_reset(box, recommender):
    box.add(1)
    panel = box._filter_panel
    panel.franchises.value = ALL
    panel.genres.value = ["Mecha"]
    panel.score.value = 7
    filters = {"franchises": ALL, "genres": ["Mecha"], "min_score": 7}
    assert cards(box) == recommended(recommender, box.profile, **filters)
    assert box._toggles["Filters"].description == "Filters (3)"
    panel.reset()
    assert panel.filters() == Filters(types=[], genres=[], without_genres=[], studios=[])
    assert cards(box) == recommended(recommender, box.profile)


def test_contradictory_filters_are_told_and_nothing_is_lost(box):
    box.add(1)
    panel = box._filter_panel
    panel.first_year.value, panel.last_year.value = 2013, 2003
    assert "2013 to 2003 is no range" in box._results_head.value
    assert cards(box) == []
    assert rows(box) == [1]


def test_the_other_ways_to_be_recommended_something(box, recommender):
    box.add(1)
    box.more_like(6)
    assert cards(box) == recommender.similar(6, k=3, filters=Filters())["anime_id"].tolist()
    assert "Similar to Tea Time" in box._results_head.value
    box._mode.value = box_module.SURPRISE
    first = recommender.surprise(box.profile, k=3, seed=0)["anime_id"].tolist()
    assert cards(box) == first
    box._again.click()
    assert cards(box) == recommender.surprise(box.profile, k=3, seed=1)["anime_id"].tolist()


def test_only_the_latest_titles_of_a_long_list_are_shown(box):
    nine = Profile({anime_id: Entry(rating=7) for anime_id in range(1, 10)})
    box.load(to_xml(nine, box.recommender.catalogue).encode())
    assert len(box.profile) == 9
    assert len(rows(box)) == box_module.LATEST
    box._more_rows.click()
    assert rows(box) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert hidden(box._more_rows)


def test_how_an_import_is_taken_in_is_asked_with_counts(box):
    box.add(6)
    mine = to_xml(Profile({6: Entry(2, "dropped"), 1: Entry(8)}), box.recommender.catalogue)
    box.load(mine.encode())
    said = [button.description for button in box._ways.children]
    assert said == [
        "Merge it into your list: 1 new, 1 changed",
        "Put it in place of your list: 1 new, 1 changed",
        "Add only what is new: 1 new",
    ]
    assert rows(box) == [6]
    box._ways.children[2].click()
    assert box.profile[6] == Entry(liked=True)
    assert set(box.profile) == {1, 6}
    assert box._ways.children == ()
    box.undo()
    assert rows(box) == [6]


def test_every_status_that_a_list_has_is_shown(box):
    for anime_id, status in enumerate(LIST_STATUSES, start=1):
        box.set(anime_id, status=status)
        assert row_of(box, anime_id).status.value == status
        assert box.profile[anime_id].status == status


def test_picking_a_title_that_is_on_the_list_changes_nothing_of_it(box):
    box.set(6, rating=2, status="dropped")
    box.add(6)
    assert box.profile[6] == Entry(2, "dropped")
    assert "is on your list already" in box._message.value


def test_a_thumb_takes_the_place_of_a_rating_that_says_the_opposite(box):
    box.rate(6, 10)
    row_of(box, 6).dislike.click()
    assert box.profile[6] == Entry(liked=False)


def test_titles_that_the_catalogue_lacks_are_shown(box):
    box.load(b"title,rating\nNobody Knows <This>,8\n")
    box._toggles["Import and save"].value = True
    assert "1 title is kept that this catalogue lacks" in box._list_panel.missing.value
    assert "Nobody Knows &lt;This&gt;" in box._list_panel.missing.value


def test_what_an_earlier_catalogue_lacked_is_found_once_this_one_has_it(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    title = recommender.anime.at[6, "title"]
    missing = (Unresolved(title, Entry(rating=8)), Unresolved("Nobody Knows This"))
    store.create_named("Kept", Profile({1: Entry(rating=9)}, missing))
    box = RecommenderBox(recommender, store=store)
    assert box.profile == Profile({1: Entry(rating=9), 6: Entry(rating=8)}, missing[1:])
    assert "1 of the unknown titles on your list" in box._message.value
    assert store.named("Kept").read() == box.profile
    box.undo()
    assert box.profile == Profile({1: Entry(rating=9)}, missing)


def test_a_bad_file_is_told_and_the_list_kept(box):
    box.add(6)
    box.load(b"<html><body>Log in</body></html>")
    assert "role='alert'" in box._message.value
    assert rows(box) == [6]


def test_lists_are_kept_by_name(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    first = RecommenderBox(recommender, store=store)
    assert store.names() == []
    first.add(6, rating=8)
    assert store.names() == ["My list"]
    again = RecommenderBox(recommender, store=store)
    assert again.profile.entries == {6: Entry(rating=8)}
    again._list_panel.new_name.value = "Other"
    again._list_panel.create.click()
    assert len(again.profile) == 0
    again.add(1)
    again._list_panel.named.value = "My list"
    assert again.profile.entries == {6: Entry(rating=8)}
    again.delete()
    assert store.names() == ["Other"]
    assert len(again.profile) == 0
    assert "Deleted" in again._message.value


def test_saved_files_hold_the_list_and_what_is_recommended(box):
    box.add(6, rating=8)
    box._toggles["Import and save"].value = True
    links = box._list_panel.links.value
    assert links.count("download=") == 3
    assert 'download="recommendations.csv"' in links


def test_titles_from_data_are_escaped_everywhere():
    row = SimpleNamespace(
        anime_id=5, mal_id=5, rank=1, title=HOSTILE, title_english=HOSTILE + "2", type=HOSTILE,
        year=2001, episodes=pd.NA, duration_min=np.nan, genres=HOSTILE, score=7.5, match=0.2,
        because=HOSTILE, image_url='https://x.org/"><script>', similarity=np.nan,
    )  # fmt: skip
    terms = pd.DataFrame({"anime_id": [1], "title": [HOSTILE], "contribution": [0.2]})
    ranker = pd.DataFrame(
        {"group": [HOSTILE], "feature": ["place"], "value": [1.0], "contribution": [0.1]}
    )
    why = details_html(Explanation("", 0.2, terms, [], ranker))
    frame = pd.DataFrame([vars(row)])
    for html in (card_html(row, 0.2, images=True, why=why), recommendations_table(frame)):
        assert "<img src=x" not in html
        assert "<script" not in html
        assert "&lt;img src=x onerror" in html


def test_only_anime_that_myanimelist_has_are_linked():
    assert 'href="https://myanimelist.net/anime/93001"' in title_html("A", 93001)
    assert 'rel="noopener noreferrer"' in title_html("A", 5114)
    assert title_html("A & B") == title_html("A & B", pd.NA) == "A &amp; B"


def test_an_unexpected_failure_is_told_and_the_list_is_kept(box, monkeypatch):
    box.add(6)
    monkeypatch.setattr(box, "_recommended", lambda k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        box.refresh()
    assert "your list is kept" in box._message.value
    assert rows(box) == [6]
    assert "anirec-busy" not in box._results._dom_classes
