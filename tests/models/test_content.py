"""TF-IDF vectors and cosines against scikit-learn's vectoriser on the same words."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import ContentTfidf


def test_scores_are_mean_cosines(
    train: Interactions, features: ItemFeatures, profiles: Interactions
) -> None:
    texts = [f"{'genre_a' if a < 12 else 'genre_b'} saga{chr(97 + a // 2)}" for a in range(24)]
    cosines = cosine_similarity(TfidfVectorizer().fit_transform(texts))
    model = ContentTfidf().fit(train, features=features)
    np.testing.assert_allclose(model.score(profiles)[0], cosines[[0, 1]].mean(axis=0), rtol=1e-5)
    similar = model.similar(100, k=1)
    assert similar["anime_id"].tolist() == [101]
    assert similar["similarity"].tolist() == pytest.approx([1.0])


def test_without_tags_there_is_nothing_to_compare(
    train: Interactions, features: ItemFeatures
) -> None:
    with pytest.raises(InputError, match="ContentTfidf needs features"):
        ContentTfidf().fit(train)
    with pytest.raises(InputError, match="pass some of studios"):
        ContentTfidf(kinds=("studios",)).fit(train, features=features)
