"""Segments found in a community whose segments are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from anirec.analysis import clustering
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError
from anirec.interactions import Interactions

GENRES = ["Sports", "Music", "Mecha", "Romance"]


def community(n_users: int = 400, seed: int = 0) -> Interactions:
    """Return lists: user u prefers the 15 anime of genre u % 4; ten anime are seen by most."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        chance = np.where(np.arange(70) < 10, 0.8, 0.07)
        own = 10 + 15 * (user % 4)
        chance[own : own + 15] = 0.5
        seen = np.flatnonzero(rng.random(70) < chance)
        rows += [(user, anime, 9.0 if own <= anime < own + 15 else 6.0) for anime in seen]
    return Interactions.from_frame(pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"]))


@pytest.fixture(scope="module")
def lists() -> Interactions:
    return community()


@pytest.fixture(scope="module")
def segments(lists: Interactions) -> clustering.Segments:
    return clustering.segment_users(lists, n_components=6, n_clusters=4)


@pytest.fixture(scope="module")
def catalogue() -> pd.DataFrame:
    genres = [["Comedy"]] * 10 + [["Comedy", GENRES[i // 15]] for i in range(60)]
    titles = [f"{names[-1]} {i}" for i, names in enumerate(genres)]
    return pd.DataFrame({"anime_id": range(70), "title": titles, "genres": genres})


@pytest.fixture(scope="module")
def features(lists: Interactions, catalogue: pd.DataFrame) -> ItemFeatures:
    return item_features(catalogue, lists.anime_ids)


@pytest.fixture(scope="module")
def lifts(segments, lists, features) -> pd.DataFrame:
    return clustering.genre_lifts(segments, lists, features)


@pytest.fixture(scope="module")
def titles(segments, lists, catalogue) -> pd.DataFrame:
    return clustering.title_lifts(segments, lists, catalogue.set_index("anime_id")["title"])


def test_planted_segments_are_found(segments, lists) -> None:
    truth = pd.Series(np.array(GENRES)[lists.user_ids % 4], index=lists.user_ids)
    index, met = clustering.agreement(segments, truth)
    assert index > 0.95
    assert index == pytest.approx(adjusted_rand_score(truth, segments.labels))
    sums = met.groupby("segment")["share"].sum()
    assert sums.tolist() == pytest.approx([1] * 4)
    index, _ = clustering.agreement(segments, truth.sample(frac=0.5, random_state=0))
    assert index > 0.9  # users whose segment is unknown are left out


def test_largest_segment_comes_first(segments) -> None:
    assert segments.sizes.tolist() == sorted(segments.sizes, reverse=True)
    assert segments.sizes.sum() == 400


def test_same_seed_same_segments(segments, lists) -> None:
    again = clustering.segment_users(lists, n_components=6, n_clusters=4)
    np.testing.assert_array_equal(again.labels, segments.labels)
    np.testing.assert_array_equal(again.components, segments.components)


def test_components_are_principal(segments, lists) -> None:
    dense = clustering.weighted_lists(lists).toarray().astype(np.float64)
    telling = lists.lengths >= min(clustering.TELLING, np.median(lists.lengths))
    centred = dense[telling] - dense[telling].mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    np.testing.assert_allclose(segments.explained, (values / values.sum())[:6], rtol=1e-3)
    np.testing.assert_allclose(segments.components[telling].mean(axis=0), 0, atol=1e-4)


def test_weighted_lists_have_length_one_and_favour_the_rare(lists) -> None:
    weighted = clustering.weighted_lists(lists)
    np.testing.assert_allclose(np.linalg.norm(weighted.toarray(), axis=1), 1, rtol=1e-5)
    row = weighted[[0]].toarray()[0]
    assert row[10:25].max() > 2 * row[:10].max()


def test_each_segment_leads_in_its_genre_and_its_titles(segments, lists, lifts, titles) -> None:
    table = clustering.profiles(segments, lists, lifts, titles)
    assert sorted(table["segment"]) == sorted(GENRES)
    assert table["share"].sum() == pytest.approx(1)
    assert table["mean_score"].between(7, 8).all()
    for name, leading in zip(table["segment"], table["titles"], strict=True):
        assert all(title.startswith(name) for title in leading.split(", "))
    comedy = lifts[lifts["genre"] == "Comedy"]
    assert comedy["lift"].between(0.99, 1.01).all()
    sentence = clustering.profile_sentence(table, lifts)
    assert f"of 4 segments is {table['segment'].iloc[0]} with" in sentence


def test_titles_are_told_by_how_many_have_them(titles, lists) -> None:
    first = titles.iloc[0]
    column = np.flatnonzero(lists.anime_ids == first["anime_id"])[0]
    have = np.bincount(lists.rows[lists.indices == column], minlength=400) > 0
    assert first["overall"] == pytest.approx(have.mean())
    assert first["lift"] == pytest.approx(first["share"] / first["overall"])


def test_names_shared_by_two_segments_get_more(lifts, titles) -> None:
    alike = lifts.assign(lift=lifts["genre"].map({"Sports": 2.0}).fillna(1.0), share=0.1)
    names = clustering.distinct_names(4, alike, titles)
    assert len(set(names)) == 4
    assert all(name.startswith("Sports (") for name in names)
    flat = clustering.distinct_names(4, lifts.assign(lift=1.0), titles)
    assert all(name.startswith("Mixed (") for name in flat)
    third = {(0, "Romance"): 1.5, (1, "Music"): 1.5}
    keys = zip(alike["segment"], alike["genre"], strict=True)
    same_two = alike["genre"].map({"Sports": 3.0, "Mecha": 2.0}).fillna(1.0).to_numpy()
    lift = [third.get(key, usual) for key, usual in zip(keys, same_two, strict=True)]
    names = clustering.distinct_names(4, alike.assign(lift=lift), titles)
    assert names[:2] == ["Sports · Mecha · Romance", "Sports · Mecha · Music"]
    same_title = titles.assign(title="One and the same")
    names = clustering.distinct_names(4, alike, same_title)
    assert names[0] == "Sports (One and the same), 1" and len(set(names)) == 4


def test_any_list_is_placed_as_those_learned_from(segments, lists) -> None:
    placed = segments.space.scores(lists)
    np.testing.assert_allclose(placed, segments.components, atol=1e-5)
    nearest = segments.space.squared_distances(placed).argmin(axis=1)
    np.testing.assert_array_equal(nearest, segments.labels)
    centres = segments.space.centres[segments.labels]
    directions = segments.components / np.linalg.norm(segments.components, axis=1)[:, None]
    squared = segments.space.squared_distances(placed)[np.arange(400), segments.labels]
    np.testing.assert_allclose(squared, ((directions - centres) ** 2).sum(axis=1), atol=1e-4)


def test_catalogue_without_genres_still_gives_segments(segments, lists, catalogue, titles) -> None:
    bare = item_features(catalogue.drop(columns="genres"), lists.anime_ids)
    lifts = clustering.genre_lifts(segments, lists, bare)
    assert lifts.empty
    table = clustering.profiles(segments, lists, lifts, titles)
    assert table["genres"].tolist() == [""] * 4
    assert clustering.profile_sentence(table, lifts).endswith("of the users.")


def test_telling_genres_stand_on_a_diagonal(lifts) -> None:
    table = clustering.telling_genres(lifts, n=1)
    assert table["genre"].nunique() == 4
    best = table.loc[table.groupby("segment")["lift"].idxmax(), "genre"]
    assert best.tolist() == list(dict.fromkeys(table["genre"]))


def test_stable_segments_agree_between_halves(lists) -> None:
    assert clustering.stability(lists, n_components=6, n_clusters=4) > 0.9
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(np.argwhere(rng.random((300, 60)) < 0.2), columns=["user_id", "anime_id"])
    noise["rating"] = 7.0
    assert clustering.stability(Interactions.from_frame(noise), 6, 4) < 0.3


def test_separation_and_flat_map(segments) -> None:
    assert 0.3 < clustering.separation(segments) <= 1
    flat = clustering.flat_map(segments, n_users=200)
    assert len(flat) == 200 and flat["user_id"].is_unique
    assert np.isfinite(flat[["pc1", "pc2", "x", "y"]]).all(axis=None)
    centres = flat.groupby("label")[["x", "y"]].mean().to_numpy()
    distance = np.linalg.norm(flat[["x", "y"]].to_numpy()[:, None] - centres, axis=2)
    assert (distance.argmin(axis=1) == flat["label"]).mean() > 0.95


def test_too_few_users_say_what_to_do() -> None:
    with pytest.raises(InputError, match="8 users make no 10 segments: lower n_clusters"):
        clustering.segment_users(community(8))
