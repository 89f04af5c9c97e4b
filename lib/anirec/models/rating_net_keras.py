"""The Keras side of RatingNet: its layers, its training network and the network it leaves.

Imported when a network is trained or asked for; scoring needs neither Keras nor TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy import sparse

from anirec.interactions import Interactions
from anirec.models.batches import padded
from anirec.progress import Progress

INITIAL_SPREAD = 0.02
"""Standard deviation of the embeddings before training."""

tf.config.experimental.enable_op_determinism()


@dataclass(frozen=True)
class Penalties:
    """L2 penalties on the weights, as multiples of a rating's squared error."""

    vector: float
    bias: float
    implicit: float
    precision: float
    tag: float


class AnimeEmbedding(layers.Layer):
    """Embeddings of the anime: each has its own, plus the mean-like sum of its tags' embeddings.

    Parameters
    ----------
    tags : (n_anime, n_tags), weights of the tags; no columns where there is no side information.
    dim : size of the embeddings.
    start : initial standard deviation.
    penalty, tag_penalty : L2 penalties on the anime's own and on the tags' embeddings.
    """

    def __init__(
        self, tags: sparse.csr_array, dim: int, start: float, penalty: float, tag_penalty: float,
        name: str,
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        self.own = layers.Embedding(
            tags.shape[0],
            dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=start),
            embeddings_regularizer=keras.regularizers.L2(penalty),
            name="own",
        )
        self.of_tags = layers.Embedding(
            max(1, tags.shape[1]),
            dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=start / 2),
            embeddings_regularizer=keras.regularizers.L2(tag_penalty),
            name="tags",
        )
        self.tags = tags.tocoo() if tags.nnz else None
        self.own.build()
        self.of_tags.build()

    def table(self):
        """Return the embeddings of all anime, (n_anime, dim)."""
        if self.tags is None:
            return self.own.embeddings + 0.0
        shares = ops.take(self.of_tags.embeddings, self.tags.col, axis=0) * self.tags.data[:, None]
        return self.own.embeddings + ops.segment_sum(
            shares, self.tags.row, num_segments=self.tags.shape[0]
        )

    def call(self, anime):
        return ops.take(self.table(), anime, axis=0)


class FoldIn(layers.Layer):
    """What each entry's rating is expected to be from the *other* entries of its list.

    A person's embedding ``u`` has a normal prior: its mean is the sum of the implicit embeddings of
    the anime on the list over the root of their number (SVD++, Koren 2008), its covariance the
    identity. Given ratings it is a ridge regression, whose leave-one-out errors have a closed form
    (Allen's PRESS): ``error / (1 − leverage)``. So nothing about a person is memorised, and what is
    minimised is the error made on newcomers.

    The regression is on the anime's embedding, a constant (the person's bias) and the anime's bias
    (how much of the scale the person uses); the latter two are scaled by trained weights.
    """

    def __init__(self, noise: float) -> None:
        super().__init__(name="fold_in")
        self.noise = noise
        self.constant = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(0.7), name="constant"
        )
        self.spread = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(0.3), name="spread"
        )

    def call(self, vectors, bias, implicit, precision, ratings, given, listed):
        """Return expected ratings less the anime's biases, (lists, entries).

        ``vectors`` (lists, entries, dim), ``bias`` and ``precision`` (lists, entries, 1),
        ``implicit`` (lists, entries, dim + 2), the rest (lists, entries); ``given`` marks the
        ratings to regress on, ``listed`` what is no padding.
        """
        constant = ops.ones_like(bias) * self.constant
        design = ops.concatenate([vectors, constant, bias * self.spread], axis=2)
        listed = ops.expand_dims(listed, 2)
        own = implicit / ops.sqrt(ops.sum(listed, axis=1, keepdims=True) + 1)
        prior = ops.sum(own * listed, axis=1, keepdims=True)
        weight = ops.expand_dims(given, 2) * ops.exp(precision)
        left = ops.expand_dims(ratings, 2) - bias - ops.sum(design * prior, axis=2, keepdims=True)
        weighted = ops.transpose(design * weight, (0, 2, 1))
        inverse = ops.inv(ops.matmul(weighted, design) + self.noise * ops.eye(design.shape[2]))
        solution = ops.matmul(inverse, ops.matmul(weighted, left))
        towards = ops.matmul(design, inverse)
        leverage = weight * ops.sum(towards * design, axis=2, keepdims=True)
        # That the entry itself is on the list must not tell: its part of the prior is taken off.
        told = self.noise * ops.sum(towards * own, axis=2, keepdims=True)
        error = (left - ops.matmul(design, solution) + told) / (1 - leverage)
        return ops.expand_dims(ratings, 2) - error - bias


class EntryError(keras.metrics.Mean):
    """Mean squared error over entries, however long the lists and the padding they are in.

    Keras's own averages each list over its padded length first.
    """

    def __init__(self) -> None:
        super().__init__(name="error")

    def update_state(self, ratings, expected, sample_weight):
        """Add the entries of a batch: (lists, entries, 1) twice, and weights (lists, entries)."""
        squares = ops.square(ratings - expected)
        super().update_state(ops.reshape(squares, (-1,)), ops.reshape(sample_weight, (-1,)))


class Told(keras.callbacks.Callback):
    """Tells how far training is; it may stop before."""

    def __init__(self, task: Progress, steps: int, epochs: int) -> None:
        super().__init__()
        self.task, self.steps, self.epochs, self.epoch = task, steps, epochs, 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Tell the share of all steps that is done."""
        share = (self.epoch + (batch + 1) / self.steps) / self.epochs
        self.task.at(share, f"epoch {self.epoch + 1} of at most {self.epochs}")


def training_network(
    tags: sparse.csr_array, dim: int, start: np.ndarray, noise: float, penalties: Penalties
) -> keras.Model:
    """Return the network to train: padded lists -> rating expected of each entry from the others.

    Parameters
    ----------
    tags : (n_anime, n_tags), weights of the anime's tags.
    dim : size of the embeddings.
    start : float32 (n_anime,), the biases to begin with.
    """
    anime = keras.Input((None,), dtype="int32", name="anime")
    ratings = keras.Input((None,), name="ratings")
    given = keras.Input((None,), name="given")
    listed = keras.Input((None,), name="listed")

    def embedding(name: str, size: int, start: float, penalty: float, tags=tags):
        return AnimeEmbedding(tags, size, start, penalty, penalties.tag, name)

    untagged = sparse.csr_array((tags.shape[0], 0))
    vectors = embedding("anime_embedding", dim, INITIAL_SPREAD, penalties.vector)
    biases = embedding("anime_bias", 1, 0.0, penalties.bias)
    implicit = embedding("implicit_embedding", dim + 2, INITIAL_SPREAD / 2, penalties.implicit)
    precision = embedding("precision", 1, 0.0, penalties.precision, untagged)
    biases.own.embeddings.assign(start[:, None])
    bias = biases(anime)
    match = FoldIn(noise)(
        vectors(anime), bias, implicit(anime), precision(anime), ratings, given, listed
    )
    head = layers.Dense(
        1,
        kernel_initializer="ones",
        # A head that could grow would let the embeddings shrink and so escape their penalty.
        kernel_constraint=keras.constraints.MaxNorm(1.0),
        name="head",
    )(match)
    rating = layers.Add(name="rating")([head, bias])
    return keras.Model([anime, ratings, given, listed], rating, name="rating_net_training")


def serving_network(
    user_factors: np.ndarray, anime_factors: np.ndarray, anime_bias: np.ndarray, head: list
) -> keras.Model:
    """Return the plain network (user row, anime column) -> normalised rating, of Keras's layers.

    Parameters
    ----------
    user_factors : (n_users, dim + 2), embedding, bias and spread of the users.
    anime_factors : (n_anime, dim), embedding of the anime.
    anime_bias : (n_anime, 1).
    head : kernel and intercept of the dense head.
    """
    weights = {
        "user_embedding": user_factors[:, :-2],
        "user_bias": user_factors[:, [-2]],
        "user_spread": user_factors[:, [-1]],
        "anime_embedding": anime_factors,
        "anime_bias": anime_bias,
    }
    inputs = {name: keras.Input((), dtype="int32", name=name) for name in ("user", "anime")}
    looked_up = {
        name: layers.Embedding(*table.shape, name=name)(inputs[name.split("_")[0]])
        for name, table in weights.items()
    }
    match = layers.Dot(axes=1, name="match")(
        [looked_up["user_embedding"], looked_up["anime_embedding"]]
    )
    spread = layers.Multiply(name="spread")([looked_up["user_spread"], looked_up["anime_bias"]])
    person = layers.Add(name="person")([match, looked_up["user_bias"], spread])
    head_layer = layers.Dense(1, name="head")
    rating = layers.Add(name="rating")([head_layer(person), looked_up["anime_bias"]])
    network = keras.Model(list(inputs.values()), rating, name="rating_net")
    for name, table in weights.items():
        network.get_layer(name).set_weights([table])
    head_layer.set_weights(head)
    return network


def dataset(
    lists: Interactions,
    ratings: np.ndarray,
    given: np.ndarray,
    target: np.ndarray,
    batches: list[np.ndarray],
    rng: np.random.Generator | None = None,
) -> tf.data.Dataset:
    """Return batches of padded lists: inputs, ratings and the weights of the targets.

    Parameters
    ----------
    ratings : float32 (nnz,), normalised, 0 where there is none.
    given, target : bool (nnz,), ratings to learn from and ratings to predict.
    batches : rows of each batch; see `padded`.
    rng : shuffles the batches anew each time the dataset is gone through, if given.
    """

    def batch(rows: np.ndarray):
        cells, listed = padded(lists, rows)
        of = [np.where(listed, values[cells], 0).astype(np.float32) for values in (ratings, given)]
        weight = (target[cells] & listed).astype(np.float32)
        return (lists.indices[cells], *of, listed.astype(np.float32)), of[0][:, :, None], weight

    def generate() -> Iterator:
        order = np.arange(len(batches)) if rng is None else rng.permutation(len(batches))
        for place in order:
            yield batch(batches[place])

    flat = tf.TensorSpec((None, None), tf.float32)
    anime = tf.TensorSpec((None, None), tf.int32)
    signature = (anime, flat, flat, flat), tf.TensorSpec((None, None, 1), tf.float32), flat
    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(2)
