"""How the models compare: what each finds, for whom, at what cost, and what its parts are worth.

In: a `training.Trial` whose models are fitted. Out: findings. How models learn is asked in
`training`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec import evaluation
from anirec.analysis import plots, style
from anirec.analysis.finding import Absence, Advice, Effect, Finding
from anirec.analysis.training import Trial
from anirec.models import TwoStage, hybrid_ease
from anirec.models.leaning import GROUP

NAMED = ("item-knn", "pure-svd", "ease", "hybrid-ease", "two-stage")
"""The models that are asked what somebody gets who names few titles."""

EXPLAINED = 60
"""People whose best ten are taken apart, of those who judge."""

LOOKED_AT = {
    "retrieval": "what HybridEASE says",
    "terms": "which titles speak for it",
    "liked": "what EASE on likes says",
    "neighbours": "likeness to what is on the list",
    "together": "how often on lists with it",
    "latent": "nearness in taste (SVD)",
    "community": "how known and how loved it is",
    "catalogue": "its episodes, year, type",
    "person": "the person's habits",
    "distance": "distance from the usual list",
    "franchise": "where in its franchise it stands",
    "tags": "its tags beside theirs",
}
"""What the groups of the ranker's features are, in plain words."""

THREE_DIGITS = dict.fromkeys(("value", "low", "high", "difference", "runner_up_value"), "{:.3f}")


def _three(value: float) -> str:
    return f"{value:.3f}"


def which_model_finds_most(trial: Trial) -> Finding:
    """Which model finds what people watched?"""
    comparison = trial.table
    accuracy = comparison.query(
        "(metric == 'ndcg' and k == 10) or (metric == 'recall' and k == 20)"
    )
    names = {"ndcg": "NDCG@10", "recall": "Recall@20"}
    accuracy = accuracy.assign(panel=accuracy["metric"].map(names) + ", " + accuracy["target"])
    best = accuracy.query("target == 'watched' and metric == 'ndcg'").set_index("model")
    best = best.loc[trial.best_first[0]]
    return Finding(
        "model_comparison",
        "Which model finds what people watched?",
        evaluation.comparison_sentence(comparison),
        plots.intervals(
            accuracy.set_index("model").loc[trial.best_first].reset_index(),
            label="model",
            value="value",
            low="low",
            high="high",
            title=f"Of {len(trial.models)} models {trial.best_first[0]} finds most",
            panel="panel",
            form=_three,
            across=2,
        ),
        comparison,
        Effect(best["value"], "NDCG@10", int(best["users"]), best["low"], best["high"]),
        "Hidden titles are those people watched anyway. What they would have liked and never met "
        "counts as a miss, for every model alike.",
        formats=dict.fromkeys(next(iter(trial.headline.values())), "{:.3f}"),
        view=pd.DataFrame(trial.headline).T.rename_axis("model").reset_index(),
    )


def is_best_surely_better(trial: Trial) -> Finding | Absence:
    """Is the best model surely better than the others, on the same people?"""
    asks = "Is the best model surely better than the next?"
    best, *others = trial.best_first
    if not others:
        return Absence(asks, "There is one model only.")
    apart = evaluation.differences(trial.measured, best, seed=trial.seed)
    apart = apart.query("metric == 'ndcg' and k == 10").set_index("model").loc[others]
    apart = apart.reset_index()
    sure = apart.query("target == 'watched' and high < 0")
    next_best = apart[(apart["target"] == "watched") & (apart["model"] == others[0])].iloc[0]
    lead, low, high = (-next_best[name] for name in ("difference", "high", "low"))
    return Finding(
        "differences",
        asks,
        f"{best} is surely better than {len(sure)} of {apart['model'].nunique()} others at "
        f"finding what was watched. Its lead over {others[0]} is {lead:.3f} NDCG@10 ({low:+.3f} to "
        f"{high:+.3f}).",
        plots.intervals(
            apart,
            label="model",
            value="difference",
            low="low",
            high="high",
            title=f"NDCG@10 less that of {best}, same users",
            panel="target",
            form=style.signed,
            reference=0.0,
        ),
        apart,
        Effect(lead, "NDCG@10", int(next_best["users"]), low, high, null=0.0),
        "Other people would be other draws, which is what the interval is about; another dataset "
        "would be more than that.",
        Advice(
            "People who build recommenders",
            f"begin with {best}: its lead over {others[0]} is larger than who happened to judge.",
            0.005,
        ),
        dict.fromkeys(("difference", "low", "high", "ratio"), "{:+.3f}"),
    )


def lists_beyond_accuracy(trial: Trial) -> Finding:
    """What do the lists look like beyond accuracy?"""
    beyond = trial.table.query("target == 'any' and k == 20")
    beyond = beyond.pivot_table(index="model", columns="metric", values="value", sort=False)
    coverage = beyond["coverage"]
    return Finding(
        "beyond_accuracy",
        "What do the lists look like beyond accuracy?",
        f"{coverage.idxmax()} shows the largest part of the catalogue, {coverage.max():.0%} among "
        f"twenty for each of {trial.test[0].shape[0]:,} users; {coverage.idxmin()} the smallest, "
        f"{coverage.min():.1%}.",
        table=beyond.reset_index(),
        effect=Effect(float(coverage.max()), "share of all anime", trial.test[0].shape[0]),
        caveat="None of it is good in itself: a list drawn by lot covers everything, is novel and "
        "diverse, and helps nobody. Read it beside accuracy.",
        formats=dict.fromkeys(beyond, "{:.2f}"),
    )


def what_quality_costs(trial: Trial) -> Finding:
    """What does quality cost in training time?"""
    cost = trial.table.query("target == 'watched' and metric == 'ndcg' and k == 10")
    cost = cost.assign(seconds=cost["model"].map(trial.seconds).clip(lower=0.01))
    pays = cost[cost["value"] >= 0.9 * cost["value"].max()].sort_values("seconds").iloc[0]
    return Finding(
        "quality_and_time",
        "What does quality cost in training time?",
        f"Within a tenth of the best NDCG@10, {pays['model']} is the quickest to fit, in "
        f"{pays['seconds']:.1f} s.",
        plots.scatter_labelled(
            cost,
            x="seconds",
            y="value",
            label="model",
            title=f"{pays['model']} comes near the best soonest",
            x_label="seconds to fit (at least 0.01; each step multiplies)",
            y_label="NDCG@10, watched",
            low="low",
            high="high",
            log_x=True,
            form=lambda value: f"{value:.1f}",
        ),
        effect=Effect(float(pays["seconds"]), "seconds", trial.train.nnz),
        caveat="Time to fit, not to serve; and not the hours that went into choosing settings.",
    )


def where_models_win(trial: Trial) -> Finding:
    """On which lists and which anime does each model do how well?"""
    groups = trial.groups
    winners = evaluation.best_per_group(groups)
    won = [f"{row.model} for {row.group} ({row.value:.3f})" for row in winners.itertuples()]
    shown = groups.query("target == 'watched' and metric == 'ndcg' and k == 10")
    worst = winners.loc[winners["value"].idxmin()]
    hard = shown[shown["group"] == worst["group"]].set_index("model")["value"]
    by_all = bool((shown.groupby("model")["value"].min().loc[hard.index] == hard).all())
    return Finding(
        "groups",
        "Where does each model win?",
        f"Best are {'; '.join(won)}.",
        plots.intervals(
            shown.set_index("model").loc[trial.best_first].reset_index(),
            label="model",
            value="value",
            low="low",
            high="high",
            title=f"Hardest for {'every model' if by_all else 'the best'}: {worst['group']}",
            panel="group",
            form=lambda value: f"{value:.2f}",
            across=2,
        ),
        groups,
        Effect(float(worst["value"]), f"NDCG@10, {worst['group']}", trial.test[0].shape[0]),
        "Values of different panels are of different tasks: compare models within one.",
        formats=THREE_DIGITS,
    )


def winners_by_group(trial: Trial) -> Finding:
    """Which model is best on each kind of list and anime, and which comes next?"""
    winners = evaluation.best_per_group(trial.groups)
    models = winners["model"].unique()
    said = (
        f"{models[0]} wins all of {len(winners)} groups."
        if len(models) == 1
        else f"{len(models)} models share the {len(winners)} groups: {', '.join(models)}."
    )
    lead = (winners["value"] - winners["runner_up_value"]).min()
    return Finding(
        "winners",
        "Does one model win everywhere?",
        said,
        table=winners,
        effect=Effect(float(lead), "NDCG@10, the narrowest lead", trial.test[0].shape[0]),
        caveat="A narrow lead within a group is a draw.",
        formats=THREE_DIGITS,
    )


def serving_few_titles(trial: Trial) -> Finding | Absence:
    """What does somebody get who names few titles?"""
    asks = "What does somebody get who names few titles?"
    by_number = evaluation.few_titles(
        {name: trial.models[name] for name in NAMED},
        trial.test_people(),
        trial.train,
        numbers=(1, 3, 10),
    )
    for_one = by_number[by_number["given"] == 1].set_index("model")["liked"].dropna()
    if for_one.empty:
        return Absence(asks, "No test user liked enough to be given a few titles of theirs.")
    people = int(by_number.loc[by_number["given"] == 1, "users"].iloc[0])
    return Finding(
        "few_titles",
        asks,
        f"Given one title, {for_one.idxmax()} finds what people liked best, with NDCG@10 "
        f"{for_one.max():.3f}.",
        table=by_number,
        effect=Effect(float(for_one.max()), "NDCG@10, liked, given one title", people),
        caveat="The titles given are ones that people liked, drawn at random. Who visits a page "
        "names what first comes to mind, which is better known than that.",
        formats={"users": "{:.0f}"}
        | dict.fromkeys(("watched", "liked", "coverage", "information"), "{:.3f}"),
    )


def do_chances_hold(trial: Trial) -> Finding | Absence:
    """Do the chances that TwoStage tells hold what they say?"""
    asks = "Do the chances hold what they say?"
    bins, error = evaluation.reliability(trial.models["two-stage"], *trial.test)
    if bins.empty:
        return Absence(
            asks,
            "There was too little to learn chances from: the model says that it does not know.",
        )
    diagram = bins.assign(told=bins["chance"]).melt("chance", ["liked", "told"], "of", "share")
    return Finding(
        "reliability",
        asks,
        f"The expected calibration error is {error:.3f} over {bins['entries'].sum():,} anime "
        "watched.",
        plots.lines(
            diagram,
            x="chance",
            y="share",
            title=f"Chances told are off by {100 * error:.1f} points in the mean",
            x_label="chance told",
            y_label="share that was liked",
            series="of",
            form=style.percent,
            x_form=style.percent,
        ),
        bins,
        Effect(float(error), "expected calibration error", int(bins["entries"].sum())),
        "Calibrated is not sharp: to tell everybody the usual share would be calibrated too. And "
        "it is judged on what people did watch.",
        formats={"chance": "{:.1%}", "liked": "{:.1%}"},
    )


def parts_of_hybrid(trial: Trial) -> Finding:
    """What is each part of HybridEASE worth, judged on the validation people?"""
    variants = hybrid_ease.ablations(trial.models["hybrid-ease"])
    parts = evaluation.ablation(
        variants, trial.train, *trial.validation, features=trial.features, seed=trial.seed
    )
    steps = parts.query("metric == 'ndcg' and k == 10")
    worst = steps.query("target == 'liked'").nsmallest(1, "difference").iloc[0]
    return Finding(
        "ablation",
        "Which parts of HybridEASE matter?",
        f"The costliest change is '{worst['model']}': {worst['difference']:+.3f} NDCG@10 on what "
        f"people liked ({worst['low']:+.3f} to {worst['high']:+.3f}, {worst['users']} users).",
        plots.intervals(
            steps,
            label="model",
            value="difference",
            low="low",
            high="high",
            title=f"Costliest to lose: {worst['model'].removeprefix('without ')}",
            panel="target",
            value_label="change in NDCG@10",
            form=style.signed,
            reference=0.0,
        ),
        parts,
        Effect(worst["difference"], "NDCG@10", int(worst["users"]), worst["low"], worst["high"]),
        "One part is left out at a time; what two do together, and what could be made up for by "
        "other settings, is not told. The pair shown was picked for being the worst.",
        formats=THREE_DIGITS,
    )


def what_the_ranker_weighs(trial: Trial) -> Finding | Absence:
    """What does the ranker of TwoStage look at when it orders the best ten?"""
    asks = "What does the ranker look at?"
    model = trial.models["two-stage"]
    if not isinstance(model, TwoStage) or model.ranker_ is None:
        return Absence(asks, "There were too few lists to learn an order from.")
    given = trial.test[0].users(np.arange(min(EXPLAINED, trial.test[0].shape[0])))
    ranked = evaluation.rank(model, given, 10)
    told = [
        frame.assign(person=row, place=place)
        for row, columns in enumerate(ranked)
        for place, frame in enumerate(model.rankings(given.users(np.array([row])), columns))
        if frame is not None
    ]
    if not told:
        return Absence(asks, "None of what was shown went through the ranker.")
    parts = pd.concat(told)
    parts = parts[~parts["group"].isin(["constant", GROUP])]
    by_group = parts.groupby(["person", "place", "group"])["contribution"].sum().abs()
    table = by_group.groupby("group").mean().sort_values(ascending=False)
    shares = (table / table.sum()).rename("share").reset_index()
    shares["words"] = shares["group"].map(LOOKED_AT).fillna(shares["group"])
    first = shares.iloc[0]
    said = ", ".join(f"{row.words} ({row.share:.0%})" for row in shares.head(3).itertuples())
    return Finding(
        "ranker",
        asks,
        f"Most of what moves the best ten up or down: {said}.",
        plots.ranked_bars(
            shares,
            label="words",
            value="share",
            title=f"What moves a title most: {first['words']}",
            value_label="share of what moves a title",
            form=style.percent,
        ),
        shares,
        Effect(float(first["share"]), "share of contributions", len(told)),
        "Exact for this model (Shapley values of its trees), which is not to say that people "
        "choose for these reasons. Groups that tell the same share what they tell.",
        formats={"share": "{:.1%}"},
    )
