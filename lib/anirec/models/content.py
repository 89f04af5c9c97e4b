"""ContentTfidf: the classic content-based recommender."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models.base import Ability, Model
from anirec.partitions import Lists


class ContentTfidf(Model):
    """TF-IDF over genres and title words, cosine similarity.

    A profile's score for an anime is the mean cosine between the anime and those on the list.

    Parameters
    ----------
    kinds : the kinds of tags used; those the features lack are skipped.
    """

    NAME = "content"
    IN_PARTS = True
    CAN = frozenset({Ability.SIMILAR})
    ARRAYS = ("data_", "indices_", "indptr_", "shape_")

    def __init__(self, kinds: Sequence[str] = ("genres", "title_words")) -> None:
        self.kinds = list(kinds)

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        from sklearn.feature_extraction.text import TfidfTransformer

        used = (
            [features.matrices[k] for k in self.kinds if k in features.matrices] if features else []
        )
        if not used:
            raise InputError(f"ContentTfidf needs features: pass some of {', '.join(self.kinds)}")
        counts = sparse.hstack(used, format="csr")
        vectors = sparse.csr_array(
            TfidfTransformer(norm="l2").fit_transform(counts), dtype=np.float32
        )
        self.data_, self.indices_, self.indptr_ = vectors.data, vectors.indices, vectors.indptr
        self.shape_ = np.array(vectors.shape)

    @property
    def vectors(self) -> sparse.csr_array:
        """CSR (n_anime, n_tags): the TF-IDF vectors, of length one or zero."""
        arrays = (self.data_, self.indices_, self.indptr_)
        return sparse.csr_array(arrays, shape=tuple(self.shape_))

    def _score(self, profiles: Interactions) -> np.ndarray:
        tastes = profiles.averages(self.vectors).toarray()
        return np.ascontiguousarray((self.vectors @ tastes.T).T)

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime with the greatest cosine: ``anime_id``, ``similarity``."""
        column = self.column(anime_id)
        vector = self.vectors[[column]].toarray()[0]
        return self._neighbours(self.vectors @ vector, column, k)
