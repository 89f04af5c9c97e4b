"""How good recommendations are: ranking and rating metrics, and the table that compares models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.engine import Engine, InProcess
from anirec.interactions import Interactions, least_liked, positions
from anirec.metrics import METRICS, bootstrap_interval, diversity_at, novelty_at, popularity_bias_at
from anirec.models import Model
from anirec.models.base import copied
from anirec.progress import progress

BATCH = 256
"""Users scored at once: bounds memory at BATCH × n_anime float32."""


def top_ranked(scores: np.ndarray, given: Interactions, k: int) -> np.ndarray:
    """Return the columns of the k best anime not on the given lists, best first, (n_users, k).

    ``scores`` is changed in place: what is on the list gets minus infinity, and comes last where
    fewer than k anime are left. Ties go to the lower column.
    """
    scores[given.rows, given.indices] = -np.inf
    k = min(k, scores.shape[1])
    kth_best = np.partition(scores, -k, axis=1)[:, -k]
    ranked = np.empty((len(scores), k), dtype=np.int64)
    for row, (values, least) in enumerate(zip(scores, kth_best, strict=True)):
        # All that tie for the last place take part, so that the lower column wins it.
        able = np.flatnonzero(values >= least)
        ranked[row] = able[np.argsort(-values[able], kind="stable")[:k]]
    return ranked


def rank(model: Model, given: Interactions, depth: int, engine: Engine | None = None) -> np.ndarray:
    """Return the columns of the ``depth`` best anime not on the given lists, (n_users, depth).

    ``engine`` does the work; this process by default.

    Raises
    ------
    InputError
        If there is no user to judge by.
    """
    if not given.shape[0]:
        raise InputError("there are no held-out users to judge by: too few lists are long enough")
    starts = range(0, given.shape[0], BATCH)
    some = [given.users(np.arange(start, min(start + BATCH, given.shape[0]))) for start in starts]
    work = partial(_ranked, model, depth)
    ranked = dict((engine or InProcess()).each(work, some, f"ranking by {model.NAME}"))
    return np.vstack([ranked[place] for place in range(len(some))])


def _ranked(model: Model, depth: int, profiles: Interactions) -> np.ndarray:
    return top_ranked(np.array(model.score(profiles)), profiles, depth)


def accuracy(ranked: np.ndarray, relevant: Interactions, ks: tuple[int, ...]) -> pd.DataFrame:
    """Measure rankings by which anime were relevant: ``row``, ``metric``, ``k``, ``value``.

    ``value`` is NaN where a user has nothing relevant.
    """
    n_users, n_anime = relevant.shape
    cells = relevant.rows * np.int64(n_anime) + relevant.indices
    shown = np.arange(n_users)[:, None] * np.int64(n_anime) + ranked
    hits = positions(cells, shown.ravel())[1].reshape(ranked.shape)
    return _per_row(
        (metric, k, measure(hits, relevant.lengths, k))
        for metric, measure in METRICS.items()
        for k in ks
    )


def was_liked(lists: Interactions, *others: Interactions) -> np.ndarray:
    """Return which entries were liked, bool (nnz,): 8 or more of 10, 4 or more of 5.

    The scale is that of all the lists given.
    """
    least = least_liked(max(np.nan_to_num(some.figures.greatest) for some in (lists, *others)))
    return np.nan_to_num(lists.ratings, nan=-np.inf) >= least


def targets(hidden: Interactions, given: Interactions) -> dict[str, Interactions]:
    """Return what was to be found: all that was hidden (watched), and what was liked of it.

    What was given tells the scale too.
    """
    return {"watched": hidden, "liked": hidden.entries(was_liked(hidden, given))}


def per_user(
    model: Model,
    given: Interactions,
    hidden: Interactions,
    ks: tuple[int, ...] = (10, 20),
    features: ItemFeatures | None = None,
    engine: Engine | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rank for each user what was hidden, and measure it.

    Returns
    -------
    frame with ``row``, ``target`` (watched, liked; any for metrics of the list shown alone),
    ``metric``, ``k``, ``value`` (NaN where the user has nothing relevant), and the columns ranked,
    (n_users, max(ks)). Diversity is of genres, and left out where ``features`` hold none.

    Raises
    ------
    InputError
        If there is no user to judge by.
    """
    ranked = rank(model, given, max(ks), engine)
    parts = {
        name: accuracy(ranked, relevant, ks) for name, relevant in targets(hidden, given).items()
    }
    popularity = np.asarray(model.popularity_, dtype=np.float64)
    beyond: dict[str, Callable[[int], np.ndarray]] = {
        "novelty": lambda k: novelty_at(ranked, popularity, k),
        "popularity_bias": lambda k: popularity_bias_at(ranked, given, popularity, k),
    }
    if features is not None and "genres" in features.matrices:
        beyond["diversity"] = lambda k: diversity_at(ranked, features.matrices["genres"], k)
    parts["any"] = _per_row((name, k, measure(k)) for name, measure in beyond.items() for k in ks)
    for target, part in parts.items():
        part.insert(1, "target", target)
    return pd.concat(parts.values(), ignore_index=True), ranked


def _per_row(measured: Iterable[tuple[str, int, np.ndarray]]) -> pd.DataFrame:
    """Return values per user, one array per (metric, k), as a tidy frame."""
    parts = [
        pd.DataFrame({"row": np.arange(len(values)), "metric": metric, "k": k, "value": values})
        for metric, k, values in measured
    ]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Measured:
    """What models showed held-out users, measured user by user.

    Attributes
    ----------
    per_user : ``model``, ``row``, ``target``, ``metric``, ``k``, ``value``; see `per_user`.
    ranked : the columns each model shows, best first, (n_users, max(ks)).
    given, hidden : the lists given and what was hidden of them.
    popularity : (n_anime,), the share of the training lists each anime is on.
    """

    per_user: pd.DataFrame
    ranked: dict[str, np.ndarray]
    given: Interactions
    hidden: Interactions
    popularity: np.ndarray

    @property
    def ks(self) -> tuple[int, ...]:
        """The depths measured."""
        return tuple(int(k) for k in self.per_user["k"].unique())


def measure(
    models: Mapping[str, Model],
    given: Interactions,
    hidden: Interactions,
    ks: tuple[int, ...] = (10, 20),
    features: ItemFeatures | None = None,
    engine: Engine | None = None,
) -> Measured:
    """Let fitted models rank for held-out users once; tables are made of what it returns.

    ``engine`` does the ranking, some users at a time; this process by default.
    The popularity is that of the lists the first model was fitted on.

    Raises
    ------
    InputError
        If there is no user to judge by.
    """
    values, ranked = {}, {}
    for name, model in models.items():
        values[name], ranked[name] = per_user(model, given, hidden, ks, features, engine)
    frame = pd.concat(values, names=["model"]).reset_index("model").reset_index(drop=True)
    popularity = np.asarray(next(iter(models.values())).popularity_)
    return Measured(frame, ranked, given, hidden, popularity)


def evaluate(
    models: Mapping[str, Model],
    given: Interactions,
    hidden: Interactions,
    ks: tuple[int, ...] = (10, 20),
    n_bootstrap: int = 1000,
    seed: int = 0,
    features: ItemFeatures | None = None,
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Compare fitted models on held-out users: `summary` of what `measure` returns."""
    return summary(measure(models, given, hidden, ks, features, engine), n_bootstrap, seed)


def summary(measured: Measured, n_bootstrap: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Compare models by their means over users.

    Returns
    -------
    pandas.DataFrame
        One row per ``model``, ``target``, ``metric`` and ``k``: the mean ``value`` over users who
        have something relevant, the ``low`` and ``high`` ends of its 95 % bootstrap interval, and
        the number of ``users``. ``coverage`` is the share of all anime that somebody is shown.
    """
    table = _means(measured.per_user, ["model", "target", "metric", "k"], n_bootstrap, seed)
    n_users, n_anime = measured.given.shape
    shares = [
        (name, "any", "coverage", k, len(np.unique(ranked[:, :k])) / n_anime, n_users)
        for name, ranked in measured.ranked.items()
        for k in measured.ks
    ]
    columns = ["model", "target", "metric", "k", "value", "users"]
    return pd.concat([table, pd.DataFrame(shares, columns=columns)], ignore_index=True)


def differences(
    measured: Measured, baseline: str, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Compare each model with ``baseline`` on the same users (paired bootstrap).

    Returns
    -------
    pandas.DataFrame
        One row per other ``model``, ``target``, ``metric`` and ``k``: the mean ``difference`` over
        users (model minus baseline), the ``low`` and ``high`` ends of its 95 % bootstrap interval
        (one that leaves out 0: not by chance), its ``ratio`` to the baseline's mean, and the number
        of ``users``.

    Raises
    ------
    InputError
        If the baseline was not measured.
    """
    if baseline not in measured.ranked:
        raise InputError(
            f"there is no model {baseline!r} to compare with: choose {', '.join(measured.ranked)}"
        )
    keys = ["row", "target", "metric", "k"]
    of_baseline = measured.per_user["model"] == baseline
    paired = measured.per_user[~of_baseline].merge(
        measured.per_user[of_baseline].drop(columns="model"), on=keys, suffixes=("", "_baseline")
    )
    by = ["model", "target", "metric", "k"]
    means = paired.groupby(by, sort=False)["value_baseline"].mean().reset_index(drop=True)
    table = _means(
        paired.assign(value=paired["value"] - paired["value_baseline"]), by, n_bootstrap, seed
    ).rename(columns={"value": "difference"})
    table.insert(7, "ratio", 1 + table["difference"] / means)
    table.insert(1, "baseline", baseline)
    return table


def ablation(
    variants: Mapping[str, Model],
    train: Interactions,
    given: Interactions,
    hidden: Interactions,
    features: ItemFeatures,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare variants of a model with the first of them; see `differences`.

    One is fitted and measured at a time, and then forgotten, so that only one is in memory.

    Parameters
    ----------
    variants : not fitted, by name, such as `hybrid_ease.ablations` makes them.
    """
    runs = []
    for name, model in variants.items():
        fitted = copied(model).fit(train, features=features)
        runs.append(measure({name: fitted}, given, hidden))
    together = replace(
        runs[0],
        per_user=pd.concat([run.per_user for run in runs], ignore_index=True),
        ranked={name: ranked for run in runs for name, ranked in run.ranked.items()},
    )
    return differences(together, next(iter(variants)), seed=seed)


def by_profile_length(measured: Measured, n_bootstrap: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Compare models on short and long lists, parted at the median length of those given.

    Returns
    -------
    pandas.DataFrame
        `summary`'s columns after ``group``, whose names give the lengths; no ``coverage``.
    """
    lengths = measured.given.lengths
    median = int(np.median(lengths))
    names = np.array([f"short lists (at most {median})", f"long lists (over {median})"])
    group = names[(lengths > median).astype(int)][measured.per_user["row"]]
    grouped = measured.per_user.assign(group=group).sort_values(
        "group", key=lambda column: column == names[1], kind="stable"
    )
    return _means(grouped, ["group", "model", "target", "metric", "k"], n_bootstrap, seed)


def by_popularity(measured: Measured, n_bootstrap: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Compare models on how well they find popular and niche anime.

    Popular are the fewest anime that make up half of all training entries. For each group only the
    hidden anime of it count as relevant; the rankings are those over all anime.

    Returns
    -------
    pandas.DataFrame
        `summary`'s columns after ``group``, whose names give the number of anime; of the targets
        watched and liked.
    """
    falling = np.argsort(-measured.popularity, kind="stable")
    share = np.cumsum(measured.popularity[falling], dtype=np.float64)
    n_popular = int(np.searchsorted(share, share[-1] / 2)) + 1
    popular = np.zeros(len(falling), dtype=bool)
    popular[falling[:n_popular]] = True
    names = f"the {n_popular} most popular", f"the {len(falling) - n_popular} niche"
    parts = [
        accuracy(
            ranked, relevant.entries(popular[relevant.indices] == (name == names[0])), measured.ks
        ).assign(group=name, model=model, target=target)
        for name in names
        for model, ranked in measured.ranked.items()
        for target, relevant in targets(measured.hidden, measured.given).items()
    ]
    by = ["group", "model", "target", "metric", "k"]
    return _means(pd.concat(parts, ignore_index=True), by, n_bootstrap, seed)


def best_per_group(
    groups: pd.DataFrame, target: str = "watched", metric: str = "ndcg", k: int = 10
) -> pd.DataFrame:
    """Return where each model wins: the best ``model`` of each ``group`` by one metric, with its
    ``value`` and that of the ``runner_up``.

    Parameters
    ----------
    groups : what `by_profile_length` or `by_popularity` returns, or both on top of each other.
    """
    chosen = groups[
        (groups["target"] == target) & (groups["metric"] == metric) & (groups["k"] == k)
    ].sort_values("value", ascending=False, kind="stable")
    rows = []
    for group in groups["group"].unique():
        ranked = chosen[chosen["group"] == group].head(2)
        names, values = ranked["model"].tolist(), ranked["value"].tolist()
        rows.append((group, names[0], values[0], *(names[1:] or [""]), *(values[1:] or [np.nan])))
    columns = ["group", "model", "value", "runner_up", "runner_up_value"]
    return pd.DataFrame(rows, columns=columns)


def _means(values: pd.DataFrame, by: list[str], n_bootstrap: int, seed: int) -> pd.DataFrame:
    """Return the mean ``value`` of each group, its 95 % interval, and the number of ``users``."""
    rows = []
    for key, group in values.groupby(by, sort=False):
        measured = group["value"].dropna().to_numpy()
        low, high = bootstrap_interval(measured, n_bootstrap, seed)
        mean = measured.mean() if len(measured) else np.nan
        rows.append((*key, mean, low, high, len(measured)))
    return pd.DataFrame(rows, columns=[*by, "value", "low", "high", "users"])


def headline(comparison: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return per model the metrics shown first: NDCG@10 of both targets, Recall@20, coverage."""
    names = {
        ("watched", "ndcg", 10): "NDCG@10 watched",
        ("liked", "ndcg", 10): "NDCG@10 liked",
        ("watched", "recall", 20): "Recall@20 watched",
        ("any", "coverage", 20): "Coverage@20",
    }
    result: dict[str, dict[str, float]] = {}
    for row in comparison.itertuples():
        name = names.get((row.target, row.metric, row.k))
        if name:
            result.setdefault(row.model, {})[name] = round(float(row.value), 4)
    return result


def comparison_sentence(comparison: pd.DataFrame) -> str:
    """Return a sentence that names the best model on NDCG@10 and how far it is ahead."""
    watched = comparison.query("target == 'watched' and metric == 'ndcg' and k == 10")
    values = watched.set_index("model")["value"].sort_values(ascending=False)
    best, value = values.index[0], values.iloc[0]
    text = f"Best at finding what people watched is {best} with NDCG@10 {value:.3f}"
    if "popularity" in values and best != "popularity":
        base = values["popularity"]
        text += f", {value / base:.1f} times popularity's {base:.3f}"
    return f"{text}."


def fit_timed(
    models: Mapping[str, Model], train: Interactions, features: ItemFeatures
) -> dict[str, float]:
    """Fit models in place; return the seconds each took.

    A model whose part is like one fitted before, takes that one: it is not fitted twice.
    """
    seconds = {}
    with progress("fitting models") as task:
        for place, (name, model) in enumerate(models.items()):
            task.at(place / len(models), f"{name}, {place + 1} of {len(models)}")
            start = time.perf_counter()
            model.take_parts(models[before] for before in seconds)
            model.fit(train, features=features)
            seconds[name] = time.perf_counter() - start
    return seconds


def chosen_settings(models: Mapping[str, Model]) -> pd.DataFrame:
    """Return the settings that fitted models chose for themselves: ``model``, ``setting``,
    ``value`` as text."""
    rows = [
        {"model": name, "setting": setting, "value": _shown(value)}
        for name, model in models.items()
        for setting, value in model.chosen_.items()
    ]
    return pd.DataFrame(rows, columns=["model", "setting", "value"])


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{kind} {_shown(part)}" for kind, part in value.items())
    return f"{value:g}"
