"""Questions of engagement: how lists turn out, with whom, and at which episode people stop."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from anirec.analysis import plots, style
from anirec.analysis.finding import Absence, Advice, Effect, Finding, absent
from anirec.analysis.insights import measures
from anirec.analysis.statistics import linear_effects, widest_gap

__all__ = [
    "age_peaks",
    "days_by_age",
    "given_up",
    "how_lists_turn_out",
    "list_status_by",
    "mean_score_by",
    "outcomes_by",
    "scoring_by_length",
    "stopping",
    "tastes_by",
    "what_goes_with",
]

SHARES = dict.fromkeys(("share", "low", "high", "effect", "dropped"), "{:.1%}")


def how_lists_turn_out(people: pd.DataFrame) -> Finding | Absence:
    """How do lists turn out?"""
    asks = "How do lists turn out?"
    if lack := absent(asks, people, "completed", "dropped"):
        return lack
    listed = measures.status_shares(people)
    if len(listed) < 2:
        return Absence(asks, "Fewer than two people have a list.")
    table = measures.status_by(listed.assign(everybody="everybody"), "everybody", least=2)
    table = table.drop(columns="everybody")
    share = table.set_index("status")["share"]
    done = table.set_index("status").loc["completed"]
    return Finding(
        "status",
        asks,
        f"The average user has completed {share['completed']:.0%} of the list, plans "
        f"{share['plan_to_watch']:.0%}, has dropped {share['dropped']:.1%} and put "
        f"{share['on_hold']:.1%} on hold.",
        plots.intervals(
            table.assign(status=table["status"].str.replace("_", " ")),
            label="status",
            value="share",
            low="low",
            high="high",
            title=f"The average list is {share['completed']:.0%} completed",
            value_label="share of a user's list",
            form=style.percent,
        ),
        table,
        Effect(done["share"], "share completed", int(done["users"]), done["low"], done["high"]),
        "People remember to enter what they finished better than what they left after an episode.",
        formats=SHARES,
    )


def list_status_by(people: pd.DataFrame, by: str, status: str, words: str) -> Finding | Absence:
    """Does a list status differ between the groups of a column? ``words`` name the column."""
    asks = f"Does the share {status.replace('_', ' ')} differ by {words}?"
    if lack := absent(asks, people, status) or absent(asks, people, by):
        return lack
    table = measures.status_by(measures.status_shares(people), by)
    rows = table[table["status"] == status].rename(columns={"share": "mean"})
    if len(rows) < 2:
        return Absence(asks, f"Too few users state their {words} to compare lists.")
    effect, top, bottom = widest_gap(rows, by, "share of the list")
    sure = "" if effect.low > 0 else ", which is no clear difference"
    return Finding(
        f"{status}_by_{by}",
        asks,
        f"{measures.spread_sentence(table, by, status)} The difference is "
        f"{style.points(effect.value)} points ({style.points(effect.low)} to "
        f"{style.points(effect.high)}, allowing for the pair being picked){sure}.",
        plots.intervals(
            table,
            label=by,
            value="share",
            low="low",
            high="high",
            panel="status",
            title=f"Share {status.replace('_', ' ')}: highest {top}, lowest {bottom}",
            value_label="share of a list",
            form=style.percent,
        ),
        table,
        effect,
        "A share of the whole list, plans included, of those for whom the group is known; groups "
        "differ in age and years of membership too.",
        Advice(
            "Marketing",
            f"treat {top} and {bottom} apart where {status.replace('_', ' ')} matters; nothing "
            "here says that a message would change it.",
            0.02,
        ),
        SHARES,
    )


def age_peaks(people: pd.DataFrame, least: int = 30) -> Finding | Absence:
    """At which ages do people complete most? Five-year bands, beside a smooth without peaks.

    A cubic of age, fitted to everybody, stands for the smooth. A band that lies above both its
    neighbours is a candidate; its height above the cubic is tested with the band's own term added
    to it, corrected for the number of bands (Bonferroni).
    """
    asks = "Are there ages at which people complete more than those around?"
    if lack := absent(asks, people, "age", "completed"):
        return lack
    known = measures.started_shares(people).dropna(subset=["age", "completed"])
    first = (known["age"] // 5 * 5).astype(int)
    counts = first.value_counts()
    bands = sorted(counts.index[counts >= least])
    if len(bands) < 4:
        return Absence(asks, f"Fewer than four bands of five years have {least} people with lists.")
    known, first = known[first.isin(bands)], first[first.isin(bands)]
    table = measures.group_means(
        known.assign(ages=first.map(lambda age: f"{age}-{age + 4}")), "ages", "completed", least
    )
    age, share = (known["age"].to_numpy() - 30) / 10, known["completed"].to_numpy()
    smooth = np.column_stack([age, age**2, age**3])
    rows = [linear_effects(np.column_stack([smooth, first == band]), share) for band in bands]
    table["above"] = [effect[-1] for effect, _ in rows]
    table["error"] = [error[-1] for _, error in rows]
    mean = table["mean"].to_numpy()
    padded = np.concatenate([[-np.inf], mean, [-np.inf]])
    table["peak"] = (mean > padded[:-2]) & (mean > padded[2:])
    table["p"] = np.minimum(1, len(bands) * 2 * norm.sf((table["above"] / table["error"]).abs()))
    inner = table[table["peak"] & (table["above"] > 0)]
    stand = inner[inner["p"] <= 0.05]
    best = table.loc[(table["above"] / table["error"]).idxmax()]
    half = float(norm.isf(0.025 / len(bands))) * best["error"]
    said = (
        f"Peaks stand at {' and '.join(stand['ages'])}"
        if len(stand)
        else "No peak stands out of a smooth curve"
    )
    return Finding(
        "age_peaks",
        asks,
        f"{said}: of {len(inner)} bands that lie above their neighbours and the curve, "
        f"{len(stand)} do so beyond chance. Highest above it are those of {best['ages']}, by "
        f"{style.points(best['above'])} points ({style.points(best['above'] - half)} to "
        f"{style.points(best['above'] + half)}, corrected for {len(bands)} bands).",
        plots.intervals(
            table,
            label="ages",
            value="mean",
            low="low",
            high="high",
            title=said,
            value_label="share completed of what was started",
            form=style.percent,
        ),
        table,
        Effect(
            float(best["above"]),
            "share completed",
            len(known),
            float(best["above"] - half),
            float(best["above"] + half),
            null=0.0,
            p_value=float(best["p"]),
        ),
        "The smooth is a cubic of age: one slow rise and fall is no peak.",
        formats=dict.fromkeys(("mean", "low", "high", "above", "error"), "{:.1%}")
        | {"p": "{:.3f}"},
    )


def mean_score_by(people: pd.DataFrame, by: str, words: str) -> Finding | Absence:
    """Do people of different groups score differently? ``words`` name the column."""
    asks = f"Does the mean score people give differ by {words}?"
    if lack := absent(asks, people, "mean_score") or absent(asks, people, by):
        return lack
    scored = people[people["mean_score"] > 0]
    table = measures.group_means(scored, by, "mean_score")
    if len(table) < 2:
        return Absence(asks, f"Too few users with scores fall into groups by {words}.")
    effect, top, bottom = widest_gap(table, by, "points of ten")
    sure = "" if effect.low > 0 else ", which is no clear difference"
    return Finding(
        f"mean_score_by_{by}",
        asks,
        f"Highest among {top}, lowest among {bottom}: {effect.value:.2f} points apart "
        f"({effect.low:.2f} to {effect.high:.2f}, allowing for the pair being picked){sure}.",
        plots.intervals(
            table,
            label=by,
            value="mean",
            low="low",
            high="high",
            title=f"Mean score: highest {top}, lowest {bottom}",
            value_label="mean of the scores a user gave",
            form=lambda score: f"{score:.2f}",
        ),
        table,
        effect,
        "Who watches what they like scores high: a generous group may be one that chooses well.",
        formats=dict.fromkeys(("mean", "low", "high"), "{:.2f}"),
    )


def what_goes_with(people: pd.DataFrame, status: str, predictor: str) -> Finding | Absence:
    """What goes with a share of a list, all predictors at once, beside the plain comparison?"""
    words = status.replace("_", " ")
    asks = f"All else equal, does being {predictor} go with {words}?"
    if predictor.startswith(("10", "5", "a list")):
        asks = f"All else equal, do {predictor.removeprefix('a ')} go with {words}?"
    if lack := absent(asks, people, status, "age", "gender"):
        return lack
    table = measures.effects(people, status)
    row = table[table["predictor"] == predictor]
    if row.empty:
        return Absence(asks, "Too few users state age, gender and list counts.")
    row = row.iloc[0]
    clear = row["low"] > 0 or row["high"] < 0
    said = (
        f"{style.points(row['effect'])} percentage points {words} "
        f"({style.points(row['low'])} to {style.points(row['high'])})"
    )
    whole = "all entries" if status == "plan_to_watch" else "started entries"
    ends = f"{style.points(row['alone_low'])} to {style.points(row['alone_high'])}"
    plain = f"Compared plainly it is {style.points(row['alone'])} ({ends}): {_compared(row)}."
    return Finding(
        f"effect_{status}_{predictor.replace(' ', '_').replace('-', '_')}",
        asks,
        f"Among {row['users']:,} users who state all of it, '{predictor}' goes with {said} of "
        f"{whole}, the others held equal{'' if clear else ': no clear effect'}. {plain}",
        plots.intervals(
            table,
            label="predictor",
            value="effect",
            low="low",
            high="high",
            title=f"'{predictor}' goes with {style.points(row['effect'])} points {words}",
            value_label=f"percentage points {words}, all else equal",
            form=style.points,
            reference=0.0,
        ),
        table,
        Effect(row["effect"], "share of entries", int(row["users"]), row["low"], row["high"], 0.0),
        "An association: nobody was made older. What is not measured is not held equal.",
        Advice(
            "People who build recommenders",
            f"account for it when {words} entries are compared between people of different kinds.",
            0.02,
        ),
        SHARES,
    )


def _compared(row: pd.Series) -> str:
    """Return how an effect all else equal and the plain comparison go together."""
    signs = [
        0 if low <= 0 <= high else np.sign(value)
        for value, low, high in (
            (row["effect"], row["low"], row["high"]),
            (row["alone"], row["alone_low"], row["alone_high"]),
        )
    ]
    if signs[0] == signs[1]:
        return "the two agree in direction" if signs[0] else "neither is clear"
    if 0 not in signs:
        return "the two disagree in direction, and what else differs between people explains it"
    if signs[0] == 0:
        return "clear only until the others are held equal"
    return "clear only once the others are held equal"


LENGTHS = [0, 1.5, 11, 14, 27, np.inf]
LENGTH_NAMES = ["1 episode", "2-10", "11-13", "14-26", "27 and more"]
"""Classes of anime by their number of episodes."""


def outcomes_by(ratings: pd.DataFrame, anime: pd.DataFrame, by: str) -> Finding | Absence:
    """What is completed, dropped and planned, by genre, type, source or length?

    Parameters
    ----------
    by : a column of ``anime``: ``genres``, ``type``, ``source`` or ``episodes``.
    """
    words = {"genres": "genre", "episodes": "length"}.get(by, by)
    asks = f"What is completed, dropped and planned, by {words}?"
    if lack := absent(asks, ratings, "status") or absent(asks, anime, by):
        return lack
    kinds = anime[["anime_id", by]].drop_duplicates("anime_id").rename(columns={by: "kind"})
    if by == "genres":
        kinds = kinds.explode("kind")
    elif by == "episodes":
        episodes = kinds["kind"].astype("Float64").astype(float)
        kinds["kind"] = pd.cut(episodes, LENGTHS, labels=LENGTH_NAMES)
    table = measures.outcomes(ratings, kinds.dropna().astype({"kind": str}))
    dropped = table[table["outcome"] == "dropped"].rename(columns={"share": "mean"})
    if len(dropped) < 2:
        return Absence(asks, f"Too few people have anime of two kinds by {words}.")
    effect, top, bottom = widest_gap(dropped, "kind", "share dropped", "people")
    done = table[table["outcome"] == "completed"]
    most = done.loc[done["share"].idxmax()]
    planned = table[table["outcome"] == "planned"]
    wished = planned.loc[planned["share"].idxmax()]
    order = LENGTH_NAMES if by == "episodes" else list(dropped.nlargest(12, "mean")["kind"])
    shown = table[table["kind"].isin(order)].assign(
        kind=lambda t: pd.Categorical(t["kind"], order, ordered=True)
    )
    return Finding(
        f"outcomes_by_{words}",
        asks,
        f"Most of what is begun is dropped of {top}, least of {bottom}: "
        f"{style.points(effect.value)} points apart ({style.points(effect.low)} to "
        f"{style.points(effect.high)}, allowing for the pair being picked). Most is completed of "
        f"{most['kind']} ({most['share']:.0%} of what is begun), and most is only planned of "
        f"{wished['kind']} ({wished['share']:.0%} of all entries).",
        plots.intervals(
            shown.sort_values(["outcome", "kind"]).astype({"kind": str}),
            label="kind",
            value="share",
            low="low",
            high="high",
            panel="outcome",
            title=f"Dropped most: {top}; least: {bottom}",
            value_label="share of entries",
            form=style.percent,
        ),
        table,
        effect,
        "Who begins an anime chose it: a kind that few but its friends begin is dropped little.",
        Advice(
            "Programme",
            f"expect more people to leave {top} than {bottom}, and plan for the first episodes of "
            "it.",
            0.03,
        ),
        SHARES,
    )


def days_by_age(people: pd.DataFrame) -> Finding | Absence:
    """Who spends most time?"""
    asks = "At which age do people have most days of watching behind them?"
    if lack := absent(asks, people, "days_watched", "age"):
        return lack
    table = measures.group_means(people, "age_band", "days_watched")
    if len(table) < 2:
        return Absence(asks, "Too few users state an age to compare the days they watched.")
    effect, top, _ = widest_gap(table, "age_band", "days")
    return Finding(
        "days_watched",
        asks,
        measures.days_sentence(table, "age_band"),
        plots.intervals(
            table,
            label="age_band",
            value="mean",
            low="low",
            high="high",
            title=f"Most days lie behind those of {top}",
            value_label="days spent watching, mean",
            form=lambda days: f"{days:.0f}",
        ),
        table,
        effect,
        "Days add up over the years: older members had more of them to watch in.",
        formats=dict.fromkeys(("mean", "low", "high"), "{:.1f}"),
    )


def tastes_by(
    ratings: pd.DataFrame, anime: pd.DataFrame, people: pd.DataFrame, by: str, words: str
) -> Finding | Absence:
    """Do tastes differ between the groups of a column? ``words`` name the column."""
    asks = f"Do tastes differ by {words}?"
    if lack := absent(asks, people, by) or absent(asks, anime, "genres"):
        return lack
    tastes = measures.audience_tastes(ratings, anime, people, by)
    if tastes.empty:
        return Absence(asks, f"Too few users with a list state their {words} to compare tastes.")
    lifts = tastes.groupby("genre")["lift"]
    apart = (lifts.max() - lifts.min()).nlargest(14).index
    top = tastes.loc[tastes["lift"].idxmax()]
    return Finding(
        f"tastes_by_{by}",
        asks,
        measures.tastes_sentence(tastes, by),
        plots.heatmap(
            tastes[tastes["genre"].isin(apart)],
            row="genre",
            column=by,
            value="lift",
            title=f"{top['genre']} stands out among {top[by]}: {top['lift']:.2f} times the usual",
            form=lambda lift: f"{lift:.2f}",
            centre=1.0,
            log=True,
        ),
        tastes,
        Effect(float(top["lift"]), f"lift of {top['genre']} among {top[by]}", len(people)),
        "The largest of many lifts is partly luck; most people's lists are mixed.",
        formats={"share": "{:.1%}", "overall": "{:.1%}", "lift": "{:.2f}"},
    )


def given_up(ratings: pd.DataFrame, anime: pd.DataFrame) -> Finding | Absence:
    """Which anime do people give up?"""
    asks = "Which anime do people give up?"
    if lack := absent(asks, ratings, "status"):
        return lack
    table = measures.dropped_by(ratings, anime)
    if table.empty:
        return Absence(asks, "No anime was started by enough people to say who gave it up.")
    first = table.iloc[0]
    return Finding(
        "given_up",
        asks,
        f"{first['title']} was dropped by {first['dropped']:.0%} ({first['low']:.0%} to "
        f"{first['high']:.0%}) of the {first['started']:,} who started it.",
        plots.intervals(
            table.head(15),
            label="title",
            value="dropped",
            low="low",
            high="high",
            title="Anime most surely given up",
            value_label="share of those who started it",
            form=style.percent,
        ),
        table,
        Effect(
            first["dropped"], "share dropped", int(first["started"]), first["low"], first["high"]
        ),
        "Ordered by the low end of the interval, so that few viewers make no record.",
        formats=SHARES,
    )


def stopping(ratings: pd.DataFrame, anime: pd.DataFrame) -> Finding | Absence:
    """At which episode do people stop? Kaplan and Meier's curve over episodes."""
    from statsmodels.duration.survfunc import SurvfuncRight

    asks = "At which episode do people stop?"
    if lack := absent(asks, ratings, "status", "episodes_watched") or absent(
        asks, anime, "episodes"
    ):
        return lack
    long = anime.loc[anime["episodes"].between(10, 30), ["anime_id", "episodes"]]
    entries = ratings.loc[
        ratings["status"].isin(measures.STARTED), ["anime_id", "status", "episodes_watched"]
    ].merge(long, on="anime_id")
    seen = entries["episodes_watched"].astype("Float32").fillna(0).to_numpy(dtype=float)
    stopped = (entries["status"] == "dropped").to_numpy()
    kept = seen >= 1
    if stopped[kept].sum() < 30:
        return Absence(asks, "Fewer than thirty people dropped a series at a known episode.")
    curve = SurvfuncRight(seen[kept], stopped[kept].astype(int))
    half = 1.959964 * curve.surv_prob_se
    table = pd.DataFrame(
        {
            "episode": curve.surv_times,
            "share": curve.surv_prob,
            "low": np.clip(curve.surv_prob - half, 0, 1),
            "high": np.clip(curve.surv_prob + half, 0, 1),
            "at_risk": curve.n_risk,
            "stopped": curve.n_events,
        }
    )
    table = table[table["episode"] <= 26]
    hazard = table["stopped"] / table["at_risk"]
    worst = table.loc[hazard.idxmax()]
    end = table[table["episode"] <= 12].iloc[-1]
    return Finding(
        "stopping",
        asks,
        f"Of those who begin a series of 10 to 30 episodes {end['share']:.1%} "
        f"({end['low']:.1%} to {end['high']:.1%}) go on past episode {end['episode']:.0f}; the "
        f"riskiest is episode {worst['episode']:.0f}, after which {hazard.max():.1%} of those who "
        "reached it stop.",
        plots.lines(
            table,
            x="episode",
            y="share",
            low="low",
            high="high",
            title=f"People stop most often after episode {worst['episode']:.0f}",
            x_label="episode",
            y_label="share that goes on",
            form=style.percent,
            from_zero=False,
        ),
        table,
        Effect(end["share"], "share that goes on", int(kept.sum()), end["low"], end["high"]),
        "Who completed or still watches has not stopped yet (censored); entries of one person hang "
        "together, so the band is too narrow.",
        Advice(
            "People who make and programme anime",
            f"look at what happens around episode {worst['episode']:.0f}: that is where most are "
            "lost for each who is left.",
            0.0,
        ),
        SHARES,
    )


def scoring_by_length(ratings: pd.DataFrame) -> Finding | Absence:
    """Do people with long lists still score?"""
    asks = "Do people with long lists still score?"
    if lack := absent(asks, ratings, "rating"):
        return lack
    table = measures.unscored_by_length(ratings)
    if len(table) < 2 or table["share"].min() == 1:
        return Absence(asks, "Every entry of this dataset is scored or none is.")
    effect, top, bottom = widest_gap(
        table.rename(columns={"share": "mean"}), "entries", "share scored"
    )
    return Finding(
        "scoring",
        asks,
        f"People with {top} entries score the largest part of them, those with {bottom} the "
        f"smallest: {style.points(effect.value)} points apart ({style.points(effect.low)} to "
        f"{style.points(effect.high)}).",
        plots.intervals(
            table,
            label="entries",
            value="share",
            low="low",
            high="high",
            title=f"Lists of {top} entries are scored most",
            value_label="share of a list that is scored, by its length",
            form=style.percent,
        ),
        table,
        effect,
        "Long lists hold old memories, entered all at once.",
        Advice(
            "People who build recommenders",
            "take a missing score as 'watched': how much is scored depends on how much is listed.",
            0.03,
        ),
        SHARES,
    )
