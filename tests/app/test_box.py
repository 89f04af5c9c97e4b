"""The box without a browser: what it shows of a list, a search and recommendations."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_run import small_run

from anirec.app.acts import MOST_TEXT, acts
from anirec.app.box import LATEST, STARTERS, RecommenderBox
from anirec.app.cards import (
    card_html,
    details_html,
    recommendations_table,
    title_html,
)
from anirec.app.list_panel import PageAddress
from anirec.app.shelf import ALIKE, FOR_LIST, NEW, SURPRISE
from anirec.app.tools import TOOLS
from anirec.catalogue.filters import ALL, CONTROLS, Filters
from anirec.lists import frame_csv, to_xml
from anirec.profiles import LIST_STATUSES, Entry, ListSession, Profile, ProfileStore, Unresolved
from anirec.recommender import AnimeRecommender
from anirec.recommender.reasons import Explanation

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> AnimeRecommender:
    return AnimeRecommender.load(small_run(tmp_path_factory.mktemp("run")))


@pytest.fixture
def box(recommender: AnimeRecommender) -> RecommenderBox:
    return RecommenderBox(recommender, k=3)


def do(box: RecommenderBox, act: str, **about: object) -> None:
    """Say something to the box, as its script does."""
    file = about.pop("file", None)
    box._heard(box, {"act": act, **about}, [] if file is None else [file])


def cards(box: RecommenderBox) -> list[int]:
    return [int(a) for a in re.findall(r'data-key="card(\d+)"', box.results)]


def rows(box: RecommenderBox) -> list[int]:
    return [int(a) for a in re.findall(r'data-key="row(\d+)"', box.entries)]


def row_of(box: RecommenderBox, anime_id: int) -> str:
    return re.search(rf'<li[^>]*data-key="row{anime_id}".*?</li>', box.entries, re.S)[0]


def found(box: RecommenderBox) -> list[str]:
    return re.findall(r'role="option".*?>(.*?)<(?:kbd|/button)', box.found)


def recommended(recommender: AnimeRecommender, profile, k: int = 3, **filters) -> list[int]:
    frame = recommender.recommend(profile, k=k, filters=Filters(**filters))
    return frame["anime_id"].tolist()


def new_to(recommender: AnimeRecommender, profile, k: int = 3) -> list[int]:
    return recommender.new_to_you(profile, k=k, filters=Filters())["anime_id"].tolist()


def test_an_empty_list_offers_titles_to_start_with(box, recommender):
    assert cards(box) == rows(box) == []
    offered = recommender.to_rate({}, k=STARTERS, filters=Filters())
    said = re.findall(r'data-key="start(\d+)"', box.results)
    assert [int(a) for a in said] == offered["anime_id"].tolist()
    do(box, "pick", anime=int(said[0]), seen=0)
    assert rows(box) == [int(said[0])]
    assert "anirec-starters" not in box.results


def test_typing_offers_titles_and_picking_one_recommends(box, recommender):
    do(box, "search", value="tea tmie")
    assert found(box)[0] == "Tea Time (TV, 2008)"
    assert 'data-for="tea tmie"' in box.found
    do(box, "pick", anime=6, seen=0)
    assert rows(box) == [6]
    assert cards(box) == new_to(recommender, {6: Entry(liked=True)})


def test_enter_takes_what_is_certain_and_says_what_was_understood(box):
    do(box, "take", value="tea tmie")
    assert box.profile == Profile({6: Entry(liked=True)})
    assert "“tea tmie” was taken for Tea Time" in box.said
    do(box, "undo", seen=1)
    assert len(box.profile) == 0


def test_enter_offers_what_is_not_certain(box):
    do(box, "take", value="club diary of tea")
    assert len(box.profile) == 0
    offered = re.findall(r'data-anime="(\d+)"', box.said)
    assert offered
    assert "Nothing is called exactly “club diary of tea”" in box.said
    do(box, "take", value="tea time")
    assert "club diary of tea" in box.said, "an offer stays while others are typed"
    do(box, "pick", anime=int(offered[0]), seen=1, value="club diary of tea")
    assert int(offered[0]) in box.profile
    assert "club diary of tea" not in box.said


def test_a_search_that_finds_nothing_says_so(box):
    do(box, "search", value="<b>qqqq")
    assert found(box) == []
    assert "&lt;b&gt;qqqq" in box.found
    do(box, "take", value="<b>qqqq")
    assert "&lt;b&gt;qqqq" in box.said
    do(box, "dismiss", value="<b>qqqq")
    assert "qqqq" not in box.said


def test_rating_and_thumbs_change_the_entry(box):
    box.add(6)
    do(box, "rate", anime=6, value="4")
    assert box.profile[6] == Entry(rating=4)
    do(box, "thumb", anime=6, value="up")
    assert box.profile[6] == Entry(liked=True)
    do(box, "thumb", anime=6, value="up")
    assert box.profile[6].liked is None
    do(box, "thumb", anime=6, value="down")
    assert box.profile[6].liked is False
    do(box, "rate", anime=6, value="3")
    assert box.profile[6] == Entry(rating=3)
    do(box, "rate", anime=6, value="")
    assert box.profile[6] == Entry()
    do(box, "status", anime=6, value="dropped")
    assert box.profile[6] == Entry(status="dropped")
    do(box, "remove", anime=6)
    assert 6 not in box.profile


def test_a_click_acts_on_what_was_seen(box):
    box.add(6)
    seen = box.session.generation
    first, second = cards(box)[:2]
    do(box, "less_like", anime=first, seen=seen)
    do(box, "less_like", anime=first, seen=seen)
    assert set(box.profile) == {6, first}
    assert box.profile[first] == Entry(liked=False)
    do(box, "seen_it", anime=second, seen=seen)
    assert box.profile[second] == Entry(status="completed"), "another card of the same page"
    do(box, "remove", anime=6, seen=seen)
    do(box, "remove", anime=6, seen=seen)
    assert set(box.profile) == {first, second}
    late = box.session.generation
    do(box, "undo", seen=late)
    do(box, "undo", seen=late)
    assert set(box.profile) == {6, first, second}


def test_each_change_can_be_undone(box):
    box.add(6)
    do(box, "rate", anime=6, value="9")
    do(box, "seen_it", anime=cards(box)[0])
    box.undo()
    assert box.profile.entries == {6: Entry(rating=9)}
    box.undo()
    box.undo()
    assert len(box.profile) == 0
    assert "Undo" not in box.said
    box.undo()
    assert len(box.profile) == 0


@pytest.mark.parametrize(
    ("act", "entry"),
    [
        ("seen_it", Entry(status="completed")),
        ("not_for_me", Entry(status="wont_watch")),
        ("less_like", Entry(liked=False)),
        ("plan", Entry(status="plan_to_watch")),
    ],
)
def test_what_is_said_on_a_card_changes_list_and_cards(box, recommender, act, entry):
    box.add(6)
    anime_id = cards(box)[0]
    do(box, act, anime=anime_id)
    assert box.profile[anime_id] == entry
    assert anime_id not in cards(box)
    assert cards(box) == new_to(recommender, box.profile)
    assert box.title(anime_id) in box.said


def test_more_appends_and_a_new_title_starts_over(box):
    box.add(6)
    before = cards(box)
    do(box, "more")
    assert cards(box)[:3] == before
    assert len(cards(box)) > 3
    box.add(1)
    assert len(cards(box)) == 3


def chosen(box: RecommenderBox, name: str, label: str) -> int:
    """Return the place of a value among those that a filter offers, from 1."""
    return 1 + [said for said, _ in box.filter_panel.offers[name]].index(label)


def test_filters_are_passed_on_and_reset(box, recommender):
    box.add(1)
    do(box, "shelf", value=FOR_LIST)
    do(box, "filter", name="franchises", value=chosen(box, "franchises", "show every part"))
    do(box, "tag", name="genres", value={"text": "mecha"})
    do(box, "filter", name="min_score", value=chosen(box, "min_score", "7 or better"))
    filters = {"franchises": ALL, "genres": ["Mecha"], "min_score": 7}
    assert cards(box) == recommended(recommender, box.profile, **filters)
    do(box, "open", value="filters")
    assert "Filters (3)" in box.panels
    assert box.state["preferences"]["filters"]["genres"] == ["Mecha"]
    do(box, "untag", value="genres Mecha")
    assert box.filters.genres == ()
    do(box, "reset")
    assert box.filters == Filters()
    assert cards(box) == recommended(recommender, box.profile)


def test_what_no_filter_offers_is_told_and_changes_nothing(box):
    box.add(1)
    do(box, "tag", name="genres", value={"text": "mech"})
    assert "(there is Mecha" in box.said
    before = box.filters
    for name, value in (("min_score", 99), ("nothing", 1), ("years 7", 1), ("genres", "x")):
        do(box, "filter", name=name, value=value)
        assert box.filters == before
        assert "anirec-error" in box.said


def test_contradictory_filters_are_told_and_nothing_is_lost(box):
    box.add(1)
    do(box, "filter", name="years 0", value=chosen(box, "years", "2013"))
    do(box, "filter", name="years 1", value=chosen(box, "years", "2003"))
    assert "2013 to 2003 is no range" in box.said
    assert box.filters.years == (2013, None)
    assert rows(box) == [1]


def test_controls_that_cannot_do_anything_are_not_there(box):
    do(box, "open", value="filters")
    for name, control in CONTROLS.items():
        there = bool(control.choices(box.recommender.catalogue))
        assert (f">{control.label}<" in box.panels) == there or control.kind in ("chips", "switch")
        assert (name in box.filter_panel.offers) == there


def test_the_other_shelves(box, recommender):
    box.add(1)
    do(box, "compare", anime=6)
    assert cards(box) == recommender.similar(6, k=3, filters=Filters())["anime_id"].tolist()
    assert "Similar to Tea Time" in box.results
    assert f'data-value="{NEW}">← Back' in box.results
    do(box, "shelf", value=SURPRISE)
    first = recommender.surprise(box.profile, k=3, seed=0)["anime_id"].tolist()
    assert cards(box) == first
    do(box, "again")
    assert cards(box) == recommender.surprise(box.profile, k=3, seed=1)["anime_id"].tolist()
    for name, shelf in (
        ("next", recommender.next_parts),
        ("gems", recommender.hidden_gems),
        (FOR_LIST, recommender.recommend),
    ):
        do(box, "shelf", value=name)
        wanted = shelf(box.profile, k=3, filters=Filters())["anime_id"].tolist()
        assert cards(box) == wanted
    do(box, "shelf", value="because")
    assert cards(box) == recommender.because(box.profile, 1, k=3)["anime_id"].tolist()
    do(box, "shelf", value="no such shelf")
    assert "there is no such shelf" in box.said.lower()


def test_planned_titles_stand_on_a_shelf_of_their_own(box):
    box.add(1)
    assert 'data-value="planned"' not in box.shelves
    do(box, "plan", anime=cards(box)[0])
    planned = rows(box)[0]
    do(box, "shelf", value="planned")
    assert cards(box) == [planned]


def test_the_first_thing_typed_where_titles_are_compared_is_what_to_compare(box):
    do(box, "shelf", value=ALIKE)
    do(box, "take", value="tea time")
    assert len(box.profile) == 0
    assert "Similar to Tea Time" in box.results


def test_a_group_gets_what_everybody_likes(box, recommender):
    box.add(1)
    other = Profile({6: Entry(rating=9)})
    do(box, "with_file", value="friend.csv", file=b"title,rating\nTea Time,9\n")
    wanted = recommender.for_group([box.profile, other], k=3, filters=Filters())
    assert cards(box) == wanted["anime_id"].tolist()
    assert "For you and friend" in box.results
    do(box, "without", value="0")
    assert cards(box) == new_to(recommender, box.profile)
    do(box, "with", value={"text": "nobody"})
    assert "no list is kept under this name" in box.said.lower()


def test_somebody_joins_a_group_by_the_private_address_of_their_list(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    _, token = store.create(Profile({6: Entry(rating=9)}))
    box = RecommenderBox(recommender, k=3)
    box.use(ListSession(store), PageAddress(False, "?", "?"))
    box.add(1)
    do(box, "with", value={"text": f"http://127.0.0.1:8866/?profile={token}&images=1"})
    assert box.shelf.friends == [("person 2", Profile({6: Entry(rating=9)}))]
    assert token not in box.panels + box.results
    do(box, "with", value={"text": "http://127.0.0.1:8866/?profile=none"})
    assert "no list is kept under this address" in box.said.lower()


def test_why_is_told_exactly_and_a_reason_can_be_left_out(box, recommender):
    box.add(6)
    box.add(1)
    anime_id = cards(box)[0]
    assert "<table>" not in box.results
    do(box, "why", anime=anime_id)
    assert "is the sum of what each title of your list adds" in box.results
    do(box, "count", anime=6, seen=box.session.generation)
    assert box.profile[6].uncounted
    assert "not counted" in row_of(box, 6)
    without = Profile({6: Entry(liked=True, uncounted=True), 1: Entry(liked=True)})
    assert cards(box) == new_to(recommender, without)
    box.undo()
    assert not box.profile[6].uncounted


def test_where_an_anime_stands(box):
    box.add(1)
    do(box, "open", value="where")
    do(box, "where", value={"text": "tea time"})
    assert re.search(r"Place \d+ of \d+", box.panels)
    box.add(6)
    do(box, "where", value={"text": "tea time"})
    assert "It is not recommended to you now." in box.panels
    assert "It is on your list." in box.panels
    do(box, "where", value={"text": "zzzzz"})
    assert "no anime is called" in box.said.lower()


def test_english_titles_first_is_kept_by_the_browser(box, monkeypatch):
    english = box.recommender.anime["title_english"].astype(object)
    english.at[6] = "Time for Tea"
    named = box.recommender.anime.assign(title_english=english)
    monkeypatch.setattr(box.recommender.catalogue, "anime", named)
    box.add(6)
    do(box, "prefer", value={"english": True, "filters": {"min_score": 6.0, "no": [1]}})
    assert box.title(6) == "Time for Tea"
    assert "Time for Tea" in row_of(box, 6)
    assert box.filters == Filters(min_score=6.0)
    assert box.state["preferences"] == {"english": True, "filters": {"min_score": 6.0}}


def test_a_long_list_is_searched_sorted_and_shown_in_parts(box):
    nine = Profile({anime_id: Entry(rating=anime_id) for anime_id in range(1, 10)})
    do(box, "import", value="a.xml", file=to_xml(nine, box.recommender.catalogue).encode())
    assert rows(box) == [9, 8, 7, 6, 5][:LATEST]
    do(box, "more_rows")
    assert rows(box) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert "more_rows" not in box.entries
    do(box, "rows", name="order", value="title")
    titles = [box.title(a) for a in rows(box)]
    assert titles == sorted(titles, key=str.casefold)
    do(box, "rows", name="text", value="TEA time")
    assert 6 in rows(box)
    assert all("tea" in box.title(a).lower() for a in rows(box))


def test_how_an_import_is_taken_in_is_asked_with_counts(box):
    box.add(6)
    mine = to_xml(Profile({6: Entry(2, "dropped"), 1: Entry(8)}), box.recommender.catalogue)
    do(box, "import", value="a.xml", file=mine.encode())
    said = re.findall(r'data-act="take_in" data-value="\w+">(.*?)<', box.said)
    assert said == [
        "Merge it into your list: 1 new, 1 changed",
        "Put it in place of your list: 1 new, 1 changed",
        "Add only what is new: 1 new",
    ]
    assert rows(box) == [6]
    do(box, "take_in", value="add")
    assert box.profile[6] == Entry(liked=True)
    assert set(box.profile) == {1, 6}
    assert "take_in" not in box.said
    box.undo()
    assert rows(box) == [6]


def test_every_status_that_a_list_has_is_shown(box):
    for anime_id, status in enumerate(LIST_STATUSES, start=1):
        do(box, "status", anime=anime_id, value=status)
        assert f'<option value="{status}" selected>' in row_of(box, anime_id)
        assert box.profile[anime_id].status == status


def test_picking_a_title_that_is_on_the_list_changes_nothing_of_it(box):
    box.change(lambda session: session.set(6, rating=2, status="dropped"))
    do(box, "pick", anime=6)
    assert box.profile[6] == Entry(2, "dropped")
    assert "is on your list already" in box.said


def test_a_thumb_takes_the_place_of_a_rating_that_says_the_opposite(box):
    do(box, "rate", anime=6, value="10")
    do(box, "thumb", anime=6, value="down")
    assert box.profile[6] == Entry(liked=False)


def test_titles_that_the_catalogue_lacks_are_shown(box):
    do(box, "import", value="a.csv", file=b"title,rating\nNobody Knows <This>,8\n")
    do(box, "open", value="lists")
    assert "1 title is kept that this catalogue lacks" in box.panels
    assert "Nobody Knows &lt;This&gt;" in box.panels


def test_what_an_earlier_catalogue_lacked_is_found_once_this_one_has_it(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    title = recommender.anime.at[6, "title"]
    missing = (Unresolved(title, Entry(rating=8)), Unresolved("Nobody Knows This"))
    store.create_named("Kept", Profile({1: Entry(rating=9)}, missing))
    box = RecommenderBox(recommender, store=store)
    assert box.profile == Profile({1: Entry(rating=9), 6: Entry(rating=8)}, missing[1:])
    assert "1 of the unknown titles on your list" in box.said
    assert store.named("Kept").read() == box.profile
    box.undo()
    assert box.profile == Profile({1: Entry(rating=9)}, missing)


def test_a_bad_file_is_told_and_the_list_kept(box):
    box.add(6)
    do(box, "import", value="a.xml", file=b"<html><body>Log in</body></html>")
    assert 'role="alert"' in box.said
    assert rows(box) == [6]


def test_saved_recommendations_are_nobodys_list(box):
    box.add(6, None)
    before = box.profile
    saved = frame_csv(box.shown.drop(columns="image_url", errors="ignore")).encode()
    do(box, "import", value="recommendations.csv", file=saved)
    assert "recommendations" in box.said
    assert box.profile == before


def test_lists_are_kept_by_name(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    first = RecommenderBox(recommender, store=store)
    assert store.names() == []
    do(first, "rate", anime=6, value="8")
    assert store.names() == ["My list"]
    again = RecommenderBox(recommender, store=store)
    assert again.profile.entries == {6: Entry(rating=8)}
    do(again, "keep_as", value={"text": "Other"})
    assert len(again.profile) == 0
    again.add(1)
    do(again, "choose", value="My list")
    assert again.profile.entries == {6: Entry(rating=8)}
    do(again, "delete", value=None)
    assert "Delete everything that is kept of this list?" in _opened(again, "lists")
    assert store.names() == ["My list", "Other"], "it only asks"
    do(again, "delete", value="yes")
    assert store.names() == ["Other"]
    assert len(again.profile) == 0
    assert "Deleted" in again.said
    again.undo()
    assert again.profile.entries == {6: Entry(rating=8)}


def _opened(box: RecommenderBox, tool: str) -> str:
    asked = box.asked_delete
    box.opened = tool
    box.asked_delete = asked
    box.show_tools()
    return box.panels


def test_two_boxes_of_one_list_follow_each_other_and_undo_their_own(recommender, tmp_path):
    store = ProfileStore(tmp_path / "lists.sqlite")
    one = RecommenderBox(recommender, store=store)
    one.add(6)
    two = RecommenderBox(recommender, store=store)
    do(two, "rate", anime=1, value="9")
    assert rows(one) == [6]
    do(one, "follow")
    assert rows(one) == [1, 6]
    assert one.state["own"] is False
    one.undo()
    do(two, "follow")
    assert rows(one) == rows(two) == [1]


def test_saved_files_hold_the_list_and_what_is_recommended(box):
    do(box, "rate", anime=6, value="8")
    do(box, "open", value="lists")
    assert box.panels.count("download=") == 3
    assert 'download="recommendations.csv"' in box.panels


@pytest.mark.parametrize(
    "content",
    [
        None,
        "search",
        {},
        {"act": "os.system"},
        {"act": "pick"},
        {"act": "pick", "anime": 10**30},
        {"act": "pick", "anime": "6"},
        {"act": "pick", "anime": True},
        {"act": "pick", "anime": 424242},
        {"act": "rate", "anime": 6, "value": "1e9"},
        {"act": "rate", "anime": 6, "value": "nan"},
        {"act": "rate", "anime": 6, "value": [1]},
        {"act": "status", "anime": 6, "value": "emperor"},
        {"act": "search", "value": "a" * (MOST_TEXT + 1)},
        {"act": "search", "value": {"text": ["a"] * 10_000}},
        {"act": "shelf", "value": 7},
        {"act": "segment", "value": "-1"},
        {"act": "model", "value": "../../etc"},
        {"act": "remove", "anime": 6, "seen": "now"},
        {"act": "by_name", "value": {"site": "evil", "text": "x"}},
        {"act": "open", "value": "__class__"},
    ],
)
def test_what_no_page_says_does_nothing(box, content):
    box.add(1)
    before = box.profile, box.filters, box.shelf.name, box.opened
    box._heard(box, content, [])
    assert (box.profile, box.filters, box.shelf.name, box.opened) == before


def test_every_control_says_an_act_that_there_is(box, recommender):
    box.use(ListSession(), PageAddress(False, "?", "?", learns=True, by_name=True))
    for anime_id in (6, 1):
        box.add(anime_id)
    do(box, "take", value="club diary of tea")
    do(box, "with_file", value="friend.csv", file=b"title,rating\nTea Time,9\n")
    said = set()
    for tool in TOOLS:
        do(box, "open", value=tool)
        for name, _ in box.shelf.offered(box.profile):
            do(box, "shelf", value=name)
            parts = (box.said, box.found, box.keep, box.shelves, box.results, box.entries)
            said |= set(re.findall(r'data-act="(\w+)"', " ".join((*parts, box.panels))))
    assert said <= set(acts)
    assert {"pick", "rate", "thumb", "count", "remove", "filter", "with", "delete"} <= said


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
    for html in (card_html(row, images=True, why=why), recommendations_table(frame)):
        assert "<img src=x" not in html
        assert "<script" not in html
        assert "&lt;img src=x onerror" in html


def test_only_anime_that_myanimelist_has_are_linked():
    assert 'href="https://myanimelist.net/anime/93001"' in title_html("A", 93001)
    assert 'rel="noopener noreferrer"' in title_html("A", 5114)
    assert title_html("A & B") == title_html("A & B", pd.NA) == "A &amp; B"


def test_an_unexpected_failure_is_told_and_the_list_is_kept(box, monkeypatch):
    box.add(6)
    monkeypatch.setattr(box.shelf, "recommended", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        box.refresh()
    assert "your list is kept" in box.said
    assert rows(box) == [6]
