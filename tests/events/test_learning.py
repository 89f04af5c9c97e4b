"""When the models are learned anew, and that tables know the events then."""

from __future__ import annotations

import time
from datetime import datetime

import pandas as pd
import pytest

from anirec.config import InputError, Paths
from anirec.events import learning, updating
from anirec.events.learning import Schedule
from anirec.events.versions import Versions
from anirec.models import HybridEASE, load_model

EVENING, NIGHT = datetime(2026, 3, 1, 22), datetime(2026, 3, 2, 3, 30)


def test_schedules() -> None:
    assert Schedule.of("now").is_due(0, EVENING, EVENING)
    nightly = Schedule.of("nightly")
    assert nightly.is_due(0.001, EVENING, NIGHT)
    assert not nightly.is_due(0, EVENING, NIGHT)
    assert not nightly.is_due(0.5, EVENING, EVENING.replace(hour=23))
    assert not nightly.is_due(0.5, EVENING, NIGHT.replace(hour=1))
    assert not nightly.is_due(0.5, NIGHT, NIGHT.replace(hour=23))
    assert Schedule.of("0.05").is_due(0.05, NIGHT, NIGHT)
    assert not Schedule.of("0.05").is_due(0.049, NIGHT, NIGHT)
    for text in ("weekly", "0", "5", "-1", "nan"):
        with pytest.raises(InputError, match="neither now, nightly nor a share"):
            Schedule.of(text)


def test_models_are_learned_from_tables_that_know_the_events(
    paths: Paths, lists: pd.DataFrame, write
) -> None:
    users = lists["user_id"].unique()[:20].tolist()
    anime = int(lists["anime_id"].iloc[0])
    records = [{"user": u, "anime": anime, "rating": 1, "time": 1_700_000_000} for u in users]
    seen = []

    def learn() -> None:
        table = pd.read_parquet(paths.processed / "ratings.parquet")
        theirs = table[table["user_id"].isin(users) & (table["anime_id"] == anime)]
        seen.append(theirs["rating"].tolist())
        model = load_model(paths.models / HybridEASE.NAME)
        time.sleep(0.01)
        model.save(paths.models / HybridEASE.NAME)

    def after_round(follower):
        if learning.learn_if_due(paths, Schedule(0.05), follower, learn):
            return updating.begun_anew(follower, print)
        return follower

    few = write(*records[:3], name="few.jsonl")
    updating.update(paths, few, print, print, after_round)
    assert not seen
    follower = updating.update(paths, write(*records), print, print, after_round)
    assert seen == [[1] * 20]
    assert follower.seq == 20 and Versions(paths).current().events == 20
    updating.update(paths, None, print, print, after_round)
    assert len(seen) == 1, "nothing changed since"
