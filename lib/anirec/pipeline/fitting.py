"""Fitting what is served without notebooks: any number of lists, in parts, on any engine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from anirec import evaluation
from anirec.catalogue import read_franchises
from anirec.catalogue.features import item_features
from anirec.config import InputError, Paths, RunParameters
from anirec.datasets.tables import read_table
from anirec.engine import Engine
from anirec.files import write_text
from anirec.interactions import hold_out, split_users
from anirec.models import made
from anirec.partitions import lists_of


def fit_and_keep(
    paths: Paths,
    names: Sequence[str],
    engine: Engine,
    settings: Mapping[str, object] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Fit models to a dataset's lists, judge them, and keep them fitted to everybody.

    Who is held out, and how models are judged, is as in the notebooks. Lists are read a part at a
    time; only those of the people judged by are in memory. Models go to ``models/``, where the
    recommender finds them.

    Parameters
    ----------
    names : of the models, see `models.MODELS`.
    engine : sums up and judges.
    settings : by ``model.setting``, see `models.made`.
    say : told what was done, a line at a time.

    Raises
    ------
    InputError
        If the dataset was not ingested, there is no such model, or nobody can be held out.
    """
    usual = RunParameters()
    models = {name: made(name, settings) for name in names}
    lists = lists_of(paths.processed / "ratings.parquet", paths.processed / "lists", engine)
    roles = split_users(
        lists, usual.n_test_users, usual.n_validation_users, usual.min_entries, usual.seed
    )["role"].to_numpy()
    train = lists.all_but(np.flatnonzero(roles != "train"))
    tested = lists.users(np.flatnonzero(roles == "test"))
    if not tested.shape[0]:
        raise InputError("nobody can be held out to judge by: too few lists are long enough")
    given, hidden = hold_out(tested, usual.given_fraction, usual.seed)
    features = item_features(
        read_table(paths, "anime"), lists.anime_ids, franchises=read_franchises(paths)
    )
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(train, features=features)
        table = evaluation.evaluate({name: model}, given, hidden, features=features, engine=engine)
        (judged,) = evaluation.headline(table).values()
        served = model.settled().fit(lists, features=features)
        served.save(paths.models / name)
        write_text(paths.models / name / "judged.json", json.dumps(judged, indent=2) + "\n")
        told = ", ".join(f"{metric} {value:.3f}" for metric, value in judged.items())
        say(
            f"{name}: {told}; fitted to {lists.shape[0]:,} lists with {lists.nnz:,} entries "
            f"in {time.perf_counter() - start:.0f} s"
        )
