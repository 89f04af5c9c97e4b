"""Recommending to who names one to ten titles: the commonest visit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from anirec.evaluation.ranking import accuracy, rank, targets, was_liked
from anirec.interactions import Interactions, give_few
from anirec.metrics import information_at
from anirec.models import Model

NUMBERS = (1, 2, 3, 5, 10)
"""Titles given."""

MIN_LIST = 25
"""Entries of a list that is judged by, at least."""


def few_given(lists: Interactions, n: int, seed: int = 0) -> tuple[Interactions, Interactions]:
    """Give ``n`` of the entries liked on each list of at least 25, and hide the rest of it.

    Lists with fewer than ``n`` such entries are left out.
    """
    able = was_liked(lists)
    enough = np.bincount(lists.rows, able, lists.shape[0]) >= n
    long = enough & (lists.lengths >= MIN_LIST)
    return give_few(lists.users(long), n, able[long[lists.rows]], [seed, n])


def few_titles(
    models: Mapping[str, Model],
    lists: Interactions,
    train: Interactions,
    numbers: tuple[int, ...] = NUMBERS,
    seeds: tuple[int, ...] = (0,),
) -> pd.DataFrame:
    """Compare models by how well they serve who names few titles.

    Parameters
    ----------
    lists : those of the people judged by.
    train : the lists learned from, by which it is told what goes together.

    Returns
    -------
    pandas.DataFrame
        A row per ``model`` and number of titles ``given``, means over ``seeds``: ``users``,
        ``watched`` and ``liked`` (NDCG@10), ``coverage`` (share of all anime that somebody is shown
        among twenty) and ``information`` (see `metrics.information_at`, at 10).
    """
    rows = []
    for n in numbers:
        for seed in seeds:
            given, hidden = few_given(lists, n, seed)
            for name, model in models.items():
                ranked = rank(model, given, 20)
                row = {"model": name, "given": n, "users": given.shape[0]}
                for target, relevant in targets(hidden, given).items():
                    table = accuracy(ranked, relevant, (10,))
                    row[target] = table.loc[table["metric"] == "ndcg", "value"].mean()
                row["coverage"] = len(np.unique(ranked)) / train.shape[1]
                row["information"] = information_at(ranked, given, train, 10).mean()
                rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.groupby(["model", "given"], sort=False).mean().reset_index()
