"""Judging by what people did later: learn from before a day, find what came after it.

Hiding entries at random lets a model learn from what others did after the time that it is judged
at; this is what it would have known (Ji et al., "A Critical Study on Data Leakage in Recommender
System Offline Evaluation", TOIS 2023). What the catalogue says of an anime, its members and score,
is still that of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.engine import Engine
from anirec.evaluation.ranking import evaluate
from anirec.interactions import Interactions
from anirec.models import Model

DATES = ("finished", "updated", "started")
"""The columns that date an entry, the most telling first."""

LATER = 0.1
"""The share of dated entries after the day, where none is named."""

MIN_BEFORE = 5
"""Entries that a person judged by has from before the day, at least."""

MOST_JUDGED = 800
"""People judged by at most, drawn at random."""


@dataclass(frozen=True)
class TimeSplit:
    """Lists parted at a day.

    Attributes
    ----------
    day : entries dated before it are learned from.
    train : the lists as they were then, of everybody.
    given, hidden : of the people judged by, the entries before the day, and those since on anime
        that were on a list before it.
    n_undated : entries left out because nothing dates them.
    n_new : entries since the day on anime that no list had before: no model can find them.
    """

    day: pd.Timestamp
    train: Interactions
    given: Interactions
    hidden: Interactions
    n_undated: int
    n_new: int


def entry_days(ratings: pd.DataFrame) -> pd.Series:
    """Return the day of each entry, the first that is known of `DATES`; NaT where none is."""
    days = pd.Series(pd.NaT, index=ratings.index, dtype="datetime64[s]")
    for name in DATES:
        if name in ratings:
            days = days.fillna(pd.to_datetime(ratings[name]).astype("datetime64[s]"))
    return days.dt.floor("D")


def split_at_day(
    ratings: pd.DataFrame, day: str | pd.Timestamp | None = None, seed: int = 0
) -> TimeSplit:
    """Part list entries at a day.

    Parameters
    ----------
    ratings : entries as the canonical table has them.
    day : by default the one that a tenth of the dated entries come after.
    seed : of the draw of people judged by, where there are many.

    Raises
    ------
    InputError
        If no entry is dated, or nobody has enough entries before the day and one since.
    """
    days = entry_days(ratings)
    dated = days.notna()
    if not dated.any():
        raise InputError(f"no entry is dated: one of {', '.join(DATES)} has to be known")
    day = days[dated].quantile(1 - LATER).floor("D") if day is None else pd.Timestamp(day)
    before = dated & (days < day)
    train = Interactions.from_frame(ratings[before])
    later = train.encode(ratings[dated & ~before])
    both = np.intersect1d(train.user_ids[train.lengths >= MIN_BEFORE], later.user_ids)
    both = both[later.lengths[np.searchsorted(later.user_ids, both)] > 0]
    if not len(both):
        raise InputError(
            f"nobody has {MIN_BEFORE} entries before {day:%Y-%m-%d} and one since: name another day"
        )
    drawn = np.random.default_rng(seed).permutation(both)[:MOST_JUDGED]
    given, hidden = (
        lists.users(np.searchsorted(lists.user_ids, np.sort(drawn))) for lists in (train, later)
    )
    return TimeSplit(day, train, given, hidden, int((~dated).sum()), later.n_unknown)


def over_time(
    models: Mapping[str, Model],
    ratings: pd.DataFrame,
    features_of: Callable[[np.ndarray], ItemFeatures] | None = None,
    day: str | pd.Timestamp | None = None,
    seed: int = 0,
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Fit models to the lists before a day and judge them by what came after it.

    Parameters
    ----------
    models : by name; they are fitted anew, and those passed in are left as they are.
    ratings, day, seed : see `split_at_day`.
    features_of : returns side information for anime ids.
    engine : does the ranking; this process by default.

    Returns
    -------
    pandas.DataFrame
        What `evaluate` does, with the ``day``.

    Raises
    ------
    InputError
        As `split_at_day` does.
    """
    split = split_at_day(ratings, day, seed)
    features = features_of(split.train.anime_ids) if features_of is not None else None
    fitted = {
        name: model.unfitted().fit(split.train, features=features) for name, model in models.items()
    }
    table = evaluate(fitted, split.given, split.hidden, seed=seed, engine=engine)
    table.insert(0, "day", split.day)
    return table
