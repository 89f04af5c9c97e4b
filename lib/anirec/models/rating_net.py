"""RatingNet: user and anime embeddings learned by a Keras network that predicts ratings."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.config import InputError
from anirec.features import ItemFeatures
from anirec.files import write_table, written_whole
from anirec.interactions import Interactions, positions
from anirec.models.base import Model

NETWORK = "network.keras"
PRIOR_ENTRIES = 2.0
"""Entries' worth of penalty added when a person is folded in: short lists say little."""

SUPPORT = 20.0
"""Scores at which the cosine with an anime counts half: a rare one's embedding is mostly noise."""

INITIAL_SPREAD = 0.05
"""Standard deviation of the embeddings before training."""

MIN_STEPS = 32
"""Steps per epoch at least: a small dataset gets smaller batches than asked for."""


class RatingNet(Model):
    """Matrix factorisation with biases as a neural network (Koren et al., "Matrix Factorization
    Techniques for Recommender Systems", 2009), on normalised ratings.

    ``r̂ = mean + sd · (dense(u · v) + b_user + b_anime)``: embeddings ``u`` and ``v``, their dot
    product, a dense head that scales it, and a bias each. Trained with Adam on the mean squared
    error plus an L2 penalty per example, with early stopping on entries kept aside. People unseen
    in training are folded in by ridge regression on the anime side, with the same penalties.

    Parameters
    ----------
    embedding_dim : size of the embeddings.
    epochs : the greatest number of epochs.
    batch_size : the greatest number of entries per step.
    learning_rate : Adam's.
    l2 : penalty on the embeddings of each example.
    bias_l2 : penalty on the biases of each example.
    validation_fraction : share of the scored entries kept aside.
    patience : epochs without a lower validation loss before training stops.
    seed : of the initialisation, the order of the entries and the validation draw.

    Attributes
    ----------
    history_ : frame with ``epoch``, ``loss``, ``val_loss`` (mean squared error of normalised
        ratings, without the penalty).
    network_ : the Keras network, normalised ratings from (user row, anime column).
    user_ids_ : (n_users,), the users trained on.
    anime_factors_, anime_bias_ : float32 (n_anime, embedding_dim) and (n_anime,), in rating units.
    anime_counts_ : int64 (n_anime,), scores per anime.
    user_factors_, user_bias_ : float32 (n_users, embedding_dim) and (n_users,), such that a rating
        is expected to be ``scale_[0] + user_factors_ · anime_factors_ + user_bias_ + anime_bias_``.
    scale_ : float32 (2,), the constant and the ratings' standard deviation.
    range_ : float32 (2,), the least and the greatest rating trained on.
    """

    NAME = "rating-net"
    ARRAYS = (
        "user_ids_", "user_factors_", "user_bias_",
        "anime_factors_", "anime_bias_", "anime_counts_",
        "scale_", "range_",
    )  # fmt: skip

    def __init__(
        self,
        embedding_dim: int = 64,
        epochs: int = 30,
        batch_size: int = 8192,
        learning_rate: float = 0.01,
        l2: float = 0.08,
        bias_l2: float = 0.01,
        validation_fraction: float = 0.1,
        patience: int = 2,
        seed: int = 0,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.l2 = l2
        self.bias_l2 = bias_l2
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.seed = seed

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        scored = np.flatnonzero(train.scored)
        if len(scored) < 2:
            raise InputError("RatingNet needs scored entries: these lists have none")
        users, anime, ratings = train.rows[scored], train.indices[scored], train.ratings[scored]
        mean, sd = float(ratings.mean()), float(ratings.std()) or 1.0
        target = (ratings - mean) / sd
        kept = np.random.default_rng(self.seed).random(len(scored)) < self.validation_fraction
        kept[0], kept[-1] = False, True  # neither side may be empty
        keras = _keras()
        keras.utils.set_random_seed(self.seed)
        network = self._build(keras, train.shape)
        history = network.fit(
            [users[~kept], anime[~kept]],
            target[~kept],
            validation_data=([users[kept], anime[kept]], target[kept]),
            batch_size=min(self.batch_size, max(1, len(scored) // MIN_STEPS)),
            validation_batch_size=65_536,
            epochs=self.epochs,
            callbacks=[self._early_stopping(keras)],
            verbose=0,
        ).history
        self.history_ = pd.DataFrame(
            {
                "epoch": np.arange(1, len(history["loss"]) + 1),
                "loss": history["mean_squared_error"],
                "val_loss": history["val_mean_squared_error"],
            }
        )
        self._network = network
        self.user_ids_ = train.user_ids
        self.anime_counts_ = np.bincount(anime, minlength=train.shape[1])
        self._export(network, mean, sd)
        self.range_ = np.array([ratings.min(), ratings.max()])

    def _early_stopping(self, keras):
        return keras.callbacks.EarlyStopping(
            monitor="val_mean_squared_error",
            mode="min",
            patience=self.patience,
            restore_best_weights=True,
        )

    def _build(self, keras, shape: tuple[int, int]):
        """Return the compiled network: (user row, anime column) -> normalised rating."""
        layers, l2 = keras.layers, keras.regularizers.L2

        def embedding(index, kind: str, size: int, dim: int, penalty: float, start: str | object):
            return layers.Embedding(
                size,
                dim,
                embeddings_initializer=start,
                # On the rows looked up: the penalty counts once per example.
                activity_regularizer=l2(penalty),
                name=kind,
            )(index)

        inputs, vectors, biases = [], [], []
        for name, size in zip(("user", "anime"), shape, strict=True):
            index = keras.Input((), dtype="int32", name=name)
            small = keras.initializers.RandomNormal(stddev=INITIAL_SPREAD)
            inputs.append(index)
            vectors.append(
                embedding(index, f"{name}_embedding", size, self.embedding_dim, self.l2, small)
            )
            biases.append(embedding(index, f"{name}_bias", size, 1, self.bias_l2, "zeros"))
        match = layers.Dot(axes=1, name="match")(vectors)
        head = layers.Dense(
            1,
            kernel_initializer="ones",
            # A head that could grow would let the embeddings shrink and so escape their penalty.
            kernel_constraint=keras.constraints.MaxNorm(1.0),
            name="head",
        )(match)
        network = keras.Model(inputs, layers.Add(name="rating")([head, *biases]), name="rating_net")
        network.compile(
            optimizer=keras.optimizers.Adam(self.learning_rate, name="adam"),
            loss="mean_squared_error",
            metrics=["mean_squared_error"],
        )
        return network

    def _export(self, network, mean: float, sd: float) -> None:
        """Keep the network's weights as arrays in rating units; scoring needs no TensorFlow."""
        weights = {
            name: network.get_layer(name).get_weights()[0]
            for name in ("user_embedding", "anime_embedding", "user_bias", "anime_bias")
        }
        kernel, intercept = (w.item() for w in network.get_layer("head").get_weights())
        self.anime_factors_ = (weights["anime_embedding"] * (kernel * sd)).astype(np.float32)
        self.anime_bias_ = (weights["anime_bias"][:, 0] * sd).astype(np.float32)
        self.user_factors_ = weights["user_embedding"].astype(np.float32)
        self.user_bias_ = (weights["user_bias"][:, 0] * sd).astype(np.float32)
        self.scale_ = np.array([mean + intercept * sd, sd], dtype=np.float32)

    def fold_in(self, profiles: Interactions) -> tuple[np.ndarray, np.ndarray]:
        """Return factors (n, embedding_dim) and biases (n,) of people by ridge regression.

        Each person's ratings, less the constant and the anime's biases, are regressed on the anime
        factors and a constant, under the penalties of training and `PRIOR_ENTRIES` more entries'
        worth. A person without scored entries gets zeros.
        """
        scored = profiles.entries(profiles.scored)
        design = np.hstack([self.anime_factors_, np.ones((len(self.anime_ids_), 1), np.float32)])
        left = scored.ratings - self.scale_[0] - self.anime_bias_[scored.indices]
        penalty = np.full(design.shape[1], self.l2 * self.scale_[1] ** 2, dtype=np.float32)
        penalty[-1] = self.bias_l2
        prior = penalty * PRIOR_ENTRIES
        prior[-1] = PRIOR_ENTRIES
        solutions = np.zeros((profiles.shape[0], design.shape[1]), dtype=np.float32)
        for row in np.flatnonzero(scored.lengths):
            start, stop = scored.indptr[row : row + 2]
            x = design[scored.indices[start:stop]]
            ridge = np.diag((stop - start) * penalty + prior)
            solutions[row] = np.linalg.solve(x.T @ x + ridge, x.T @ left[start:stop])
        return solutions[:, :-1], solutions[:, -1]

    def _score(self, profiles: Interactions) -> np.ndarray:
        factors, bias = self.fold_in(profiles)
        return factors @ self.anime_factors_.T + self.anime_bias_ + (bias[:, None] + self.scale_[0])

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
        match = np.einsum("ij,ij->i", self.user_factors_[rows], self.anime_factors_[columns])
        expected = match + self.user_bias_[rows] + self.anime_bias_[columns] + self.scale_[0]
        return np.clip(expected, *self.range_)

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime whose embeddings point the same way: ``anime_id``, ``similarity``.

        The similarity is the cosine times ``n / (n + SUPPORT)`` for an anime with ``n`` scores.
        """
        column = self.column(anime_id)
        vectors = self.embedding()
        support = self.anime_counts_ / (self.anime_counts_ + SUPPORT)
        return self._neighbours(vectors @ vectors[column] * support, column, k)

    def embedding(self) -> np.ndarray:
        """Return the anime embeddings at length one, float32 (n_anime, embedding_dim)."""
        norms = np.linalg.norm(self.anime_factors_, axis=1, keepdims=True)
        return self.anime_factors_ / np.maximum(norms, 1e-12)

    @property
    def network_(self):
        """The Keras network; a loaded model reads it when first asked for it."""
        if self._network is None:
            self._network = _keras().saving.load_model(self._network_file, safe_mode=True)
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


def _keras():
    """Import Keras on TensorFlow, with operations that give the same bits each time."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    return keras
