"""EASE: a linear item-item autoencoder in closed form."""

from __future__ import annotations

from anirec.catalogue.features import ItemFeatures
from anirec.models.item_item import ItemItem, autoencoder
from anirec.models.sums import GramSums, mirrored
from anirec.partitions import Lists


class EASE(ItemItem):
    """Embarrassingly shallow autoencoder (Steck, "Embarrassingly Shallow Autoencoders for Sparse
    Data", WWW 2019).

    With the binary lists ``X``: ``P = (XᵀX + λI)⁻¹``, ``W = I − P / diag(P)`` with a zero diagonal,
    scores ``X W``. Each score is a sum over the profile, so `explain` is exact.

    Parameters
    ----------
    l2 : the L2 penalty λ.

    Attributes
    ----------
    weights_ : float32 (n_anime, n_anime), ``W``; row j holds what having j says for each anime.
    """

    NAME = "ease"
    IN_PARTS = True

    def __init__(self, l2: float = 100.0) -> None:
        self.l2 = l2

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        total = train.total(GramSums(train.shape[1]))
        self.weights_, _ = autoencoder(mirrored(total["gram"]), self.l2)
