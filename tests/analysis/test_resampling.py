"""Numbers of segments, tried on a community whose number is known and on one without any."""

from __future__ import annotations

import numpy as np
import pytest
from test_clustering import GENRES, community
from test_segments import ANIME

from anirec.analysis import resampling, segments
from anirec.analysis.finding import Absence
from anirec.catalogue.features import item_features


@pytest.fixture(scope="module")
def audience() -> segments.Audience:
    lists = community()
    return segments.find_audience(lists, ANIME, item_features(ANIME, lists.anime_ids), 6, 4)


@pytest.fixture(scope="module")
def trials(audience) -> resampling.Resampling:
    return resampling.resampled(audience, 6, n_bootstraps=5)


def test_the_planted_number_is_stable_and_the_control_is_not(audience, trials) -> None:
    real, control = trials.stability(), trials.stability(resampling.CONTROL)
    assert real.index.tolist() == control.index.tolist() == list(range(4, 21))
    assert real.idxmax() == 4 and real[4] > 0.9
    assert control[4] < 0.3
    assert (trials.kept > 0.9).all()
    finding = resampling.how_many(audience, trials)
    assert "4 is kept: no other number from 4 to 20 stands further above" in finding.answer
    assert finding.effect.low > 0.5


def test_silhouette_and_inertia_are_told_for_every_number(audience, trials) -> None:
    table = trials.table[trials.table["of"] == resampling.REAL]
    assert table["inertia"].is_monotonic_decreasing and table["inertia"].between(0, 1).all()
    assert table.loc[table["silhouette"].idxmax(), "segments"] == 4
    assert "4 segments and greatest with 4" in resampling.how_apart(audience, trials).answer


def test_a_number_that_cannot_be_defended_is_not(audience) -> None:
    lists = community()
    many = segments.find_audience(lists, ANIME, item_features(ANIME, lists.anime_ids), 6, 12)
    trials = resampling.resampled(many, 6, n_bootstraps=3)
    assert "12 is kept for its detail, not its firmness: 4 " in (
        resampling.how_many(many, trials).answer
    )
    assert np.nanmin(trials.kept) < resampling.STABLE


def test_the_same_seed_gives_the_same(audience, trials) -> None:
    again = resampling.resampled(audience, 6, n_bootstraps=5)
    assert again.table.equals(trials.table)
    np.testing.assert_array_equal(again.kept, trials.kept)


def test_jaccard_is_that_of_the_best_match() -> None:
    own = np.array([0, 0, 0, 0, 1, 1])
    found = [np.array([1, 1, 1, 0, 0, 0]), np.array([0, 0, 0, 0, 1, 1])]
    kept = resampling._jaccard(own, found, 3)
    np.testing.assert_allclose(kept[:2], [(3 / 4 + 1) / 2, (2 / 3 + 1) / 2])
    assert np.isnan(kept[2])


def test_too_few_to_try_is_an_absence() -> None:
    lists = community(36)
    features = item_features(ANIME, lists.anime_ids)
    audience = segments.find_audience(lists, ANIME, features, 3, 4)
    found = resampling.resampled(audience, 3)
    assert isinstance(found, Absence) and "too few to try" in found.because


def test_entries_dealt_anew_keep_reach_and_length() -> None:
    lists = community()
    anew = resampling.dealt_anew(lists)
    reach = [np.bincount(part.indices, minlength=70) for part in (lists, anew)]
    assert np.corrcoef(*reach)[0, 1] > 0.99
    assert anew.nnz > 0.7 * lists.nnz  # in these dense lists many would double
    assert (anew.lengths <= lists.lengths).all()
    assert all(len(np.unique(row)) == len(row) for row in np.split(anew.indices, anew.indptr[1:-1]))


def test_names_of_the_planted_are_all_found_again(audience, trials) -> None:
    assert sorted(audience.names) == sorted(GENRES)
    assert len(trials.kept) == 4
