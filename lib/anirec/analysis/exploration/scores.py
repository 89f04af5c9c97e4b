"""Questions of the scores: how the scale is used, by whom, and what is watched and not scored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.exploration import tables
from anirec.analysis.finding import Absence, Advice, Effect, Finding, absent
from anirec.analysis.statistics import Z95, linear_effects, mean_effect
from anirec.interactions import Interactions

__all__ = [
    "concentration_of_lists",
    "genres_above_their_watchers",
    "harsh_and_generous",
    "most_divisive",
    "rating_by_length",
    "scored_or_watched",
    "scores_given",
]


def scores_given(ratings: pd.DataFrame) -> Finding | Absence:
    """How do people use the scale from 1 to 10?"""
    asks = "How do people use the scale from 1 to 10?"
    if lack := absent(asks, ratings, "rating"):
        return lack
    given = tables.rating_shares(ratings)
    n = int(given["count"].sum())
    mean = float((given["rating"] * given["share"]).sum())
    sd = float(np.sqrt(((given["rating"] - mean) ** 2 * given["share"]).sum()))
    high = given.loc[given["rating"] >= 7, "share"].sum()
    return Finding(
        "ratings",
        asks,
        f"The mean of {n:,} scores is {mean:.2f} with a standard deviation of {sd:.2f}; {high:.0%} "
        f"are 7 or more, and {1 - n / len(ratings):.0%} of all list entries carry no score.",
        plots.columns(
            given,
            x="rating",
            y="share",
            title=f"{high:.0%} of scores are 7 or more",
            x_label="score",
            y_label="share of scored entries",
            form=style.percent,
        ),
        given,
        Effect(mean, "mean score", n),
        "People score what they chose to watch and finished; the mean says nothing of the rest.",
        formats={"share": "{:.1%}"},
    )


def harsh_and_generous(lists: Interactions, least: int = 5) -> Finding | Absence:
    """How much of a score is the person, and how much the anime?"""
    asks = "Do people use the scale alike?"
    if not lists.scored.any():
        return Absence(asks, "This dataset holds no scores by users.")
    scales = tables.rating_scales(lists)
    often = scales[scales["n_scored"] >= least]
    if len(often) < 2:
        return Absence(asks, f"Fewer than two people gave {least} scores.")
    both = often.melt("user_id", ["mean_rating", "sd_rating"], "of", "value")
    names = {"mean_rating": "mean of a person's scores", "sd_rating": "their standard deviation"}
    both["of"] = both["of"].map(names)
    low, high = often["mean_rating"].quantile([0.05, 0.95])
    before, after = tables.ratings_std(lists), tables.centred_std(lists)
    removed = 1 - (after / before) ** 2 if before else 0.0
    return Finding(
        "rating_scales",
        asks,
        f"No: the middle nine tenths of people's means reach from {low:.1f} to {high:.1f}. Taking "
        f"each person's mean off lowers the standard deviation of scores from {before:.2f} to "
        f"{after:.2f}: {removed:.0%} of the variance is the person, not the anime.",
        plots.histograms(
            both,
            value="value",
            panel="of",
            title=f"{removed:.0%} of the variance of scores is the person",
            value_label="score points",
            y_label="share of people",
        ),
        effect=Effect(float(removed), "share of variance", len(often)),
        caveat="A person's mean mixes how they score with what they choose to watch.",
    )


def rating_by_length(lists: Interactions, least: int = 5) -> Finding | Absence:
    """Are people with long lists harsher?"""
    asks = "Are people with long lists harsher?"
    scales = tables.rating_scales(lists) if lists.scored.any() else pd.DataFrame()
    scales = scales[scales["n_scored"] >= least] if len(scales) else scales
    if len(scales) < 30 or scales["n_scored"].nunique() < 2:
        return Absence(asks, f"Fewer than thirty people gave {least} scores.")
    doublings = np.log2(scales["n_scored"].to_numpy(dtype=float))
    slope, error = linear_effects(doublings[:, None], scales["mean_rating"].to_numpy())
    value, half = float(slope[0]), Z95 * float(error[0])
    bins = pd.qcut(scales["n_scored"], 8, duplicates="drop")
    cells = scales.groupby(bins, observed=True).agg(
        scores=("n_scored", "median"), mean=("mean_rating", "mean"),
        sd=("mean_rating", "std"), people=("user_id", "size"),
    )  # fmt: skip
    error_ = Z95 * cells["sd"] / np.sqrt(cells["people"])
    cells = cells.assign(low=cells["mean"] - error_, high=cells["mean"] + error_)
    clear = abs(value) > half
    words = "lower" if value < 0 else "higher"
    says = f"Twice as many scores go with a mean {abs(value):.2f} points {words}"
    answer = f"{says} ({value - half:+.2f} to {value + half:+.2f}, {len(scales):,} people)."
    if not clear:
        answer = (
            f"No clear difference: twice as many scores change the mean by {value:+.2f} "
            f"({value - half:+.2f} to {value + half:+.2f}), an interval that holds zero."
        )
    return Finding(
        "rating_by_length",
        asks,
        answer,
        plots.lines(
            cells.reset_index(drop=True),
            x="scores",
            y="mean",
            low="low",
            high="high",
            title=says if clear else "Long lists are scored no differently",
            x_label="scores a person gave",
            y_label="mean of their scores",
            from_zero=False,
            log_x=True,
            x_form=style.number,
        ),
        cells.reset_index(drop=True),
        Effect(value, "points per doubling", len(scales), value - half, value + half, null=0.0),
        "Those who watch more also watch further down the ranking: the anime differ, not only the "
        "people.",
        Advice(
            "People who build recommenders",
            "take each person's own mean off before comparing scores: how many they gave moves it.",
            0.03,
        ),
    )


def scored_or_watched(ratings: pd.DataFrame, anime: pd.DataFrame) -> Finding | Absence:
    """Is what people leave unscored what they liked less?"""
    asks = "Is what people leave unscored less good?"
    if lack := absent(asks, ratings, "rating") or absent(asks, anime, "score"):
        return lack
    scored = ratings["rating"].notna().to_numpy()
    if scored.all():
        return Absence(asks, "Every entry of this dataset is scored.")
    score = anime.drop_duplicates("anime_id").set_index("anime_id")["score"].astype("float32")
    value = score.reindex(ratings["anime_id"]).to_numpy()
    known = ~np.isnan(value)
    user, _ = pd.factorize(ratings["user_id"])
    n = user.max() + 1
    means = []
    for kind in (scored & known, ~scored & known):
        count = np.bincount(user[kind], minlength=n)
        total = np.bincount(user[kind], weights=value[kind], minlength=n)
        means.append(np.where(count >= 5, total / np.maximum(count, 1), np.nan))
    gap = means[1] - means[0]
    gap = gap[~np.isnan(gap)]
    if len(gap) < 30:
        return Absence(asks, "Fewer than thirty people have five entries of both kinds.")
    effect = mean_effect(gap, "points of community score")
    return Finding(
        "unscored",
        asks,
        f"On the lists of {len(gap):,} people who leave some entries unscored, these have a "
        f"community score {effect.value:+.2f} points from that of what they scored "
        f"({effect.low:+.2f} to {effect.high:+.2f}).",
        plots.histograms(
            pd.DataFrame({"gap": gap, "of": "unscored less scored, per person"}),
            value="gap",
            panel="of",
            title=f"What is left unscored is {effect.value:+.2f} points from what is scored",
            value_label="points of community score",
            y_label="share of people",
        ),
        effect=effect,
        caveat="The community's score stands in for what these people would have given.",
        advice=Advice(
            "People who build recommenders",
            "a missing score is not missing at random: keep such entries as 'watched', not as "
            "average scores.",
            0.05,
        ),
    )


def genres_above_their_watchers(
    lists: Interactions, anime: pd.DataFrame, n: int = 20
) -> Finding | Absence:
    """Which genres do people score above what the same people give otherwise?"""
    asks = "Which genres are scored above what their watchers give otherwise?"
    if lack := absent(asks, anime, "genres"):
        return lack
    if not lists.scored.any():
        return Absence(asks, "This dataset holds no scores by users.")
    rows = tables.genre_rows(anime[["anime_id", "genres"]])
    rows = rows[rows["anime_id"].isin(lists.anime_ids)]
    tags = pd.crosstab(rows["anime_id"], rows["genre"]).reindex(lists.anime_ids, fill_value=0)
    tags = tags.loc[:, tags.sum() >= 10]
    if tags.empty:
        return Absence(asks, "No genre has ten anime on lists.")
    member = tags.to_numpy(dtype=np.float32)
    scored = lists.scored.astype(np.float32)
    count = lists.matrix(scored) @ member
    total = lists.matrix(np.nan_to_num(lists.ratings)) @ member
    all_count = np.bincount(lists.rows, weights=scored, minlength=lists.shape[0])[:, None]
    all_total = np.bincount(
        lists.rows, weights=np.nan_to_num(lists.ratings), minlength=lists.shape[0]
    )[:, None]
    rest = all_count - count
    both = (count >= 3) & (rest >= 3)
    gap = total / np.maximum(count, 1) - (all_total - total) / np.maximum(rest, 1)
    gap = np.where(both, gap, np.nan)
    people = both.sum(axis=0)
    kept = people >= 30
    if not kept.any():
        return Absence(asks, "No genre is scored three times by thirty people.")
    mean = np.nanmean(gap[:, kept], axis=0)
    half = Z95 * np.nanstd(gap[:, kept], axis=0, ddof=1) / np.sqrt(people[kept])
    table = pd.DataFrame(
        {"genre": tags.columns[kept], "gap": mean, "low": mean - half, "high": mean + half,
         "people": people[kept]}
    ).sort_values("gap", ascending=False, ignore_index=True)  # fmt: skip
    first, last = table.iloc[0], table.iloc[-1]
    ends = table if len(table) <= n else pd.concat([table.head(n // 2), table.tail(n // 2)])
    return Finding(
        "genres_and_watchers",
        asks,
        f"{first['genre']}: those who score it give it {first['gap']:+.2f} points "
        f"({first['low']:+.2f} to {first['high']:+.2f}) against their other scores; lowest is "
        f"{last['genre']} with {last['gap']:+.2f}.",
        plots.intervals(
            ends,
            label="genre",
            value="gap",
            low="low",
            high="high",
            title=f"{first['genre']} is scored {first['gap']:+.2f} points above its watchers' rest",
            value_label="points against the same people's other scores",
            form=style.signed,
            reference=0.0,
        ),
        table,
        Effect(
            float(first["gap"]), "points", int(first["people"]), first["low"], first["high"],
            null=0.0, p_value=_picked_among(len(table), first),
        ),
        "Shown is the highest of many, and its p-value counts them all; who watches a genre "
        "chose it.",
        formats=dict.fromkeys(("gap", "low", "high"), "{:+.2f}"),
    )  # fmt: skip


def _picked_among(n: int, row: pd.Series) -> float:
    """Return Bonferroni's p-value of the most extreme of ``n`` gaps."""
    from scipy.stats import norm

    error = (row["high"] - row["low"]) / (2 * Z95)
    return float(min(1.0, 2 * n * norm.sf(abs(row["gap"]) / max(error, 1e-12))))


def most_divisive(ratings: pd.DataFrame, anime: pd.DataFrame, n: int = 15) -> Finding | Absence:
    """About which anime do people disagree most?"""
    asks = "About which anime do people disagree most?"
    if lack := absent(asks, ratings, "rating"):
        return lack
    scored = ratings[["anime_id", "rating"]].dropna().astype({"rating": "float32"})
    grouped = scored.groupby("anime_id")["rating"]
    table = pd.DataFrame({"sd": grouped.std(), "mean": grouped.mean(), "scores": grouped.size()})
    table = table[table["scores"] >= 50]
    if table.empty:
        return Absence(asks, "No anime has fifty scores.")
    typical = float(table["sd"].median())
    table = table.nlargest(n, "sd")
    titles = anime.drop_duplicates("anime_id").set_index("anime_id")["title"]
    table.insert(0, "title", titles.reindex(table.index).to_numpy())
    first = table.iloc[0]
    return Finding(
        "divisive",
        asks,
        f"{first['title']}: its {first['scores']:,.0f} scores have a standard deviation of "
        f"{first['sd']:.2f} around {first['mean']:.1f}, where {typical:.2f} is typical.",
        plots.ranked_bars(
            table,
            label="title",
            value="sd",
            title=f"People disagree most about {style.shortened(first['title'], 36)}",
            value_label="standard deviation of its scores",
            form=lambda value: f"{value:.2f}",
        ),
        table.reset_index(),
        Effect(float(first["sd"]), "standard deviation", int(first["scores"])),
        "Persons' own scales are part of it; few scores make extremes likelier.",
    )


def concentration_of_lists(ratings: pd.DataFrame) -> Finding | Absence:
    """How unevenly are lists and anime spread?"""
    asks = "How unevenly are lists and anime spread?"
    if ratings.empty:
        return Absence(asks, "This dataset holds no lists, so there is nothing to show here.")
    curves, ginis = [], {}
    for what, key in {"anime": "anime_id", "users": "user_id"}.items():
        curve, ginis[what] = tables.concentration(ratings[key].value_counts().to_numpy())
        curves.append(curve.assign(of=what))
    curve = curves[0]
    tenth = curve.loc[(curve["share_of_things"] - 0.1).abs().idxmin(), "share_of_total"]
    return Finding(
        "concentration",
        asks,
        f"The most listed tenth of anime holds {tenth:.0%} of all entries (Gini index "
        f"{ginis['anime']:.2f} for anime, {ginis['users']:.2f} for users).",
        plots.lines(
            pd.concat(curves),
            x="share_of_things",
            y="share_of_total",
            series="of",
            title=f"A tenth of the anime holds {tenth:.0%} of all list entries",
            x_label="share of anime or users, greatest first",
            y_label="share of list entries",
            form=style.percent,
            x_form=style.percent,
        ),
        pd.concat(curves),
        Effect(float(ginis["anime"]), "Gini index of anime", len(ratings)),
        "Popular anime had more years and more shops to be found in; it is no measure of quality.",
    )
