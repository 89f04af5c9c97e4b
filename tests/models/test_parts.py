"""Models learn the same of lists in memory, in one file and in many."""

from __future__ import annotations

import numpy as np
import pytest

from anirec.catalogue.features import ItemFeatures
from anirec.evaluation import top_ranked
from anirec.interactions import Interactions
from anirec.models import MODELS, LikedEASE, Model
from anirec.models.first_stage import FirstStage
from anirec.models.incremental import HybridSums
from anirec.partitions import ListsWriter, PartitionedLists

SMALL = {
    "pure-svd": {"n_factors": 2},
    "two-stage": {"n_rounds": 20, "max_users": 110},
    "rating-net": {"embedding_dim": 4, "epochs": 1},
}
KINDS: dict[str, type[Model]] = MODELS | {"liked-ease": LikedEASE}


@pytest.fixture(scope="module", params=[1, 7])
def in_files(
    request: pytest.FixtureRequest, train: Interactions, tmp_path_factory: pytest.TempPathFactory
) -> PartitionedLists:
    folder = tmp_path_factory.mktemp("lists")
    with ListsWriter(folder) as writer:
        for users in np.array_split(np.arange(train.shape[0]), request.param):
            writer.add(train.users(users))
    return PartitionedLists.open(folder)


@pytest.mark.parametrize("name", KINDS)
def test_scores_are_the_same(
    name: str,
    train: Interactions,
    in_files: PartitionedLists,
    features: ItemFeatures,
    profiles: Interactions,
) -> None:
    one, other = (
        KINDS[name](**SMALL.get(name, {})).fit(lists, features=features)
        for lists in (train, in_files)
    )
    expected = one.score(train)
    np.testing.assert_allclose(
        other.score(train), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
    )
    apart = np.diff(np.sort(expected, axis=1), axis=1).min(axis=1) > 1e-4
    ranked = [top_ranked(model.score(train), train, 10)[apart] for model in (one, other)]
    np.testing.assert_array_equal(*ranked)
    np.testing.assert_array_equal(one.popularity_, other.popularity_)
    assert one.learned_from(in_files)


def test_what_learns_in_parts_never_takes_all_lists(
    in_files: PartitionedLists, features: ItemFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: PartitionedLists) -> Interactions:
        raise AssertionError("all lists were taken into memory")

    monkeypatch.setattr(PartitionedLists, "in_memory", refuse)
    for name, kind in KINDS.items():
        if kind.IN_PARTS and name != "two-stage":
            kind(**SMALL.get(name, {})).fit(in_files, features=features)
    monkeypatch.setattr("anirec.models.two_stage.ENOUGH", 0.1)
    KINDS["two-stage"](**SMALL["two-stage"]).fit(in_files, features=features)


def test_first_stage_learns_from_a_sample_of_files(
    train: Interactions,
    in_files: PartitionedLists,
    features: ItemFeatures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anirec.models.first_stage.OPINION_LISTS", 50)
    parts = KINDS["two-stage"](latent=KINDS["pure-svd"](n_factors=3)).parts
    one, other = (FirstStage.fit(parts, lists, features, 8.0, 0) for lists in (train, in_files))
    np.testing.assert_array_equal(one.neighbours.counts_, other.neighbours.counts_)
    assert one.neighbours.n_lists_ == 50
    np.testing.assert_allclose(one.facts.community, other.facts.community, rtol=1e-5)


def test_sums_to_follow_lists_with(
    train: Interactions, in_files: PartitionedLists, features: ItemFeatures
) -> None:
    hybrid = KINDS["hybrid-ease"]()
    one, other = (HybridSums.begin(hybrid, lists, features) for lists in (train, in_files))
    np.testing.assert_allclose(other.gram, one.gram, rtol=1e-6)
    np.testing.assert_allclose(other.squares, one.squares, rtol=1e-12)
    assert one.n_users == other.n_users
