"""What people are recommended, what is kept from them, and why."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_run import MECHA, catalogue, community, small_run

from anirec.catalogue.features import item_features
from anirec.catalogue.filters import ALL, IN_ORDER, NEXT, UNKNOWN, Filters
from anirec.config import InputError, Paths
from anirec.evaluation import top_ranked
from anirec.interactions import Interactions, hold_out
from anirec.metrics import ndcg_at
from anirec.models import EASE, HybridEASE, RatingNet, TwoStage
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender
from anirec.recommender.taste import encoded_entries


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def recommender(paths: Paths) -> AnimeRecommender:
    return AnimeRecommender.load(paths)


def test_taste_is_followed_and_the_list_left_out(recommender: AnimeRecommender) -> None:
    frame = recommender.recommend({1: 9.0, 4: None}, k=3, filters=Filters.off())
    assert set(frame["anime_id"]) == {2, 3, 5}
    assert frame["rank"].tolist() == [1, 2, 3]
    assert frame["match"].is_monotonic_decreasing
    assert frame["genres"].iloc[0].startswith("Mecha, ")
    assert not recommender.recommend(Profile.of({6: 8.0}), k=20)["anime_id"].isin([6]).any()


def test_sequels_wait_until_what_comes_before_is_finished(recommender: AnimeRecommender) -> None:
    def offered(entries: dict, rule: str) -> set[int]:
        filters = Filters(franchises=rule, adult=True)
        return set(recommender.recommend(Profile.of(entries), k=20, filters=filters)["anime_id"])

    everything = set(range(1, 11))
    assert offered({4: 9.0}, IN_ORDER) == everything - {2, 3, 4, 7}
    assert offered({4: 9.0, 1: Entry(status="completed")}, IN_ORDER) == everything - {1, 3, 4, 7}
    for status in ("dropped", "watching", "on_hold", "plan_to_watch"):
        assert not offered({4: 9.0, 1: Entry(status=status)}, IN_ORDER) & {2, 3}
    assert offered({4: 9.0, 2: 7.0}, IN_ORDER) == everything - {2, 4, 7}
    assert offered({4: 9.0, 2: 7.0}, ALL) == everything - {2, 4}
    assert offered({4: 9.0, 2: 7.0}, UNKNOWN) == everything - {1, 2, 3, 4}
    assert offered({4: 9.0, 1: 7.0, 6: 8.0}, NEXT) == {2, 7}


def test_adult_titles_are_hidden_unless_asked_for(recommender: AnimeRecommender) -> None:
    assert 10 not in recommender.recommend({6: 9.0}, k=20)["anime_id"].tolist()
    shown = recommender.recommend({6: 9.0}, k=20, filters=Filters(adult=True))
    assert 10 in shown["anime_id"].tolist()


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (Filters(types=["Movie", "ONA"]), {5, 9}),
        (Filters(genres=["Mecha", "Romance"]), {4}),
        (Filters(without_genres=["Mecha"]), {8, 9}),
        (Filters(genres=["Cooking"]), set()),
        (Filters(years=(2011, None)), {5, 8, 9}),
        (Filters(years=(None, 2010)), {1, 4}),
        (Filters(episodes=(10, 12)), {4, 8, 9}),
        (Filters(min_members=600), {1, 8}),
        (Filters(min_score=7.4), {1, 4}),
        (Filters(studios=["Moon"]), {4, 8}),
        (Filters(statuses=["Finished Airing"]), set()),
    ],
)
def test_filters(recommender: AnimeRecommender, filters: Filters, left: set[int]) -> None:
    frame = recommender.recommend({6: 9.0}, k=20, filters=filters)
    assert set(frame["anime_id"]) - {7} == left
    assert ("filters" in frame.attrs["note"]) == (len(frame) < 20)


def test_as_many_as_asked_for_while_there_are_so_many(recommender: AnimeRecommender) -> None:
    for k in (1, 2, 3):
        frame = recommender.recommend({1: 9.0}, k=k, filters=Filters(without_genres=["Mecha"]))
        assert len(frame) == k
        assert frame.attrs["note"] == ""


def test_filters_that_make_no_sense_say_so() -> None:
    with pytest.raises(InputError, match="unknown franchise rule 'some'"):
        Filters(franchises="some")
    with pytest.raises(InputError, match="popularity 2 must be from -1 to 1"):
        Filters(popularity=2)
    with pytest.raises(InputError, match=r"variety -0.1 must be from 0 to 1"):
        Filters(variety=-0.1)
    with pytest.raises(InputError, match="years: 2010 to 2000 is no range"):
        Filters(years=(2010, 2000))


def test_popularity_slider(recommender: AnimeRecommender) -> None:
    def members(popularity: float) -> float:
        filters = Filters(popularity=popularity, franchises=ALL)
        return recommender.recommend({6: 9.0}, k=3, filters=filters)["members"].mean()

    assert members(-1) <= members(0) <= members(1)
    assert members(-1) < members(1)


def test_variety_slider(recommender: AnimeRecommender) -> None:
    def genres(variety: float) -> int:
        filters = Filters(variety=variety, franchises=ALL)
        frame = recommender.recommend({1: 9.0, 4: 8.0}, k=3, filters=filters)
        return len({genre for genres in frame["genres"] for genre in genres.split(", ")})

    assert genres(1) > genres(0)


def test_reasons_are_the_exact_terms(recommender: AnimeRecommender) -> None:
    profile = Profile.of({1: 9.0, 4: 8.0, 6: None})
    explanation = recommender.explain(profile, 5)
    model = recommender.model("ease")
    score = model.score(encoded_entries(profile, model.anime_ids_))[0, model.column(5)]
    assert explanation.match == pytest.approx(score, abs=1e-5)
    assert explanation.terms["contribution"].sum() == pytest.approx(score, abs=1e-5)
    assert set(explanation.terms["title"]) == {"Iron Sky", "Steel Hearts", "Tea Time"}
    assert explanation.terms["contribution"].is_monotonic_decreasing
    assert explanation.genres == ["Mecha"]
    assert explanation.text == "because you liked Steel Hearts and Iron Sky, and it is Mecha"
    assert explanation.text.endswith(", and it is Mecha")
    row = recommender.recommend(profile, k=10, filters=Filters.off()).set_index("anime_id").loc[5]
    assert row["because"] == explanation.text
    assert row["match"] == pytest.approx(score, abs=1e-5)


def test_dislikes_do_not_vouch_for_anything(recommender: AnimeRecommender) -> None:
    liked = recommender.recommend({1: 9.0}, k=9, filters=Filters.off()).set_index("anime_id")
    for dislike in (2.0, Entry(status="dropped")):
        frame = recommender.recommend({1: 9.0, 6: dislike}, k=9, filters=Filters.off())
        assert 6 not in frame["anime_id"].tolist()
        assert not frame["because"].str.contains("Tea Time").any()
        match = frame.set_index("anime_id")["match"]
        pd.testing.assert_series_equal(match, liked["match"].loc[match.index], rtol=1e-4)


def test_a_thumb_down_lowers_similar_anime_by_exact_terms(recommender: AnimeRecommender) -> None:
    def match(profile: dict, **filters: object) -> pd.Series:
        chosen = replace(Filters.off(), **filters)
        frame = recommender.recommend(profile, k=11, filters=chosen)
        assert not frame["because"].str.contains("Tea Time (", regex=False).any()
        return frame.set_index("anime_id")["match"]

    profile = {1: 9.0, 4: 8.0, 6: Entry(liked=False)}
    before, after = match({1: 9.0, 4: 8.0}), match(profile)
    assert 6 not in after
    assert after[8] < before[8]  # another school comedy
    terms = recommender.explain(profile, 8).terms.set_index("title")["contribution"]
    assert terms["Tea Time"] == pytest.approx(after[8] - before[8], abs=1e-5)
    assert terms["Tea Time"] < 0
    assert terms.sum() == pytest.approx(after[8], abs=1e-5)
    ignored = match(profile, ignore_dislikes=True)
    assert ignored[8] == pytest.approx(before[8])
    assert 6 not in ignored


def test_plans_say_nothing_and_stay_out(recommender: AnimeRecommender) -> None:
    with_plan = recommender.recommend({1: 9.0, 6: Entry(status="plan_to_watch")}, k=5)
    without = recommender.recommend({1: 9.0}, k=5)
    assert 6 not in with_plan["anime_id"].tolist()
    match = without.set_index("anime_id")["match"]
    both = with_plan["anime_id"][with_plan["anime_id"].isin(match.index)]
    assert len(both) >= 3
    for anime_id in both:
        got = with_plan.set_index("anime_id").at[anime_id, "match"]
        assert got == pytest.approx(match[anime_id])


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ({}, "the profile is empty: add a title you like"),
        ({1: 2.0}, "the profile holds dislikes only"),
        ({1: Entry(liked=False)}, "the profile holds dislikes only"),
        ({1: Entry(status="plan_to_watch")}, "the profile holds plans only"),
    ],
)
def test_profiles_that_say_nothing(recommender: AnimeRecommender, profile: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        recommender.recommend(profile)


def test_titles_nobody_has_seen_fall_back_to_what_is_popular(
    recommender: AnimeRecommender,
) -> None:
    frame = recommender.recommend({11: 9.0}, k=4)
    assert "nobody we learned from has these titles" in frame.attrs["note"]
    popular = recommender.model("popularity")
    share = pd.Series(popular.popularity_, index=popular.anime_ids_)
    assert frame["match"].tolist() == pytest.approx(share[frame["anime_id"]].tolist())


def test_similar(recommender: AnimeRecommender) -> None:
    frame = recommender.similar(1, k=3)
    assert frame.columns[-1] == "similarity"
    assert set(frame["anime_id"]) <= set(MECHA) - {1}
    assert frame["similarity"].is_monotonic_decreasing
    other_franchises = recommender.similar(1, k=2, filters=Filters(franchises=UNKNOWN))
    assert not set(other_franchises["anime_id"]) & {2, 3}
    by_content = recommender.similar(1, k=2, model="content")
    assert set(by_content["anime_id"]) == {2, 3}
    with pytest.raises(InputError, match="model 'popularity' knows no similar anime"):
        recommender.similar(1, model="popularity")
    with pytest.raises(InputError, match="anime 11 is unknown to ease"):
        recommender.similar(11)


def test_models_by_name(recommender: AnimeRecommender) -> None:
    assert recommender.default_model == "ease"
    assert recommender.fitted == ["popularity", "content", "ease"]
    popular = recommender.recommend({1: 9.0}, k=2, model="popularity")
    assert "because" not in popular
    with pytest.raises(InputError, match="unknown model 'oracle': choose one of popularity, "):
        recommender.recommend({1: 9.0}, model="oracle")


def test_a_dataset_that_was_not_run(tmp_path: Path) -> None:
    nowhere = Paths.of("sample", processed_dir=tmp_path, output_dir=tmp_path)
    with pytest.raises(InputError, match="run 'anirec run --dataset sample' first"):
        AnimeRecommender.load(nowhere)


def test_search_and_choices(recommender: AnimeRecommender) -> None:
    assert recommender.search("iron", limit=2)["anime_id"].tolist() == [1, 2]
    assert recommender.search("irn sky")["title"].iloc[0] == "Iron Sky"
    assert recommender.choices["types"][0] == "TV"
    assert set(recommender.choices["genres"][:2]) == {"Mecha", "Comedy"}
    assert recommender.choices["studios"] == ["Kite", "Moon"]


def test_entries_on_a_models_columns() -> None:
    entries = {
        30: Entry(rating=7),
        10: Entry(liked=True),
        20: Entry(status="dropped"),
        5: Entry(rating=2),
        99: Entry(rating=3),
    }
    encoded = encoded_entries(entries, np.array([5, 10, 15, 20, 30]))
    assert encoded.shape == (1, 5)
    assert encoded.indices.tolist() == [0, 1, 3, 4]
    np.testing.assert_array_equal(encoded.ratings, np.float32([2, 9, np.nan, 7]))
    assert encoded.dropped.tolist() == [False, False, True, False]
    assert encoded.n_unknown == 1


def test_segments(paths: Paths) -> None:
    ids = [1, 4, 8, 9]
    told = pd.DataFrame({"segment": ["Mecha", "Mecha", "School", "School"], "anime_id": ids})
    recommender = AnimeRecommender.load(paths)
    assert recommender.segments == {}
    with pytest.raises(InputError, match="run notebook 04 first"):
        recommender.for_segment("Mecha")
    recommender = AnimeRecommender(catalogue(), paths.models, told)
    assert recommender.segments == {"Mecha": [1, 4], "School": [8, 9]}
    frame = recommender.for_segment("School", k=3, profile={6: 9.0})
    assert set(frame["anime_id"]) == {7, 8, 9}
    assert frame["because"].str.startswith("because people of School like").all()
    with pytest.raises(InputError, match="unknown segment 'Sports': choose one of Mecha, School"):
        recommender.for_segment("Sports")


def test_surprises_change_with_the_seed_and_need_no_profile(recommender: AnimeRecommender) -> None:
    profile = {1: 9.0, 4: 8.0}
    first = recommender.surprise(profile, k=5, seed=1)
    assert (
        first["anime_id"].tolist()
        == recommender.surprise(profile, k=5, seed=1)["anime_id"].tolist()
    )
    others = [
        recommender.surprise(profile, k=5, seed=seed)["anime_id"].tolist() for seed in range(9)
    ]
    assert len({tuple(ids) for ids in others}) > 1
    assert not set(first["anime_id"]) & {1, 4, 10}
    unknown = recommender.surprise(k=3)
    assert len(unknown) == 3
    assert (unknown["score"] >= catalogue()["score"].quantile(0.6)).all()


def test_surprises_are_less_expected(recommender: AnimeRecommender) -> None:
    profile = {1: 9.0, 4: 8.0}
    filters = Filters(franchises=ALL)
    usual = recommender.recommend(profile, k=2, filters=filters)["genres"].str.contains("Mecha")
    seeds = range(20)
    surprising = [
        recommender.surprise(profile, k=2, filters=filters, seed=seed)["genres"]
        .str.contains("Mecha")
        .mean()
        for seed in seeds
    ]
    assert np.mean(surprising) < usual.mean()


def test_how_well_a_profile_is_known(recommender: AnimeRecommender) -> None:
    few = recommender.knowledge({1: 9.0, 2: 8.0})
    assert few.percentile is None
    assert few.text == "Add 8 more titles to see how well I know you."
    assert recommender.knowledge({}).percentile is None


def test_a_title_is_ranked_from_the_others_alone(tmp_path: Path) -> None:
    """Compared with scoring each profile less one title by itself."""
    rng = np.random.default_rng(0)
    rows = [
        (user, anime_id, 7)
        for user in range(200)
        for anime_id in range(40)
        if rng.random() < (0.6 if anime_id % 2 == user % 2 else 0.1)
    ]
    lists = pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])
    model = EASE(l2=20).fit(Interactions.from_frame(lists))
    model.save(tmp_path / "ease")
    anime = pd.DataFrame({"anime_id": range(40), "title": [f"Title {a}" for a in range(40)]})
    recommender = AnimeRecommender(anime, tmp_path)
    profile = dict.fromkeys((*range(0, 24, 2), 33))
    known = recommender.knowledge(profile)
    expected = {}
    for left_out in profile:
        others = {a: Entry() for a in profile if a != left_out}
        scores = model.score(encoded_entries(others, model.anime_ids_))[0]
        unseen = [a for a in range(40) if a not in profile]
        expected[left_out] = np.mean([scores[a] < scores[left_out] for a in unseen])
    got = known.titles.set_index("anime_id")["percentile"]
    assert got.to_dict() == pytest.approx(expected)
    assert known.titles["anime_id"].iloc[0] == 33
    assert known.percentile == pytest.approx(np.median(list(expected.values())))
    assert "Hardest to explain: Title 33" in known.text


def test_what_to_rate_next(recommender: AnimeRecommender) -> None:
    frame = recommender.to_rate(k=3)
    genres = catalogue().set_index("anime_id")["genres"]
    # One of each taste first, and one per franchise.
    assert {genres[anime_id][0] for anime_id in frame["anime_id"][:2]} == {"Mecha", "Comedy"}
    assert len(set(frame["anime_id"]) & {1, 2, 3}) <= 1
    later = recommender.to_rate({int(frame["anime_id"].iloc[0]): 8.0}, k=3)
    assert frame["anime_id"].iloc[0] not in later["anime_id"].tolist()
    everything = dict.fromkeys(range(1, 12), 7.0)
    assert len(recommender.to_rate(everything)) == 0


@pytest.mark.parametrize(
    "model",
    [HybridEASE(), TwoStage(max_users=600, n_draws=1, n_few_draws=0, n_rounds=60)],
    ids=lambda m: m.NAME,
)
def test_held_out_people_are_served_as_well_as_by_the_bare_model(
    model: HybridEASE | TwoStage, real_data: Path, tmp_path: Path
) -> None:
    """NDCG@10 of mal-2016's commonest 1,500 anime, for people that the model never saw."""
    ratings = pd.read_csv(real_data / "mal-2016" / "rating.csv")
    common = ratings["anime_id"].value_counts().head(1500).index
    ratings = ratings[ratings["anime_id"].isin(common)]
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    everybody = Interactions.from_frame(ratings)
    everybody = everybody.users(everybody.lengths >= 5)
    drawn = np.random.default_rng(0).permutation(everybody.shape[0])
    train, test = everybody.users(np.sort(drawn[150:])), everybody.users(np.sort(drawn[:150]))
    given, hidden = hold_out(test, 0.8, seed=0)
    model.fit(train).save(tmp_path / model.NAME)

    def ndcg(top: np.ndarray) -> float:
        relevant = hidden.matrix().toarray() > 0
        hits = np.take_along_axis(relevant, top, axis=1)
        return float(np.nanmean(ndcg_at(hits, hidden.lengths, 10)))

    bare = ndcg(top_ranked(model.score(given), given, 10))
    recommender = AnimeRecommender(pd.DataFrame({"anime_id": train.anime_ids}), tmp_path)
    served = []
    for row in range(given.shape[0]):
        entries = slice(*given.indptr[row : row + 2])
        profile = {
            int(given.anime_ids[column]): None if np.isnan(rating) else float(rating)
            for column, rating in zip(given.indices[entries], given.ratings[entries], strict=True)
        }
        frame = recommender.recommend(profile, k=10, filters=Filters.off())
        served.append(np.searchsorted(train.anime_ids, frame["anime_id"]))
    assert bare > 0.4
    assert ndcg(np.array(served)) == pytest.approx(bare, rel=0.005)


@pytest.fixture(scope="module")
def two_stage_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A run with all that is served: a two-stage model and a network's exported arrays."""
    paths = small_run(tmp_path_factory.mktemp("two-stage"))
    train = Interactions.from_frame(community())
    features = item_features(catalogue(), train.anime_ids)
    model = TwoStage(n_candidates=3, n_folds=2, n_rounds=20, n_draws=1, n_company=0, n_threads=1)
    model.fit(train, features=features).save(paths.models / model.NAME)
    net = RatingNet(embedding_dim=2, epochs=1).fit(train, features=features)
    net.save(paths.models / net.NAME)
    return paths


def test_two_stage_is_served_by_default(two_stage_paths: Paths) -> None:
    recommender = AnimeRecommender.load(two_stage_paths)
    assert recommender.default_model == "two-stage"
    profile = {1: 9.0, 4: 8.0}
    # Only three are candidates, but they are found among what the filters let through.
    frame = recommender.recommend(profile, k=6, filters=Filters(without_genres=["Mecha"]))
    assert set(frame["anime_id"]) == {6, 8, 9}
    assert len(recommender.recommend(profile, k=20, filters=Filters.off())) == 8
    model = recommender.model("two-stage")
    shown = recommender.recommend(profile, k=6)
    assert "chance" in shown
    usable = np.isin(model.anime_ids_, shown["anime_id"])
    encoded = encoded_entries(Profile.of(profile), model.anime_ids_)
    columns = [model.column(anime_id) for anime_id in shown["anime_id"]]
    np.testing.assert_array_equal(
        shown["chance"], model.chances(encoded, np.array(columns), usable)
    )
    assert "chance" not in recommender.recommend(profile, k=6, model="ease")
    best = int(recommender.recommend(profile, k=1)["anime_id"].iloc[0])
    explanation = recommender.explain(profile, best)
    encoded = encoded_entries(Profile.of(profile), model.anime_ids_)
    usable = ~np.isin(model.anime_ids_, [1, 3, 4, 7, 10])
    score = model.score(encoded, allowed=usable)[0, model.column(best)]
    assert explanation.ranker["contribution"].sum() == pytest.approx(score, abs=1e-4)
    assert explanation.match == pytest.approx(explanation.terms["contribution"].sum(), abs=1e-6)
    assert recommender.explain(profile, 3).ranker is None  # hidden: it comes too early


def test_a_thumb_down_counts_with_a_ranker_too(two_stage_paths: Paths) -> None:
    recommender = AnimeRecommender.load(two_stage_paths)
    off = Filters.off()
    before = recommender.recommend({1: 9.0, 8: 9.0}, k=11, filters=off)
    after = recommender.recommend({1: 9.0, 8: 9.0, 6: Entry(liked=False)}, k=11, filters=off)
    place = [f.set_index("anime_id")["rank"].loc[[7, 9, 10]].sum() for f in (before, after)]
    assert place[1] >= place[0] - 3  # title 6 itself went, so all may move up one place
    match = [f.set_index("anime_id")["match"] for f in (before, after)]
    assert (match[1].loc[[7, 9, 10]] < match[0].loc[[7, 9, 10]]).all()


def test_the_rating_expected_of_the_person(two_stage_paths: Paths) -> None:
    recommender = AnimeRecommender.load(two_stage_paths)
    net = recommender.model("rating-net")
    rated = recommender.recommend({1: 9.0, 4: 3.0, 6: None}, k=3)
    known = encoded_entries({1: Entry(9), 4: Entry(3)}, net.anime_ids_)
    values = np.clip(net.score(known)[0], 1, 10)
    columns = [net.column(anime_id) for anime_id in rated["anime_id"]]
    assert rated["expected"].tolist() == pytest.approx(values[columns].tolist())
    first = int(rated["anime_id"].iloc[0])
    explained = recommender.explain({1: 9.0, 4: 3.0, 6: None}, first)
    assert explained.expected == pytest.approx(rated["expected"].iloc[0])
    assert "expected" not in recommender.recommend({1: None}, k=3)
    assert len(recommender.to_rate(k=4)) == 4


def test_serving_needs_none_of_the_heavy_libraries(two_stage_paths: Paths) -> None:
    paths = two_stage_paths
    code = (
        "import sys\n"
        "from anirec.catalogue import Filters\n"
        "from anirec.config import Paths\n"
        "from anirec.lists import to_xml\n"
        "from anirec.profiles import Profile\n"
        "from anirec.recommender import AnimeRecommender\n"
        f"paths = Paths.of('sample', processed_dir={str(paths.processed)!r},"
        f" output_dir={str(paths.outputs)!r})\n"
        "recommender = AnimeRecommender.load(paths)\n"
        "recommender.search('irn sky')\n"
        "recommender.recommend({1: 9.0}, filters=Filters(variety=0.5))\n"
        "recommender.explain({1: 9.0}, 5)\n"
        "recommender.similar(1, model='content')\n"
        "recommender.surprise({1: 9.0})\n"
        "recommender.to_rate()\n"
        "recommender.knowledge({1: 9.0})\n"
        "to_xml(Profile.of({1: 9.0}), recommender.catalogue)\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'duckdb', 'matplotlib'}\n"
        "print(recommender.default_model, *sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "two-stage"
