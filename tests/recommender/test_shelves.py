"""The shelves, where an anime stands, and what is recommended to several people."""

from __future__ import annotations

import numpy as np
import pytest
from small_run import small_run

from anirec.catalogue.filters import Filters
from anirec.config import InputError
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender, shelves
from anirec.recommender.reasons import reason_text


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> AnimeRecommender:
    return AnimeRecommender.load(small_run(tmp_path_factory.mktemp("run")))


def ids(frame) -> list[int]:
    return frame["anime_id"].tolist()


def test_new_to_you_has_one_part_of_unknown_franchises(recommender: AnimeRecommender) -> None:
    frame = recommender.new_to_you(Profile.of({6: 9.0}), k=20)
    number = recommender.catalogue.franchises.number[recommender.catalogue.rows(ids(frame))]
    assert len(set(number.tolist())) == len(frame)
    assert 1 in ids(frame)
    assert not {2, 3, 6, 7, 10} & set(ids(frame))
    planned = Profile({6: Entry(9), 2: Entry(status="plan_to_watch")})
    assert not {1, 2, 3} & set(ids(recommender.new_to_you(planned, k=20)))
    assert frame["fit"].is_monotonic_decreasing


def test_next_parts_come_in_order_and_not_of_what_was_disliked(
    recommender: AnimeRecommender,
) -> None:
    assert ids(recommender.next_parts(Profile.of({1: 9.0, 6: None}))) in ([2, 7], [7, 2])
    assert ids(recommender.next_parts(Profile({1: Entry(9), 2: Entry(status="watching")}))) == [3]
    assert ids(recommender.next_parts(Profile.of({1: 9.0, 2: 2.0, 6: 9.0}))) == [7]
    dropped = Profile({1: Entry(9), 2: Entry(status="dropped"), 6: Entry(9)})
    assert ids(recommender.next_parts(dropped)) == [7]


def test_what_is_planned_is_ranked(recommender: AnimeRecommender) -> None:
    plan = Entry(status="plan_to_watch")
    frame = recommender.planned(Profile({1: Entry(9), 4: plan, 8: plan, 10: plan}))
    assert ids(frame) == [4, 8]
    assert recommender.planned(Profile.of({1: 9.0})).attrs["note"]


def test_hidden_gems_are_on_few_lists(
    recommender: AnimeRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    popularity = np.full(11, 0.5)
    popularity[[4, 7]] = 0.01
    popularity[9] = 0.001
    monkeypatch.setattr(recommender, "_popularity", lambda: popularity)
    assert ids(recommender.hidden_gems(Profile.of({1: 9.0}))) == [5]
    best = ids(recommender.new_to_you(Profile.of({1: 9.0}), k=20))
    monkeypatch.setattr(shelves, "GEM_POOL", best.index(5))
    assert ids(recommender.hidden_gems(Profile.of({1: 9.0}))) == []


def test_a_shelf_may_be_empty_for_somebody_with_dislikes(recommender: AnimeRecommender) -> None:
    profile = Profile({6: Entry(liked=True), 1: Entry(liked=False)})
    frame = recommender.recommend(profile, filters=Filters(min_members=10**9))
    assert ids(frame) == []
    assert frame.attrs["note"] == "no anime passes the filters: loosen them"


def test_shelves_by_their_names(recommender: AnimeRecommender) -> None:
    profile = Profile({1: Entry(6), 6: Entry(liked=True), 5: Entry(status="plan_to_watch")})
    told = recommender.shelves([shelves.EVERY_SHELF], profile, k=3)
    assert list(told) == list(shelves.SHELVES)
    assert told["because"].attrs["heading"] == "Because you liked Tea Time"
    assert ids(told["planned"]) == [5]
    assert (ids(told["gems"]), told["gems"].attrs["note"]) == ([], shelves.SHELVES["gems"].empty)
    other = recommender.shelf("because", profile, because=1)
    assert other.attrs["heading"] == "Because you watched Iron Sky"
    assert told["new"].attrs["note"] == ""
    unknown = recommender.shelf("new", Profile.of({11: 9.0}))
    assert "nobody we learned from has these titles" in unknown.attrs["note"]


def test_because_of_one_title_of_the_list(recommender: AnimeRecommender) -> None:
    profile = Profile.of({1: 9.0, 6: 9.0})
    mecha, school = (ids(recommender.because(profile, a, k=2)) for a in (1, 6))
    assert set(mecha) == {4, 5}
    assert 8 in school
    with pytest.raises(InputError, match="not on the list"):
        recommender.because(profile, 4)
    assert recommender.anchors(Profile.of({1: 7.0, 2: 9.0, 6: 8.0})) == [2, 6]


def test_a_low_rating_of_a_sequel_counts_for_the_parts_before(
    recommender: AnimeRecommender,
) -> None:
    profile = Profile.of({6: 9.0, 8: 9.0, 2: 2.0})
    assert 1 not in ids(recommender.recommend(profile, k=20))


def test_an_entry_that_does_not_count_is_as_if_it_were_not_there(
    recommender: AnimeRecommender,
) -> None:
    filters = Filters.off()
    with_it = Profile({1: Entry(9), 6: Entry(10, uncounted=True)})
    frame = recommender.recommend(with_it, k=20, filters=filters)
    alone = recommender.recommend(Profile({1: Entry(9)}), k=20, filters=filters)
    alone = alone[alone["anime_id"] != 6]
    assert ids(frame) == ids(alone)
    assert frame["match"].tolist() == pytest.approx(alone["match"].tolist())


def test_where_an_anime_stands_and_what_holds_it_back(recommender: AnimeRecommender) -> None:
    profile = Profile.of({1: 9.0, 4: 8.0})
    order = ids(recommender.recommend(profile, k=20))
    where = recommender.whereabouts(profile, order[2])
    assert (where.rank, where.among, where.reasons) == (3, len(order), [])
    assert recommender.whereabouts(profile, 1).reasons == ["it is on your list"]
    assert recommender.whereabouts(profile, 3).reasons == [
        "it follows Iron Sky II, which you have not finished"
    ]
    hidden = recommender.whereabouts(profile, 10, filters=Filters(types=["TV"]))
    assert hidden.rank is None
    assert hidden.reasons[:2] == [
        "the filter “Type” leaves it out", "the filter “Show adult titles” leaves it out",
    ]  # fmt: skip


def test_a_group_gets_what_nobody_has_seen_and_everybody_likes(
    recommender: AnimeRecommender,
) -> None:
    one, two = Profile.of({1: 9.0}), Profile.of({6: 9.0})
    filters = Filters.off()
    frame = recommender.for_group([one, two], k=20, filters=filters)
    assert not {1, 6} & set(ids(frame))
    assert frame["least"].is_monotonic_decreasing
    assert (frame["least"] == [min(shares) for shares in frame["shares"]]).all()
    assert all(len(reasons) == 2 and all(reasons) for reasons in frame["reasons"])
    again = recommender.for_group([one, two], k=20, filters=filters, again=True)
    assert {1, 6} < set(ids(again))
    with pytest.raises(InputError, match="two people"):
        recommender.for_group([one])


def test_no_reason_says_what_the_person_never_did() -> None:
    titles, adds = np.array(["A", "B"]), np.array([0.3, 0.02])
    seen = np.array([False, True])
    assert reason_text(titles, adds, seen, 0.5, []) == "because you watched A"
    assert reason_text(titles, adds, ~seen, 0.5, ["Mecha"]) == (
        "because you liked A, and it is Mecha"
    )
    assert reason_text(titles, adds / 30, seen, 0.5, ["Mecha"]).startswith("it is Mecha")
    assert reason_text(titles, adds / 30, seen, 0.5, []) == "many people like it"
    assert reason_text(titles, adds, seen, 0.5, [], "School") == "because people of School like A"
