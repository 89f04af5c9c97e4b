"""Learning made visible: who teaches, how long it takes, what more people or a penalty change.

In: lists, the catalogue, models not yet fitted. Out: a `Trial`, which notebook 03 puts all of its
questions to, and findings about learning. How the models compare is asked in `comparison`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anirec import evaluation
from anirec.analysis import plots
from anirec.analysis.finding import Absence, Advice, Effect, Finding
from anirec.analysis.notebook import native_noise_hidden
from anirec.catalogue import read_franchises
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import Paths
from anirec.files import write_table, write_text
from anirec.interactions import Interactions, hold_out
from anirec.metrics import bootstrap_interval
from anirec.models import Model, made
from anirec.models.item_item import autoencoder
from anirec.models.sums import GramSums, mirrored

NAMES = (
    *("popularity", "content", "item-knn", "pure-svd", "ease", "hybrid-ease", "two-stage"),
    "rating-net",
)
"""The models that notebook 03 compares."""

MOST_ANIME = 3_000
"""Curves are of the anime on most lists alone, so that they take seconds on any catalogue."""

LEARNERS = ("popularity", "ease", "hybrid-ease")
"""The models whose learning is followed: each is fitted in a moment."""

SHARES = (1 / 64, 1 / 16, 1 / 4, 1.0)
"""Shares of those who teach, from which the models are fitted anew."""

PENALTIES = (1.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0)
"""Values of EASE's l2 that are tried."""


@dataclass
class Trial:
    """Models and the people by whom they are taught and judged.

    Attributes
    ----------
    anime : the anime table. everybody : all lists.
    train : the lists learned from. test, validation : the lists given, and what was hidden of them.
    features : what is known of the anime on ``train``.
    models : by name, fitted once `fit` was called; ``seconds`` says how long each took.
    """

    anime: pd.DataFrame
    everybody: Interactions
    train: Interactions
    test: tuple[Interactions, Interactions]
    validation: tuple[Interactions, Interactions]
    features: ItemFeatures
    models: Mapping[str, Model]
    seed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        paths: Paths,
        anime: pd.DataFrame,
        settings: Mapping[str, object],
        given_fraction: float = 0.8,
        seed: int = 0,
    ) -> Self:
        """Read what notebook 02 left, and make the models with their settings.

        ``settings`` are by ``model.setting`` (see `models.made`).
        """
        everybody = Interactions.load(paths.processed / "interactions.npz")
        roles = pd.read_parquet(paths.processed / "split.parquet")["role"]
        held = {
            role: hold_out(everybody.users((roles == role).to_numpy()), given_fraction, seed)
            for role in ("test", "validation")
        }
        train = everybody.users((roles == "train").to_numpy())
        features = item_features(anime, train.anime_ids, franchises=read_franchises(paths))
        models = {name: made(name, settings) for name in NAMES}
        return cls(anime, everybody, train, **held, features=features, models=models, seed=seed)

    def fit(self) -> None:
        """Fit all models to those who teach, and note how long each took."""
        with native_noise_hidden():
            self.seconds = evaluation.fit_timed(self.models, self.train, self.features)

    @cached_property
    def measured(self) -> evaluation.Measured:
        """What the fitted models showed the test people."""
        return evaluation.measure(self.models, *self.test, features=self.features)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The comparison: see `evaluation.summary`."""
        return evaluation.summary(self.measured, seed=self.seed)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """The comparison on short and long lists, and on popular and niche anime."""
        parts = (evaluation.by_profile_length, evaluation.by_popularity)
        return pd.concat([by(self.measured, seed=self.seed) for by in parts])

    @property
    def headline(self) -> dict[str, dict[str, float]]:
        """The metrics shown first, by model: see `evaluation.headline`."""
        return evaluation.headline(self.table)

    @property
    def best_first(self) -> list[str]:
        """The models by NDCG@10 of what was watched."""
        watched = self.table.query("target == 'watched' and metric == 'ndcg' and k == 10")
        return watched.sort_values("value", ascending=False, kind="stable")["model"].tolist()

    def test_people(self) -> Interactions:
        """Return the whole lists of the test people."""
        return self.everybody.users(np.isin(self.everybody.user_ids, self.test[0].user_ids))

    def keep_metrics(self, paths: Paths) -> None:
        """Write ``03_metrics.json``, which the run's record and the report read, and what the
        models chose for themselves, ``03_chosen_settings.csv``."""
        text = json.dumps(self.headline, indent=2)
        write_text(paths.tables / "03_metrics.json", text + "\n")
        chosen = evaluation.chosen_settings(self.models)
        write_table(chosen, paths.tables / "03_chosen_settings.csv")


# --- learning -------------------------------------------------------------------------------


def who_teaches(trial: Trial) -> Finding:
    """Who teaches, who judges, and on how much?"""
    given, hidden = trial.test
    return Finding(
        "lists",
        "Who teaches, who judges?",
        f"{trial.train.shape[0]:,} training users with {trial.train.nnz:,} entries; "
        f"{given.shape[0]:,} test users, {given.nnz:,} of their entries shown and {hidden.nnz:,} "
        "hidden.",
        effect=Effect(hidden.nnz / given.shape[0], "hidden entries a test user", given.shape[0]),
        caveat="They are drawn at random from the same years: how a model serves next year's "
        "newcomers is another question.",
    )


def seconds_to_fit(trial: Trial) -> Finding:
    """How long does training take?"""
    timed = pd.DataFrame({"model": list(trial.seconds), "seconds": list(trial.seconds.values())})
    slowest = timed.loc[timed["seconds"].idxmax()]
    return Finding(
        "training_time",
        "How long does training take?",
        f"All {len(timed)} models were fitted in {timed['seconds'].sum():.0f} s; "
        f"{slowest['model']} took longest, {slowest['seconds']:.0f} s.",
        table=timed,
        effect=Effect(float(timed["seconds"].sum()), "seconds", trial.train.nnz),
        caveat="On this machine, with what else it had to do; a part that two models share is "
        "fitted once and counted with the first.",
        formats={"seconds": "{:.1f}"},
    )


def losses_of_network(trial: Trial) -> Finding:
    """Does the network learn, and does it overfit?"""
    history = trial.models["rating-net"].history_
    curves = history.melt("epoch", ["loss", "val_loss"], "of", "error").replace(
        {"loss": "training", "val_loss": "validation"}
    )
    best = history.loc[history["val_loss"].idxmin()]
    return Finding(
        "losses",
        "Does the network learn, and does it overfit?",
        f"The validation loss is lowest in epoch {best['epoch']:.0f} of {len(history)}, at "
        f"{best['val_loss']:.3f}; the training loss is {best['loss']:.3f} there.",
        plots.lines(
            curves,
            x="epoch",
            y="error",
            title="RatingNet: training and validation loss",
            x_label="epoch",
            y_label="mean squared error",
            series="of",
            from_zero=False,
        ),
        history,
        Effect(float(best["val_loss"]), "mean squared error, normalised ratings", len(history)),
        "The epoch was chosen by this very curve, so its lowest point flatters a little.",
    )


def learning_curve(trial: Trial) -> Finding | Absence:
    """How much does a model gain from more people?"""
    asks = "How much better do models get with more people to learn from?"
    users = np.random.default_rng(trial.seed).permutation(trial.train.shape[0])
    sizes = [int(len(users) * share) for share in SHARES if len(users) * share >= 10]
    if len(sizes) < 2:
        return Absence(asks, "Too few people have lists to learn from fewer of them.")
    kept = trial.train.best_known(MOST_ANIME)
    train, given, hidden = (lists.among(kept) for lists in (trial.train, *trial.test))
    features = trial.features.among(kept)
    values: dict[tuple[str, int], np.ndarray] = {}
    rows = []
    for size in sizes:
        some = train.users(np.sort(users[:size]))
        for name in LEARNERS:
            model = trial.models[name].settled().fit(some, features=features)
            ndcg = _ndcg(evaluation.rank(model, given, 10), hidden)
            values[name, size] = ndcg
            interval = bootstrap_interval(ndcg[~np.isnan(ndcg)], seed=trial.seed)
            rows.append((name, size, float(np.nanmean(ndcg)), *interval))
    table = pd.DataFrame(rows, columns=["model", "users", "value", "low", "high"])
    before, after = values[LEARNERS[-1], sizes[-2]], values[LEARNERS[-1], sizes[-1]]
    gain = (after - before)[~np.isnan(after - before)]
    low, high = bootstrap_interval(gain, seed=trial.seed)
    effect = Effect(float(gain.mean()), "NDCG@10", len(gain), low, high, null=0.0)
    hybrid, ease = (float(np.nanmean(values[name, sizes[0]])) for name in ("hybrid-ease", "ease"))
    reason = ": what is known of the anime stands in for people that are not there"
    return Finding(
        "learning_curve",
        asks,
        f"From {sizes[-2]:,} to {sizes[-1]:,} people {LEARNERS[-1]} gains {effect.value:+.3f} "
        f"NDCG@10 ({low:+.3f} to {high:+.3f}). With {sizes[0]:,} it stands at {hybrid:.3f}, ease "
        f"at {ease:.3f}{reason if hybrid > ease else ''}.",
        plots.lines(
            table,
            x="users",
            y="value",
            low="low",
            high="high",
            series="model",
            title=f"{sizes[-1] / sizes[-2]:.0f} times the people: {effect.value:+.3f} NDCG@10",
            x_label="people learned from (each step multiplies)",
            y_label="NDCG@10, watched",
            log_x=True,
            form=lambda value: f"{value:.2f}",
        ),
        table,
        effect,
        f"On the {len(kept):,} anime that are on most lists, with settings that were tuned for "
        "many people; the fewer people are always some of the more.",
        Advice(
            "People who build recommenders",
            "more lists would still help: gather them before tuning further.",
            0.01,
        ),
        formats=dict.fromkeys(("value", "low", "high"), "{:.3f}"),
    )


def _ndcg(ranked: np.ndarray, hidden: Interactions) -> np.ndarray:
    """Return NDCG@10 per person, NaN where nothing is hidden."""
    table = evaluation.accuracy(ranked, hidden, (10,))
    return table.loc[table["metric"] == "ndcg", "value"].to_numpy()


def weights_figure(weights: pd.DataFrame) -> Figure:
    """Draw a small model's weights: what having the anime of a row says for that of a column."""
    cells = weights.rename_axis("having").reset_index()
    return plots.heatmap(
        cells.melt("having", var_name="speaks for", value_name="weight"),
        row="having",
        column="speaks for",
        value="weight",
        title=f"What each of {len(weights)} anime says for each other",
        form=lambda weight: f"{weight:+.2f}" if weight else "",
        centre=0.0,
        row_label="having",
        column_label="speaks for",
    )


class Regularisation:
    """EASE for any penalty, judged by the validation people: the Gram matrix is made once.

    Parameters
    ----------
    trial : whose training lists teach; only the anime on most lists take part.
    """

    def __init__(self, trial: Trial) -> None:
        kept = trial.train.best_known(MOST_ANIME)
        self.gram = mirrored(trial.train.among(kept).total(GramSums(len(kept)))["gram"])
        self.given, self.hidden = (lists.among(kept) for lists in trial.validation)
        self.seed = trial.seed

    def at(self, l2: float) -> pd.DataFrame:
        """Return ``l2``, ``target`` (watched, liked), NDCG@10 as ``value``, ``low``, ``high``."""
        weights, _ = autoencoder(self.gram.copy(order="F"), l2)
        scores = np.asarray(self.given.matrix() @ weights)
        ranked = evaluation.top_ranked(scores, self.given, 10)
        rows = []
        for target, relevant in evaluation.targets(self.hidden, self.given).items():
            ndcg = _ndcg(ranked, relevant)
            known = ndcg[~np.isnan(ndcg)]
            value = float(known.mean()) if len(known) else np.nan
            rows.append((l2, target, value, *bootstrap_interval(known, seed=self.seed)))
        return pd.DataFrame(rows, columns=["l2", "target", "value", "low", "high"])

    @cached_property
    def curve(self) -> pd.DataFrame:
        """What `at` returns, for each of `PENALTIES`."""
        return pd.concat([self.at(l2) for l2 in PENALTIES], ignore_index=True)


def penalty_and_quality(penalised: Regularisation, l2: float) -> Finding | Absence:
    """What does the penalty change? The finding is of the curve, and of one value on it."""
    asks = "How strong should the penalty be?"
    if not penalised.hidden.nnz:
        return Absence(asks, "There is nobody to validate by.")
    curve = penalised.curve
    watched = curve[curve["target"] == "watched"].set_index("l2")["value"]
    here = penalised.at(l2).set_index("target").loc["watched"]
    best = float(watched.idxmax())
    return Finding(
        "penalty",
        asks,
        f"With l2 = {l2:g} EASE has NDCG@10 {here['value']:.3f} ({here['low']:.3f} to "
        f"{here['high']:.3f}) on the validation people; of the {len(watched)} values tried {best:g}"
        f" is best with {watched[best]:.3f}, and {watched.idxmin():g} worst with "
        f"{watched.min():.3f}.",
        plots.lines(
            curve,
            x="l2",
            y="value",
            low="low",
            high="high",
            series="target",
            title=f"EASE is best near l2 = {best:g}",
            x_label="l2 (each step multiplies)",
            y_label="NDCG@10 on validation people",
            log_x=True,
            at=l2,
            form=lambda value: f"{value:.2f}",
        ),
        curve,
        Effect(
            here["value"],
            "NDCG@10",
            penalised.given.shape[0],
            here["low"],
            here["high"],
        ),
        f"On the {penalised.gram.shape[0]:,} anime that are on most lists. The best of several "
        "values is partly the luckiest of them.",
        formats=dict.fromkeys(("value", "low", "high"), "{:.3f}"),
    )


def what_is_served(trial: Trial, paths: Paths) -> Finding:
    """Fit what is served to everybody, keep it below ``models/``, and say what it learned from."""
    served = {name: model.settled() for name, model in trial.models.items()}
    with native_noise_hidden():
        seconds = evaluation.fit_timed(served, trial.everybody, trial.features)
    for name, model in served.items():
        model.save(paths.models / name)
        judged = json.dumps(trial.headline[name], indent=2)
        write_text(paths.models / name / "judged.json", judged + "\n")
    n_users, nnz = trial.everybody.shape[0], trial.everybody.nnz
    return Finding(
        "served",
        "What is served?",
        f"What is served learned from {n_users:,} lists with {nnz:,} entries, "
        f"{nnz / trial.train.nnz - 1:.0%} more than what was judged, in {sum(seconds.values()):.0f}"
        " s.",
        effect=Effect(nnz / trial.train.nnz - 1, "share of entries more", nnz),
        caveat="Nobody is left to judge it by. More lists have helped wherever that could be "
        "measured; here it is taken on trust.",
    )


def scores_foreseen(trial: Trial) -> Finding:
    """How near do predicted scores come?"""
    network = trial.models["rating-net"].unfitted()
    with native_noise_hidden():
        errors = evaluation.rating_errors(
            trial.everybody, network, seed=trial.seed, features=trial.features
        )
    rmse = errors.set_index("model")["rmse"]
    less = 1 - rmse["rating-net"] / rmse["bias baseline"]
    return Finding(
        "rating_errors",
        "How near do predicted scores come?",
        f"RatingNet's root mean squared error is {rmse['rating-net']:.3f} points against the "
        f"baseline's {rmse['bias baseline']:.3f}, {less:.1%} less.",
        table=errors,
        effect=Effect(float(less), "share of error less", int(errors["ratings"].iloc[0])),
        caveat="It is judged on what people chose to watch and to score. Of what they would say "
        "of an anime they would never have begun, no list tells.",
        formats={"rmse": "{:.4f}", "mae": "{:.4f}"},
    )
