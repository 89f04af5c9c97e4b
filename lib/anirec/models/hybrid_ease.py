"""HybridEASE: EASE on signed preferences, with side information about the anime."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models.base import Ability, copied, popularity
from anirec.models.csr import keep_greatest, strongest
from anirec.models.item_item import ItemItem, autoencoder
from anirec.models.sums import GramSums, add_products, mirrored
from anirec.models.tuning import Bench, choose_settings
from anirec.partitions import Lists
from anirec.vectors import unit_rows

log = logging.getLogger(__name__)

TAG_WEIGHTS = {"genres": 30.0, "title_words": 3.0, "franchise": 35.0}
"""Weight α of each kind of tag, tuned on validation users of `mal-2016`."""

DROPPED = -1.0
"""What giving up an anime takes off an entry without score, in standard deviations of ratings."""

MIN_SD = 1e-6
"""The least standard deviation of ratings that they are divided by."""

COLD_NEIGHBOURS = 10
"""Anime most like one on too few lists, whose weights it borrows."""

COLD_SHRINKAGE = 5.0
"""Cosines summed at which an anime on too few lists takes half of its neighbours' weights."""

POPULARITY_POWER = 0.5
"""By what power of its neighbours' members such an anime is scored above or below them."""

LEAST_POPULAR = 0.01
"""The popularity, beside that of the mean entry, below which being rarer says no more."""

OWN = 0.6
"""What having an anime says for one that is all like it."""


class _Solution(NamedTuple):
    """The closed form's solution: weights ``W`` and diagonal of ``P`` of the anime on enough lists,
    which those are, and what shares of them the others take (None: there are no others)."""

    weights: np.ndarray
    precision: np.ndarray
    warm: np.ndarray
    shares: sparse.csr_array | None


class HybridEASE(ItemItem):
    """Linear autoencoder in closed form on signed preferences and item side information.

    EASE (Steck, WWW 2019) with the regularisation of EDLAE (Steck, NeurIPS 2020) and tags as
    further rows of the matrix, as in collective EASE (Jeunen et al., "Closed-Form Models for
    Collaborative Filtering with Side-Information", RecSys 2020):

        z_ui = 1 + w · (r_ui − r̄_u) / sd,   a constant where there is no score
        G = ZᵀZ + Σ_f α_f T_f D_f⁻ᵞ T_fᵀ ;   Λ = p / (1 − p) · diag(ZᵀZ) + λ
        P = (G + Λ)⁻¹ ;   W = I − P / diag(P) ;   scores = z W

    with ``r̄_u`` the person's mean rating shrunk to everybody's, ``sd`` the standard deviation of
    all ratings, ``T_f`` the anime × tag matrix of kind f and ``D_f`` how many anime have each tag.
    An anime on too few lists borrows the weights of those most like it by their tags.

    Settings that are None are chosen in fitting, on people set aside from the lists learned from
    (see `tuning`); `chosen_` tells them. `STARTS` is where the search starts, and what they are
    where there are too few lists to choose by.

    Parameters
    ----------
    rating_weight : w, what one standard deviation above the person's mean adds to an entry.
    unscored : what an entry without a score counts.
    profile_rating_weight, profile_unscored : the same for the lists scored, where other values
        proved better than for those learned from.
    mean_shrinkage : scores' worth of everybody's mean in ``r̄_u``.
    dropout : p, the dropout that EDLAE's regularisation stands for.
    l2 : the L2 penalty λ.
    tag_weights : α by kind of tag, of `features.item_features`; if None, a multiple of
        `TAG_WEIGHTS`. Kinds the features lack are skipped, and the log says which.
    tag_discount : γ: by what power of their number a tag counts less for each of its anime.
    user_discount : β: a list of n entries counts ∝ n⁻ᵝ.
    item_discount : δ: an entry that n lists have says ∝ n⁻ᵟ, in the lists scored.
    min_lists : an anime with tags on fewer lists than that is scored by them alone.
    n_neighbours : weights kept per anime (see `ItemItem.prune`), all if 0.

    Attributes
    ----------
    weights_ : float32 (n_anime, n_anime), ``W``, CSR where only some are kept; row j holds what
        having j says for each anime.
    precision_ : float32 (n_anime,), the diagonal of ``P``.
    scale_ : float32 (3,), mean, standard deviation and greatest of the ratings.
    """

    NAME = "hybrid-ease"
    IN_PARTS = True
    CAN = ItemItem.CAN | {Ability.SIGNED}
    FORMAT = 2
    ARRAYS = ("precision_", "scale_")
    STARTS: ClassVar[Mapping[str, object]] = {
        "rating_weight": 0.19,
        "unscored": 1.02,
        "profile_rating_weight": 0.24,
        "profile_unscored": 0.65,
        "mean_shrinkage": 12.0,
        "dropout": 0.22,
        "l2": 48.0,
        "tag_weights": TAG_WEIGHTS,
        "user_discount": 0.19,
        "item_discount": 0.0,
        "n_neighbours": 200,
    }

    _solution: _Solution | None = None
    """Kept from `fit` to `save`, for `without`."""

    def __init__(
        self,
        rating_weight: float | None = None,
        unscored: float | None = None,
        profile_rating_weight: float | None = None,
        profile_unscored: float | None = None,
        mean_shrinkage: float | None = None,
        dropout: float | None = None,
        l2: float | None = None,
        tag_weights: Mapping[str, float] | None = None,
        tag_discount: float = 0.5,
        user_discount: float | None = None,
        item_discount: float | None = None,
        min_lists: int = 3,
        n_neighbours: int | None = None,
    ) -> None:
        self.rating_weight = rating_weight
        self.unscored = unscored
        self.profile_rating_weight = profile_rating_weight
        self.profile_unscored = profile_unscored
        self.mean_shrinkage = mean_shrinkage
        self.dropout = dropout
        self.l2 = l2
        self.tag_weights = None if tag_weights is None else dict(tag_weights)
        self.tag_discount = tag_discount
        self.user_discount = user_discount
        self.item_discount = item_discount
        self.min_lists = min_lists
        self.n_neighbours = n_neighbours

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        if not 0 <= self.setting("dropout") < 1:
            raise InputError(f"dropout is a share from 0 to below 1, not {self.dropout}")
        self.scale_, usual_length = self.constants(train)
        self.chosen_ = self.choose(train, features)
        known = features.matrices if features is not None else {}
        wanted = self.setting("tag_weights")
        if lacking := [kind for kind in wanted if wanted[kind] and kind not in known]:
            log.info("%s: fitted without %s: not known here", self.NAME, ", ".join(lacking))
        tags = self.tag_rows(features, train.shape[1])
        counts = train.figures.counts
        warm = self.warm(counts, tags)
        total = train.total(self.gram_sums(warm, usual_length))
        add_products(total["gram"], sparse.csr_array(tags[warm].T))
        penalty = self.penalty(total["squares"])
        weights, precision = autoencoder(mirrored(total["gram"]), penalty)
        shares = None
        if not warm.all():
            members = features.numbers.get("members") if features is not None else None
            shares = borrowed_shares(tags, members, warm)
        self._solution = _Solution(weights, precision, warm, shares)
        self._assemble(self._solution, counts / train.shape[0])

    def choose(self, train: Lists, features: ItemFeatures | None) -> dict[str, object]:
        """Return the settings left open as they are best for some lists, by name."""
        if not self.open_settings:
            return {}
        constants = self.constants(train)
        self.scale_ = constants[0]
        return choose_settings(self, Bench(train, features, constants))

    def without(self, train: Lists, features: ItemFeatures | None, users: np.ndarray) -> Self:
        """Return the model as it would be had it not learned from some users, in closed form.

        With ``Z`` their lists as they were learned from, ``P`` becomes
        ``P + P Zᵀ (I − Z P Zᵀ)⁻¹ Z P`` (Woodbury); the penalty ``Λ``, the constants of the
        preferences and which anime are on enough lists are held. Quick after `fit`; what was saved
        or loaded since is solved anew.

        Parameters
        ----------
        train, features : what the model was fitted to.
        users : rows of ``train``.
        """
        solution = self._solution or self.settled().fit(train, features)._solution
        theirs = train.users(users)
        values = self.learned_values(theirs, self.constants(train)[1])
        lists = theirs.matrix(values)[:, solution.warm]
        told = lists.toarray()
        told -= lists @ solution.weights
        told *= solution.precision  # Z P
        own = np.eye(len(users), dtype=np.float32) - lists @ told.T
        root = scipy.linalg.cholesky(own, lower=True, check_finite=False)
        told = scipy.linalg.solve_triangular(root, told, lower=True, check_finite=False)
        precision = solution.precision + (told**2).sum(axis=0)
        weights = solution.weights * solution.precision
        weights -= told.T @ told
        weights /= precision
        np.fill_diagonal(weights, 0)
        twin = copied(self)
        twin._solution = None
        twin.popularity_ = popularity(train.all_but(users))
        twin._assemble(solution._replace(weights=weights, precision=precision), twin.popularity_)
        return twin

    def _assemble(self, solution: _Solution, on_lists: np.ndarray) -> None:
        """Set the weights of all anime, pruned, from those of the anime on enough lists.

        ``on_lists`` are the shares of lists that each anime is on, (n_anime,).
        """
        if solution.shares is None:
            self.weights_, self.precision_ = solution.weights, solution.precision
        else:
            self._borrow(solution.weights, solution.precision, solution.shares, solution.warm)
        if kept := self.setting("n_neighbours"):
            self.weights_ = strongest(self.weights_, kept, np.sqrt(on_lists))

    def constants(self, train: Lists) -> tuple[np.ndarray, float]:
        """Return what depends on everybody: mean, standard deviation and greatest of the ratings,
        float32 (3,), and the length of the list that the median entry is on."""
        known = train.figures
        scale = [0, 1, np.nan]
        if known.n_scored:
            scale = [known.mean, max(known.sd, MIN_SD), known.greatest]
        return np.array(scale, np.float32), known.usual_length

    def gram_sums(self, columns: np.ndarray, usual_length: float) -> GramSums:
        """Return what is summed over lists to learn from them, given the constants in ``scale_``.

        ``columns`` are the anime that take part, bool (n_anime,).
        """
        settings = self.settled()  # travels without weights
        settings.scale_ = self.scale_
        values = partial(settings.learned_values, usual_length=usual_length)
        return GramSums(len(columns), values, columns)

    def learned_values(self, lists: Interactions, usual_length: float) -> np.ndarray:
        """Return what each entry counts where it is learned from, float32 (nnz,)."""
        values = self._preferences(lists)
        if discount := self.setting("user_discount"):
            lengths = lists.lengths[lists.rows]
            values *= (lengths / usual_length) ** np.float32(-discount / 2)
        return values

    @property
    def learned_by(self) -> tuple[object, ...]:
        """The settings that `learned_values` depends on: models alike in them share ``ZᵀZ``."""
        names = ("rating_weight", "unscored", "mean_shrinkage", "user_discount")
        return tuple(self.setting(name) for name in names)

    def penalty(self, squares: np.ndarray) -> np.ndarray:
        """Return the diagonal of ``Λ``, given that of ``ZᵀZ``, (n,)."""
        dropout = self.setting("dropout")
        return dropout / (1 - dropout) * squares + self.setting("l2")

    def warm(self, counts: np.ndarray, tags: sparse.csr_array) -> np.ndarray:
        """Return which anime are on enough lists to have weights of their own, bool (n_anime,)."""
        tagged = np.diff(tags.indptr) > 0
        warm = counts >= np.where(tagged, max(self.min_lists, 1), 1)
        return warm if warm.any() else counts > 0

    def values(self, profiles: Interactions) -> np.ndarray:
        """See `ItemItem.values`: the signed preferences."""
        values = self._preferences(profiles, "profile_")
        if self.setting("item_discount"):
            values *= self.said_by_anime()[profiles.indices]
        return values

    def said_by_anime(self) -> np.ndarray:
        """Return what an entry's value is multiplied by for the lists that have the anime,
        float32 (n_anime,); 1 at the popularity of the mean entry."""
        popularity = np.asarray(self.popularity_)
        usual = (popularity**2).sum() / max(popularity.sum(), 1e-9)
        relative = np.maximum(popularity / max(usual, 1e-9), LEAST_POPULAR)
        return (relative ** -self.setting("item_discount")).astype(np.float32)

    def _preferences(self, lists: Interactions, which: str = "") -> np.ndarray:
        """Return ``z`` of each entry, float32 (nnz,), by the settings that start like that."""
        weight = self.setting(f"{which}rating_weight")
        unscored = self.setting(f"{which}unscored")
        mean, sd, _ = self.scale_
        means = lists.user_means(self.setting("mean_shrinkage"), mean)[lists.rows]
        deviations = (lists.ratings - means) / sd
        values = np.where(lists.scored, 1 + weight * deviations, unscored)
        values[lists.dropped] = unscored + weight * DROPPED
        return values.astype(np.float32)

    def tag_rows(self, features: ItemFeatures | None, n_anime: int) -> sparse.csr_array:
        """Return all tags side by side, CSR (n_anime, n_tags), each weighted √(α · n⁻ᵞ)."""
        wanted = {kind: weight for kind, weight in self.setting("tag_weights").items() if weight}
        known = features.matrices if features is not None else {}
        parts = [sparse.csr_array((n_anime, 0), dtype=np.float32)]
        for kind, weight in wanted.items():
            if kind in known:
                numbers = np.asarray(known[kind].sum(axis=0))
                # A tag of one anime says nothing about another.
                several = np.flatnonzero(numbers > 1)
                scale = np.sqrt(weight * numbers[several] ** -self.tag_discount)
                parts.append(known[kind][:, several] @ sparse.diags_array(scale.astype(np.float32)))
        return sparse.csr_array(sparse.hstack(parts, format="csr"), dtype=np.float32)

    def _borrow(
        self, weights: np.ndarray, precision: np.ndarray, shares: sparse.csr_array, warm: np.ndarray
    ) -> None:
        """Set the weights of all anime from those rated: the others' are shares of them."""
        n = len(warm)
        rows, others = np.flatnonzero(warm), np.flatnonzero(~warm)
        own = OWN * shares.toarray()
        spoken = shares @ weights + own
        self.weights_ = np.zeros((n, n), dtype=np.float32)
        self.weights_[np.ix_(rows, rows)] = weights
        self.weights_[np.ix_(rows, others)] = (shares @ weights.T + own).T
        self.weights_[np.ix_(others, rows)] = spoken
        self.weights_[np.ix_(others, others)] = (shares @ spoken.T).T
        np.fill_diagonal(self.weights_, 0)
        self.precision_ = np.empty(n, dtype=np.float32)
        self.precision_[warm] = precision
        self.precision_[~warm] = precision.max()

    def _save_more(self, folder: Path) -> None:
        super()._save_more(folder)
        self._solution = None

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime of greatest partial correlation: ``anime_id``, ``similarity``.

        ``−P_ij / √(P_ii P_jj)``: how two anime go together once all others are accounted for.
        """
        column = self.column(anime_id)
        scale = np.sqrt(self.precision_ / self.precision_[column])
        return self._neighbours(self._row(column) * scale, column, k)


def ablations(model: HybridEASE) -> dict[str, HybridEASE]:
    """Return the model and what is left of it without each part, all to be fitted, by name.

    Parts are the ratings, each kind of tag and all of them, the dropout, the user discount and the
    pruning; those that are off already are left out. Settings that the model chose stay.
    """
    model = model.settled()
    off: dict[str, dict[str, object]] = {
        "without ratings": {
            "rating_weight": 0.0,
            "unscored": 1.0,
            "profile_rating_weight": 0.0,
            "profile_unscored": 1.0,
        },
        "without dropout": {"dropout": 0.0},
        "without user discount": {"user_discount": 0.0},
        "without item discount": {"item_discount": 0.0},
        "without pruning": {"n_neighbours": 0},
        "without side information": {"tag_weights": {}},
    }
    for kind in model.tag_weights:
        off[f"without {kind}"] = {"tag_weights": model.tag_weights | {kind: 0.0}}
    whole = model.parameters
    variants = {"all": HybridEASE(**whole)}
    for name, change in off.items():
        if whole | change != whole:
            variants[name] = HybridEASE(**(whole | change))
    return variants


def borrowed_shares(
    tags: sparse.csr_array, members: np.ndarray | None, warm: np.ndarray
) -> sparse.csr_array:
    """Return what shares of the warm anime's weights each cold one takes, CSR (n_cold, n_warm).

    ``members`` are how many people have each anime, (n_anime,), where that is known.
    """
    shares = _neighbour_shares(tags[~warm], tags[warm])
    return shares if members is None else _by_popularity(shares, members, warm)


def _neighbour_shares(cold: sparse.csr_array, warm: sparse.csr_array) -> sparse.csr_array:
    """Return for each cold anime what shares of its tags' neighbours it takes, CSR (cold, warm).

    The `COLD_NEIGHBOURS` of greatest cosine take part in proportion to it; the shares sum to at
    most one, the less the weaker the resemblance.
    """

    cosines = (unit_rows(cold) @ unit_rows(warm).T).toarray()
    keep_greatest(cosines, COLD_NEIGHBOURS, cosines)
    cosines /= cosines.sum(axis=1, keepdims=True) + COLD_SHRINKAGE
    return sparse.csr_array(cosines)


def _by_popularity(
    shares: sparse.csr_array, members: np.ndarray, warm: np.ndarray
) -> sparse.csr_array:
    """Scale each cold anime's shares by how its number of members compares to its neighbours'."""
    members = np.nan_to_num(members, nan=np.nanmedian(members)) + 1
    total = shares.sum(axis=1)
    usual = np.exp(shares @ np.log(members[warm]) / np.maximum(total, 1e-12))
    ratio = np.where(total > 0, members[~warm] / usual, 1) ** POPULARITY_POWER
    return sparse.diags_array(np.clip(ratio, 0.2, 5).astype(np.float32)) @ shares
