"""Questions of length: minutes an episode, episodes an anime, and what short forms reach."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.exploration.tables import years
from anirec.analysis.finding import Absence, Advice, Effect, Finding, absent
from anirec.analysis.insights import measures
from anirec.analysis.statistics import (
    Z95,
    linear_effects,
    mean_effect,
    mean_interval,
    share_interval,
    widest_gap,
)

__all__ = [
    "episode_durations",
    "hours_to_watch",
    "length_and_score",
    "lengths_through_the_years",
    "modes_of_length",
    "short_forms",
    "short_to_long",
]

CLASSES = {"under 10": (0, 10), "10-22": (10, 23), "23-26": (23, 27), "27-40": (27, 40.5)}
CLASSES["over 40"] = (40.5, np.inf)
"""Minutes per episode, from and below."""


def _length_class(minutes: pd.Series) -> pd.Series:
    edges = [low for low, _ in CLASSES.values()] + [np.inf]
    return pd.cut(minutes.astype(float), edges, right=False, labels=list(CLASSES))


def episode_durations(anime: pd.DataFrame) -> Finding | Absence:
    """How long is an episode?"""
    asks = "How long is an episode?"
    if lack := absent(asks, anime, "duration_min", "type"):
        return lack
    table = measures.duration_quantiles(anime)
    if table.empty:
        return Absence(asks, "No type has five anime of a known length.")
    first = table.iloc[0]
    return Finding(
        "durations",
        asks,
        measures.duration_sentence(table),
        plots.ranges(
            table,
            label="type",
            title=f"The median {first['type']} episode runs {first['median']:.0f} minutes",
            value_label="minutes",
        ),
        table,
        Effect(float(first["median"]), f"minutes, median of {first['type']}", int(first["anime"])),
        "Slots of broadcasters, not tastes, decided most of these lengths.",
    )


def modes_of_length(anime: pd.DataFrame, points: int = 600) -> Finding | Absence:
    """Which lengths are typical? The modes are found in a density, not assumed."""
    asks = "Which episode lengths are typical?"
    if lack := absent(asks, anime, "duration_min"):
        return lack
    minutes = anime["duration_min"].dropna().to_numpy(dtype=float)
    if len(minutes) < 20 or np.ptp(minutes) == 0:
        return Absence(asks, "Fewer than twenty anime have a known length, or all the same.")
    from scipy.signal import find_peaks

    width = 0.06
    at = np.linspace(np.log(minutes.min()) - 0.3, np.log(minutes.max()) + 0.3, points)
    logs, counts = np.unique(np.log(minutes), return_counts=True)
    near = np.exp(-0.5 * ((at[:, None] - logs) / width) ** 2)
    density = near @ counts / (len(minutes) * width * np.sqrt(2 * np.pi))
    peaks, _ = find_peaks(density, prominence=0.04 * density.max())
    peaks = np.sort(peaks[np.argsort(-density[peaks])][:5])
    modes = np.exp(at[peaks])
    around = [(np.abs(np.log(minutes) - at[p]) < 0.15).mean() for p in peaks]
    main = int(np.argmax(around))
    said = ", ".join(f"{mode:.0f}" for mode in modes)
    frame = pd.DataFrame({"minutes": np.exp(at), "density": density})
    return Finding(
        "modes",
        asks,
        f"The density of minutes has {len(modes)} peaks, near {said} minutes. Within 15 % of the "
        f"largest, {modes[main]:.0f} minutes, lie {around[main]:.0%} of {len(minutes):,} anime.",
        plots.lines(
            frame,
            x="minutes",
            y="density",
            title=f"Episodes come in {len(modes)} lengths: near {said} minutes",
            x_label="minutes an episode (each step multiplies)",
            y_label="density",
            log_x=True,
            x_form=style.number,
        ),
        pd.DataFrame({"mode_minutes": modes, "share_within_15_percent": around}),
        Effect(float(around[main]), "share at the largest mode", len(minutes)),
        "A density is a smoothed histogram: its bandwidth (6 % of the length) decides how near two "
        "peaks may lie and still be two.",
        formats={"share_within_15_percent": "{:.1%}", "mode_minutes": "{:.1f}"},
    )


def lengths_through_the_years(anime: pd.DataFrame) -> Finding | Absence:
    """Did episodes grow longer through the years?"""
    asks = "Did episodes grow longer through the years?"
    if lack := absent(asks, anime, "duration_min", "type"):
        return lack
    cells = measures.durations_by_year(anime)
    if cells.empty:
        because = "This dataset does not say when enough of its anime began."
        return Absence(asks, because)
    return Finding(
        "durations_by_year",
        asks,
        f"{measures.trend_sentence(cells)} Bands: the middle half.",
        plots.lines(
            cells,
            x="year",
            y="median",
            low="q1",
            high="q3",
            series="type",
            title="Median minutes an episode, by five years",
            x_label="year the anime began",
            y_label="minutes",
            x_form=lambda year: f"{year:.0f}",
        ),
        cells,
        caveat="What counts as an episode of an OVA or an ONA changed more than its length.",
    )


def short_forms(anime: pd.DataFrame) -> Finding | Absence:
    """Did the share of anime with episodes under ten minutes change?"""
    asks = "Do short forms take a larger share than they did?"
    if lack := absent(asks, anime, "duration_min"):
        return lack
    known = anime[["duration_min"]].assign(year=years(anime)).dropna().astype(float)
    if len(known) < 50 or known["year"].nunique() < 2:
        return Absence(asks, "Fewer than fifty anime have both a length and a date.")
    short = (known["duration_min"] < 10).astype(float)
    slope, error = linear_effects(
        ((known["year"] - 2000) / 10).to_numpy()[:, None], short.to_numpy()
    )
    value, half = float(slope[0]), Z95 * float(error[0])
    decade = (known["year"] // 10 * 10).astype(int)
    table = short.groupby(decade).agg(share="mean", anime="size", n="sum")
    table = table[table["anime"] >= 10].rename_axis("decade").reset_index()
    low, high = share_interval(table.pop("n").to_numpy(), table["anime"].to_numpy())
    table = table.assign(low=low, high=high, decade=table["decade"].map("{}s".format))
    sure = "" if abs(value) > half else ", which is no clear change"
    figure = None
    if len(table):
        figure = plots.intervals(
            table,
            label="decade",
            value="share",
            low="low",
            high="high",
            title=f"Short forms changed by {style.points(value)} points a decade",
            value_label="share of anime with episodes under ten minutes",
            form=style.percent,
        )
    return Finding(
        "short_forms",
        asks,
        f"The share of anime with episodes under ten minutes changed by {style.points(value)} "
        f"percentage points a decade ({style.points(value - half)} to {style.points(value + half)})"
        f"{sure}.",
        figure,
        table,
        Effect(value, "share a decade", len(known), value - half, value + half, null=0.0),
        "Short works of early decades are less likely to be in a catalogue at all.",
        formats=dict.fromkeys(("share", "low", "high"), "{:.1%}"),
    )


def length_and_score(anime: pd.DataFrame) -> Finding | Absence:
    """Does the length of an episode go with the score, within a type?"""
    asks = "Are longer episodes scored better?"
    if lack := absent(asks, anime, "duration_min", "score"):
        return lack
    known = anime[["type", "duration_min", "score"]].dropna(subset=["duration_min", "score"])
    known = known.assign(
        score=known["score"].astype(float), length=_length_class(known["duration_min"])
    )
    rows = [
        (str(name), *mean_interval(group["score"].to_numpy()), len(group))
        for name, group in known.groupby("length", observed=True)
        if len(group) >= 10
    ]
    table = pd.DataFrame(rows, columns=["minutes", "mean", "low", "high", "anime"])
    if len(table) < 2:
        return Absence(asks, "Fewer than two classes of length hold ten scored anime.")
    effect, top, bottom = widest_gap(table, "minutes", "points of mean score", n="anime")
    answer = (
        f"Episodes of {top} minutes score {effect.value:.2f} points above those of {bottom} "
        f"({effect.low:.2f} to {effect.high:.2f}, allowing for the pair being picked)"
    )
    tv = known[known["type"].astype("object") == "TV"]
    if len(tv) >= 50 and np.ptp(tv["duration_min"]) > 0:
        slope, error = linear_effects(
            tv["duration_min"].to_numpy(dtype=float)[:, None] / 10, tv["score"].to_numpy()
        )
        near, far = slope[0] - Z95 * error[0], slope[0] + Z95 * error[0]
        answer += (
            f"; among TV alone ten more minutes go with {slope[0]:+.2f} ({near:+.2f} to {far:+.2f})"
        )
    return Finding(
        "length_and_score",
        asks,
        f"{answer}.",
        plots.intervals(
            table,
            label="minutes",
            value="mean",
            low="low",
            high="high",
            title=f"Episodes of {top} minutes score highest",
            value_label="mean community score, by minutes an episode",
            form=lambda score: f"{score:.2f}",
        ),
        table,
        effect,
        "Length comes with type and budget: a film is long and well paid for.",
        Advice(
            "People who make and programme anime",
            f"on this site formats of {bottom} minutes are scored lowest: price them by their "
            "reach, and do not expect prestige from them.",
            0.25,
        ),
    )


def hours_to_watch(anime: pd.DataFrame) -> Finding | Absence:
    """How many episodes does an anime take, and how many hours?"""
    asks = "How many episodes does an anime take?"
    if lack := absent(asks, anime, "episodes", "type"):
        return lack
    table = measures.duration_quantiles(anime, "episodes")
    if table.empty:
        return Absence(asks, "No type has five anime of a known number of episodes.")
    longest = anime.loc[anime["episodes"].astype("Float64").idxmax()]
    most = table.loc[table["median"].idxmax()]
    answer = (
        f"Half of all {most['type']} entries have {most['median']:.0f} episodes or more; the "
        f"longest of all is {longest['title']} with {longest['episodes']:,.0f}."
    )
    hours = measures.whole_length(anime) if anime["duration_min"].notna().any() else pd.Series([])
    if len(hours) and hours.notna().any():
        in_years = hours.sum() / 24 / 365.2425
        answer += f" To watch everything once takes {in_years:.1f} years without sleep."
    return Finding(
        "episodes",
        asks,
        answer,
        plots.ranges(
            table,
            label="type",
            title=f"The median {most['type']} entry has {most['median']:.0f} episodes",
            value_label="episodes",
        ),
        table,
        Effect(float(most["median"]), f"episodes, median of {most['type']}", int(most["anime"])),
    )


SHORT, LONG = 10, 20
"""Minutes an episode: under the first is short, from the second on long."""

SHUFFLES = 20

MOST_FOLLOWED = 4000
"""People whose order of watching is looked at."""


def short_to_long(ratings: pd.DataFrame, anime: pd.DataFrame, seed: int = 0) -> Finding | Absence:
    """Do people go on from short to long?

    Each person's finished entries are put in the order of their dates: how often is the next one
    after a short one long? That is compared, within each person, with the same entries in a random
    order on the same days. (The share after long ones would be a biased comparison: within a short
    series what follows on a thing is less often the same thing, even by chance.)
    """
    asks = "Do people go on from short to long?"
    if lack := absent(asks, ratings, "finished") or absent(asks, anime, "duration_min"):
        return lack
    steps = _dated_minutes(ratings, anime, seed)
    rng = np.random.default_rng(seed)
    shuffled = [_next_long(steps, rng.permutation(len(steps))) for _ in range(SHUFFLES)]
    both = pd.DataFrame(
        {"seen": _next_long(steps), "chance": pd.concat(shuffled, axis=1).mean(axis=1)}
    )
    both = both.dropna()
    if len(both) < 20:
        return Absence(asks, f"{len(both)} people went on from a short anime on a known day.")
    names = {"seen": "in the order they watched", "chance": "in a random order"}
    rows = [(words, *mean_interval(both[name].to_numpy())) for name, words in names.items()]
    table = pd.DataFrame(rows, columns=["after_a_short_one", "next_is_long", "low", "high"])
    effect = mean_effect((both["seen"] - both["chance"]).to_numpy(), "share of next ones long")
    verdict = "as often as"
    if not effect.low <= 0 <= effect.high:
        verdict = "less often than" if effect.value < 0 else "more often than"
    return Finding(
        "short_to_long",
        asks,
        f"After an anime of under {SHORT} minutes an episode the next one that people finish is of "
        f"{LONG} or more in {both['seen'].mean():.0%} of cases, {verdict} in a random order of the "
        f"same ({both['chance'].mean():.0%}; {style.points(effect.value)} points, "
        f"{style.points(effect.low)} to {style.points(effect.high)}; {len(both):,} people).",
        plots.intervals(
            table,
            label="after_a_short_one",
            value="next_is_long",
            low="low",
            high="high",
            title=f"After a short one people go on to a long one {verdict} by chance",
            value_label="share of next anime that are long",
            form=style.percent,
        ),
        table,
        effect,
        "The order of finishing, of those who enter days; nobody was sent from one to the other.",
        Advice(
            "Programme",
            "do not count on short forms to lead people to long ones: who finished one goes on to "
            "another short one more often than chance has it.",
            0.05,
        )
        if effect.value < 0
        else None,
        dict.fromkeys(("next_is_long", "low", "high"), "{:.1%}"),
    )


def _dated_minutes(ratings: pd.DataFrame, anime: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return ``user_id``, ``finished`` and ``minutes`` of dated entries, in order, of some people:
    those who finished a short one."""
    minutes = anime.drop_duplicates("anime_id").set_index("anime_id")["duration_min"].astype(float)
    dated = ratings["finished"].notna()
    short = dated & ratings["anime_id"].isin(minutes.index[minutes < SHORT])
    able = np.unique(ratings.loc[short, "user_id"])
    followed = np.random.default_rng(seed).permutation(able)[:MOST_FOLLOWED]
    kept = ratings[dated & ratings["user_id"].isin(followed)]
    kept = kept.assign(minutes=kept["anime_id"].map(minutes)).dropna(subset="minutes")
    order = ["user_id", "finished"]
    return kept.sort_values(order, kind="stable", ignore_index=True)[[*order, "minutes"]]


def _next_long(steps: pd.DataFrame, draw: np.ndarray | None = None) -> pd.Series:
    """Return by user the share of long ones among what follows on a short one on a later day.

    With a ``draw``, a permutation, each user's minutes are put into its order first.
    """
    users, minutes = steps["user_id"].to_numpy(), steps["minutes"].to_numpy()
    if draw is not None:
        minutes = minutes[np.lexsort((draw, users))]
    days = steps["finished"].to_numpy()
    follows = (users[1:] == users[:-1]) & (days[1:] > days[:-1]) & (minutes[:-1] < SHORT)
    return pd.Series((minutes[1:] >= LONG)[follows]).groupby(users[:-1][follows]).mean()
