"""Popularity: everybody gets what most people watched."""

from __future__ import annotations

import numpy as np

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions
from anirec.models.base import Model
from anirec.partitions import Lists


class Popularity(Model):
    """Scores an anime by the share of lists it is on: what all models know as ``popularity_``."""

    NAME = "popularity"
    IN_PARTS = True

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        """Nothing more to learn."""

    def _score(self, profiles: Interactions) -> np.ndarray:
        return np.repeat(self.popularity_[None, :], profiles.shape[0], axis=0)
