"""LikedEASE: HybridEASE on what was liked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from anirec.interactions import Interactions, least_liked
from anirec.models.hybrid_ease import TAG_WEIGHTS, HybridEASE


class LikedEASE(HybridEASE):
    """HybridEASE on lists where what was liked counts 1 and the rest less: a second opinion.

    Parameters
    ----------
    liked_from : the least rating that is a like; four fifths of the greatest one by default.
    rest : what any other entry counts.
    dropout, l2, tag_weights, tag_discount, user_discount, item_discount, n_neighbours : see
        `HybridEASE`.
    """

    NAME = "liked-ease"
    STARTS: ClassVar[Mapping[str, object]] = {
        "rest": 0.3,
        "dropout": 0.22,
        "l2": 50.0,
        "tag_weights": TAG_WEIGHTS,
        "user_discount": 0.2,
        "item_discount": 0.0,
        "n_neighbours": 200,
    }

    def __init__(
        self,
        liked_from: float | None = None,
        rest: float | None = None,
        dropout: float | None = None,
        l2: float | None = None,
        tag_weights: Mapping[str, float] | None = None,
        tag_discount: float = 0.5,
        user_discount: float | None = None,
        item_discount: float | None = None,
        n_neighbours: int | None = None,
    ) -> None:
        super().__init__(
            dropout=dropout,
            l2=l2,
            tag_weights=tag_weights,
            tag_discount=tag_discount,
            user_discount=user_discount,
            item_discount=item_discount,
            n_neighbours=n_neighbours,
        )
        self.liked_from = liked_from
        self.rest = rest

    @property
    def learned_by(self) -> tuple[object, ...]:
        """See `HybridEASE.learned_by`."""
        return self.setting("rest"), self.setting("user_discount")

    def _preferences(self, lists: Interactions, which: str = "") -> np.ndarray:
        least = least_liked(self.scale_[2]) if self.liked_from is None else self.liked_from
        liked = np.nan_to_num(lists.ratings, nan=-np.inf) >= least
        return np.where(liked, 1, self.setting("rest")).astype(np.float32)
