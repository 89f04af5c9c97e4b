"""Questions of the catalogue: how much there is, what is missing, types, years, genres, makers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.exploration import tables
from anirec.analysis.finding import Absence, Advice, Effect, Finding, absent
from anirec.analysis.statistics import correlation, mean_interval, shrunken

__all__ = [
    "age_ratings",
    "best_scored",
    "catalogue_seasons",
    "catalogue_sources",
    "catalogue_types",
    "catalogue_years",
    "commonest_genres",
    "community_scores",
    "gaps",
    "genre_company",
    "genre_growth",
    "most_favourited",
    "most_listed",
    "producers",
    "repeats",
    "score_and_reach",
    "size_of_tables",
    "studios",
]

FEW = 10
"""Groups of fewer anime are not ranked."""


def size_of_tables(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame) -> Finding:
    """How big are the tables, and how much of the grid of users and anime is filled?"""
    by_name = {"anime": anime, "users": users, "ratings": ratings}
    rows = [(name, len(frame), frame.shape[1]) for name, frame in by_name.items()]
    listed, people = ratings["anime_id"].nunique(), ratings["user_id"].nunique()
    filled = len(ratings) / max(listed * people, 1)
    return Finding(
        "sizes",
        "How big are the tables, and how full?",
        f"{len(anime):,} anime, of which {listed:,} are on somebody's list; {people:,} users have "
        f"a list of {len(ratings):,} entries in all. That fills {filled:.2%} of the grid of users "
        "and anime: what people would make of the rest is what a recommender guesses.",
        table=pd.DataFrame(rows, columns=["table", "rows", "columns"]),
        effect=Effect(filled, "share of the grid filled", len(ratings)) if len(ratings) else None,
        caveat="An empty cell is not a dislike: most anime were never met.",
    )


def gaps(by_name: Mapping[str, pd.DataFrame]) -> Finding:
    """What is missing?"""
    missing = tables.missing_values(by_name)
    some = missing[missing["missing"] > 0]
    empty = some.loc[some["missing"] == 1, "column"].tolist()
    partly = some[some["missing"] < 1].nlargest(15, "missing")
    figure = None
    if len(partly):
        figure = plots.ranked_bars(
            partly.assign(column=partly["table"] + ": " + partly["column"]),
            label="column",
            value="missing",
            title=f"{len(partly)} columns with gaps, by share of rows without a value",
            form=style.percent,
        )
    named = f" ({', '.join(empty)})" if empty else ""
    return Finding(
        "missing_values",
        "What is missing?",
        f"{len(missing) - len(some)} of {len(missing)} columns are complete, {len(empty)} are "
        f"empty in this dataset{named}, and {len(some) - len(empty)} have gaps.",
        figure,
        missing,
        caveat="Who leaves a field empty chose to: those who state a thing need not be like those "
        "who do not.",
        formats={"missing": "{:.1%}"},
    )


def repeats(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame) -> Finding:
    """Is anything there twice?"""
    twice = tables.duplicates(anime, users, ratings)
    namesakes = anime.loc[anime["title"].duplicated(keep=False), "title"].drop_duplicates()
    such = f", such as {', '.join(namesakes.head(3))}" if len(namesakes) else ""
    return Finding(
        "duplicates",
        "Is anything there twice?",
        f"{len(namesakes)} titles belong to more than one anime{such}. Ids, not titles, tell anime "
        "apart.",
        table=twice,
    )


def catalogue_types(anime: pd.DataFrame, ratings: pd.DataFrame) -> Finding | Absence:
    """What types are there, and which are watched?"""
    asks = "What types of anime are there, and which are watched?"
    if lack := absent(asks, anime, "type"):
        return lack
    mix = tables.type_mix(anime, ratings)
    shares = mix.pivot_table(index="type", columns="of", values="share", sort=False)
    first = shares["catalogue"].idxmax()
    answer = f"{first} is the commonest type, {shares.loc[first, 'catalogue']:.0%} of the catalogue"
    title = f"{first} makes up {shares.loc[first, 'catalogue']:.0%} of the catalogue"
    if "list entries" in shares:
        ratio = shares["list entries"] / shares["catalogue"]
        over, under = ratio.idxmax(), ratio.idxmin()
        answer += (
            f" and {shares.loc[first, 'list entries']:.0%} of list entries. Most over-represented "
            f"on lists is {over} ({ratio[over]:.1f} times its share of the catalogue), most "
            f"under-represented {under} ({ratio[under]:.2f} times)"
        )
        title += f", {shares.loc[first, 'list entries']:.0%} of lists"
    return Finding(
        "types",
        asks,
        f"{answer}.",
        plots.stacked_shares(mix, group="of", part="type", share="share", title=title),
        mix,
        Effect(float(shares.loc[first, "catalogue"]), f"share that is {first}", len(anime)),
        formats={"share": "{:.1%}"},
    )


def catalogue_years(anime: pd.DataFrame, on: date) -> Finding | Absence:
    """How did anime grow through the years? The running year is marked: it is not over."""
    asks = "How many anime begin in a year?"
    growth = tables.by_year(anime, until=on.year)
    if growth.empty:
        because = (
            "This dataset does not say when its anime began, so there is nothing to show here."
        )
        return Absence(asks, because)
    per_year = growth.groupby("year")["anime"].sum()
    decades = per_year.groupby(per_year.index // 10 * 10).sum()
    return Finding(
        "years",
        asks,
        f"The years reach from {per_year.index.min()} to {per_year.index.max()}; the fullest is "
        f"{per_year.idxmax()} with {per_year.max():,} anime, the fullest decade the "
        f"{decades.idxmax()}s with {decades.max():,}.",
        plots.lines(
            growth,
            x="year",
            y="anime",
            title=f"Most anime began in {per_year.idxmax()}: {per_year.max():,}",
            x_label="year (grey: not over at the snapshot)",
            y_label="anime begun",
            series="type",
            x_form=lambda year: f"{year:.0f}",
            marked=on.year - 0.5 if per_year.index.max() == on.year else None,
        ),
        growth.pivot_table(index="year", columns="type", values="anime", sort=False).reset_index(),
        caveat="A catalogue remembers what people still list: obscure old anime are missing.",
    )


def catalogue_seasons(anime: pd.DataFrame) -> Finding | Absence:
    """Do seasons differ in how much begins and how it is scored?"""
    asks = "Does it matter in which season an anime begins?"
    if lack := absent(asks, anime, "season", "score"):
        return lack
    table = _scores_by(anime, "season", least=FEW)
    if len(table) < 2:
        return Absence(asks, "Fewer than two seasons hold ten scored anime.")
    order = [
        name for name in ("winter", "spring", "summer", "fall") if name in set(table["season"])
    ]
    table = table.set_index("season").loc[order].reset_index()
    effect, answer = _gap_between(table, "season")
    return Finding(
        "seasons",
        asks,
        answer,
        _score_intervals(table, "season", _gap_title(effect, answer)),
        table,
        effect,
        "Seasons are known for television series mostly, and what is scheduled when is a choice.",
        formats=_SCORES,
    )


_SCORES = {"mean": "{:.2f}", "low": "{:.2f}", "high": "{:.2f}", "shrunken": "{:.2f}"}


def _scores_by(anime: pd.DataFrame, by: str, least: int = FEW) -> pd.DataFrame:
    """Return per value of a column the mean score of its anime with interval, shrunken, ``anime``.

    The interval is of the mean over anime; groups of fewer than ``least`` are left out.
    """
    known = anime[[by, "score"]].dropna()
    known = known.assign(score=known["score"].astype(float))
    rows = [
        (str(name), *mean_interval(group["score"].to_numpy()), len(group))
        for name, group in known.groupby(by, observed=True)
        if len(group) >= least
    ]
    table = pd.DataFrame(rows, columns=[by, "mean", "low", "high", "anime"])
    if len(table):
        table["shrunken"] = shrunken(table["mean"], table["anime"])
    return table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)


def _gap_between(table: pd.DataFrame, by: str) -> tuple[Effect, str]:
    from anirec.analysis.statistics import widest_gap

    effect, top, bottom = widest_gap(table, by, "points of mean score", n="anime")
    mean = table.set_index(by)["mean"]
    sure = "" if effect.low > 0 else "; the interval holds zero, so that is no clear difference"
    return effect, (
        f"{top} scores highest ({mean[top]:.2f}), {bottom} lowest ({mean[bottom]:.2f}); the "
        f"difference is {effect.value:.2f} points ({effect.low:.2f} to {effect.high:.2f}, allowing "
        f"for the pair being picked among all){sure}."
    )


def _gap_title(effect: Effect, answer: str) -> str:
    return answer.split(";")[0] if effect.low > 0 else "No clear difference in scores"


def _score_intervals(table: pd.DataFrame, by: str, title: str):
    return plots.intervals(
        table.head(20),
        label=by,
        value="mean",
        low="low",
        high="high",
        title=title,
        value_label="mean community score, with 95 % interval",
        form=lambda score: f"{score:.2f}",
    )


def catalogue_sources(anime: pd.DataFrame) -> Finding | Absence:
    """What are anime adapted from, and does the source go with the score?"""
    return _grouped(
        anime,
        "source",
        "sources",
        "What are anime adapted from, and does the source go with the score?",
        Advice(
            "People who make anime",
            "a known source goes with better-scored anime; weigh that against what it costs, since "
            "better sources may also get the better budgets.",
            0.1,
        ),
    )


def age_ratings(anime: pd.DataFrame) -> Finding | Absence:
    """For which ages are anime rated, and does that go with the score?"""
    return _grouped(
        anime,
        "age_rating",
        "age_ratings",
        "For which ages are anime rated, and does that go with the score?",
        None,
    )


def _grouped(
    anime: pd.DataFrame, by: str, name: str, asks: str, advice: Advice | None
) -> Finding | Absence:
    if lack := absent(asks, anime, by, "score"):
        return lack
    table = _scores_by(anime, by)
    if len(table) < 2:
        return Absence(asks, f"Fewer than two groups hold {FEW} scored anime.")
    effect, answer = _gap_between(table, by)
    return Finding(
        name,
        asks,
        answer,
        _score_intervals(table, by, _gap_title(effect, answer)),
        table,
        effect,
        "Groups differ in age, type and budget as well: nothing here is held equal.",
        advice,
        _SCORES,
    )


def studios(anime: pd.DataFrame) -> Finding | Absence:
    """Which studios make most, and which make the best-scored anime?"""
    return _makers(anime, "studio")


def producers(anime: pd.DataFrame) -> Finding | Absence:
    """Which producers back most, and which back the best-scored anime?"""
    return _makers(anime, "producer")


def _makers(anime: pd.DataFrame, one: str, n: int = 15) -> Finding | Absence:
    many = f"{one}s"
    asks = f"Which {many} make the best-scored anime?"
    if lack := absent(asks, anime, many, "score"):
        return lack
    rows = anime[[many, "score"]].explode(many).dropna()
    table = _scores_by(rows.rename(columns={many: one}), one)
    if len(table) < 2:
        return Absence(asks, f"Fewer than two {many} have {FEW} scored anime.")
    table = table.sort_values("shrunken", ascending=False, kind="stable", ignore_index=True)
    first, most = table.iloc[0], table.loc[table["anime"].idxmax()]
    return Finding(
        many,
        asks,
        f"Of {len(table)} {many} with {FEW} scored anime or more, {first[one]} leads: its mean of "
        f"{first['mean']:.2f} ({first['low']:.2f} to {first['high']:.2f}, {first['anime']} anime) "
        f"shrinks to {first['shrunken']:.2f}. Most anime come from {most[one]} ({most['anime']}, "
        f"mean {most['mean']:.2f}).",
        _score_intervals(table.head(n), one, f"{first[one]} leads the {many}"),
        table,
        Effect(
            float(first["mean"]), "mean score", int(first["anime"]), first["low"], first["high"]
        ),
        "The first of many is partly lucky, which is why ranks are by the shrunken mean; sequels "
        "of a success count again.",
        formats=_SCORES,
    )


def commonest_genres(anime: pd.DataFrame, ratings: pd.DataFrame) -> Finding | Absence:
    """Which genres are there, and which do people watch?"""
    asks = "Which genres are there, and which do people watch?"
    if lack := absent(asks, anime, "genres"):
        return lack
    table = tables.genres(anime, ratings)
    two = table.head(15).melt("genre", ["anime", "entries"], "of", "count")
    two["of"] = two["of"].map({"anime": "anime", "entries": "entries on lists"})
    two = two[two.groupby("of")["count"].transform("sum") > 0]
    first, watched = table.iloc[0], table.loc[table["entries"].idxmax()]
    share = first["anime"] / len(anime)
    answer = (
        f"Commonest of {len(table)} genres is {first['genre']}: {first['anime']:,} anime, "
        f"{share:.0%} of the catalogue"
    )
    if watched["entries"]:
        answer += f"; most watched is {watched['genre']} with {watched['entries']:,} list entries"
    return Finding(
        "genres",
        asks,
        f"{answer}. An anime has several genres, so that shares sum to more than one.",
        plots.ranked_bars(
            two,
            label="genre",
            value="count",
            panel="of",
            title=f"{first['genre']} leads the catalogue, {watched['genre']} the lists",
        ),
        table,
        Effect(float(share), f"share of anime that are {first['genre']}", len(anime)),
        "Genres are given by the site's editors, and their meaning drifted over the years.",
    )


def genre_company(anime: pd.DataFrame) -> Finding | Absence:
    """Which genres keep each other's company?"""
    asks = "Which genres keep each other's company?"
    if lack := absent(asks, anime, "genres"):
        return lack
    pairs = tables.genre_pairs(anime)
    known = pairs.dropna()
    if known.empty:
        return Absence(asks, "There are too few anime per genre to say which keep company.")
    most, least = known.loc[known["lift"].idxmax()], known.loc[known["lift"].idxmin()]
    return Finding(
        "genre_pairs",
        asks,
        f"{most['genre']} and {most['other']} meet {most['lift']:.1f} times as often as by chance, "
        f"{least['genre']} and {least['other']} {least['lift']:.2f} times.",
        plots.heatmap(
            pairs,
            row="genre",
            column="other",
            value="lift",
            title=f"{most['genre']} meets {most['other']} {most['lift']:.1f} times as often as by "
            "chance",
            form=lambda lift: f"{lift:.1f}",
            centre=1.0,
            log=True,
        ),
        pairs,
        Effect(float(most["lift"]), "lift of the closest pair", len(anime)),
        "A lift says nothing of how common a pair is; pairs expected under five times are left "
        "empty.",
        formats={"lift": "{:.2f}"},
    )


def genre_growth(anime: pd.DataFrame, n: int = 14) -> Finding | Absence:
    """Which genres grew over the decades?"""
    asks = "Which genres grew over the decades?"
    if lack := absent(asks, anime, "genres"):
        return lack
    dated = anime.assign(decade=tables.years(anime) // 10 * 10).dropna(subset="decade")
    sizes = dated["decade"].value_counts().sort_index()
    sizes = sizes[sizes >= 20]
    if len(sizes) < 2:
        return Absence(asks, "Fewer than two decades hold twenty dated anime.")
    rows = tables.genre_rows(dated[dated["decade"].isin(sizes.index)])
    common = rows["genre"].value_counts().index[:n]
    table = pd.crosstab(rows["genre"], rows["decade"]).loc[common] / sizes
    first, last = table.columns[0], table.columns[-1]
    change = table[last] - table[first]
    up, down = change.idxmax(), change.idxmin()
    tidy = table.loc[change.sort_values(ascending=False).index].rename_axis("genre").reset_index()
    tidy = tidy.melt("genre", var_name="decade", value_name="share")
    tidy["decade"] = tidy["decade"].map(lambda year: f"{year:.0f}s")
    p, q = table.loc[up, last], table.loc[up, first]
    half = 1.959964 * np.sqrt(p * (1 - p) / sizes[last] + q * (1 - q) / sizes[first])
    gain = float(change[up])
    return Finding(
        "genre_growth",
        asks,
        f"From the {first:.0f}s to the {last:.0f}s {up} grew most, from {q:.0%} to {p:.0%} of the "
        f"anime ({style.points(gain)} points, {style.points(gain - half)} to "
        f"{style.points(gain + half)}); {down} shrank most, from {table.loc[down, first]:.0%} to "
        f"{table.loc[down, last]:.0%}.",
        plots.heatmap(
            tidy,
            row="genre",
            column="decade",
            value="share",
            title=f"{up} grew from {q:.0%} to {p:.0%} of a decade's anime (percent)",
            form=lambda share: f"{100 * share:.0f}",
        ),
        tidy,
        Effect(gain, "change of share", int(sizes.sum()), gain - half, gain + half),
        "The pair of extremes was picked after looking, so that its interval is too narrow.",
        formats={"share": "{:.1%}"},
    )


def community_scores(anime: pd.DataFrame) -> Finding | Absence:
    """How does the community score the catalogue?"""
    asks = "How does the community score the catalogue?"
    if lack := absent(asks, anime, "score"):
        return lack
    scores = anime[["score"]].astype(float).dropna().assign(of="mean score of each anime")
    low, middle, high = scores["score"].quantile([0.05, 0.5, 0.95])
    return Finding(
        "scores",
        asks,
        f"Half of the {len(scores):,} scored anime lie above {middle:.2f}; nine in ten lie between "
        f"{low:.2f} and {high:.2f}. A 7 is ordinary, not good.",
        plots.histograms(
            scores,
            value="score",
            panel="of",
            title=f"Half of {len(scores):,} anime score above {middle:.2f}",
            value_label="community score",
            y_label="share of anime",
        ),
        effect=Effect(float(middle), "median score", len(scores)),
        caveat="People choose what they watch, so scores are of those who expected to like it.",
    )


def score_and_reach(anime: pd.DataFrame) -> Finding | Absence:
    """Are popular anime better anime?"""
    asks = "Are popular anime better anime?"
    if lack := absent(asks, anime, "score", "members"):
        return lack
    points, _ = tables.quality_and_reach(anime)
    if len(points) < 10:
        return Absence(asks, "Fewer than ten anime have both a score and members.")
    effect = correlation(points["members"].to_numpy(), points["score"].to_numpy())
    return Finding(
        "score_and_reach",
        asks,
        f"Over {len(points):,} anime the rank correlation of members and score is "
        f"{effect.value:+.2f} ({effect.low:+.2f} to {effect.high:+.2f}).",
        plots.density(
            points,
            x="members",
            y="score",
            title=f"Score goes with reach: rank correlation {effect.value:+.2f}",
            x_label="members who have it on a list",
            y_label="community score",
            log_x=True,
        ),
        effect=effect,
        caveat="It does not say which came first: good anime spread, and widely sold ones meet "
        "viewers who like their kind.",
        advice=Advice(
            "People who build recommenders",
            "popularity already carries quality here; a model has to beat it among the less known, "
            "so judge it there too.",
            0.2,
        ),
    )


def most_listed(anime: pd.DataFrame, ratings: pd.DataFrame, n: int = 15) -> Finding | Absence:
    """Which anime are on most lists?"""
    asks = "Which anime are on most lists?"
    if ratings.empty:
        return Absence(asks, "This dataset holds no lists.")
    counts = ratings["anime_id"].value_counts().head(n)
    users = ratings["user_id"].nunique()
    table = pd.DataFrame({"title": _titles(anime, counts.index), "lists": counts.to_numpy()})
    table["share"] = table["lists"] / users
    first = table.iloc[0]
    return Finding(
        "most_listed",
        asks,
        f"{first['title']} is on {first['lists']:,} of {users:,} lists ({first['share']:.0%}); the "
        f"{len(table)}th is still on {table['share'].iloc[-1]:.0%}.",
        plots.ranked_bars(
            table,
            label="title",
            value="share",
            title=f"{first['share']:.0%} of lists hold {style.shortened(first['title'], 30)}",
            form=style.percent,
        ),
        table,
        Effect(float(first["share"]), "share of lists", users),
        formats={"share": "{:.1%}"},
    )


def _titles(anime: pd.DataFrame, ids: pd.Index) -> np.ndarray:
    return anime.drop_duplicates("anime_id").set_index("anime_id")["title"].reindex(ids).to_numpy()


def best_scored(anime: pd.DataFrame, ratings: pd.DataFrame, n: int = 15) -> Finding | Absence:
    """Which anime do the people of this dataset score best, once few scores are not trusted?"""
    asks = "Which anime are scored best, once few scores are not trusted?"
    if lack := absent(asks, ratings, "rating"):
        return lack
    scored = ratings[["anime_id", "rating"]].dropna().astype({"rating": "float32"})
    grouped = scored.groupby("anime_id")["rating"]
    table = pd.DataFrame({"mean": grouped.mean().astype(float), "scores": grouped.size()})
    table["shrunken"] = shrunken(table["mean"], table["scores"], prior=25)
    raw = table["mean"].idxmax()
    table = table.sort_values("shrunken", ascending=False).head(n)
    table.insert(0, "title", _titles(anime, table.index))
    first = table.iloc[0]
    raw_title = _titles(anime, pd.Index([raw]))[0]
    raw_row = grouped.get_group(raw)
    return Finding(
        "best_scored",
        asks,
        f"{first['title']}: {first['scores']:,.0f} scores of mean {first['mean']:.2f}. The plain "
        f"mean would have crowned {raw_title} on {len(raw_row)} "
        f"score{'s' if len(raw_row) > 1 else ''} of {raw_row.mean():.1f}.",
        plots.ranked_bars(
            table,
            label="title",
            value="shrunken",
            title=f"Best scored: {style.shortened(first['title'], 40)}",
            form=lambda score: f"{score:.2f}",
        ),
        table.reset_index(),
        Effect(float(first["shrunken"]), "shrunken mean score", int(first["scores"])),
        "25 average scores are added to each anime; another number gives another order in the "
        "middle ranks.",
        formats=_SCORES,
    )


def most_favourited(anime: pd.DataFrame, n: int = 15) -> Finding | Absence:
    """Which anime are named favourites most, for their reach?"""
    asks = "Which anime are loved beyond their reach?"
    if lack := absent(asks, anime, "favorites", "members"):
        return lack
    table = anime[["title", "favorites", "members"]].dropna().astype({"members": float})
    table = table[table["members"] >= 1000]
    if table.empty:
        return Absence(asks, "No anime has a thousand members.")
    table["per_thousand"] = 1000 * table["favorites"].astype(float) / table["members"]
    table = table.nlargest(n, "per_thousand").reset_index(drop=True)
    first = table.iloc[0]
    return Finding(
        "favourites",
        asks,
        f"{first['title']} is a favourite of {first['per_thousand']:.0f} in a thousand of the "
        f"{first['members']:,.0f} who list it, more than any other anime with a thousand members.",
        plots.ranked_bars(
            table,
            label="title",
            value="per_thousand",
            title="Favourites per thousand members",
        ),
        table,
        Effect(float(first["per_thousand"]), "favourites per thousand", int(first["members"])),
        "The site allows few favourites a person, so that this is a ranking of first loves.",
    )
