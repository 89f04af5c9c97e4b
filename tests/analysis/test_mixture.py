"""Mixtures of segments: what they say of lists, checked on the rest of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_clustering import GENRES, community

from anirec.analysis import clustering
from anirec.analysis.mixture import GIVEN, SegmentMixture, calibration, parted
from anirec.config import InputError
from anirec.interactions import Interactions


@pytest.fixture(scope="module")
def lists() -> Interactions:
    return community(800)


@pytest.fixture(scope="module")
def mixture(lists: Interactions) -> SegmentMixture:
    segments = clustering.segment_users(lists, n_components=6, n_clusters=4)
    names = [
        GENRES[np.bincount(lists.user_ids[segments.labels == i] % 4).argmax()] for i in range(4)
    ]
    return SegmentMixture.fit(segments, lists, names)


def profile(*anime: int) -> Interactions:
    frame = pd.DataFrame({"user_id": 0, "anime_id": anime, "rating": 8.0})
    return Interactions.from_frame(frame, anime_ids=np.arange(70))


def test_shares_sum_to_one_and_follow_the_taste(mixture, lists) -> None:
    shares = mixture.shares(lists)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    truth = np.array(GENRES)[lists.user_ids % 4]
    assert (mixture.names[shares.argmax(axis=1)] == truth).mean() > 0.97
    music = mixture.shares(profile(25, 27, 29, 31, 33))[0]
    assert mixture.names[music.argmax()] == "Music" and music.max() > 0.8


def test_two_tastes_share(mixture) -> None:
    shares = mixture.shares(profile(*range(25, 31), *range(40, 46)))[0]
    both = dict(zip(mixture.names, shares, strict=True))
    assert both["Music"] + both["Mecha"] > 0.8
    assert min(both["Music"], both["Mecha"]) > 0.2


def test_few_titles_say_little_and_none_nothing(mixture) -> None:
    tops = [mixture.shares(profile(*range(25, 25 + n)))[0].max() for n in (1, 2, 4, 8)]
    assert tops == sorted(tops) and tops[0] < 0.75 < tops[-1]
    empty = profile(25).entries(np.zeros(1, dtype=bool))
    np.testing.assert_allclose(mixture.shares(empty)[0], mixture.sizes)
    music, everything = profile(*range(25, 40)), profile(*range(10, 70))
    assert mixture.shares(everything)[0].max() < mixture.shares(music)[0].max()


def test_what_is_said_comes_true_on_other_lists(mixture, lists) -> None:
    given = parted(mixture.space, lists, seed=0, held_out=True)
    table = calibration(mixture, given)
    assert table["titles"].tolist() == [n for n in GIVEN if n <= table["titles"].max()]
    assert ((table["said"] - table["true"]).abs() < 0.12).all()
    assert (table["surprise"] < table["unknowing"]).all()
    bold = dataclasses.replace(mixture, sharpness=10 * mixture.sharpness, half=1e-6)
    said = calibration(bold, given)
    assert said["said"].iloc[0] - said["true"].iloc[0] > 0.2
    assert said["surprise"].iloc[0] > table["surprise"].iloc[0]


def test_lists_held_out_are_none_of_the_others(mixture) -> None:
    few = community(40)
    assert len(parted(mixture.space, few, 3).n) > 0
    seen: list[np.ndarray] = []

    class Watched:
        def scores(self, lists: Interactions) -> np.ndarray:
            seen.append(lists.user_ids)
            return np.zeros((len(lists.user_ids), 6))

        def squared_distances(self, scores: np.ndarray) -> np.ndarray:
            return scores

    parted(Watched(), few, 3)
    first = np.unique(np.concatenate(seen))
    seen.clear()
    parted(Watched(), few, 3, held_out=True)
    assert not np.isin(np.concatenate(seen), first).any()


def test_saved_and_read_it_says_the_same(mixture, lists, tmp_path: Path) -> None:
    file = tmp_path / "segment_mixture.npz"
    mixture.save(file)
    again = SegmentMixture.load(file)
    np.testing.assert_array_equal(again.shares(lists), mixture.shares(lists))
    assert again.names.tolist() == mixture.names.tolist()
    with np.load(file) as arrays:
        older = dict(arrays) | {"format": np.array(0)}
    np.savez(file, **older)
    with pytest.raises(InputError, match="run --from 04 --force"):
        SegmentMixture.load(file)
