"""The classic claims about this audience, put to the data: holds, does not hold, cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.analysis.finding import Absence, Effect, Finding, absent
from anirec.analysis.insights import measures
from anirec.analysis.statistics import Z95

__all__ = [
    "claim_countries",
    "claim_decline_beyond_fifty",
    "claim_largest_age",
    "claim_non_binary_drop",
    "claim_peaks",
]


def claim_peaks(people: pd.DataFrame) -> Finding | Absence:
    """Does engagement peak in the early twenties and the mid-forties?

    A smooth curve (a cubic of age) is fitted to the share completed; bumps at 20-24 and 43-47 are
    then added and their heights tested against none.
    """
    asks = "Claim: engagement peaks in the early twenties and the mid-forties?"
    if lack := absent(asks, people, "age", "completed"):
        return lack
    known = measures.started_shares(people).dropna(subset=["age", "completed"])
    bumps = {"20 to 24": known["age"].between(20, 25), "43 to 47": known["age"].between(43, 48)}
    if len(known) < 200 or min(b.sum() for b in bumps.values()) < 20:
        return Absence(
            asks, "It cannot be told: fewer than twenty people of these ages have a list."
        )
    from anirec.analysis.statistics import linear_effects

    age = (known["age"].to_numpy() - 30) / 10
    design = np.column_stack([age, age**2, age**3, *(b.astype(float) for b in bumps.values())])
    effect, error = linear_effects(design, known["completed"].to_numpy())
    rows = [
        (name, 100 * e, 100 * (e - Z95 * s), 100 * (e + Z95 * s), int(b.sum()))
        for (name, b), e, s in zip(bumps.items(), effect[3:], error[3:], strict=True)
    ]
    table = pd.DataFrame(rows, columns=["ages", "points", "low", "high", "people"])
    holds = "It cannot be told"
    if (table["low"] > 0).all():
        holds = "It holds"
    elif (table["high"] < 0).any():
        holds = "It does not hold"
    words = "; ".join(
        f"{r.ages}: {r.points:+.1f} points ({r.low:+.1f} to {r.high:+.1f})"
        for r in table.itertuples()
    )
    weaker = table.loc[table["low"].idxmin()]
    return Finding(
        "claim_peaks",
        asks,
        f"{holds} here. Beside a smooth curve of age the share completed stands at ages {words}.",
        table=table,
        effect=Effect(
            weaker["points"], "points completed", len(known), weaker["low"], weaker["high"], 0.0
        ),
        caveat="Completion stands for engagement; the curve without peaks is a cubic.",
        formats=dict.fromkeys(("points", "low", "high"), "{:+.1f}"),
    )


def claim_decline_beyond_fifty(people: pd.DataFrame) -> Finding | Absence:
    """Does engagement decline beyond fifty?"""
    asks = "Claim: engagement declines beyond fifty?"
    if lack := absent(asks, people, "age", "completed"):
        return lack
    known = measures.started_shares(people).dropna(subset=["age", "completed"])
    return _two_groups(
        known.loc[known["age"] >= 50, "completed"],
        known.loc[known["age"].between(35, 50), "completed"],
        ("those of fifty and over", "those of 35 to 49"),
        "completed",
        "claim_fifty",
        asks,
        expected=-1,
    )


def claim_non_binary_drop(people: pd.DataFrame) -> Finding | Absence:
    """Do non-binary users drop more?"""
    asks = "Claim: non-binary users drop more?"
    if lack := absent(asks, people, "gender", "dropped"):
        return lack
    known = measures.started_shares(people).dropna(subset=["gender", "dropped"])
    return _two_groups(
        known.loc[known["gender"] == "Non-Binary", "dropped"],
        known.loc[known["gender"] != "Non-Binary", "dropped"],
        ("non-binary users", "the others"),
        "dropped",
        "claim_non_binary",
        asks,
        expected=1,
    )


def _two_groups(
    one: pd.Series,
    other: pd.Series,
    names: tuple[str, str],
    outcome: str,
    file: str,
    asks: str,
    expected: int,
) -> Finding | Absence:
    """Compare the mean share of two groups with what was claimed, up (1) or down (-1)."""
    if min(len(one), len(other)) < 20:
        return Absence(asks, f"It cannot be told: {min(len(one), len(other))} people on one side.")
    gap = float(one.mean() - other.mean())
    error = float(np.sqrt(one.var() / len(one) + other.var() / len(other)))
    low, high = gap - Z95 * error, gap + Z95 * error
    holds = "It cannot be told" if low <= 0 <= high else "It does not hold"
    if (low > 0 and expected > 0) or (high < 0 and expected < 0):
        holds = "It holds"
    return Finding(
        file,
        asks,
        f"{holds} here: {names[0]} have {one.mean():.1%} {outcome} of what they started, "
        f"{names[1]} {other.mean():.1%}, {100 * gap:+.1f} points apart ({100 * low:+.1f} to "
        f"{100 * high:+.1f}; {len(one):,} and {len(other):,} people).",
        table=pd.DataFrame(
            {"group": names, outcome: [one.mean(), other.mean()], "people": [len(one), len(other)]}
        ),
        effect=Effect(gap, f"share {outcome}", len(one) + len(other), low, high, null=0.0),
        caveat="Years of membership and what was watched differ between the two as well.",
        formats={outcome: "{:.1%}"},
    )


NOTABLE = {"PL": "Poland", "DE": "Germany", "BR": "Brazil", "CA": "Canada"}
"""Countries in which the audience is said to be notable."""


def claim_countries(people: pd.DataFrame) -> Finding | Absence:
    """Is the audience notable in Poland, Germany, Brazil and Canada?

    Users per million inhabitants there are put beside those of all other countries together that
    users name; chance alone would scatter the counts as Poisson's law has it.
    """
    asks = "Claim: the audience is notable in Poland, Germany, Brazil and Canada?"
    if lack := absent(asks, people, "country"):
        return lack
    table = measures.users_per_million(people)
    own = table[table["country"].isin(NOTABLE)]
    if len(own) < len(NOTABLE) or own["users"].min() < 5:
        named = own.loc[own["users"] >= 5, "country"]
        few = [name for code, name in NOTABLE.items() if code not in set(named)]
        return Absence(asks, f"It cannot be told: fewer than five users are of {', '.join(few)}.")
    rows = []
    for row in own.itertuples():
        rest = table[table["country"] != row.country]
        elsewhere = rest["users"].sum() / rest["million"].sum()
        ratio, error = row.per_million / elsewhere, np.sqrt(1 / row.users + 1 / rest["users"].sum())
        low, high = ratio * np.exp(-Z95 * error), ratio * np.exp(Z95 * error)
        rows.append((NOTABLE[row.country], row.users, row.per_million, ratio, low, high))
    columns = ["country", "users", "per_million", "times_elsewhere", "low", "high"]
    found = pd.DataFrame(rows, columns=columns).sort_values("times_elsewhere", ignore_index=True)
    holds = "It cannot be told"
    if (found["low"] > 1).all():
        holds = "It holds"
    elif (found["high"] < 1).any():
        holds = "It does not hold"
    words = "; ".join(
        f"{r.country} {r.times_elsewhere:.1f} times ({r.low:.1f} to {r.high:.1f})"
        for r in found.itertuples()
    )
    weakest = found.iloc[0]
    return Finding(
        "claim_countries",
        asks,
        f"{holds} here. Users per million inhabitants, compared with all other countries that "
        f"users name: {words}.",
        table=found,
        effect=Effect(
            weakest["times_elsewhere"],
            f"times as many for its size, {weakest['country']}",
            int(table["users"].sum()),
            weakest["low"],
            weakest["high"],
            null=1.0,
        ),
        caveat="Countries that nobody names are not among the others, so these are compared with "
        "places where the site is known at all.",
        formats=dict.fromkeys(("per_million", "times_elsewhere", "low", "high"), "{:.2f}"),
    )


def claim_largest_age(people: pd.DataFrame) -> Finding | Absence:
    """Is the largest age group in the early thirties?"""
    asks = "Claim: the largest age group is in the early thirties?"
    if lack := absent(asks, people, "age"):
        return lack
    ages = people["age"].dropna()
    bands = (ages // 5 * 5).astype(int).value_counts()
    if len(ages) < 50:
        return Absence(asks, "It cannot be told: fewer than fifty people state an age.")
    first, n = int(bands.index[0]), len(ages)
    claimed, rival = (int(bands.get(30, 0)) / n, float(bands.drop(30, errors="ignore").max()) / n)
    gap = claimed - rival
    half = Z95 * np.sqrt((claimed + rival - gap**2) / n)
    holds = "It cannot be told"
    if abs(gap) > half:
        holds = "It holds" if gap > 0 else "It does not hold"
    table = bands.rename_axis("from_age").rename("users").reset_index()
    return Finding(
        "claim_largest_age",
        asks,
        f"{holds} here: {claimed:.1%} of {n:,} are 30 to 34, {100 * gap:+.1f} points "
        f"({100 * (gap - half):+.1f} to {100 * (gap + half):+.1f}) beside the largest other band "
        f"of five years; most are {first} to {first + 4}.",
        table=table,
        effect=Effect(gap, "share above the largest other band", n, gap - half, gap + half, 0.0),
        caveat="At the snapshot, of those who state a birthday.",
    )
