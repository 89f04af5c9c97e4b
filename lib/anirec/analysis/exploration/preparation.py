"""Questions of what becomes of the rows: accounting, meaning, encoding, scales, the split."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from anirec.analysis import plots, style
from anirec.analysis.exploration import tables
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions, hold_out

__all__ = [
    "causes_of_repair",
    "funnel",
    "lengths_of_lists",
    "matrix_of_lists",
    "meaning_of_entries",
    "memory_of_tables",
    "scales_side_by_side",
    "side_information",
    "who_is_held_out",
]


def funnel(ingested: Mapping, ratings: pd.DataFrame, lists: Interactions, least: int) -> Finding:
    """How many raw rows become input of a model, and where are the others lost?"""
    account = tables.accounting(ingested)
    read, kept, rejected = (int(account[name].sum()) for name in ("read", "kept", "rejected"))
    long_enough = lists.lengths >= least
    steps = [
        ("list entries in the table", len(ratings)),
        ("of them not only planned", lists.nnz),
        (f"on lists of {least} or more", int(lists.lengths[long_enough].sum())),
    ]
    table = pd.DataFrame(steps, columns=["step", "rows"])
    used = steps[-1][1]
    figure = None
    if len(ratings):
        figure = plots.ranked_bars(
            table,
            label="step",
            value="rows",
            title=f"{used / len(ratings):.1%} of list entries reach the models",
            keep_order=True,
        )
    balance = (
        "so every row is accounted for" if kept + rejected == read else "which does NOT add up"
    )
    return Finding(
        "funnel",
        "How many raw rows become input of a model?",
        f"{kept:,} rows kept + {rejected:,} rejected = {read:,} read, {balance}. Of "
        f"{len(ratings):,} list entries {used:,} reach the models; {int((~long_enough).sum()):,} "
        f"users have lists of fewer than {least} and are left out of training.",
        figure,
        account,
        Effect(used / max(len(ratings), 1), "share of list entries used", len(ratings)),
    )


def causes_of_repair(ingested: Mapping) -> Finding | Absence:
    """What was repaired or rejected, and why?"""
    asks = "What was repaired or rejected, and why?"
    causes = tables.reasons(ingested)
    if causes.empty:
        return Absence(asks, "Nothing had to be repaired or rejected.")
    causes = causes.sort_values("rows", ascending=False, ignore_index=True)
    first = causes.iloc[0]
    return Finding(
        "reasons",
        asks,
        f"Commonest of {len(causes)} reasons: {first['rows']:,} rows of {first['file']} "
        f"{first['outcome']}, {first['reason']}. rejects.csv names each rejected line.",
        table=causes,
    )


def meaning_of_entries(ratings: pd.DataFrame) -> Finding | Absence:
    """What does an entry mean to a model?"""
    asks = "What does a list entry mean to a model?"
    if ratings.empty:
        return Absence(asks, "This dataset holds no lists, so there is nothing to show here.")
    kinds = tables.entry_kinds(ratings)
    used = len(ratings) - int(kinds["entries"].iloc[-1])
    scored = kinds["entries"].iloc[0] / max(used, 1)
    return Finding(
        "entry_kinds",
        asks,
        f"Models learn from {used:,} of {len(ratings):,} entries, {scored:.0%} of them scored.",
        table=kinds,
        effect=Effect(float(scored), "share of used entries with a score", used),
        caveat="That an unscored drop is a mild dislike is our reading, not the person's word.",
    )


def matrix_of_lists(lists: Interactions) -> Finding | Absence:
    """How are ids encoded, and how sparse is the matrix?"""
    asks = "How are lists encoded?"
    if not lists.nnz:
        return Absence(asks, "This dataset holds no lists, so there is nothing to show here.")
    n_users, n_anime = lists.shape
    share = lists.nnz / (n_users * n_anime)
    arrays = (lists.indptr, lists.indices, lists.ratings, lists.dropped)
    size = sum(array.nbytes for array in arrays) / 1e6
    return Finding(
        "matrix",
        asks,
        f"The matrix has {n_users:,} rows (users), {n_anime:,} columns (anime) and {lists.nnz:,} "
        f"entries: {share:.2%} of its cells. It takes {size:,.1f} MB; with every cell written out "
        f"it would take {4 * n_users * n_anime / 1e6:,.0f} MB.",
        effect=Effect(share, "share of cells filled", lists.nnz),
    )


def lengths_of_lists(lists: Interactions, least: int) -> Finding | Absence:
    """How long are the lists?"""
    asks = "How long are the lists?"
    if not lists.nnz:
        return Absence(asks, "This dataset holds no lists, so there is nothing to show here.")
    middle = float(np.median(lists.lengths))
    short = int((lists.lengths < least).sum())
    return Finding(
        "list_lengths",
        asks,
        f"Half of the users have at least {middle:,.0f} entries, the longest list has "
        f"{lists.lengths.max():,}; {short:,} users have fewer than {least}.",
        plots.histograms(
            tables.list_counts(lists),
            value="count",
            panel="of",
            title=f"Half of all lists hold {middle:,.0f} entries or more",
            value_label="entries (each step multiplies)",
            log=True,
            bins=25,
        ),
        effect=Effect(middle, "median entries a list", lists.shape[0]),
        caveat="Both axes are multiplied from step to step: the longest lists are far longer than "
        "they look.",
    )


def scales_side_by_side(lists: Interactions, at_most: int = 200_000) -> Finding | Absence:
    """What do scores look like raw, from 0 to 1, centred, and as signed preferences?"""
    asks = "What becomes of a score: raw, from 0 to 1, centred or as a signed preference?"
    scored = lists.scored
    if not scored.any():
        return Absence(
            asks, "This dataset holds no scores by users, so there is nothing to show here."
        )
    raw = lists.ratings[scored].astype(float)
    centred = raw - lists.user_means()[lists.rows[scored]]
    every = max(1, len(raw) // at_most)
    forms = {"from 0 to 1": (raw - 1) / 9, "less own mean": centred}
    frame = pd.concat(
        [pd.DataFrame({"value": v[::every], "of": name}) for name, v in forms.items()]
    )
    rows = [
        (name, v.mean(), v.std(), v.min(), v.max()) for name, v in {"raw": raw, **forms}.items()
    ]
    signed = 1 + 0.3 * centred
    rows.append(("signed preference (w = 0.3)", *(getattr(signed, f)() for f in _SUMMARY)))
    below = float((centred < 0).mean())
    return Finding(
        "scales",
        asks,
        f"From 0 to 1 a score keeps the person's habit; once their own mean is taken off, "
        f"{below:.0%} of scores lie below zero, which is what a model can call a dislike.",
        plots.histograms(
            frame,
            value="value",
            panel="of",
            title=f"Centred, {below:.0%} of scores are below a person's own mean",
            value_label="score after the change",
            y_label="share of scores",
            bins=30,
        ),
        pd.DataFrame(rows, columns=["form", "mean", "sd", "least", "most"]),
        Effect(below, "share of scores below the own mean", len(raw)),
    )


_SUMMARY = ("mean", "std", "min", "max")


def who_is_held_out(
    lists: Interactions, split: pd.DataFrame, given_fraction: float = 0.8, seed: int = 0
) -> Finding | Absence:
    """Who is held out, and does nothing leak from them into training?"""
    asks = "Who is held out to judge by, and does anything leak?"
    if not lists.nnz:
        return Absence(asks, "This dataset holds no lists, so there is nothing to show here.")
    roles = split["role"].value_counts(sort=False).rename_axis("role").rename("users").reset_index()
    roles["role"] = roles["role"].astype(str)
    of = roles.set_index("role")["users"]
    test = lists.users((split["role"] == "test").to_numpy())
    given, hidden = hold_out(test, given_fraction, seed)
    shared = int((given.matrix().multiply(hidden.matrix())).nnz)
    train_ids = split.loc[split["role"] == "train", "user_id"]
    both = int(train_ids.isin(test.user_ids).sum())
    clean = "Nothing leaks" if shared == both == 0 else "THERE IS A LEAK"
    return Finding(
        "split",
        asks,
        f"{of['train']:,} users train the models, {of['validation']:,} are for validation and "
        f"{of['test']:,} for the test; {of['short']:,} have too short a list. {clean}: {both} test "
        f"users are among those who train, {shared} hidden entries are among those shown.",
        table=roles,
        effect=Effect(float(shared + both), "entries or users on both sides", test.nnz),
        caveat="Users are drawn at random, not by time: tomorrow's newcomers may differ.",
    )


def side_information(features: ItemFeatures) -> Finding | Absence:
    """What is known of each anime besides who watched it?"""
    asks = "What is known of each anime besides who watched it?"
    overview = features.overview()
    if not len(overview):
        return Absence(asks, "The catalogue says nothing of its anime but their titles.")
    kinds = ", ".join(kind.replace("_", " ") for kind in overview["feature"])
    return Finding(
        "features",
        asks,
        f"{len(overview)} kinds of tags describe the anime on lists, {overview['tags'].sum():,} "
        f"tags in all: {kinds}.",
        plots.ranked_bars(
            overview.assign(feature=overview["feature"].str.replace("_", " ")),
            label="feature",
            value="share_with",
            title=f"{len(overview)} kinds of tags, by share of anime that have one",
            form=style.percent,
        ),
        overview,
        Effect(float(overview["tags"].sum()), "tags", len(features.anime_ids)),
        "Tags are the editors' words; that two anime share one does not make them alike.",
        formats={"share_with": "{:.1%}"},
    )


def memory_of_tables(by_name: Mapping[str, pd.DataFrame]) -> Finding:
    """How much memory does each table take?"""
    rows = [(name, len(f), f.memory_usage(deep=False).sum() / 1e6) for name, f in by_name.items()]
    table = pd.DataFrame(rows, columns=["table", "rows", "megabytes"])
    largest = table.loc[table["megabytes"].idxmax()]
    return Finding(
        "memory",
        "How much memory do the tables take?",
        f"{table['megabytes'].sum():,.1f} MB in all (texts beside them), most of it for "
        f"{largest['table']}. Narrow types are why: a score needs one byte, an id four.",
        table=table,
        effect=Effect(float(table["megabytes"].sum()), "MB", int(table["rows"].sum())),
        formats={"megabytes": "{:.1f}"},
    )
