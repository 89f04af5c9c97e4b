"""The embedded sample: the committed catalogue, and the community simulated from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec.config import InputError
from anirec.datasets import sample


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    sample.generate(folder, size="tiny")
    return folder


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tiny: Path, tmp_path: Path) -> None:
    sample.generate(tmp_path / "same", size="tiny", seed=0)
    sample.generate(tmp_path / "other", size="tiny", seed=1)
    names = sorted(file.name for file in tiny.iterdir())
    assert names == sorted(
        [sample.ANIME, sample.SCORES, sample.DETAILS, sample.TRUTH, sample.TRUTH_TABLE]
    )
    for name in names:
        assert (tiny / name).read_bytes() == (tmp_path / "same" / name).read_bytes(), name
    assert (tiny / sample.SCORES).read_bytes() != (tmp_path / "other" / sample.SCORES).read_bytes()


def test_scores_have_the_real_files_columns_and_shares(tiny: Path) -> None:
    scores = pd.read_csv(tiny / sample.SCORES)
    assert list(scores.columns) == ["user_id", "Username", "anime_id", "Anime Title", "rating"]
    assert scores["user_id"].nunique() == sample.SIZES["tiny"].n_users
    shares = scores["rating"].value_counts(normalize=True).sort_index().to_numpy()
    expected = sample.RATING_COUNTS / sample.RATING_COUNTS.sum()
    np.testing.assert_allclose(shares, expected, atol=0.015)


def test_unknown_size_and_negative_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown size 'huge': choose one of tiny, default"):
        sample.generate(tmp_path, size="huge")
    with pytest.raises(InputError, match="seed -1 is negative"):
        sample.generate(tmp_path, seed=-1)
    assert not any(tmp_path.iterdir())
