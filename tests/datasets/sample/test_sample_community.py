"""The simulated community: the real file's shape, and a truth that the analysis recovers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from anirec import evaluation
from anirec.analysis.clustering import agreement, segment_users
from anirec.analysis.exploration import rating_scales
from anirec.analysis.insights import linear_effects
from anirec.analysis.mixture import SegmentMixture
from anirec.analysis.portraits import draw_cards
from anirec.analysis.segments import find_audience
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError, Paths
from anirec.datasets import sample
from anirec.datasets.ingest import ingest
from anirec.datasets.mal_2023 import SNAPSHOT
from anirec.datasets.registry import TRUTH
from anirec.datasets.sample import community
from anirec.datasets.sample.source import PROGRESS, UPDATED
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import ContentTfidf, HybridEASE, Popularity

PLANNED = 6
"""How lists of the 2018 dataset spell "plan to watch"."""

SEEDS = range(100)
"""Communities in which the planted effects are looked for. Among 20, intervals that hold the truth
in 95 % of the cases miss it more than twice once in thirteen times; among 100 that tells."""

WELL_KNOWN = (
    "Gintama", "Nichijou", "Hunter x Hunter (2011)", "Sen to Chihiro no Kamikakushi", "Naruto",
    "Toradora!", "Kimi ni Todoke", "Haikyuu!!", "Slam Dunk", "Death Note", "Shingeki no Kyojin",
    "K-On!", "Nodame Cantabile", "Pokemon", "Digimon Adventure", "Cowboy Bebop",
    "Code Geass: Hangyaku no Lelouch", "Neon Genesis Evangelion", "Mushishi", "Aria the Animation",
)  # fmt: skip
"""Twenty titles whose recommendations show whether the segments come through: two or more of each
segment but the adult one."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    sample.generate(folder, size="tiny")
    return folder


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The community of `make run`, ingested."""
    folder = tmp_path_factory.mktemp("default")
    paths = Paths.of("sample", folder / "raw", folder / "processed")
    sample.generate(paths.raw)
    ingest(paths)
    return paths


@pytest.fixture(scope="module")
def anime(default: Paths) -> pd.DataFrame:
    return pd.read_parquet(default.processed / "anime.parquet")


@pytest.fixture(scope="module")
def lists(default: Paths) -> Interactions:
    everyone = Interactions.from_frame(pd.read_parquet(default.processed / "ratings.parquet"))
    return everyone.users(everyone.lengths >= 5)


@pytest.fixture(scope="module")
def features(anime: pd.DataFrame, lists: Interactions) -> ItemFeatures:
    return item_features(anime, lists.anime_ids)


# --- files ----------------------------------------------------------------------------------


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tiny: Path, tmp_path: Path) -> None:
    sample.generate(tmp_path / "same", size="tiny", seed=0)
    sample.generate(tmp_path / "other", size="tiny", seed=1)
    names = sorted(file.name for file in tiny.iterdir())
    assert names == sorted(
        [sample.ANIME_FILE, sample.SCORES_FILE, sample.DETAILS_FILE, TRUTH, community.TRUTH_TABLE]
    )
    for name in names:
        assert (tiny / name).read_bytes() == (tmp_path / "same" / name).read_bytes(), name
    for name in (sample.SCORES_FILE, sample.DETAILS_FILE, community.TRUTH_TABLE):
        assert (tiny / name).read_bytes() != (tmp_path / "other" / name).read_bytes(), name


def test_catalogue_is_copied_as_committed(tiny: Path) -> None:
    assert (tiny / sample.ANIME_FILE).read_bytes() == sample.CATALOGUE_FILES[0].read_bytes()


def test_scores_file_has_the_real_ones_columns_and_blemishes(tiny: Path) -> None:
    scores = pd.read_csv(tiny / sample.SCORES_FILE, keep_default_na=False)
    size = sample.SIZES["tiny"]
    of_2023 = ["user_id", "Username", "anime_id", "Anime Title", "rating"]
    assert list(scores.columns) == [*of_2023, *PROGRESS, UPDATED]
    planned = scores["my_status"] == PLANNED
    assert ((scores["rating"] == 0) == planned).all() and planned.mean() > 0.1
    scores = scores[~planned]
    assert scores["user_id"].nunique() == size.n_users
    assert (scores["Username"] == "").sum() == size.nameless
    assert scores.duplicated(["user_id", "anime_id"]).sum() == size.twice
    catalogue = pd.read_csv(tiny / sample.ANIME_FILE, keep_default_na=False).set_index("anime_id")
    known = scores["anime_id"].isin(catalogue.index)
    assert (~known).sum() == size.orphans
    titles = catalogue["Name"].reindex(scores["anime_id"][known])
    assert (titles.to_numpy() == scores["Anime Title"][known]).all()
    n_scores = len(scores) - size.twice - size.orphans
    assert n_scores == pytest.approx(size.n_scores, rel=0.01)
    truth, _ = sample.read_truth(tiny)
    assert truth["n_scores"] == n_scores


def test_details_file_has_the_real_ones_columns_and_gaps(default: Paths) -> None:
    details = pd.read_csv(default.raw / sample.DETAILS_FILE)
    size = sample.SIZES["default"]
    columns = "Mal ID,Username,Gender,Birthday,Location,Joined,Days Watched,Mean Score" + ","
    columns += (
        "Watching,Completed,On Hold,Dropped,Plan to Watch,Total Entries,Rewatched,Episodes Watched"
    )
    assert list(details.columns) == columns.split(",")
    assert len(details) == size.n_members
    assert details["Mal ID"].is_monotonic_increasing and details["Mal ID"].is_unique
    assert details["Username"].is_unique
    for name, share in {"Gender": 0.69, "Birthday": 0.77, "Location": 0.79}.items():
        assert details[name].isna().mean() == pytest.approx(share, abs=0.02), name
    assert details["Total Entries"].isna().sum() == size.silent
    assert details["Birthday"].dropna().str.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00").all()
    assert details["Joined"].str.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00").all()
    parts = ["Watching", "Completed", "On Hold", "Dropped", "Plan to Watch"]
    told = details.dropna(subset="Total Entries")
    assert (told[parts].sum(axis=1) == told["Total Entries"]).all()
    scores = pd.read_csv(default.raw / sample.SCORES_FILE)
    scores = scores[~scores["anime_id"].between(community.GONE_FROM, community.GONE_FROM + 99)]
    scores = scores.drop_duplicates(["user_id", "anime_id"])
    listed = scores.groupby("user_id").size()
    assert (listed <= details.set_index("Mal ID").loc[listed.index, "Total Entries"]).all()
    scores = scores[scores["rating"] > 0]
    given = scores.groupby("user_id")["rating"].agg(["size", "mean"])
    mine = details.set_index("Mal ID").loc[given.index]
    assert (given["size"] <= mine["Total Entries"]).all()
    np.testing.assert_allclose(mine["Mean Score"], given["mean"], atol=0.0051)


def test_ingestion_rejects_the_pairs_that_stand_twice_and_nothing_else(default: Paths) -> None:
    report = json.loads((default.processed / "ingest.json").read_text())
    size = sample.SIZES["default"]
    assert report["simulated"] is True
    for name in (sample.ANIME_FILE, sample.DETAILS_FILE):
        assert report["files"][name]["repaired"] == report["files"][name]["rejected"] == {}, name
    scores = report["files"][sample.SCORES_FILE]
    assert sum(scores["rejected"].values()) == size.twice
    planned = pd.read_csv(default.raw / sample.SCORES_FILE)["my_status"] == PLANNED
    assert scores["read"] - planned.sum() == pytest.approx(size.n_scores, rel=0.01)
    assert scores["repaired"] == {}


def test_wrong_use_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown size 'huge': choose one of tiny, default, full"):
        sample.generate(tmp_path / "a", size="huge")
    with pytest.raises(InputError, match="seed -1 is negative"):
        sample.generate(tmp_path / "a", seed=-1)
    assert not (tmp_path / "a").exists()
    with pytest.raises(InputError, match=r"truth\.json is missing: run 'anirec sample'"):
        sample.read_truth(tmp_path)


def test_interrupted_generation_keeps_what_was_there(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.generate(tmp_path, size="tiny", seed=0)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(community, "user_details", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sample.generate(tmp_path, size="tiny", seed=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        file.name for file in tiny.iterdir()
    )
    assert (tmp_path / sample.SCORES_FILE).read_bytes() == (tiny / sample.SCORES_FILE).read_bytes()


def test_blocks_make_one_community(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(community, "MEMBERS_AT_ONCE", 200)
    sample.generate(tmp_path, size="tiny")
    scores = pd.read_csv(tmp_path / sample.SCORES_FILE).query("rating > 0")
    size = sample.SIZES["tiny"]
    assert scores["user_id"].nunique() == size.n_users
    assert len(scores) == pytest.approx(size.n_scores, rel=0.01)
    assert scores.duplicated(["user_id", "anime_id"]).sum() == size.twice
    assert scores["rating"].mean() == pytest.approx(7.62, abs=0.3)


# --- what real lists have -------------------------------------------------------------------


def test_scores_are_distributed_like_the_real_ones(default: Paths) -> None:
    ratings = pd.read_csv(default.raw / sample.SCORES_FILE).query("rating > 0")["rating"]
    assert ratings.mean() == pytest.approx(7.62, abs=0.05)
    assert ratings.std() == pytest.approx(1.66, abs=0.05)
    shares = ratings.value_counts(normalize=True).sort_index()
    expected = sample.RATING_COUNTS / sample.RATING_COUNTS.sum()
    np.testing.assert_allclose(shares, expected, atol=0.015)


def test_activity_and_popularity_are_long_tailed(lists: Interactions) -> None:
    lengths = np.sort(lists.lengths)
    assert np.median(lengths) < 0.8 * lengths.mean()
    per_anime = np.sort(np.bincount(lists.indices, minlength=lists.shape[1]))[::-1]
    assert 0.3 < per_anime[0] / lists.shape[0] < 0.6
    tenth = lists.shape[1] // 10
    assert per_anime[:tenth].sum() > 0.3 * lists.nnz


def test_sequels_follow_what_was_liked(lists: Interactions, anime: pd.DataFrame) -> None:
    ids = anime.set_index("title")["anime_id"]
    columns = [
        np.searchsorted(lists.anime_ids, ids[t]) for t in ("Haikyuu!!", "Haikyuu!! Second Season")
    ]
    scores = lists.matrix(lists.ratings)[:, columns].toarray()
    first, second = scores[scores[:, 0] > 0].T
    assert (second[first >= 9] > 0).mean() > (second[first <= 6] > 0).mean() + 0.15
    alone = scores[scores[:, 0] == 0, 1]
    assert (alone > 0).mean() < 0.1 * (second > 0).mean()


def test_people_have_scales_of_their_own(lists: Interactions) -> None:
    scales = rating_scales(lists).query("n_scored >= 30")
    assert scales["mean_rating"].std() > 0.5
    assert scales["sd_rating"].quantile(0.9) > 1.5 * scales["sd_rating"].quantile(0.1)


def test_age_and_gender_shape_tastes(
    default: Paths, lists: Interactions, anime: pd.DataFrame
) -> None:
    users = pd.read_parquet(default.processed / "users.parquet").set_index("user_id")
    users = users.reindex(lists.user_ids)
    year = anime.set_index("anime_id")["year"].reindex(lists.anime_ids).astype(float).to_numpy()
    romance = sample.read_segments().map(lambda names: "romance" in names)
    romance = romance.reindex(lists.anime_ids).fillna(False).to_numpy(dtype=float)
    lengths = lists.lengths
    mean_year = lists.matrix() @ np.nan_to_num(year, nan=2010) / lengths
    age = (
        pd.Timestamp(SNAPSHOT) - pd.to_datetime(users["birth_date"])
    ).dt.days.to_numpy() / 365.2425
    known = ~np.isnan(age)
    assert np.corrcoef(age[known], mean_year[known])[0, 1] < -0.1
    share = (
        pd.Series(lists.matrix() @ romance / lengths)
        .groupby(users["gender"].astype("object").to_numpy())
        .agg(["mean", "sem"])
    )
    apart = share.loc["Female", "mean"] - share.loc["Male", "mean"]
    assert apart > 3 * np.hypot(*share.loc[["Female", "Male"], "sem"])


# --- what the analysis recovers -------------------------------------------------------------


def outcomes(seed: int, effects: bool = True) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return predictor and outcome of each planted effect, as the details file shows them."""
    size = sample.SIZES["default"]
    members = sample.simulate_members(size, n_anime=1_000, seed=seed, effects=effects)
    started = members.divided.sum(axis=1)
    day = np.datetime64(SNAPSHOT)
    age = (day - members.born).astype(int) / 3652.425
    years = (day - members.joined).astype(int) / 365.2425
    some = started > 0
    aged = some & members.told[:, 1]
    gendered = some & members.told[:, 0] & (members.gender != "Non-Binary")
    share = members.divided / np.maximum(started, 1)[:, None]
    planned = members.planned / np.maximum(started + members.planned, 1)
    return {
        "completed_by_age": (age[aged], share[aged, 0]),
        "dropped_by_gender": ((members.gender == "Male")[gendered], share[gendered, 1]),
        "planned_by_age": (age[aged], planned[aged]),
        "started_by_years": (years[some], np.log(started[some])),
    }


@pytest.fixture(scope="module")
def recovered() -> pd.DataFrame:
    """One row per seed and effect, found by the analysis in user details of the default size."""
    rows = [
        (seed, name, *np.ravel(linear_effects(x[:, None].astype(float), y)))
        for seed in SEEDS
        for name, (x, y) in outcomes(seed).items()
    ]
    return pd.DataFrame(rows, columns=["seed", "effect", "found", "error"])


@pytest.mark.parametrize("name", sample.EFFECTS)
def test_planted_effects_are_recovered(recovered: pd.DataFrame, name: str) -> None:
    planted = sample.EFFECTS[name].value
    found = recovered[recovered["effect"] == name]
    right = np.sign(found["found"]) == np.sign(planted)
    assert right[found["seed"] < 20].sum() >= 19
    assert right.mean() >= 0.95
    covered = (found["found"] - planted).abs() <= 1.96 * found["error"]
    assert 0.9 <= covered.mean() <= 1


def test_without_effects_hardly_any_is_claimed() -> None:
    claims = [
        abs(found) > 1.96 * error
        for seed in range(40)
        for x, y in outcomes(seed, effects=False).values()
        for found, error in [np.ravel(linear_effects(x[:, None].astype(float), y))]
    ]
    assert len(claims) == 160
    assert np.mean(claims) <= 0.1


def test_clusters_are_the_planted_segments(default: Paths, lists: Interactions) -> None:
    found = segment_users(lists)
    _, truth = sample.read_truth(default.raw)
    truth = truth.set_index("user_id").loc[found.user_ids]
    marked = truth["dominant"].to_numpy()
    assert marked.mean() > 0.5
    assert adjusted_rand_score(truth["segment"][marked], found.labels[marked]) >= 0.8


DEFINING = {
    "comedy": {"Comedy"}, "fantasy-adventure": {"Fantasy", "Adventure"}, "romance": {"Romance"},
    "sports": {"Sports"}, "supernatural-action": {"Supernatural", "Action"},
    "mecha-scifi": {"Sci-Fi"}, "slice-of-life": {"Slice of Life"}, "adult": {"Hentai"},
}  # fmt: skip
"""The genres that define a planted segment; music and kids are no genres of the catalogue."""


def test_each_segments_defining_genres_are_among_its_five(
    default: Paths, lists: Interactions, anime: pd.DataFrame, features: ItemFeatures
) -> None:
    audience = find_audience(lists, anime, features)
    cards = draw_cards(audience, anime.set_index("anime_id")["title"])
    truth = sample.read_truth(default.raw)[1].query("dominant").set_index("user_id")["segment"]
    _, met = agreement(audience.segments, truth)
    planted = met.loc[met.groupby("segment")["share"].idxmax()].set_index("segment")["truth"]
    assert sorted(planted) == sorted(sample.SEGMENTS)
    for segment, name in planted.items():
        assert DEFINING.get(name, set()) <= set(cards[segment].special["genre"]), name
    assert len({card.name for card in cards}) == len(cards)


def test_mixtures_are_the_planted_tastes(default: Paths, lists: Interactions) -> None:
    """Who has one dominant taste gets a greater share of it than who has not."""
    segments = segment_users(lists)
    names = [str(segment) for segment in range(len(segments.sizes))]
    shares = SegmentMixture.fit(segments, lists, names).shares(lists)
    dominant = (
        sample.read_truth(default.raw)[1].set_index("user_id").loc[lists.user_ids, "dominant"]
    )
    long = lists.lengths >= 40
    first = shares.max(axis=1)
    assert first[long & dominant].mean() > 0.85
    assert first[long & dominant].mean() > first[long & ~dominant].mean() + 0.1


def test_personalised_beats_popularity_and_genres(
    lists: Interactions, features: ItemFeatures
) -> None:
    roles = split_users(lists)["role"].to_numpy()
    train = lists.users(roles == "train")
    given, hidden = hold_out(lists.users(roles == "test"))
    models = {
        "popularity": Popularity(),
        "content": ContentTfidf(),
        "hybrid-ease": HybridEASE(),
    }
    for model in models.values():
        model.fit(train, features=features)
    table = evaluation.evaluate(models, given, hidden, ks=(10,), n_bootstrap=10)
    ndcg = table.query("target == 'watched' and metric == 'ndcg'").set_index("model")["value"]
    assert ndcg["hybrid-ease"] >= 2 * ndcg["popularity"]
    assert ndcg["content"] <= 0.6 * ndcg["hybrid-ease"]


def test_recommendations_stay_in_the_titles_segments(
    anime: pd.DataFrame, lists: Interactions, features: ItemFeatures
) -> None:
    model = HybridEASE().fit(lists, features=features)
    segments = sample.read_segments()
    ids = anime.set_index("title")["anime_id"].loc[list(WELL_KNOWN)]
    assert len(ids) == 20
    profiles = pd.DataFrame({"user_id": range(20), "anime_id": ids.to_numpy(), "rating": 9.0})
    encoded = lists.encode(profiles)
    best = evaluation.top_ranked(np.array(model.score(encoded)), encoded, 10)
    sharing = [
        sum(bool(set(segments.get(i, [])) & set(segments[own])) for i in lists.anime_ids[row])
        for own, row in zip(ids, best, strict=True)
    ]
    assert sum(count >= 6 for count in sharing) >= 16, sharing
