"""Compare the speed of RatingNet's training with a plain `model.fit` of a dot-product network.

Two figures: ratings per second at the 2023 dataset's full size (simulated: 270,033 users, 16,500
anime), and seconds to the plain network's best validation loss on mal-2016.

python benchmarks/rating_net/efficiency.py
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from quality import read
from scipy import sparse

from anirec.config import ROOT
from anirec.interactions import Interactions
from anirec.models import RatingNet, rating_net_keras
from anirec.models.batches import similar_lengths
from anirec.models.rating_net import NOISE

keras = rating_net_keras.keras

N_USERS, N_ANIME, N_SCORES = 270_033, 16_500, 24_300_000
PLAIN_BATCH = 10_000
MEASURED_S = 12.0
"""Seconds of training timed, after what is needed to trace the graph."""


def simulated(seed: int = 0) -> Interactions:
    """Return lists of full size: log-normal lengths, Zipf-like popularity, ratings at random."""
    rng = np.random.default_rng(seed)
    lengths = rng.lognormal(0, 1.2, N_USERS)
    lengths = np.clip(lengths * (N_SCORES / lengths.sum()), 1, N_ANIME // 4).astype(np.int64)
    weight = 1 / (np.arange(N_ANIME) + 30.0)
    bounds = np.cumsum(weight / weight.sum())
    rows = np.repeat(np.arange(N_USERS, dtype=np.int64), lengths)
    columns = np.minimum(np.searchsorted(bounds, rng.random(len(rows))), N_ANIME - 1)
    cells = np.unique(rows * N_ANIME + columns)
    rows, columns = cells // N_ANIME, (cells % N_ANIME).astype(np.int32)
    return Interactions(
        user_ids=np.arange(N_USERS, dtype=np.int32),
        anime_ids=np.arange(N_ANIME, dtype=np.int32),
        indptr=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=N_USERS))]),
        indices=columns,
        ratings=rng.integers(1, 11, len(cells)).astype(np.float32),
        dropped=np.zeros(len(cells), dtype=bool),
    )


def plain_network(shape: tuple[int, int], dim: int):
    """Return the plain network: embeddings, biases and a dot product, with Adam."""
    layers, l2 = keras.layers, keras.regularizers.L2
    inputs, vectors, biases = [], [], []
    for name, size in zip(("user", "anime"), shape, strict=True):
        index = keras.Input((), dtype="int32", name=name)
        start = keras.initializers.RandomNormal(stddev=0.05)
        inputs.append(index)
        vectors.append(
            layers.Embedding(
                size, dim, embeddings_initializer=start, activity_regularizer=l2(0.08)
            )(index)
        )
        biases.append(
            layers.Embedding(
                size, 1, embeddings_initializer="zeros", activity_regularizer=l2(0.01)
            )(index)
        )
    output = layers.Add()([layers.Dot(axes=1)(vectors), *biases])
    network = keras.Model(inputs, output)
    network.compile(
        optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mean_squared_error"]
    )
    return network


class Clock(keras.callbacks.Callback):
    """Stops after some seconds from the third batch on; counts the batches in between."""

    def __init__(self) -> None:
        super().__init__()
        self.batches, self.start, self.stop = 0, 0.0, 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.stop = time.perf_counter()
        if batch == 2:
            self.start = self.stop
        elif batch > 2:
            self.batches += 1
            if self.stop - self.start > MEASURED_S:
                self.model.stop_training = True
                raise StopIteration


def timed_fit(network, *arguments, **options) -> Clock:
    clock = Clock()
    with contextlib.suppress(StopIteration):
        network.fit(*arguments, callbacks=[clock], verbose=0, **options)
    return clock


def plain_rate(lists: Interactions, dim: int) -> float:
    """Return the ratings per second of the plain network."""
    rng = np.random.default_rng(0)
    some = rng.integers(0, lists.nnz, 200 * PLAIN_BATCH)
    rows = np.searchsorted(lists.indptr, some, side="right") - 1
    target = (lists.ratings[some] - 7.6) / 1.7
    network = plain_network(lists.shape, dim)
    inputs = [rows.astype(np.int32), lists.indices[some]]
    clock = timed_fit(network, inputs, target, batch_size=PLAIN_BATCH)
    return clock.batches * PLAIN_BATCH / (clock.stop - clock.start)


def our_rate(lists: Interactions, dim: int) -> float:
    """Return the ratings per second of RatingNet's network, batches drawn from a whole epoch's."""
    model = RatingNet(embedding_dim=dim)
    none = sparse.csr_array((lists.shape[1], 0), dtype=np.float32)
    start = np.zeros(lists.shape[1], dtype=np.float32)
    network = rating_net_keras.training_network(
        none, dim, start, NOISE, rating_net_keras.Penalties(*[1e-5] * 5)
    )
    network.compile(
        optimizer=keras.optimizers.Adam(model.learning_rate),
        loss=keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        weighted_metrics=[rating_net_keras.EntryError()],
    )
    batches = similar_lengths(lists, None, model.batch_size)
    order = np.random.default_rng(0).permutation(len(batches))
    batches = [batches[place] for place in order]
    target = (lists.ratings - 7.6) / 1.7
    everything = np.ones(lists.nnz, dtype=bool)
    clock = timed_fit(
        network, rating_net_keras.dataset(lists, target, everything, everything, batches)
    )
    entries = sum(lists.lengths[rows].sum() for rows in batches[3 : 3 + clock.batches])
    return entries / (clock.stop - clock.start)


def throughput() -> pd.DataFrame:
    lists = simulated()
    rows = [("plain, 128 dimensions", plain_rate(lists, 128))]
    rows += [(f"RatingNet, {dim} dimensions", our_rate(lists, dim)) for dim in (128, 64, 32)]
    table = pd.DataFrame(rows, columns=["training", "ratings per s"])
    table["to plain"] = table["ratings per s"] / rows[0][1]
    return table


def plain_to_best(lists: Interactions, kept: np.ndarray) -> tuple[float, float]:
    """Return the plain network's best validation loss, and the seconds until it had it."""
    scored = lists.scored
    mean, sd = lists.ratings[scored].mean(), lists.ratings[scored].std()
    start, seconds = time.perf_counter(), []
    network = plain_network(lists.shape, 64)

    def pair(mask: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        return [lists.rows[mask], lists.indices[mask]], (lists.ratings[mask] - mean) / sd

    inputs, target = pair(scored & ~kept)
    losses = network.fit(
        inputs,
        target,
        validation_data=pair(kept),
        batch_size=PLAIN_BATCH,
        validation_batch_size=65_536,
        epochs=25,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seconds.append(time.perf_counter() - start)
            ),
            keras.callbacks.EarlyStopping("val_mean_squared_error", mode="min", patience=2),
        ],
    ).history["val_mean_squared_error"]
    best = int(np.argmin(losses))
    return losses[best], seconds[best]


class Timed(RatingNet):
    """RatingNet that keeps the seconds from the start of training to the end of each epoch."""

    def _train(self, *arguments):
        self.seconds, self.start = [], time.perf_counter()
        return super()._train(*arguments)

    def _early_stopping(self, keras):
        stopping = super()._early_stopping(keras)
        end = stopping.on_epoch_end

        def on_epoch_end(epoch: int, logs: dict | None = None) -> None:
            self.seconds.append(time.perf_counter() - self.start)
            end(epoch, logs)

        stopping.on_epoch_end = on_epoch_end
        return stopping


def time_to_quality(folder: Path) -> pd.DataFrame:
    lists, features = read(folder)
    keras.utils.set_random_seed(0)
    loss, seconds = plain_to_best(lists, RatingNet()._kept_aside(lists.scored, lists.lengths))
    rows = [("plain, to its best loss", seconds, loss)]
    for how, given in (("", features), (" without side information", None)):
        model = Timed().fit(lists, features=given)
        losses = model.history_["val_loss"]
        for epoch in np.flatnonzero(losses <= loss)[:1]:
            rows.append((f"RatingNet{how}, to that loss", model.seconds[epoch], losses[epoch]))
        rows.append((f"RatingNet{how}, to the end", model.seconds[-1], losses.min()))
    table = pd.DataFrame(rows, columns=["training", "seconds", "validation loss"])
    table["to plain"] = table["seconds"] / seconds
    return table


def main() -> None:
    data = Path(os.environ.get("ANIREC_REAL_DATA", ROOT.parent / "shared" / "data"))
    print("Seconds to a validation loss, mal-2016")
    print(time_to_quality(data / "mal-2016").round(4).to_string(index=False))
    print(f"\nThroughput at {N_USERS:,} users and {N_ANIME:,} anime")
    print(throughput().round(2).to_string(index=False))


if __name__ == "__main__":
    main()
