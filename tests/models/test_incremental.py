"""Following lists equals fitting them: additions, changes, removals, new anime, snapshots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError, Paths
from anirec.datasets.ingest import ingest
from anirec.interactions import Interactions
from anirec.models import HybridEASE
from anirec.models.incremental import HybridSums
from anirec.models.liked_ease import LikedEASE

FIXED = dict(HybridEASE.STARTS)
"""Settings of which none is left to be chosen."""


class Frozen(HybridEASE):
    """HybridEASE whose constants are those of other lists: what following must equal."""

    given: tuple[np.ndarray, float]

    def constants(self, train: Interactions) -> tuple[np.ndarray, float]:
        return self.given


def refitted(state: HybridSums, lists: Interactions, features: ItemFeatures) -> HybridEASE:
    """Fit the lists as they are with the settings and constants of a state."""
    model = Frozen(**state.settings.parameters)
    model.given = state.settings.scale_, state.usual_length
    return model.fit(lists, features=features)


def of_users(lists: Interactions, users: list[int]) -> Interactions:
    return lists.users(np.isin(lists.user_ids, users))


def catalogue(ids: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    genres = [[g for g in "ABCDEFGHIJ" if rng.random() < 0.35] or ["A"] for _ in range(200)]
    return pd.DataFrame(
        {
            "anime_id": ids,
            "title": [f"Saga{chr(97 + a % 9)} {a}" for a in ids],
            "genres": [genres[a - 90] for a in ids],
            "members": 100 + 10 * np.arange(len(ids)),
        }
    )


def entries(n_users: int, n_anime: int, seed: int) -> pd.DataFrame:
    """Return random lists; anime of higher id are on fewer of them."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        on = np.flatnonzero(rng.random(n_anime) < 0.5 * 0.93 ** np.arange(n_anime))
        rated = np.where(rng.random(len(on)) < 0.2, np.nan, rng.integers(1, 11, len(on)))
        rows += [(user, 100 + a, r) for a, r in zip(on, rated, strict=True)]
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])


IDS = np.arange(100, 160)


@pytest.fixture
def lists() -> Interactions:
    return Interactions.from_frame(entries(150, len(IDS), 0), anime_ids=IDS)


@pytest.fixture
def features() -> ItemFeatures:
    return item_features(catalogue(IDS), IDS)


def assert_same(state: HybridSums, model: HybridEASE, lists: Interactions) -> None:
    followed = state.model()
    np.testing.assert_array_equal(followed.anime_ids_, model.anime_ids_)
    np.testing.assert_allclose(followed.score(lists), model.score(lists), atol=1e-4)
    np.testing.assert_allclose(followed.popularity_, model.popularity_, atol=1e-7)
    np.testing.assert_allclose(followed.precision_, model.precision_, rtol=1e-4)


def changed(lists: Interactions, users: list[int]) -> tuple[Interactions, Interactions]:
    """Return lists of which some users' ratings are turned round, and those users' lists now."""
    theirs = np.isin(lists.user_ids, users)[lists.rows]
    turned = replace(lists, ratings=np.where(theirs, 11 - lists.ratings, lists.ratings))
    return turned, of_users(turned, users)


@pytest.mark.parametrize("pruned", [0, 12])
@pytest.mark.parametrize("cheap", [True, False])
def test_following_equals_fitting(lists, features, monkeypatch, pruned, cheap) -> None:
    monkeypatch.setattr(HybridSums, "_is_low_rank", lambda self, rank: cheap)
    state = HybridSums.begin(
        HybridEASE(**FIXED | {"n_neighbours": pruned}), lists.users(lists.user_ids < 140), features
    )
    assert 0 < (~state.warm).sum() < 30
    done = {
        state.partial_fit(of_users(lists, list(range(140, 150))), None),
        state.partial_fit(None, of_users(lists, [0, 1])),
    }
    turned, now = changed(lists, [4, 7])
    done.add(state.partial_fit(now, of_users(lists, [4, 7])))
    assert done == {"low rank" if cheap else "solve"}
    left = turned.users(turned.user_ids > 1)
    assert_same(state, refitted(state, left, features), left)
    assert state.drift() < 1e-5


def test_the_cheaper_way_is_chosen_by_the_number_of_anime_touched(lists, features) -> None:
    state = HybridSums.begin(HybridEASE(**FIXED), lists, features)
    short = lists.users(lists.lengths <= 4)
    assert state.partial_fit(None, short.users(np.array([0]))) == "low rank"
    assert state.partial_fit(None, of_users(lists, list(range(100)))) == "solve"
    assert state.partial_fit(None, None) == "nothing"


def test_a_deleted_account_is_forgotten(lists, features) -> None:
    """An anime that only they had, too: it leaves the system."""
    state = HybridSums.begin(HybridEASE(**FIXED, min_lists=1), lists, features)
    without = lists.users(lists.user_ids != 3)
    state.partial_fit(None, of_users(lists, [3]))
    z = without.matrix(state.settings.learned_values(without, state.usual_length))
    z = z.astype(np.float64)
    np.testing.assert_allclose(state.squares, z.power(2).sum(axis=0), rtol=1e-6, atol=1e-9)
    counts = np.bincount(without.indices, minlength=len(IDS))
    np.testing.assert_array_equal(state.counts, counts)
    assert state.n_users == 149
    n = len(IDS)
    np.testing.assert_allclose(state.gram[:n, :n], (z.T @ z).toarray(), rtol=1e-6, atol=1e-5)


def test_anime_come_to_be_on_enough_lists_and_cease_to(lists, features) -> None:
    few = lists.users(lists.user_ids < 20)
    state = HybridSums.begin(HybridEASE(**FIXED | {"n_neighbours": 0}), few, features)
    cold = (~state.warm).sum()
    for user in range(20, 60):
        state.partial_fit(of_users(lists, [user]), None)
    assert (~state.warm).sum() < cold
    more = lists.users(lists.user_ids < 60)
    assert_same(state, refitted(state, more, features), more)
    for user in range(20, 60):
        state.partial_fit(None, of_users(lists, [user]))
    assert (~state.warm).sum() == cold
    assert_same(state, refitted(state, few, features), few)


@pytest.mark.parametrize("cheap", [True, False])
def test_a_new_anime_is_served_at_once_and_moves_with_its_lists(
    lists, features, monkeypatch, cheap
) -> None:
    monkeypatch.setattr(HybridSums, "_is_low_rank", lambda self, rank: cheap)
    monkeypatch.setattr("anirec.models.incremental.ROOM", 1)
    state = HybridSums.begin(HybridEASE(**FIXED | {"n_neighbours": 0}), lists, features)
    ids = np.unique(np.concatenate([IDS, [95, 161]]))
    table = catalogue(ids)
    grown = item_features(table, ids)
    state.follow_catalogue(grown)
    wider = Interactions.from_frame(entries(150, len(IDS), 0), anime_ids=ids)
    fitted = refitted(state, wider, grown)
    assert_same(state, fitted, wider)
    new = np.searchsorted(ids, 95)
    assert state.model().weights_[:, new].any()
    frame = pd.concat(
        [
            entries(150, len(IDS), 0),
            pd.DataFrame({"user_id": [1, 2, 3, 4], "anime_id": 95, "rating": 10.0}),
        ]
    )
    after = Interactions.from_frame(frame, anime_ids=ids)
    users = [1, 2, 3, 4]
    state.partial_fit(of_users(after, users), of_users(wider, users))
    assert state.warm[list(state.anime_ids).index(95)]
    assert_same(state, refitted(state, after, grown), after)


def test_a_catalogue_without_anime_on_lists_is_refused(lists, features) -> None:
    state = HybridSums.begin(HybridEASE(**FIXED), lists, features)
    with pytest.raises(InputError, match="lacks anime that are on lists"):
        state.follow_catalogue(item_features(catalogue(IDS[1:]), IDS[1:]))
    others = Interactions.from_frame(entries(5, 10, 1))
    with pytest.raises(InputError, match="encode them anew"):
        state.partial_fit(others, None)


def test_another_kind_of_preference_is_followed_too(lists, features) -> None:
    state = HybridSums.begin(LikedEASE(**LikedEASE.STARTS), lists, features)
    state.partial_fit(None, of_users(lists, [5]))
    left = lists.users(lists.user_ids != 5)
    expected = LikedEASE(**LikedEASE.STARTS).fit(left, features=features)
    np.testing.assert_allclose(state.model().score(left), expected.score(left), atol=2e-3)


def test_a_snapshot_comes_back_and_is_not_touched(lists, features, tmp_path: Path) -> None:
    state = HybridSums.begin(HybridEASE(**FIXED), lists, features)
    state.save(tmp_path / "state")
    before = state.model().score(lists)
    again = HybridSums.load(tmp_path / "state")
    again.partial_fit(None, of_users(lists, [1, 2]))
    assert np.abs(again.model().score(lists) - before).max() > 1e-3
    np.testing.assert_array_equal(HybridSums.load(tmp_path / "state").model().score(lists), before)
    file = tmp_path / "state" / "counts.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=r"counts\.npy is damaged"):
        HybridSums.load(tmp_path / "state")
    file.unlink()
    with pytest.raises(InputError, match=r"counts\.npy is missing"):
        HybridSums.load(tmp_path / "state")


def test_drift_is_seen(lists, features) -> None:
    state = HybridSums.begin(HybridEASE(**FIXED), lists, features)
    assert state.drift() < 1e-5
    state.inverse *= np.float32(1.01)
    assert state.drift() > 1e-3


def test_real_lists_followed_equal_a_refit(real_data: Path, tmp_path: Path) -> None:
    """Scores of 200 people held out, by the 1,500 best known anime of mal-2016."""
    paths = Paths.of("mal-2016", raw_dir=real_data / "mal-2016", processed_dir=tmp_path)
    ingest(paths)
    ratings = pd.read_parquet(
        tmp_path / "ratings.parquet", columns=["user_id", "anime_id", "rating"]
    )
    often = ratings["anime_id"].value_counts().index[:1500]
    lists = Interactions.from_frame(ratings[ratings["anime_id"].isin(often)])
    features = item_features(pd.read_parquet(tmp_path / "anime.parquet"), lists.anime_ids)
    held_out = lists.users(np.arange(200))
    learned = lists.users(np.arange(200, lists.shape[0]))
    ids = learned.user_ids
    state = HybridSums.begin(
        HybridEASE(**FIXED | {"n_neighbours": 0}), learned.users(ids < ids[-30]), features
    )
    rng = np.random.default_rng(0)
    ways = set()
    for user in ids[-30:]:
        ways.add(state.partial_fit(of_users(learned, [user]), None))
    gone = rng.choice(ids[:-30], 10, replace=False).tolist()
    for user in gone:
        ways.add(state.partial_fit(None, of_users(learned, [user])))
    turned, now = changed(learned, [int(ids[5])])
    state.partial_fit(now, of_users(learned, [int(ids[5])]))
    assert "low rank" in ways
    left = turned.users(~np.isin(turned.user_ids, gone))
    fitted = refitted(state, left, features)
    scores, expected = state.model().score(held_out), fitted.score(held_out)
    assert np.abs(scores - expected).max() < 1e-3
    best = np.argsort(-expected, axis=1)[:, :20]
    found = np.argsort(-scores, axis=1)[:, :20]
    ties = np.take_along_axis(expected, best, 1) - np.take_along_axis(expected, found, 1)
    assert np.abs(ties).max() < 1e-5
    z = left.matrix(state.settings.learned_values(left, state.usual_length)).astype(np.float64)
    sums = np.asarray(sparse.csr_array(z).power(2).sum(axis=0))
    np.testing.assert_allclose(state.squares, sums, rtol=1e-6)
