"""Questions of the audience: who tells who they are, how old, of what gender, from where."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.finding import Absence, Advice, Effect, Finding, absent
from anirec.analysis.insights import measures
from anirec.analysis.statistics import Z95

__all__ = [
    "ages_and_genders",
    "audience_countries",
    "countries_for_their_size",
    "how_silent_people_differ",
    "shares_of_genders",
    "suspicious_ages",
    "when_people_joined",
    "who_tells",
]

NOBODY = "This dataset says nothing of its users: gender, age, country and list counts are missing."
SHARES = dict.fromkeys(("share", "low", "high"), "{:.1%}")


def who_tells(people: pd.DataFrame) -> Finding | Absence:
    """How many people tell who they are?"""
    asks = "How many people tell who they are?"
    if people.empty:
        return Absence(asks, NOBODY)
    table = measures.stated(people, ["gender", "age", "location", "country", "joined"])
    both = int(people[["gender", "age"]].notna().all(axis=1).sum())
    return Finding(
        "stated",
        asks,
        f"Of {len(people):,} users {both:,} ({both / len(people):.0%}) state both gender and a "
        "believable age. Whatever follows on gender, age and country speaks of them alone.",
        plots.ranked_bars(
            table,
            label="column",
            value="share",
            title=f"{both / len(people):.0%} of users state both gender and age",
            form=style.percent,
        ),
        table,
        Effect(both / len(people), "share of users who state both", len(people)),
        "Who states a thing chose to.",
        formats=SHARES,
    )


def suspicious_ages(people: pd.DataFrame, on: pd.Timestamp) -> Finding | Absence:
    """How many stated ages are impossible, and how many birthdays are defaults?"""
    asks = "How many stated birthdays can be believed?"
    if lack := absent(asks, people, "birth_date"):
        return lack
    born = people["birth_date"].dropna()
    age = (on - born).dt.days / 365.2425
    impossible = float(((age < 13) | (age >= 100)).mean())
    first = float(((born.dt.month == 1) & (born.dt.day == 1)).mean())
    rows = [
        ("under 13 or 100 and over", impossible, int(((age < 13) | (age >= 100)).sum())),
        ("born on the first of January", first, round(first * len(born))),
        ("expected by chance", 1 / 365.25, round(len(born) / 365.25)),
    ]
    return Finding(
        "birthdays",
        asks,
        f"{impossible:.1%} of {len(born):,} stated birthdays make their owner younger than 13 or "
        f"100 and older and are left out; {first:.1%} fall on the first of January, where chance "
        f"would put {1 / 365.25:.1%}.",
        table=pd.DataFrame(rows, columns=["birthday", "share", "users"]),
        effect=Effect(impossible, "share of impossible ages", len(born)),
        formats=SHARES,
    )


def ages_and_genders(people: pd.DataFrame) -> Finding | Absence:
    """How old is the audience, and of what gender?"""
    asks = "How old is the audience, and of what gender?"
    if lack := absent(asks, people, "gender", "age"):
        return lack
    counts = measures.pyramid_counts(people)
    if counts["users"].sum() == 0:
        return Absence(asks, "Nobody states both a gender and a believable age.")
    ages = people["age"].dropna()
    fullest = people["age_band"].value_counts().index[0]
    return Finding(
        "pyramid",
        asks,
        measures.pyramid_sentence(people),
        plots.pyramid(
            counts,
            band="age_band",
            side="gender",
            count="users",
            sides=("Male", "Female"),
            title=f"The fullest band is {fullest} years",
        ),
        counts,
        Effect(float(ages.median()), "median age in years", len(ages)),
        "Ages are counted at the snapshot: most of these people joined when they were younger.",
    )


def shares_of_genders(people: pd.DataFrame) -> Finding | Absence:
    """How do the genders divide?"""
    asks = "How do the genders divide?"
    if lack := absent(asks, people, "gender"):
        return lack
    table = measures.group_shares(people, "gender")
    first, silent = table.iloc[0], float(people["gender"].isna().mean())
    least = first["share"] * (1 - silent)
    return Finding(
        "genders",
        asks,
        f"{first['share']:.1%} ({first['low']:.1%} to {first['high']:.1%}) of the "
        f"{table['users'].sum():,} users who state a gender state {first['gender']}; {silent:.0%} "
        f"of all users state none. If all of these were of one gender, the share could be anything "
        f"from {least:.0%} to {least + silent:.0%}.",
        plots.intervals(
            table,
            label="gender",
            value="share",
            low="low",
            high="high",
            title=f"{first['share']:.0%} of those who say state {first['gender']}",
            value_label="share of users who state a gender",
            form=style.percent,
        ),
        table,
        Effect(first["share"], "share", int(table["users"].sum()), first["low"], first["high"]),
        "The interval knows of chance only, not of who chose to answer; the range does.",
        formats=SHARES,
    )


def audience_countries(people: pd.DataFrame) -> Finding | Absence:
    """Which countries do they come from?"""
    asks = "Which countries do they come from?"
    if lack := absent(asks, people, "country"):
        return lack
    table = measures.group_shares(people, "country")
    table["name"] = measures.country_names(table["country"])
    first = table.iloc[0]
    return Finding(
        "countries",
        asks,
        f"{len(table)} countries occur; {first['name']} leads with {first['share']:.1%} "
        f"({first['low']:.1%} to {first['high']:.1%}) of the {table['users'].sum():,} users whose "
        f"place names a country, the first five hold {table['share'].head(5).sum():.0%}.",
        plots.world_map(
            table.set_index("country")["share"],
            title=f"{first['name']} holds {first['share']:.0%} of users with a known country",
            form=style.percent,
        ),
        table,
        Effect(first["share"], "share", int(table["users"].sum()), first["low"], first["high"]),
        "Places are free text: 'the moon' and 'Georgia' name no country for sure and are out.",
        formats=SHARES,
    )


def countries_for_their_size(
    people: pd.DataFrame, least: int = 10, n: int = 20
) -> Finding | Absence:
    """Which countries have most users for their inhabitants?"""
    asks = "Which countries have most users per million inhabitants?"
    if lack := absent(asks, people, "country"):
        return lack
    table = measures.users_per_million(people)
    table = table[(table["users"] >= least) & (table["million"] > 0.3)]
    if table.empty:
        return Absence(asks, f"No country has {least} users.")
    error = np.sqrt(table["users"]) / table["million"]
    table = table.assign(
        low=(table["per_million"] - Z95 * error).clip(lower=0),
        high=table["per_million"] + Z95 * error,
    )
    table = table.nlargest(n, "per_million").reset_index(drop=True)
    table["name"] = measures.country_names(table["country"])
    first = table.iloc[0]
    return Finding(
        "per_million",
        asks,
        f"{first['name']}: {first['per_million']:.2g} of these users per million inhabitants "
        f"({first['low']:.2g} to {first['high']:.2g}), the most where there are {least} users.",
        plots.intervals(
            table,
            label="name",
            value="per_million",
            low="low",
            high="high",
            title=f"{first['name']} has most users for its size",
            value_label="users per million inhabitants",
            form=lambda value: f"{value:.2g}",
        ),
        table,
        Effect(
            first["per_million"],
            "users per million",
            int(first["users"]),
            first["low"],
            first["high"],
        ),
        "An English-speaking site reaches English-speaking countries; it measures no market.",
        formats=dict.fromkeys(("per_million", "low", "high", "million"), "{:.2f}"),
    )


def when_people_joined(people: pd.DataFrame) -> Finding | Absence:
    """When did they join?"""
    asks = "When did they join?"
    if lack := absent(asks, people, "joined"):
        return lack
    table = measures.joined_by_year(people)
    fullest = table.loc[table["users"].idxmax()]
    return Finding(
        "joined",
        asks,
        f"Most joined in {fullest['year']}: {fullest['users']:,} of {table['users'].sum():,}.",
        plots.columns(
            table,
            x="year",
            y="users",
            title=f"Most joined in {fullest['year']}",
            x_label="year",
            y_label="users",
        ),
        table,
        Effect(float(fullest["users"]), f"users who joined in {fullest['year']}", len(people)),
        "Who joined and left again may be missing, the more so the longer ago.",
    )


def how_silent_people_differ(people: pd.DataFrame) -> Finding | Absence:
    """Do those who state a gender differ from those who do not?"""
    asks = "Do people who state a gender differ from those who do not?"
    if lack := absent(asks, people, "gender", "completed"):
        return lack
    listed = measures.status_shares(people)
    listed = listed.assign(says=np.where(listed["gender"].notna(), "state a gender", "state none"))
    table = measures.status_by(listed, "says")
    rows = table[table["status"] == "completed"].set_index("says")
    if len(rows) < 2:
        return Absence(asks, "Fewer than twenty people on one of the two sides have a list.")
    said, silent = rows.loc["state a gender"], rows.loc["state none"]
    gap = said["share"] - silent["share"]
    error = np.hypot(said["high"] - said["low"], silent["high"] - silent["low"]) / (2 * Z95)
    low, high = gap - Z95 * error, gap + Z95 * error
    clear = low > 0 or high < 0
    return Finding(
        "silent",
        asks,
        f"Those who state a gender have completed {said['share']:.1%} of their list, the others "
        f"{silent['share']:.1%}: {style.points(gap)} points apart ({style.points(low)} to "
        f"{style.points(high)}). "
        + (
            "So sentences about the stated do not carry over to everybody."
            if clear
            else "That is no clear difference in this respect; in others there may be one."
        ),
        plots.intervals(
            table,
            label="says",
            value="share",
            low="low",
            high="high",
            panel="status",
            title="Lists of people who state a gender, and of those who do not",
            value_label="share of a list",
            form=style.percent,
        ),
        table,
        Effect(gap, "share of the list", int(rows["users"].sum()), low, high, null=0.0),
        "That two groups agree in one respect does not make them alike in others.",
        Advice(
            "Marketing",
            "do not read the stated part of the audience as the whole of it: the silent majority "
            "finishes another share of what it starts.",
            0.01,
        ),
        SHARES,
    )
