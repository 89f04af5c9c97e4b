"""LikedEASE: HybridEASE on what was liked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from anirec.interactions import Interactions, least_liked
from anirec.models.hybrid_ease import HybridEASE


class LikedEASE(HybridEASE):
    """HybridEASE on lists where what was liked counts 1 and the rest less: a second opinion.

    Parameters
    ----------
    liked_from : the least rating that is a like; four fifths of the greatest one by default.
    rest : what any other entry counts.
    dropout, l2, tag_weights, tag_discount, user_discount, n_neighbours : see `HybridEASE`.
    """

    NAME = "liked-ease"

    def __init__(
        self,
        liked_from: float | None = None,
        rest: float = 0.3,
        dropout: float = 0.22,
        l2: float = 50.0,
        tag_weights: Mapping[str, float] | None = None,
        tag_discount: float = 0.5,
        user_discount: float = 0.2,
        n_neighbours: int | None = 200,
    ) -> None:
        super().__init__(
            dropout=dropout,
            l2=l2,
            tag_weights=tag_weights,
            tag_discount=tag_discount,
            user_discount=user_discount,
            n_neighbours=n_neighbours,
        )
        self.liked_from = liked_from
        self.rest = rest

    def _preferences(self, lists: Interactions, weight: float, unscored: float) -> np.ndarray:
        least = least_liked(self.scale_[2]) if self.liked_from is None else self.liked_from
        liked = np.nan_to_num(lists.ratings, nan=-np.inf) >= least
        return np.where(liked, 1, self.rest).astype(np.float32)
