"""RatingNet: a Keras network of user and anime embeddings that predicts ratings."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.files import write_table, written_whole
from anirec.interactions import Interactions, positions
from anirec.models.base import Ability, Model
from anirec.models.batches import padded, similar_lengths
from anirec.progress import progress
from anirec.vectors import unit_rows

NETWORK = "network.keras"
NOISE = 0.5
"""Variance of a normalised rating around what is expected of the person: the ridge's penalty."""

SUPPORT = 20.0
"""Scores at which the cosine with an anime counts half: a rare one's embedding is mostly noise."""

BIAS_SHRINKAGE = 5.0
"""Scores' worth of the mean that the anime's biases are shrunk by before training."""

WITHOUT_TAGS = 0.25
"""What penalties on an anime's own weights are multiplied by where there are no tags to share."""

MIN_STEPS = 16
"""Steps per epoch at least: a small dataset gets smaller batches than asked for."""

MAX_STEPS = 300
"""Steps per epoch at most: a large dataset is judged, and may stop, within a pass through it."""

MAX_JUDGED = 500_000
"""Entries of the lists that training is judged by, at most: as many tell well when to stop."""

MIN_GAIN = 2e-5
"""A validation loss lower by less than this, relative to the ratings' variance, is not lower."""


class RatingNet(Model):
    """Matrix factorisation with biases as a neural network, trained to predict newcomers' ratings.

    A rating is expected to be ``mean + sd · (b_anime + dense(u · v + b_user + s_user · b_anime))``:
    the embeddings ``u`` and ``v``, their dot product, a bias each, and a spread ``s_user`` that
    says how much of the scale the person uses, with a dense head.

    What Adam trains are the weights of the anime: the embedding ``v``, the bias, an implicit
    embedding (Koren, "Factorization meets the neighborhood", 2008: being on the list tells, with
    or without a score) and the precision of its ratings; each of the first three is the anime's own
    plus its tags'. The user's weights are the ridge regression on the anime side that those imply
    (see `fold_in`), in training and for a newcomer alike. The loss is the mean squared error of
    each rating predicted from the *other* entries of its list, in closed form (see
    `anirec.models.rating_net_keras.FoldIn`), plus L2 penalties; so users, however many, add no
    weights to train, and a user's rows are touched once an epoch. It stops early on entries kept
    aside, and the weights are those of the best epoch.

    Parameters
    ----------
    embedding_dim : size of the embeddings.
    epochs : the greatest number of epochs, of at most `MAX_STEPS` steps each.
    batch_size : the greatest number of list entries per step, padding included.
    learning_rate, decay : Adam's rate in the first epoch, and what it is multiplied by after each.
    l2, bias_l2, implicit_l2, precision_l2, tag_l2 : penalties on the squares of the anime's own
        embeddings, biases, implicit embeddings, log precisions, and on the tags' part of any;
        in squared errors of normalised ratings, whatever the number of ratings. Without tags the
        first three are multiplied by `WITHOUT_TAGS`.
    validation_fraction : share of the scored entries kept aside, of at most `MAX_JUDGED` entries of
        whole lists.
    patience : epochs without a lower validation loss before training stops.
    seed : of the initialisation, the order of the batches and the validation draw.

    Attributes
    ----------
    history_ : frame with ``epoch``, ``loss``, ``val_loss`` (mean squared error of normalised
        ratings, without the penalties).
    network_ : the Keras network, normalised ratings from (user row, anime column).
    user_ids_ : (n_users,), the users trained on.
    user_factors_ : float32 (n_users, embedding_dim + 2), such that a rating is expected to be
        ``scale_[0] + user_factors_ · anime_factors_ + anime_bias_``.
    anime_factors_ : float32 (n_anime, embedding_dim + 2), in rating units: the embedding, a
        constant (which makes the user's bias) and the anime's bias (the user's spread).
    anime_bias_ : float32 (n_anime,), in rating units.
    anime_implicit_ : float32 (n_anime, embedding_dim + 2), the implicit embeddings.
    anime_precision_ : float32 (n_anime,), how much each anime's rating weighs in the regression.
    anime_counts_ : int64 (n_anime,), scores per anime.
    scale_ : float32 (4,), the constant, the ratings' mean and standard deviation, and the head's
        kernel.
    range_ : float32 (2,), the least and the greatest rating trained on.
    """

    NAME = "rating-net"
    CAN = frozenset({Ability.SIGNED, Ability.SIMILAR})
    FORMAT = 2
    ARRAYS = (
        "user_ids_", "user_factors_",
        "anime_factors_", "anime_bias_", "anime_implicit_", "anime_precision_", "anime_counts_",
        "scale_", "range_",
    )  # fmt: skip

    def __init__(
        self,
        embedding_dim: int = 32,
        epochs: int = 30,
        batch_size: int = 12_000,
        learning_rate: float = 0.006,
        decay: float = 0.8,
        l2: float = 1200.0,
        bias_l2: float = 12.0,
        implicit_l2: float = 600.0,
        precision_l2: float = 15.0,
        tag_l2: float = 80.0,
        validation_fraction: float = 0.05,
        patience: int = 3,
        seed: int = 0,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.decay = decay
        self.l2 = l2
        self.bias_l2 = bias_l2
        self.implicit_l2 = implicit_l2
        self.precision_l2 = precision_l2
        self.tag_l2 = tag_l2
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.seed = seed

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        scored = train.scored
        if scored.sum() < 2:
            raise InputError("RatingNet needs scored entries: these lists have none")
        observed = train.ratings[scored]
        mean, sd = float(observed.mean()), float(observed.std()) or 1.0
        target = np.where(scored, (train.ratings - mean) / sd, 0).astype(np.float32)
        kept = self._kept_aside(scored, train.lengths)
        network = self._train(train, target, scored & ~kept, kept, _tag_weights(train, features))
        self.user_ids_ = train.user_ids
        self.anime_counts_ = np.bincount(train.indices[scored], minlength=train.shape[1])
        self.range_ = np.array([observed.min(), observed.max()])
        self._export(network, train, mean, sd)

    def _kept_aside(self, scored: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Draw the entries for validation, bool (nnz,): some but not all of those scored.

        ``lengths`` are those of the lists, (n_users,): of many, only some lists are judged by.
        """
        rng = np.random.default_rng(self.seed)
        kept = scored & (rng.random(len(scored)) < self.validation_fraction)
        if len(scored) > MAX_JUDGED:
            judged = np.cumsum(lengths[order := rng.permutation(len(lengths))]) <= MAX_JUDGED
            kept &= np.repeat(np.isin(np.arange(len(lengths)), order[judged]), lengths)
        first, last = np.flatnonzero(scored)[[0, -1]]
        kept[first], kept[last] = False, True
        return kept

    def _train(
        self,
        train: Interactions,
        target: np.ndarray,
        given: np.ndarray,
        kept: np.ndarray,
        tags: sparse.csr_array,
    ):
        """Return the trained network; keep its history.

        ``target`` are normalised ratings (nnz,); ``given`` and ``kept`` mark those to learn from
        and those to validate by.
        """
        from anirec.models import rating_net_keras

        keras = rating_net_keras.keras
        keras.utils.set_random_seed(self.seed)
        n_given = int(given.sum())
        share = (1.0 if tags.nnz else WITHOUT_TAGS) / n_given
        count = np.bincount(train.indices[given], minlength=train.shape[1])
        total = np.bincount(train.indices[given], target[given], train.shape[1])
        network = rating_net_keras.training_network(
            tags,
            self.embedding_dim,
            (total / (count + BIAS_SHRINKAGE)).astype(np.float32),
            NOISE,
            rating_net_keras.Penalties(
                vector=self.l2 * share,
                bias=self.bias_l2 * share,
                implicit=self.implicit_l2 * share,
                precision=self.precision_l2 / n_given,
                tag=self.tag_l2 / n_given,
            ),
        )
        size = min(self.batch_size, max(1, train.nnz // MIN_STEPS))
        batches = similar_lengths(train, given, size)
        steps = min(len(batches), MAX_STEPS)
        rate = keras.optimizers.schedules.ExponentialDecay(
            self.learning_rate, steps, self.decay, staircase=True
        )
        network.compile(
            optimizer=keras.optimizers.Adam(rate, name="adam"),
            loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
            weighted_metrics=[rating_net_keras.EntryError()],
        )
        rng = np.random.default_rng(self.seed)
        to_validate = similar_lengths(train, kept, self.batch_size)
        learned = rating_net_keras.dataset(train, target, given, given, batches, rng)
        judged = rating_net_keras.dataset(train, target, given, kept, to_validate)
        with progress("rating-net: learning") as task:
            history = network.fit(
                learned.repeat(),
                steps_per_epoch=steps,
                shuffle=False,
                validation_data=judged.repeat(),
                validation_steps=len(to_validate),
                epochs=self.epochs,
                callbacks=[
                    self._early_stopping(keras),
                    rating_net_keras.Told(task, steps, self.epochs),
                ],
                verbose=0,
            ).history
        self.history_ = pd.DataFrame(
            {
                "epoch": np.arange(1, len(history["loss"]) + 1),
                "loss": history["error"],
                "val_loss": history["val_error"],
            }
        )
        return network

    def _early_stopping(self, keras):
        return keras.callbacks.EarlyStopping(
            monitor="val_error",
            mode="min",
            min_delta=MIN_GAIN,
            patience=self.patience,
            restore_best_weights=True,
        )

    def _export(self, network, train: Interactions, mean: float, sd: float) -> None:
        """Keep the trained weights as arrays in rating units, and fold the users in."""
        from anirec.models.rating_net_keras import serving_network

        table = {
            name: network.get_layer(name).table().numpy()
            for name in ("anime_embedding", "anime_bias", "implicit_embedding", "precision")
        }
        fold_in = network.get_layer("fold_in")
        kernel, intercept = (w.item() for w in network.get_layer("head").get_weights())
        bias = table["anime_bias"]
        constant = np.full_like(bias, fold_in.constant.numpy())
        design = np.hstack([table["anime_embedding"], constant, bias * fold_in.spread.numpy()])
        self.anime_factors_ = design * np.float32(sd)
        self.anime_bias_ = bias[:, 0] * np.float32(sd)
        self.anime_implicit_ = table["implicit_embedding"]
        self.anime_precision_ = np.exp(table["precision"][:, 0])
        self.scale_ = np.array([mean + intercept * sd, mean, sd, kernel], dtype=np.float32)
        self.user_factors_ = self.fold_in(train)
        of_users = self.user_factors_ / self.scale_[3]
        of_users[:, -2:] *= [fold_in.constant.numpy(), fold_in.spread.numpy()]
        self._network = serving_network(
            of_users, table["anime_embedding"], bias, network.get_layer("head").get_weights()
        )

    def fold_in(self, profiles: Interactions) -> np.ndarray:
        """Return the factors of people by ridge regression, float32 (n, embedding_dim + 2).

        Each person's ratings, less the mean, the anime's biases and what the implicit embeddings
        of the list expect, are regressed on `anime_factors_`, each with its anime's precision as
        weight, under the penalty `NOISE` times the ratings' variance. A person without scored
        entries gets what the implicit embeddings say. As elsewhere a rating is expected to be
        ``scale_[0] + factors · anime_factors_ + anime_bias_``.
        """
        _, mean, sd, kernel = self.scale_
        factors = np.empty((profiles.shape[0], self.anime_factors_.shape[1]), dtype=np.float32)
        ridge = NOISE * sd**2 * np.eye(factors.shape[1], dtype=np.float32)
        for rows in similar_lengths(profiles, None, self.batch_size):
            cells, listed = padded(profiles, rows)
            anime = profiles.indices[cells]
            listed = listed[:, :, None]
            root = np.sqrt(profiles.lengths[rows] + np.float32(1))
            prior = (self.anime_implicit_[anime] * listed).sum(axis=1) / root[:, None]
            ratings = profiles.ratings[cells]
            scored = listed[:, :, 0] & ~np.isnan(ratings)
            design = self.anime_factors_[anime]
            left = np.where(scored, ratings - mean - self.anime_bias_[anime], 0)[:, :, None]
            left = left - design @ prior[:, :, None]
            weighted = (design * (scored * self.anime_precision_[anime])[:, :, None]).swapaxes(1, 2)
            solution = np.linalg.solve(weighted @ design + ridge, weighted @ left)[:, :, 0]
            factors[rows] = kernel * (prior + solution)
        return factors

    def _score(self, profiles: Interactions) -> np.ndarray:
        expected = self.fold_in(profiles) @ self.anime_factors_.T
        expected += self.anime_bias_ + self.scale_[0]
        return expected

    def predict(self, entries: Interactions) -> np.ndarray:
        """Return the expected rating of each entry, float32 (nnz,), within the range trained on.

        ``entries`` are of users trained on, in any selection; `score` serves other people.

        Raises
        ------
        InputError
            If a user was not trained on or the anime are others than those trained on.
        """
        self._check_fitted()
        users, known = positions(self.user_ids_, entries.user_ids)
        if not known.all() or not np.array_equal(entries.anime_ids, self.anime_ids_):
            raise InputError("the entries are not of the users and anime trained on: use score")
        rows, columns = users[entries.rows], entries.indices
        expected = np.einsum("ij,ij->i", self.user_factors_[rows], self.anime_factors_[columns])
        return np.clip(expected + self.anime_bias_[columns] + self.scale_[0], *self.range_)

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime whose embeddings point the same way: ``anime_id``, ``similarity``.

        The similarity is the cosine times ``n / (n + SUPPORT)`` for an anime with ``n`` scores.
        """
        column = self.column(anime_id)
        vectors = self.embedding()
        support = self.anime_counts_ / (self.anime_counts_ + SUPPORT)
        return self._neighbours(vectors @ vectors[column] * support, column, k)

    def similar_users(self, user_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` users trained on whose taste is the most alike.

        Columns ``user_id`` and ``similarity``: the correlation, over all anime, of what the two are
        expected to rate them by their embeddings (biases and spreads left out).

        Raises
        ------
        InputError
            If the user was not trained on.
        """
        self._check_fitted()
        found, known = positions(self.user_ids_, np.array([user_id]))
        if not known[0]:
            raise InputError(f"user {user_id} is unknown to {self.NAME}: it was not trained on")
        row = found[0]
        root = np.linalg.cholesky(self._taste_covariance())
        tastes = unit_rows(self.user_factors_[:, : self.embedding_dim] @ root)
        similarity = tastes @ tastes[row]
        similarity[row] = -np.inf
        best = np.argsort(-similarity, kind="stable")[: min(k, len(similarity) - 1)]
        return pd.DataFrame({"user_id": self.user_ids_[best], "similarity": similarity[best]})

    def _taste_covariance(self) -> np.ndarray:
        """Return the covariance of the anime embeddings over all anime, with a jitter."""
        vectors = self.anime_factors_[:, : self.embedding_dim]
        covariance = np.atleast_2d(np.cov(vectors, rowvar=False))
        jitter = 1e-6 * max(np.trace(covariance), 1e-12) * np.eye(len(covariance))
        return (covariance + jitter).astype(np.float32)

    def embedding(self) -> np.ndarray:
        """Return the anime embeddings at length one, float32 (n_anime, embedding_dim)."""
        return unit_rows(self.anime_factors_[:, : self.embedding_dim])

    @property
    def network_(self):
        """The Keras network; a loaded model reads it when first asked for it."""
        if self._network is None:
            from anirec.models.rating_net_keras import keras

            self._network = keras.saving.load_model(self._network_file, safe_mode=True)
        return self._network

    def _save_more(self, folder: Path) -> None:
        write_table(self.history_, folder / "history.csv")
        with written_whole(folder / NETWORK) as beside:
            if self._network is None:
                shutil.copyfile(self._network_file, beside)
            else:
                self._network.save(beside)
                _drop_accidents(beside)

    def _load_more(self, folder: Path) -> None:
        self.history_ = pd.read_csv(folder / "history.csv")
        self._network, self._network_file = None, folder / NETWORK


def _drop_accidents(file: Path) -> None:
    """Rewrite a ``.keras`` archive without dates and memory addresses: equal nets, equal files."""
    accidents = ("date_saved", "shared_object_id")
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    for name in ("config.json", "metadata.json"):
        config = json.loads(
            members[name],
            object_hook=lambda item: {k: v for k, v in item.items() if k not in accidents},
        )
        members[name] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _tag_weights(train: Interactions, features: ItemFeatures | None) -> sparse.csr_array:
    """Return the weights of the anime's tags, float32 (n_anime, n_tags).

    Tags of all kinds that at least two anime have; an anime's weights are equal and their squares
    sum to 1. No columns without features.
    """
    kinds = [] if features is None else list(features.matrices.values())
    if not kinds:
        return sparse.csr_array((train.shape[1], 0), dtype=np.float32)
    tags = sparse.csr_array(sparse.hstack(kinds))
    tags = tags[:, np.flatnonzero(tags.sum(axis=0) > 1)]
    root = np.sqrt(np.maximum(tags.sum(axis=1), 1)).astype(np.float32)
    return sparse.csr_array(sparse.diags_array(1 / root) @ tags)
